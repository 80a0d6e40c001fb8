"""The loop: equal to counting by hand, in the picture's own size, a few images at a time."""

import gc
import json
import math
import threading
import weakref
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from intarsia.datasets.cityscapes import TRAIN_IDS
from intarsia.errors import DataError, LabelError, ModelError, RecipeError
from intarsia.evaluation import MEASURES, Score, evaluate, score
from intarsia.inference import Predictor
from intarsia.labels import LabelSpace
from intarsia.metrics import PROTOCOLS, Calibration, ConfusionMatrix, ImageCounts, bootstrap, compare
from intarsia.structures import Sample, SemanticLogits

SPACE = LabelSpace(("dark", "middle", "bright"))
SIZES = ((6, 8), (6, 8), (5, 9), (6, 8), (6, 8), (6, 8), (1, 1))


class Brightness(nn.Module):
    """A network that names pixels by their brightness: below 85, below 170, above."""

    def __init__(self) -> None:
        super().__init__()
        self.batches: list[tuple[int, ...]] = []

    def forward(self, image: Tensor) -> SemanticLogits:
        self.batches.append(tuple(image.shape))
        gray = image.mean(dim=1, keepdim=True)
        return SemanticLogits(-(gray - torch.tensor([1 / 6, 3 / 6, 5 / 6]).view(1, 3, 1, 1)).abs())


class Scenes:
    """Random images whose labels are mostly their brightness; some pixels are ignored."""

    name, split, labels = "scenes", "val", SPACE

    def __init__(self, sizes: tuple[tuple[int, int], ...] = SIZES) -> None:
        self.sizes = sizes

    def __len__(self) -> int:
        return len(self.sizes)

    def __getitem__(self, index: int) -> Sample:
        random = np.random.default_rng(index)
        image = np.repeat(random.integers(0, 256, (1, *self.sizes[index]), dtype=np.uint8), 3, axis=0)
        labels = image[0] // 86
        labels[random.random(labels.shape) < 0.05 * index] = 1
        labels[random.random(labels.shape) < 0.1] = 255
        return Sample(torch.from_numpy(image), torch.from_numpy(labels), f"scene_{index}")


def predictor(network: nn.Module | None = None, space: LabelSpace = SPACE) -> Predictor:
    return Predictor.of_network(network or Brightness(), space, (0.0,) * 3, (1.0,) * 3)


@pytest.mark.parametrize("readers", [0, 1, 3])
@pytest.mark.parametrize("batch_size", [1, 2, 10])
def test_equals_counting_by_hand(batch_size: int, readers: int) -> None:
    network, scenes = Brightness(), Scenes()
    found = score(predictor(network), scenes, batch_size=batch_size, readers=readers)
    by_hand, single = ConfusionMatrix(3), []
    for index in range(len(scenes)):
        image, labels, name = scenes[index][:3]
        own = ConfusionMatrix(3)
        own.update((image[0].float() / 255 * 3).clamp(max=2.999).floor().long(), labels)
        by_hand.merge(own)
        single.append((name, own.compute().miou))
    assert np.array_equal(found.scores.matrix, by_hand.matrix)
    assert found.scores.ignored_pixels == by_hand.ignored > 0
    assert [name for name, _ in found.per_image] == [name for name, _ in single]
    np.testing.assert_allclose([m for _, m in found.per_image], [m for _, m in single])
    assert found.images == len(scenes) and found.seconds > 0
    assert found.miou == by_hand.compute().miou
    assert set(found.iou) == set(SPACE.names)
    shapes = {1: 7, 2: 5, 10: 4}  # neighbors of one size go together: 2, 1, 3, 1
    assert len(network.batches) == shapes[batch_size]


def test_keeps_the_worst_and_the_best_and_nothing_else() -> None:
    scenes = Scenes(((8, 8),) * 9)
    every = dict(score(predictor(), scenes).per_image)
    ranked = sorted(every, key=lambda name: every[name])
    found = score(predictor(), scenes, keep=2, batch_size=3)
    assert [picture.name for picture in found.worst] == ranked[:2]
    assert [picture.name for picture in found.best] == ranked[:-3:-1]
    worst = found.worst[0]
    sample = scenes[int(worst.name.removeprefix("scene_"))]
    assert np.array_equal(worst.image, sample.image.permute(1, 2, 0).numpy())
    assert np.array_equal(worst.truth, sample.labels.numpy())
    assert worst.image.base is None and worst.predicted.base is None  # views would keep batches in memory
    assert not score(predictor(), scenes).worst


@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_no_image_is_both_worst_and_best(count: int) -> None:
    found = score(predictor(), Scenes(((8, 8),) * count), keep=4)
    names = [picture.name for picture in (*found.worst, *found.best)]
    assert len(names) == len(set(names)) == count


@pytest.mark.parametrize("readers", [0, 2])
def test_never_holds_more_than_a_few_images(readers: int) -> None:
    alive: weakref.WeakSet[Tensor] = weakref.WeakSet()
    most = 0

    class Watched(Scenes):
        def __getitem__(self, index: int) -> Sample:
            nonlocal most
            sample = super().__getitem__(index)
            alive.add(sample.image)
            most = max(most, len(alive))
            return sample

    gc.disable()
    try:
        score(predictor(), Watched(((8, 8),) * 40), batch_size=2, keep=1, readers=readers)
    finally:
        gc.enable()
    assert most <= 2 + 2 * readers + 3
    assert len(alive) <= 1


def test_reads_ahead_while_the_network_runs() -> None:
    """The network waits, each time, until the image after its own is being read: without reading ahead it waits in vain."""
    begun = [threading.Event() for _ in range(6)]

    class Watched(Scenes):
        def __getitem__(self, index: int) -> Sample:
            begun[index].set()
            return super().__getitem__(index)

    class Network(Brightness):
        def forward(self, image: Tensor) -> SemanticLogits:
            following = len(self.batches) + 1
            assert following == len(begun) or begun[following].wait(timeout=10)
            return super().forward(image)

    assert score(predictor(Network()), Watched(((8, 8),) * 6), readers=1).images == 6


def test_an_id_outside_the_classes_names_the_image() -> None:
    class Wrong(Scenes):
        def __getitem__(self, index: int) -> Sample:
            sample = super().__getitem__(index)
            if index == 3:
                sample.labels[0, 0] = 37
            return sample

    with pytest.raises(LabelError, match=r"scene_3: the labels hold 37 \(1 px\), outside the 3 classes"):
        score(predictor(), Wrong())


def test_labels_of_another_size_name_the_image() -> None:
    class Cropped(Scenes):
        def __getitem__(self, index: int) -> Sample:
            image, labels, name = super().__getitem__(index)[:3]
            return Sample(image, labels[:, :-1], name)

    with pytest.raises(DataError, match=r"scene_0: image \[3, 6, 8\] and labels \[6, 7\]; expected .* of one size"):
        score(predictor(), Cropped())


def test_other_classes_are_refused_before_anything_runs() -> None:
    network, scenes = Brightness(), Scenes()
    with pytest.raises(LabelError, match="class 1 is 'mid' in the model and 'middle' in the data"):
        score(predictor(network, LabelSpace(("dark", "mid", "bright"))), scenes)
    with pytest.raises(LabelError, match="tells 4 classes apart and the data set has 3; the rest agrees"):
        score(predictor(network, LabelSpace((*SPACE.names, "more"))), scenes)
    assert not network.batches


def test_mistakes_are_named() -> None:
    with pytest.raises(DataError, match="the data set is empty"):
        score(predictor(), Scenes(()))
    with pytest.raises(DataError, match="batch_size is 0"):
        score(predictor(), Scenes(), batch_size=0)
    with pytest.raises(RecipeError, match="no protocol 'mmseg'; choose from 'dataset', 'mmsegmentation'"):
        score(predictor(), Scenes(), protocol="mmseg")
    with pytest.raises(RecipeError, match="no metric 'bondary'; did you mean 'boundary'"):
        score(predictor(), Scenes(), metrics=["bondary"])


def test_channels_that_do_not_fit_name_the_image() -> None:
    class Gray(Scenes):
        def __getitem__(self, index: int) -> Sample:
            image, labels, name = super().__getitem__(index)[:3]
            return Sample(image[:1], labels, name)

    with pytest.raises(DataError, match="scene_0: "):
        score(predictor(), Gray())


def test_plain_tuples_are_data_too() -> None:
    scenes = Scenes()
    items = [(image, labels) for image, labels, *_ in (scenes[n] for n in range(len(scenes)))]
    found = score(predictor(), items)
    assert np.array_equal(found.scores.matrix, score(predictor(), scenes).scores.matrix)
    assert [name for name, _ in found.per_image[:2]] == ["000000", "000001"]


def test_an_image_that_is_all_ignored_has_no_score_of_its_own() -> None:
    scenes = Scenes(((8, 8),) * 3)
    items = [scenes[0], (scenes[1].image, torch.full((8, 8), 255, dtype=torch.uint8), "empty"), scenes[2]]
    found = score(predictor(), items, keep=2)
    assert math.isnan(dict(found.per_image)["empty"])
    assert "empty" not in [picture.name for picture in (*found.worst, *found.best)]
    assert json.loads(json.dumps(found.to_dict(), allow_nan=False))["per_image"][1]["miou"] is None


def test_evaluate_writes_numbers_and_a_report(tmp_path: Path) -> None:
    found = evaluate(predictor(), Scenes(), out=tmp_path / "deep" / "out", command="intarsia evaluate it")
    assert isinstance(found, Score)
    stored = json.loads((tmp_path / "deep" / "out" / "scores.json").read_text())
    assert stored["miou"] == found.miou
    assert stored["iou"] == found.iou
    assert (stored["model"], stored["data"], stored["split"], stored["images"]) == ("Brightness", "scenes", "val", 7)
    assert stored["protocol"] == "dataset" and stored["ignored"] == found.scores.ignored
    page = (tmp_path / "deep" / "out" / "report.html").read_text()
    assert "intarsia evaluate it" in page and f"{100 * found.miou:.1f}" in page
    assert len(found.worst) == 4 and len(found.best) == 3


def test_evaluate_spells_its_own_call(tmp_path: Path) -> None:
    evaluate(predictor(), Scenes(), out=tmp_path, batch_size=2)
    page = (tmp_path / "report.html").read_text()
    assert "intarsia.evaluate(Brightness, Scenes, out=" in page and "batch_size=2)" in page


def test_evaluate_says_what_it_needs(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="numbers, not names"):
        evaluate(Brightness(), Scenes())
    with pytest.raises(ModelError, match="does not say how its images are normalized"):
        evaluate(Brightness(), Scenes(), labels=SPACE)
    with pytest.raises(ModelError, match="a dict cannot be evaluated"):
        evaluate({}, Scenes())  # type: ignore[arg-type]
    with pytest.raises(DataError, match="does not say what it was trained on"):
        evaluate(predictor())
    with pytest.raises(DataError, match="no folder, data set or recipe 'camvidd'; did you mean 'camvid'"):
        evaluate(predictor(), "camvidd")
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="cannot be a folder for results"):
        evaluate(predictor(), Scenes(), out=tmp_path / "file")
    with pytest.raises(DataError, match="trained on the split 'train'"):
        evaluate(predictor(), Scenes(), baseline=True)
    blank = [(Scenes()[0].image, torch.full((6, 8), 255, dtype=torch.uint8), "a")]
    with pytest.raises(DataError, match="every pixel of the 1 images is ignored"):
        evaluate(predictor(), blank)


def test_evaluate_takes_a_network_that_knows_its_statistics() -> None:
    network = Brightness()
    network.encoder = nn.Identity()  # type: ignore[assignment]
    network.encoder.mean, network.encoder.std = (0.0,) * 3, (1.0,) * 3  # type: ignore[assignment]
    assert evaluate(network, Scenes(), labels=SPACE).miou == score(predictor(), Scenes()).miou


def test_evaluate_opens_the_data_of_the_checkpoint(tmp_path: Path) -> None:
    """A checkpoint of a run on `shapes` is scored on its own recipe's data, with the baseline of single pixels beside it."""
    from intarsia import checkpoint, datasets
    from intarsia.models import build

    torch.manual_seed(0)
    space = datasets.open("shapes", None, "val").labels
    options = {"encoder": "resnet18", "channels": 8}
    network = build("fpn", space.num_classes, **options)
    stored = checkpoint.Checkpoint(
        model="fpn", options=options, labels=space, in_channels=3, mean=(0.5,) * 3, std=(0.25,) * 3, weights=network.state_dict(),
        recipe={"data": {"name": "shapes", "size": 32, "count": 6, "train": "train", "val": "val"}},
    )  # fmt: skip
    path = checkpoint.save(tmp_path / "run" / "last.safetensors", stored) or tmp_path / "run" / "last.safetensors"
    (tmp_path / "run" / "log.jsonl").write_text(
        '{"kind": "train", "step": 1, "loss": 2.0, "lr": 0.1}\n{"kind": "train", "step": 2, "loss": 1.0, "lr": 0.1}\n'
    )
    found = evaluate(path, out=tmp_path / "out")
    dataset = datasets.open("shapes", None, "val", size=32, count=6)
    assert np.array_equal(found.scores.matrix, score(Predictor.load(path), dataset).scores.matrix)
    pairs = "the model's own val, 6 pairs"
    assert found.source == {"model": str(path), "data": "shapes", "split": "val", "pairs": pairs}
    assert found.baseline is not None and 0 < found.baseline < 1
    page = (tmp_path / "out" / "report.html").read_text()
    assert f"{100 * found.baseline:.1f} %" in page and "Training loss" in page
    train = evaluate(path, split="train", baseline=False)
    assert train.source["split"] == "train" and train.baseline is None
    assert not np.array_equal(train.scores.matrix, found.scores.matrix)


def test_the_counts_of_each_image_are_kept(tmp_path: Path) -> None:
    found = evaluate(predictor(), Scenes(), out=tmp_path)
    assert found.counts is not None and found.counts.names == [name for name, _ in found.per_image]
    assert (found.counts.hit.sum(0) == found.scores.matrix.diagonal()).all()
    np.testing.assert_array_equal(found.counts.each(), [miou for _, miou in found.per_image])
    stored = ImageCounts.load(tmp_path / "images.safetensors")
    assert (stored.rows == found.counts.rows).all() and stored.classes == SPACE.names
    interval = bootstrap(stored, resamples=100).mean
    assert interval.low <= found.miou <= interval.high
    assert compare(stored, found.counts, resamples=20).mean.p == 1


@pytest.mark.parametrize("name", PROTOCOLS)
def test_any_protocol_scores_and_reports(name: str, tmp_path: Path) -> None:
    found = evaluate(predictor(), Scenes(), protocol=name, out=tmp_path)
    assert found.scores.protocol == name
    assert found.miou == found.by_protocol[name] == found.under(name).miou
    assert found.counts is not None and found.miou == pytest.approx(found.counts.miou(name))
    stored = json.loads((tmp_path / "scores.json").read_text())
    assert stored["protocol"] == stored["protocol_means"]["name"] == name
    assert stored["miou_by_protocol"].keys() == PROTOCOLS.keys()
    assert f"Protocol <b>{name}</b>" in (tmp_path / "report.html").read_text()


def test_all_protocols_is_ours_with_the_others_beside_it() -> None:
    found = score(predictor(), Scenes(), protocol="all")
    assert found.scores.protocol == "dataset"
    assert set(found.by_protocol) == set(PROTOCOLS)


def test_other_metrics_on_request() -> None:
    scenes = Scenes(((16, 18),) * 4)
    names = [name for name in MEASURES if name not in ("categories", "iiou")]  # which are Cityscapes' alone
    found = score(predictor(), scenes, metrics=names, batch_size=3)
    by_hand = Calibration(3)
    for n in range(4):
        image, labels, *_ = scenes[n]
        by_hand.update(predictor().logits(image[None]).softmax(dim=1), labels[None])
    assert found.measures["calibration"].ece == pytest.approx(by_hand.compute().ece)
    assert found.measures["topk"].accuracy[1] == found.scores.accuracy
    assert 0 < found.measures["boundary"].mean < 1 and found.measures["trimap"].pixels > 0
    plain = json.loads(json.dumps(found.to_dict(), allow_nan=False))["measures"]
    assert list(plain) == names and plain["surface"]["images"] == [4, 4, 4]
    assert "measures" not in score(predictor(), scenes).to_dict()


class Streets:
    """Two scenes of Cityscapes' classes: cars (13), and people (11) that are called riders (12) by the network."""

    name, split, labels = "streets", "val", TRAIN_IDS

    def __init__(self, objects: bool = True) -> None:
        self.objects = objects

    def __len__(self) -> int:
        return 2

    def __getitem__(self, index: int) -> Sample:
        labels, objects = np.zeros((2, 8, 10), np.int32)
        labels[1:4, 1:9], objects[1:4, 1:9] = 13, 1
        labels[5:7, 2 : 4 + index], objects[5:7, 2 : 4 + index] = 11, 2
        image = torch.from_numpy(np.repeat(labels[None], 3, axis=0).astype(np.uint8))
        return Sample(
            image,
            torch.from_numpy(labels.astype(np.uint8)),
            f"{index}",
            torch.from_numpy(objects) if self.objects else None,
        )


class Riders(nn.Module):
    """A network that reads the class from the image, and calls people riders."""

    def forward(self, image: Tensor) -> SemanticLogits:
        classes = (image[:, 0] * 255).round().long()
        classes = torch.where(classes == 11, 12, classes)
        return SemanticLogits(nn.functional.one_hot(classes, 19).permute(0, 3, 1, 2).float())


def test_categories_and_instances_of_a_model() -> None:
    found = score(predictor(Riders(), TRAIN_IDS), Streets(), metrics=["categories", "iiou"]).measures
    assert found["categories"].iou["human"] == found["categories"].iou["vehicle"] == found["categories"].mean == 1
    assert found["iiou"].iiou[13] == 1 and found["iiou"].iiou[11] == 0 and found["iiou"].categories["human"] == 1
    with pytest.raises(DataError, match="iiou looks at objects, and the truth has none"):
        score(predictor(Riders(), TRAIN_IDS), Streets(objects=False), metrics=["iiou"])
    with pytest.raises(
        RecipeError, match="categories and iiou are for the classes of Cityscapes; 'bicycle' of Cityscapes is"
    ):
        score(predictor(), Scenes(), metrics=["categories"])
