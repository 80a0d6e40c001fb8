"""What is chosen where nobody chose: by objects, memory and budget, with a reason for each."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image

import intarsia
from intarsia.data.augment.geometry import resize_image
from intarsia.errors import TrainingError
from intarsia.training import defaults
from intarsia.training import machine as machines
from intarsia.training.budget import parsed
from intarsia.training.defaults import batch_of, choose, crop_of, loss_of, network, scale_of, steps_of
from intarsia.training.facts import Facts, facts_of
from intarsia.training.machine import Machine, bytes_of
from intarsia.training.packaged import is_source
from intarsia.training.recipe import planned

CPU = Machine("cpu", "cpu", 2, memory=16 << 30, pace=400_000.0)
SMALL = Machine("cpu", "cpu", 2, memory=1 << 30, pace=400_000.0)
GPU = Machine("cuda", "a GPU", 16, "a GPU", memory=64 << 30, pace=4e7)
PETS = Facts(64, (375, 500), 3, 2, object_size=300.0, width=60.0, rarest=0.33, commonest=0.67)


class Scenes:
    """A disk of 40 px and a line 3 px wide in each; one picture is tiny."""

    labels = intarsia.LabelSpace(("ground", "disk", "line"))

    def __len__(self) -> int:
        return 5

    def __getitem__(self, index: int) -> intarsia.Sample:
        side = 24 if index == 0 else 128
        y, x = np.mgrid[:side, :side]
        labels = np.zeros((side, side), np.uint8)
        labels[(y - 70) ** 2 + (x - 60) ** 2 < 20**2] = 1
        labels[100:103] = 2
        return intarsia.Sample(torch.zeros(3, side, side, dtype=torch.uint8), torch.from_numpy(labels), str(index))


def test_what_is_measured_of_samples() -> None:
    facts = facts_of(Scenes())
    assert (facts.samples, facts.size, facts.classes, facts.channels) == (5, (128, 128), 3, 3)
    assert facts.object_size == 39  # more of its pixels than the line has
    assert facts.rarest == pytest.approx(3 * 128 * 4 / (4 * 128**2 + 24**2), rel=1e-6)
    assert facts.width == pytest.approx((16 + 2 * 3 * 128 / 256) / 2, abs=1.0)  # between 0.8 radii and the line's 3 px


def test_the_crop_follows_from_objects_and_not_from_the_smallest_photo() -> None:
    """64 photos of pets of 181 to 1600 px were cropped to 160, whatever the size of a pet."""
    wish = {"minutes": 1.5}
    crop, why = crop_of(PETS, CPU, wish)[1:]
    assert crop == [320, 320] and "objects are 300 px across" in why
    batch = batch_of(PETS, CPU, wish, 320, network(PETS, CPU).value)
    assert batch.value == 4 and "more steps of fewer images" in batch.why
    assert (steps_of(PETS, CPU, wish, 320, 4) or 0) > 2 * 31  # it made 31
    assert crop_of(PETS._replace(size=(100, 120)), CPU, wish).value == [96, 96]
    assert crop_of(PETS, GPU, wish).value == [352, 352]  # as far as the median picture goes
    assert crop_of(PETS._replace(size=(900, 1200)), GPU, wish).value == [512, 512]
    slow = CPU._replace(pace=40_000.0)
    assert crop_of(PETS, slow, wish).value == [256, 256]
    assert crop_of(PETS, slow, {"epochs": 3}).value == [320, 320]  # no clock runs


def test_where_all_objects_are_large_pictures_are_seen_smaller_on_a_cpu() -> None:
    large = PETS._replace(finest=400.0)
    found = {c.key: c.value for c in choose(large, CPU, {"minutes": 10})}
    assert found["resize"] == {"shorter": 192}  # 375 * 192 / 400 = 180
    assert found["augment.crop"] == [192, 192]
    for facts, here, budget in (
        (PETS._replace(finest=46.0), CPU, {"minutes": 10}),  # poles in streets
        (large._replace(width=2.4), CPU, {"minutes": 10}),  # vessels through the whole picture
        (large, GPU, {"minutes": 10}),
        (large, CPU, {"epochs": 9}),
        (large, CPU, {"minutes": 600}),
        (PETS, CPU, {"minutes": 10}),
    ):
        assert defaults.resize_of(facts, here, budget) is None


def test_parts_of_few_samples_are_mixed_where_objects_fill_their_pictures() -> None:
    few = PETS._replace(samples=52)
    for facts, share in (
        (few, 0.5),
        (PETS._replace(samples=200), None),
        (few._replace(object_size=38.0, width=6.5), None),  # nuclei: 65.4 without, 56.5 with
        (few._replace(width=2.4), None),
    ):
        found = {c.key: c.value for c in choose(facts, CPU, {"minutes": 10})}
        assert found.get("augment.cutmix") == share


@pytest.mark.parametrize("facts", [PETS, PETS._replace(width=2.4)])
def test_the_chosen_network_is_timed(facts: Facts) -> None:
    """A U-Net has a list among its options, and the default of vessels ended in a traceback."""
    chosen = {**network(facts, CPU).value, "encoder": "resnet10t"}
    assert (machines.timed(CPU, chosen).pace or 0) > 0


def test_a_run_whose_network_sees_pictures_smaller(pets: Path, tmp_path: Path) -> None:
    """Validation, checkpoint and prediction see what training saw, and are scored in the picture's own size."""
    out = tmp_path / "run"
    small = ("model={name: fpn, encoder: resnet10t, channels: 16}", "train.workers=0", "train.precision=float32")
    last = intarsia.train(pets, *small, "resize={shorter: 32}", out=out, budget="3steps", quiet=True)
    assert intarsia.checkpoint.load(last).resize == {"shorter": 32}
    log = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    score = intarsia.evaluate(last, split="val")
    assert [line for line in log if line["kind"] == "val"][-1]["miou"] == pytest.approx(score.miou, abs=1e-6)
    image = torch.from_numpy(np.array(Image.open(pets / "images" / "p0.png"))).permute(2, 0, 1)
    predictor = intarsia.Predictor.load(last, device="cpu")
    seen = predictor.engine.engine(resize_image(image, (32, 32))[None]).logits
    enlarged = F.interpolate(seen, (64, 64), mode="bilinear", align_corners=False)[0].argmax(0)
    assert (torch.from_numpy(predictor(image).labels) == enlarged).float().mean() > 0.999


def test_the_zoom_shows_whole_objects() -> None:
    low, high = scale_of(PETS, 320).value
    assert low == 0.6 and high == 1.3
    assert scale_of(PETS._replace(object_size=800.0), 320).value == [0.4, 1.1]  # the inside of a cat is no cat
    assert scale_of(PETS._replace(object_size=240.0), 192).value == [0.5, 1.1]
    assert scale_of(PETS._replace(object_size=531.0, width=2.4), 320).value == [
        0.4,
        1.6,
    ]  # but that of a vessel is a vessel
    assert scale_of(PETS._replace(object_size=20.0), 256).value == [0.6, 2.0]


def test_the_batch_fits_into_memory() -> None:
    model = network(PETS, CPU).value
    each, beside = bytes_of("fpn", tuple(sorted((k, v) for k, v in model.items() if k != "name")), 2)
    batch = batch_of(PETS, SMALL, {"epochs": 9}, 512, model)
    assert batch.value == int((0.6 * (1 << 30) - beside) / (each * 512**2)) < 8
    assert "GB are free" in batch.why
    assert batch_of(PETS, GPU, {"epochs": 9}, 512, model).value == 16
    assert batch_of(PETS._replace(samples=3), CPU, {"epochs": 9}, 256, model).value == 3


def test_thin_classes_are_answered_at_every_pixel_and_rare_ones_weigh_more() -> None:
    assert network(PETS, CPU).value["name"] == "fpn"
    assert network(PETS._replace(width=3.0), CPU).value["name"] == "unet"
    assert {c.key: c.value for c in loss_of(PETS)} == {"loss.name": "cross_entropy", "loss.class_weights": "none"}
    rare = {c.key: c.value for c in loss_of(PETS._replace(rarest=0.004))}
    assert (rare["loss.class_weights"], rare["loss.weight_power"]) == ("log", 0.5)
    assert loss_of(PETS._replace(planes=True))[0].value == "dice_bce"
    assert all(len(c.why) > 10 for c in choose(PETS, CPU, {"minutes": 15}))


def test_validations_take_a_tenth_of_the_time_at_most() -> None:
    def every(facts: Facts, minutes: float) -> int | None:
        value: int | None = defaults.every_of(facts, CPU, {"minutes": minutes}, 600).value
        return value

    assert every(PETS, 15) == 100  # six
    assert every(PETS._replace(samples=900), 15) == 300  # two: 225 pictures at a third of a step for each pixel
    assert every(PETS._replace(samples=20_000), 15) is None


@pytest.mark.parametrize(
    ("text", "found"),
    [("15m", {"minutes": 15}), ("2h", {"minutes": 120}), ("30ep", {"epochs": 30}), ("500steps", {"steps": 500})],
)
def test_a_budget_as_people_write_it(text: str, found: dict[str, float]) -> None:
    assert parsed(text) == found
    with pytest.raises(TrainingError, match="15m, 2h, 30ep or 500steps"):
        parsed(text.replace("s", "").strip("mhep") + "parsecs")


@pytest.fixture
def pets(tmp_path: Path) -> Path:
    top = tmp_path / "pets"
    random = np.random.default_rng(0)
    for n in range(6):
        labels = np.zeros((64, 64), np.uint8)
        labels[8 : 40 + n, 10:50] = 1
        image = (labels[..., None] * 120 + random.integers(0, 60, (64, 64, 3))).astype(np.uint8)
        for name, picture in (("images", image), ("masks", labels)):
            (top / name).mkdir(parents=True, exist_ok=True)
            Image.fromarray(picture).save(top / name / f"p{n}.png")
    return top


def test_a_folder_trains_and_keeps_what_was_chosen(pets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("intarsia.training.usual.timed", lambda here, model: here._replace(pace=1e6))
    small = defaults.Chosen("model", {"name": "fpn", "encoder": "resnet10t", "channels": 16}, "small, for the test")
    monkeypatch.setattr(defaults, "network", lambda facts, here: small)
    out = tmp_path / "run"
    changes = ("train.workers=0", "train.precision=float32", "seed=3")
    last = intarsia.train(pets, *changes, out=out, budget="2steps", quiet=True)
    stored = intarsia.checkpoint.load(last)
    assert stored.recipe["augment"]["crop"] == [64, 64] and stored.recipe["train"]["steps"] == 2
    table = {row["key"]: row["why"] for row in json.loads((out / "defaults.json").read_text())}
    assert "objects are 40 px across" in table["augment.crop"] and "train.workers" not in table
    again, chosen = planned(pets, changes, {"steps": 3}, out)
    assert not chosen and again.train.steps == 3 and again.seed == 3  # a resumed run keeps its recipe


def test_a_recipe_by_any_ending_is_no_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "camvid").mkdir()
    monkeypatch.chdir(tmp_path)
    for name, text in (("a.json", '{"train": {"steps": 1}}'), ("b.txt", "train: {steps: 1}"), ("c.yaml", "")):
        (tmp_path / name).write_text(text)
        assert not is_source(tmp_path / name)
    (tmp_path / "coco.json").write_text('{"images": [], "annotations": []}')
    (tmp_path / "export.zip").write_bytes(b"PK\x03\x04\xff\xfe")
    assert is_source(tmp_path / "coco.json") and is_source(tmp_path / "export.zip") and is_source(tmp_path)
    assert not is_source("camvid") and is_source("./camvid") and not is_source({"train": {"steps": 1}})
