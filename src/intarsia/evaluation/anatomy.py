"""Where the errors are: at borders or inside, in small objects or large ones, between which classes, and how sure they were.

distance   pixels by how far they lie from the nearest border of the truth (1: they touch it; a border to ignored
           pixels is one, too; the picture's edge is none)
size       connected parts of a class in the truth (4 neighbors), by area: how much of each is found
pairs      for each confusion the image with most of its pixels
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..labels import LabelSpace
from ..metrics import Calibration
from ..metrics.calibration import CalibrationScores
from ..report import Picture
from .risk import Risk, RiskCoverage

DISTANCES = (1, 2, 4, 8, 16)  # the last distance of each band; one more band lies beyond
SIZES = (16, 32, 96)  # sides of squares; one more class of objects is larger
PAIRS = 6
FOUND = 0.5  # share of an object's pixels from which on it counts as found


class Band(NamedTuple):
    """Pixels at some distance from the borders: how many, and how many of them are wrong."""

    says: str
    pixels: int
    wrong: int

    @property
    def error(self) -> float:
        """Share of these pixels that are wrong; NaN where there are none."""
        return self.wrong / self.pixels if self.pixels else math.nan


class Size(NamedTuple):
    """Objects of one size: how many, the mean share of their pixels that is right, and how many are found."""

    says: str
    objects: int
    recall: float
    found: int


class Confusion(NamedTuple):
    """Pixels of one class called another, and the image with most of them."""

    actual: str
    called: str
    pixels: int
    here: int
    picture: Picture


class Anatomy(NamedTuple):
    """The tables and pictures that `evaluate --full` adds."""

    distances: list[Band]
    sizes: list[Size]
    calibration: CalibrationScores
    risk: Risk
    confusions: list[Confusion]

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON, without pictures; None where there is no number."""
        kept = np.linspace(0.05, 1, 20)
        none = lambda x: None if math.isnan(x) else x  # noqa: E731
        return {
            "distances": [{**band._asdict(), "error": none(band.error)} for band in self.distances],
            "sizes": [{**size._asdict(), "recall": none(size.recall)} for size in self.sizes],
            "ece": none(self.calibration.ece),
            "reliability": [
                [none(b.confidence), none(b.accuracy), b.pixels] for b in self.calibration.curve
            ],
            "risk_coverage": [[float(c), self.risk.at(c)] for c in kept] if len(self.risk.risk) else [],
            "risk_coverage_area": none(self.risk.area),
            "confusions": [
                {"actual": c.actual, "called": c.called, "pixels": c.pixels, "most_in": c.picture.name}
                for c in self.confusions
            ],
        }  # fmt: skip


class Anatomist:
    """Gathers all of it, image by image."""

    def __init__(self, space: LabelSpace) -> None:
        self.space = space
        self.bands = np.zeros((2, len(DISTANCES) + 1), np.int64)
        self.objects = np.zeros((3, len(SIZES) + 1))
        self.calibration = Calibration(space.num_classes, space.ignore_index)
        self.risk = RiskCoverage()
        self.most = np.zeros((space.num_classes, space.num_classes), np.int64)
        self.where = np.zeros((space.num_classes, space.num_classes), np.int64)
        self.total = np.zeros((space.num_classes, space.num_classes), np.int64)
        self.images = 0

    def update(self, labels: Tensor, predicted: Tensor, probabilities: Tensor, matrix: np.ndarray) -> None:
        """Count one image.

        Args:
            labels, predicted: [H, W].
            probabilities: [1, K, H, W].
            matrix: [K, K] its own confusion matrix.
        """
        truth, called = labels.cpu().numpy(), predicted.cpu().numpy()
        held = truth != self.space.ignore_index
        self.bands += by_distance(truth, called, held)
        self.objects += by_size(truth, called, self.space.ignore_index)
        self.calibration.update(probabilities, labels[None])
        self.risk.update(probabilities[0].amax(dim=0).cpu().numpy()[held].clip(max=1), (truth == called)[held])
        more = matrix > self.most
        self.most[more], self.where[more] = matrix[more], self.images
        self.total += matrix
        self.images += 1

    def compute(self, dataset: Any, predict: Any, miou: list[float]) -> Anatomy:
        """What was found; the images of the largest confusions are read and predicted once more.

        Args:
            predict: a function from a Sample to its predicted classes [H, W].
            miou: of each image.
        """
        return Anatomy(
            [Band(says, *map(int, row)) for says, row in zip(_bands(), self.bands.T, strict=True)],
            [
                Size(says, int(count), float(recall / count) if count else math.nan, int(found))
                for says, (count, recall, found) in zip(_sizes(), self.objects.T, strict=True)
            ],
            self.calibration.compute(),
            self.risk.compute(),
            self._confusions(dataset, predict, miou),
        )

    def _confusions(self, dataset: Any, predict: Any, miou: list[float]) -> list[Confusion]:
        wrong = self.total.copy()
        np.fill_diagonal(wrong, 0)
        found, seen = [], {}
        for place in np.argsort(-wrong, axis=None, kind="stable")[:PAIRS]:
            actual, called = divmod(int(place), len(wrong))
            if not wrong[actual, called]:
                break
            index = int(self.where[actual, called])
            if index not in seen:
                sample = dataset[index]
                seen[index] = Picture(
                    sample.name,
                    miou[index],
                    np.array(torch.as_tensor(sample.image).permute(1, 2, 0).numpy(), order="C"),
                    np.array(sample.labels.numpy()),
                    np.array(predict(sample).numpy()),
                )
            names = self.space.names
            here = int(self.most[actual, called])
            found.append(Confusion(names[actual], names[called], int(wrong[actual, called]), here, seen[index]))
        return found


def by_distance(truth: np.ndarray, called: np.ndarray, held: np.ndarray) -> np.ndarray:
    """[2, bands] pixels, and wrong ones, by their distance from the borders of the truth."""
    from scipy.ndimage import distance_transform_edt

    edge = np.zeros(truth.shape, bool)
    across, down = truth[:, 1:] != truth[:, :-1], truth[1:] != truth[:-1]
    edge[:, 1:] |= across
    edge[:, :-1] |= across
    edge[1:] |= down
    edge[:-1] |= down
    if edge.any():
        away = distance_transform_edt(~edge)[held] + 1
        place = np.searchsorted(DISTANCES, away - 1e-9)
    else:
        place = np.full(int(held.sum()), len(DISTANCES))
    wrong = (truth != called)[held]
    count = len(DISTANCES) + 1
    return np.stack([np.bincount(place, minlength=count), np.bincount(place[wrong], minlength=count)])


def by_size(truth: np.ndarray, called: np.ndarray, ignore_index: int) -> np.ndarray:
    """[3, sizes] objects, the sum of their recalls, and found ones, by area."""
    from scipy.ndimage import label

    sums = np.zeros((3, len(SIZES) + 1))
    right = truth == called
    for value in np.unique(truth[truth != ignore_index]):
        parts, _ = label(truth == value)
        area = np.bincount(parts.ravel())[1:]
        recall = np.bincount(parts.ravel(), right.ravel())[1:] / area
        place = np.searchsorted([side * side for side in SIZES], area, side="right")
        for n, row in enumerate((np.ones_like(recall), recall, (recall >= FOUND).astype(float))):
            sums[n] += np.bincount(place, row, minlength=len(SIZES) + 1)
    return sums


def _bands() -> list[str]:
    starts = (0, *DISTANCES)
    told = [f"{a + 1}" if b == a + 1 else f"{a + 1} to {b}" for a, b in zip(starts, DISTANCES, strict=False)]
    return [*told, f"over {DISTANCES[-1]}"]


def _sizes() -> list[str]:
    inner = [f"{a} x {a} to {b} x {b}" for a, b in pairwise(SIZES)]
    return [f"below {SIZES[0]} x {SIZES[0]}", *inner, f"from {SIZES[-1]} x {SIZES[-1]}"]
