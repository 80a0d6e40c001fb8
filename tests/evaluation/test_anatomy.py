"""Where the errors are: brute force for distances and objects, worked numbers, and the report that shows them."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from intarsia.evaluation import evaluate, score
from intarsia.evaluation.anatomy import DISTANCES, by_distance, by_size
from intarsia.inference import Predictor
from intarsia.labels import LabelSpace
from intarsia.structures import Sample

SPACE = LabelSpace(("dark", "middle", "bright"))


class Brightness(nn.Module):
    """A network that names pixels by their brightness."""

    def forward(self, image: Tensor) -> Tensor:
        return -(image.mean(dim=1, keepdim=True) - torch.tensor([1 / 6, 3 / 6, 5 / 6]).view(1, 3, 1, 1)).abs()


class Scenes:
    """Random images whose labels are mostly their brightness; some pixels are ignored."""

    name, split, labels = "scenes", "val", SPACE

    def __len__(self) -> int:
        return 5

    def __getitem__(self, index: int) -> Sample:
        random = np.random.default_rng(index)
        image = np.repeat(random.integers(0, 256, (1, 12, 9 + index), dtype=np.uint8), 3, axis=0)
        labels = image[0] // 86
        labels[random.random(labels.shape) < 0.1] = 1
        labels[random.random(labels.shape) < 0.1] = 255
        return Sample(torch.from_numpy(image), torch.from_numpy(labels), f"scene_{index}")


def predictor() -> Predictor:
    return Predictor.of_network(Brightness(), SPACE, (0.0,) * 3, (1.0,) * 3)


def maps(seed: int, height: int = 30, width: int = 40) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    truth = np.kron(random.integers(0, 3, (3, 4)), np.ones((10, 10))).astype(np.uint8)[:height, :width]
    called = np.where(random.random(truth.shape) < 0.2, random.integers(0, 3, truth.shape), truth).astype(np.uint8)
    truth[random.random(truth.shape) < 0.01] = 255
    return truth, called


@pytest.mark.parametrize("seed", range(3))
def test_distances_equal_a_loop_over_pixels(seed: int) -> None:
    truth, called = maps(seed)
    height, width = truth.shape
    near = [(0, 1), (1, 0), (0, -1), (-1, 0)]
    edge = [
        (y, x)
        for y in range(height)
        for x in range(width)
        if any(0 <= y + dy < height and 0 <= x + dx < width and truth[y + dy, x + dx] != truth[y, x] for dy, dx in near)
    ]
    edges = np.array(edge)
    counts = np.zeros((2, len(DISTANCES) + 1), int)
    for y in range(height):
        for x in range(width):
            if truth[y, x] == 255:
                continue
            away = 1 + math.sqrt(((edges - (y, x)) ** 2).sum(axis=1).min())
            place = next((n for n, end in enumerate(DISTANCES) if away <= end + 1e-9), len(DISTANCES))
            counts[:, place] += 1, truth[y, x] != called[y, x]
    assert by_distance(truth, called, truth != 255).tolist() == counts.tolist()


def test_a_picture_of_one_class_has_no_border() -> None:
    truth = np.zeros((4, 5), np.uint8)
    assert by_distance(truth, truth + 1, truth == 0).tolist() == [[0, 0, 0, 0, 0, 20], [0, 0, 0, 0, 0, 20]]


def test_objects_by_hand() -> None:
    truth = np.zeros((40, 40), np.uint8)
    truth[2:6, 2:6] = 1  # 16 px, all right
    truth[10:20, 10:30] = 1  # 200 px, a quarter right
    truth[30:, :] = 255
    called = truth.copy()
    called[10:20, 15:30] = 0
    objects, recall, found = by_size(truth, called, 255)
    # and the ground, 1200 - 216 = 984 px: from 16 x 16 on, below 32 x 32
    assert objects.tolist() == [2, 1, 0, 0]
    assert recall.tolist() == [1.25, 1, 0, 0]
    assert found.tolist() == [1, 1, 0, 0]


def test_parts_are_the_whole_and_the_rest_of_the_scores_stay() -> None:
    plain, full = score(predictor(), Scenes()), score(predictor(), Scenes(), full=True)
    assert plain.anatomy is None and full.anatomy is not None
    assert plain.scores.matrix.tolist() == full.scores.matrix.tolist()
    found = full.anatomy
    assert sum(band.pixels for band in found.distances) == full.scores.pixels
    wrong = full.scores.pixels - full.scores.matrix.trace()
    assert sum(band.wrong for band in found.distances) == wrong
    assert found.risk.at(1.0) == pytest.approx(wrong / full.scores.pixels)
    assert found.calibration.accuracy == pytest.approx(full.scores.accuracy, abs=0.01)  # its ties may fall otherwise
    for c in found.confusions:
        here = (c.picture.truth == int(full.space.names.index(c.actual))) & (
            c.picture.predicted == full.space.names.index(c.called)
        )
        assert here.sum() == c.here <= c.pixels
        t, p = full.space.names.index(c.actual), full.space.names.index(c.called)
        assert c.pixels == full.scores.matrix[t, p]


def test_plain_tuples_can_be_looked_into_too() -> None:
    scenes = Scenes()
    items = [tuple(scenes[n][:2]) for n in range(len(scenes))]
    assert score(predictor(), items, full=True).anatomy is not None


def test_the_report_shows_it(tmp_path: Path) -> None:
    evaluate(predictor(), Scenes(), out=tmp_path, full=True)
    page = (tmp_path / "report.html").read_text()
    for words in (
        "At borders and inside",
        "By size of the object",
        "Largest confusions",
        "Reliability:",
        "Risk and coverage",
    ):
        assert words in page
    assert "<script" not in page and "Intervals: the middle 95 % of a bootstrap" in page
    stored = json.loads((tmp_path / "scores.json").read_text())["errors"]
    assert len(stored["distances"]) == len(DISTANCES) + 1 and stored["risk_coverage"]
    assert torch.tensor([row[1] for row in stored["risk_coverage"]]).isfinite().all()


def test_a_perfect_prediction_breaks_nothing(tmp_path: Path) -> None:
    class Perfect(Scenes):
        def __getitem__(self, index: int):
            sample = super().__getitem__(index)
            return sample._replace(labels=predictor().run(sample.image[None])[0].classes)

    found = evaluate(predictor(), Perfect(), out=tmp_path, full=True)
    assert found.miou == 1 and not found.anatomy.confusions
