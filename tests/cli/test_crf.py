"""The dense CRF in every verb that predicts, fitted numbers in a checkpoint, and what cannot be refined."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from intarsia import checkpoint as files
from intarsia import models
from intarsia.checkpoint import Checkpoint, Resizing, save
from intarsia.config import predict_settings
from intarsia.config.answers import CRF
from intarsia.errors import CheckpointError, DataError, LabelError, ModelError, RecipeError
from intarsia.evaluation.crf import _counts, _held, fit_crf, search
from intarsia.inference import Predictor, Windowed
from intarsia.inference.refined import Refined
from intarsia.inference.resized import Resized
from intarsia.labels import LabelSpace
from intarsia.postprocess.dense_crf import check_crf, dense_crf
from intarsia.structures import Sample, SemanticLogits

NAMES = ("background", "disk", "square", "triangle", "ring")
SPACE = LabelSpace(("ground", "disk"))


def stored(network: str, names: tuple[str, ...] = NAMES, **options) -> Checkpoint:
    torch.manual_seed(0)
    made = models.build(network, len(names), **options)
    data = {"data": {"name": "shapes", "count": 6, "size": 48, "train": "train", "val": "val"}}
    mean = (0.5,) * 3
    return Checkpoint(network, options, LabelSpace(names), 3, mean, (0.25,) * 3, made.state_dict(), recipe=data)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A small network of random weights."""
    row = stored("fpn", encoder="resnet10t", channels=16)
    return str(save(tmp_path_factory.mktemp("models") / "a.safetensors", row))


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    noise = np.random.default_rng(0).integers(0, 256, (3, 4, 3), dtype=np.uint8)
    Image.fromarray(noise).resize((80, 60), Image.Resampling.NEAREST).save(tmp_path / "photo.png")
    return tmp_path / "photo.png"


class Disks:
    """Gray disks on a ground; the truth is exact."""

    labels = SPACE
    name, split = "disks", "val"

    def __len__(self) -> int:
        return 6

    def __getitem__(self, index: int) -> Sample:
        random = np.random.default_rng(index)
        y, x = np.mgrid[:40, :56]
        labels = ((y - random.integers(12, 28)) ** 2 + (x - random.integers(14, 42)) ** 2 < 90).astype(np.uint8)
        image = (60 + 90 * labels + random.integers(-6, 7, labels.shape)).astype(np.uint8)
        return Sample(torch.from_numpy(image)[None].repeat(3, 1, 1), torch.from_numpy(labels), f"{index}")


def coarse(image: Tensor) -> SemanticLogits:
    """A network of stride 8: sees what is a disk, and not where it ends."""
    on = (image[:, :1].float() > 105).float()
    small = F.avg_pool2d(on, 8) * 6 - 3
    on = F.interpolate(small, image.shape[2:], mode="bilinear")
    return SemanticLogits(torch.cat([-on, on], 1))


def test_fitted_numbers_raise_the_boundary_on_images_that_they_were_not_fitted_on() -> None:
    predictor, seen = Predictor(coarse, SPACE), []
    found = fit_crf(
        predictor, Disks(), start={"color": 20, "place": 10, "iterations": 3}, done=lambda *a: seen.append(a)
    )
    before, after = found.measured["boundary"]
    assert found.raises and after > before + 0.1 and found.images == (3, 3) and found.tried == len(seen)
    assert found.measured["miou"][1] > found.measured["miou"][0] and found.options["iterations"] == 3
    change = found.differences["boundary"].mean.value
    assert change.value == pytest.approx(after - before) and change.low <= change.value <= change.high
    sharp = Refined(coarse, SPACE, found.options)
    truth = torch.stack([Disks()[n].labels for n in range(6)])
    image = torch.stack([Disks()[n].image for n in range(6)])
    wrong = [(engine(image).logits.argmax(1) != truth).float().mean() for engine in (coarse, sharp)]
    assert wrong[1] < 0.5 * wrong[0]
    with pytest.raises(ModelError, match="fitted by boundary or miou, not 'boundry'; did you mean 'boundary'"):
        fit_crf(predictor, Disks(), measure="boundry")
    with pytest.raises(DataError, match="1 image cannot be halved"):
        fit_crf(predictor, Disks(), images=1)
    with pytest.raises(LabelError, match="one label a pixel, and the model has several"):
        fit_crf(Predictor(coarse, LabelSpace(("a", "b"), planes=True)), Disks())


def test_numbers_are_fitted_in_the_size_that_the_network_sees() -> None:
    """A public model's pictures are resized first, and deviations in pixels are those of what its CRF sees."""
    rule, options = Resizing(size=(80, 112)), {"place": 9, "color": 20}
    plain = Predictor(Resized(coarse, rule), SPACE)
    sharp = Predictor(Resized(Refined(coarse, SPACE, options), rule), SPACE)
    held = _held(plain, Disks()[0])
    assert held.scores.shape == (2, 80, 112) and held.levels.shape == (3, 80, 112) and held.labels.shape == (40, 56)
    (counts,) = _counts([held], SPACE, options, 0.5, ("miou",)).values()
    labels = np.asarray(sharp(Disks()[0].image).labels)
    assert counts.predicted.sum(0).tolist() == np.bincount(labels.ravel(), minlength=2).tolist()


def test_the_search_climbs_as_long_as_it_gets_better() -> None:
    def score(options) -> float:
        return -abs(np.log(options["place"] / 300)) - abs(np.log(options["color"] / 1.5))

    best = search(score, check_crf({}))
    assert best["place"] == pytest.approx(67 * 4 * 1.5, rel=0.35) and best["color"] == 1.5
    assert best["spatial"] == check_crf({})["spatial"]


def test_a_crf_stands_inside_of_windows_and_divides_by_the_temperature(run: str) -> None:
    """Colors of 16 bits are the same ones; the scores are logarithms of probabilities, whatever the temperature was."""
    warm = dataclasses.replace(files.load(run), calibration={"temperature": 2.0})
    plain = Predictor.load(run)
    path = save(Path(run).parent / "warm.safetensors", warm)
    sharp = Predictor.load(path, settings={"crf": {"place": 9, "color": 20}, "window": 64})
    assert isinstance(sharp.engine, Windowed) and isinstance(sharp.engine.engine, Refined) and sharp.temperature == 1
    told = "refined by a dense CRF (bilateral 4, place 9, color 20, spatial 3, near 3, iterations 10)"
    assert told in sharp.way and sharp.way.startswith("windows of 64x64 pixels")
    image = torch.randint(0, 256, (1, 3, 30, 40), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    wanted = dense_crf(plain.logits(image)[0] / 2, image[0], place=9, color=20)
    assert torch.allclose(sharp.probabilities(image)[0], wanted, atol=1e-5)
    scores, wide = SemanticLogits(plain.logits(image)), image.int() * 257
    one, other = (Refined(lambda _: scores, plain.labels, {})(pixels).logits for pixels in (image, wide))
    assert torch.allclose(one, other, atol=1e-3)


def test_verbs_take_it_and_say_so(run_cli, run: str, photo: Path, tmp_path: Path) -> None:
    wish = ("--crf-with", "color=20", "--crf-with", "place=12")
    code, _, err = run_cli("predict", run, str(photo), "--out", str(tmp_path / "out"), *wish)
    assert code == 0, err
    with Image.open(tmp_path / "out" / "photo.png") as labels:
        found = np.array(labels)
    wanted = Predictor.load(run, settings={"crf": {"color": 20, "place": 12}})(photo).labels
    assert np.array_equal(found, wanted) and not np.array_equal(found, Predictor.load(run)(photo).labels)
    code, out, err = run_cli("evaluate", run, "shapes", "--crf", "--json")
    assert code == 0 and "refined by a dense CRF (bilateral 4, place 67, color 3" in json.loads(out)["predicted"], err
    code, out, err = run_cli("compare", run, run, "--labels", "shapes", "--crf", "--json")
    assert code == 0 and "refined by a dense CRF" in out, err


def test_what_was_fitted_is_kept_in_the_checkpoint_and_used(run_cli, run: str, photo: Path, tmp_path: Path) -> None:
    code, out, err = run_cli("crf", "fit", run, "--data", "shapes", "--images", "4", "--by", "miou", "--json",
                             "--out", str(tmp_path / "fitted.safetensors"))  # fmt: skip
    assert code == 0, err
    told = json.loads(out)
    assert told["images"] == [2, 2] and set(told["options"]) == set(CRF) and told["measure"] == "miou"
    before, after = told["measured"]["miou"]
    assert told["kept"] == (after > before) == (tmp_path / "fitted.safetensors").exists()
    kept = {**files.load(run).calibration, "crf": {**told, "options": {**told["options"], "color": 25}}}
    path = save(tmp_path / "own.safetensors", dataclasses.replace(files.load(run), calibration=kept))
    assert "color 25" in Predictor.load(path, settings={"crf": True}).way and Predictor.load(path).way == ""
    assert "color 7" in Predictor.load(path, settings={"crf": {"color": 7}}).way
    assert "color 3," in Predictor.load([path, path], settings={"crf": True}).way  # fitted for one model alone
    broken = dataclasses.replace(files.load(run), calibration={"crf": {"measure": "miou"}})
    with pytest.raises(CheckpointError, match="has a crf without options; fit it again"):
        Predictor.load(save(tmp_path / "broken.safetensors", broken))


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--crf-with", "colour=3"), "a CRF takes no option 'colour'; did you mean 'color'?"),
        (("--crf-with", "place"), "--crf-with is 'place'; write KEY=VALUE, such as color=5"),
        (("--crf-with", "place=-1"), "place of the CRF is -1; give a number, 0.01 or more"),
        (("--no-crf", "--crf-with", "place=3"), "--crf-with gives a number of the CRF that --no-crf leaves out"),
    ],
)
def test_what_makes_no_crf_is_one_sentence(run_cli, run, photo, tmp_path, options, sentence) -> None:
    code, _, err = run_cli("predict", run, str(photo), "--out", str(tmp_path / "out"), *options)
    assert code == 2 and sentence in err and len(err.strip().splitlines()) == 1


def test_what_cannot_be_kept_is_refused_before_anything_is_fitted(run_cli, run: str, tmp_path: Path) -> None:
    for wish, sentence in [
        ((f"{run},{run}",), "a CRF is fitted to one model and kept in its checkpoint, not to 2; fit each"),
        ((run, "--out", str(tmp_path / "a.pth")), "a checkpoint is a safetensors file; name it a.safetensors"),
        ((run, "--by", "iou"), "a CRF is fitted by boundary or miou, not 'iou'; did you mean 'miou'?"),
    ]:
        code, _, err = run_cli("crf", "fit", *wish, "--data", "shapes", "--images", "2")
        assert code == 2 and sentence in err and len(err.strip().splitlines()) == 1, err


def test_networks_without_scores_of_pixels_are_refused_at_the_door(tmp_path: Path) -> None:
    classifier = stored("classifier", encoder="resnet10t")
    path = save(tmp_path / "classifier.safetensors", classifier)
    with pytest.raises(ModelError, match="classifier returns ClassLogits, which has none; leave the CRF out"):
        Predictor.load(path, settings={"crf": True})


def test_options_have_one_list() -> None:
    assert tuple(check_crf({})) == CRF
    with pytest.raises(RecipeError, match="a CRF takes no option 'clor'; did you mean 'color'"):
        predict_settings({"crf": {"clor": 3}}, "predict")
