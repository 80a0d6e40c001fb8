"""Thresholds by class: brute force over all of them, what is kept and what is not, and how a checkpoint carries them."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from intarsia import checkpoint as files
from intarsia.checkpoint import Checkpoint
from intarsia.errors import CheckpointError, DataError, LabelError, ModelError
from intarsia.evaluation.reliance import fit_sets, fit_temperature
from intarsia.evaluation.thresholds import STEPS, dice, fit_thresholds, fitted, histogram
from intarsia.inference import Predictor
from intarsia.labels import LabelSpace
from intarsia.structures import ClassLogits, DepthMap, Planes, Sample, Tags

PLANES = LabelSpace(("a", "b", "c"), planes=True)
SIGMOID = LabelSpace(("no", "yes"), activation="sigmoid")


def overlap(on: np.ndarray, truth: np.ndarray) -> float:
    return float(2 * (on & truth).sum() / (on.sum() + truth.sum()))


def test_histogram_and_dice_equal_a_loop_over_thresholds() -> None:
    random = np.random.default_rng(0)
    probability = torch.from_numpy(np.concatenate([random.random((300, 2)), [[0.0, 1.0], [0.5, 0.25]]]))
    truth = torch.from_numpy(random.random((302, 2)) < 0.3)
    found = dice(histogram(probability, truth))
    assert found.shape == (2, STEPS - 1)
    for k in range(2):
        for n in range(1, STEPS):
            on = (probability[:, k] > n / STEPS).numpy()
            assert found[k, n - 1] == pytest.approx(overlap(on, truth[:, k].numpy())), (k, n)


class Drawn:
    """Noise whose planes are drawn with the probabilities image / 255, raised to a power of each class: rarer ones."""

    labels = PLANES

    def __init__(self, count: int = 8) -> None:
        self.count = count

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> Sample:
        random = np.random.default_rng(index)
        image = random.integers(1, 255, (3, 30, 30), dtype=np.uint8)
        planes = random.random((3, 30, 30)) < (image / 255) ** np.array([1, 2, 4])[:, None, None]
        labels = np.zeros((30, 30), np.uint8)
        labels[:3] = 255
        planes[:, :3] = True  # of pixels that do not count
        return Sample(torch.from_numpy(image), torch.from_numpy(labels), str(index), planes=torch.from_numpy(planes))


class Honest(nn.Module):
    """The log-odds that `Drawn` draws with, times a factor."""

    def __init__(self, factor: float = 1.0) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, image: Tensor) -> Tensor:
        p = image.clamp(1 / 255, 254 / 255) ** torch.tensor([1.0, 2.0, 4.0])[:, None, None]
        return self.factor * p.logit()


def predictor(factor: float = 1.0, **more) -> Predictor:
    return Predictor.of_network(Honest(factor), PLANES, (0.0,) * 3, (1.0,) * 3, **more)


def test_each_class_gets_the_threshold_of_the_highest_dice() -> None:
    found = fit_thresholds(predictor(), Drawn())
    data, model = Drawn(), predictor()
    halves = []
    for part in (range(0, 8, 2), range(1, 8, 2)):
        samples = [data[n] for n in part]
        p = torch.cat([model.probabilities(s.image[None])[0][:, 3:].flatten(1) for s in samples], dim=1).numpy()
        truth = torch.cat([s.planes[:, 3:].flatten(1) for s in samples], dim=1).numpy()
        halves.append((p, truth))
    assert found.images == (4, 4) and found.names == ("a", "b", "c")
    for k in range(3):
        scores = [overlap(halves[0][0][k] > n / STEPS, halves[0][1][k]) for n in range(1, STEPS)]
        chosen = round(found.values[k] * STEPS)
        assert scores[chosen - 1] == pytest.approx(max(scores), abs=1e-3)
        before, after = (overlap(halves[1][0][k] > t, halves[1][1][k]) for t in (0.5, found.values[k]))
        assert found.dice[k] == pytest.approx((before, after), abs=1e-3) and after > before
    assert found.values[2] < 0.45  # the rare one: overlap asks for more than the likelier half


def test_temperature_of_planes_and_thresholds_under_it() -> None:
    heated = predictor(3.0)
    warm = fit_temperature(heated, Drawn(20))
    assert warm.value == pytest.approx(3.0, rel=0.15) and warm.nll[1] < warm.nll[0] and warm.ece[1] < warm.ece[0]
    heated.temperature = warm.value
    plain = fit_thresholds(predictor(), Drawn(20))
    assert fit_thresholds(heated, Drawn(20)).values == pytest.approx(plain.values, abs=0.06)


def test_a_threshold_that_does_not_raise_other_images_is_not_kept() -> None:
    logit = torch.tensor([[0.3], [0.35], [0.6], [0.7]]).logit()
    space = LabelSpace(("a",), planes=True)
    fits, refutes = torch.tensor([[1], [1], [1], [1]]).bool(), torch.tensor([[0], [0], [1], [1]]).bool()
    found = fitted(space, [(logit, fits), (logit, refutes)])
    assert found.values == (0.5,) and found.dice == ((1.0, 1.0),)
    assert found.refused == {"a": pytest.approx(0.29, abs=0.011)} and "refused" in found.to_dict()
    assert fitted(space, [(logit, fits), (logit, fits)]).refused == {}


def test_a_class_that_never_occurs_stays_at_one_half() -> None:
    space = LabelSpace(("a", "b"), planes=True)
    logits = torch.tensor([[0.2, 0.3], [0.4, 0.1]]).logit()
    truth = torch.tensor([[1, 0], [1, 0]]).bool()
    found = fitted(space, [(logits, truth)])
    assert found.values[1] == 0.5 and found.values[0] < 0.2001 and math.isnan(found.dice[1][0])
    assert found.to_dict()["classes"]["b"]["dice"] == [None, None] and found.images == (1, 1)


def test_two_classes_under_one_sigmoid_have_one_threshold() -> None:
    rows = [(torch.tensor([[-3.0], [-1.0], [-0.5], [2.0]]), torch.tensor([0, 1, 1, 1]))] * 2
    found = fitted(SIGMOID, rows)
    assert found.names == ("yes",) and isinstance(found.decide["threshold"], float)
    assert 0.05 <= found.values[0] <= 0.26 and found.dice[0] == (pytest.approx(0.5), pytest.approx(1.0))


def test_of_several_thresholds_that_are_alike_the_one_nearest_one_half_is_taken() -> None:
    rows = [(torch.tensor([[0.1], [0.9]]).logit(), torch.tensor([0, 1]))]
    assert fitted(SIGMOID, rows).values == (0.5,)


def test_a_softmax_has_no_threshold() -> None:
    model = Predictor.of_network(Honest(), LabelSpace(("a", "b", "c")), (0.0,) * 3, (1.0,) * 3)
    with pytest.raises(LabelError, match="most probable of 3 classes is taken"):
        fit_thresholds(model, Drawn())
    with pytest.raises(LabelError, match="label sets say which one class"):
        fit_sets(predictor(), Drawn(), 0.5)


def test_without_labels_there_is_nothing_to_fit() -> None:
    with pytest.raises(DataError, match="nothing of the data set has a label"):
        fitted(PLANES, [(torch.zeros(0, 3), torch.zeros(0, 3).bool())])


class Pictures:
    """Pictures of two classes, of which the gray says how probable the second is."""

    labels = LabelSpace(("dark", "light"))

    def __len__(self) -> int:
        return 400

    def __getitem__(self, index: int) -> Sample:
        random = np.random.default_rng(index)
        gray = int(random.integers(1, 255))
        tags = torch.zeros(2, dtype=torch.bool)
        tags[int(random.random() < gray / 255)] = True
        image = torch.full((3, 4, 4), gray, dtype=torch.uint8)
        return Sample(image, torch.full((4, 4), 255, dtype=torch.uint8), str(index), tags=tags)


class Whole(nn.Module):
    def forward(self, image: Tensor) -> ClassLogits:
        logit = 3 * image.mean(dim=(1, 2, 3)).clamp(1 / 255, 254 / 255).logit()
        return ClassLogits(torch.stack([torch.zeros_like(logit), logit], dim=1))


def test_a_classifier_has_a_temperature_too() -> None:
    model = Predictor.of_network(Whole(), Pictures.labels, (0.0,) * 3, (1.0,) * 3)
    assert fit_temperature(model, Pictures()).value == pytest.approx(3, rel=0.3)
    with pytest.raises(DataError, match="0: the data set has no tags"):
        fit_temperature(model, [Pictures()[0]._replace(tags=None)])


def test_a_network_of_depth_is_not_calibrated() -> None:
    class Far(nn.Module):
        def forward(self, image: Tensor) -> DepthMap:
            return DepthMap(image[:, :1] + 1)

    model = Predictor.of_network(Far(), PLANES, (0.0,) * 3, (1.0,) * 3)
    with pytest.raises(ModelError, match="returns DepthMap, which has no probabilities"):
        fit_temperature(model, Drawn())


def test_a_predictor_decides_by_the_thresholds_of_its_checkpoint(tmp_path: Path) -> None:
    half = (0.5,) * 3
    from intarsia.models import build

    network = build("fpn", 3, encoder="resnet10t", channels=16)
    stored = Checkpoint("fpn", {"encoder": "resnet10t", "channels": 16}, PLANES, 3, half, half, network.state_dict())
    path = files.save(tmp_path / "m.safetensors", stored)
    image = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (1, 3, 32, 32), dtype=np.uint8))
    p = Predictor.load(path).probabilities(image)[0]
    limits = [round(float(p[k].median()), 2) for k in range(3)]
    calibration = {"decide": {"threshold": limits}}
    path = files.save(tmp_path / "n.safetensors", Checkpoint(**{**vars(stored), "calibration": calibration}))
    (answer,) = Predictor.load(path).run(image)
    assert type(answer) is Planes and torch.equal(answer.planes, p > torch.tensor(limits)[:, None, None])
    assert answer.planes.any() and not answer.planes.all()
    (other,) = Predictor.load(path, decide={"threshold": 0.0}).run(image)  # what is given counts before what was fitted
    assert other.planes.all()
    broken = Checkpoint(**{**vars(stored), "calibration": {"decide": 3}})
    with pytest.raises(CheckpointError, match="decide that is no mapping"):
        Predictor.load(files.save(tmp_path / "b.safetensors", broken))


def test_tags_of_several_classes_are_cut_by_thresholds() -> None:
    class Several(nn.Module):
        def forward(self, image: Tensor) -> ClassLogits:
            return ClassLogits(torch.tensor([[0.3, 0.6, 0.8]]).logit().expand(len(image), 3))

    image = torch.zeros(1, 3, 4, 4, dtype=torch.uint8)
    model = Predictor.of_network(Several(), PLANES, (0.0,) * 3, (1.0,) * 3, decide={"threshold": [0.2, 0.7, 0.5]})
    (answer,) = model.run(image)
    assert type(answer) is Tags and answer.classes.tolist() == [2, 0]
