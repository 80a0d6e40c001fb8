"""Ratios of a confusion matrix: what is printed, stored and compared.

    truth \\ predicted    A    other
        A                 TP    FN       IoU = TP / (TP + FP + FN)      precision = TP / (TP + FP)
        other             FP    TN       Dice = F1 = 2 TP / (2 TP + FP + FN)      recall = TP / (TP + FN)

A ratio that has nothing to divide by is NaN, never 0 or 1, and is left out of means; JSON has null in its place.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ..errors import LabelError, RecipeError, nearest
from .per_image import ImageCounts
from .protocols import overlap, protocol
from .protocols import quotient as _ratio

PerClass = dict[str, float] | list[float]

MEANS = (
    "miou",
    "accuracy",
    "mean_accuracy",
    "fw_iou",
    "mean_dice",
    "macro_precision",
    "macro_recall",
    "micro_f1",
)
CLASSES = ("iou", "dice", "precision", "recall", "cosine", "share")


@dataclass(frozen=True, eq=False)
class Scores:
    """The scores of a confusion matrix under a named protocol; every ratio is 0..1.

    Args:
        matrix: [K, K] pixel counts, rows truth, columns prediction.
        ignored_pixels: how many pixels of the truth were ignored.
        protocol: a name of `metrics.PROTOCOLS`.
        names: the classes; per-class scores are then a dict by name, otherwise a list by number.
        images: the counts of each image; protocols that average over images need them.

    Raises: LabelError when the names do not fit the matrix; RecipeError for an unknown protocol, or one that needs the
        images where there are none.
    """

    matrix: np.ndarray
    ignored_pixels: int = 0
    protocol: str = "dataset"
    names: tuple[str, ...] | None = None
    images: ImageCounts | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "matrix", np.asarray(self.matrix, dtype=np.int64))
        if self.matrix.ndim != 2 or self.matrix.shape[0] != self.matrix.shape[1]:
            raise LabelError(f"a confusion matrix is square, this one is {' x '.join(map(str, self.matrix.shape))}")
        if self.names is not None and len(self.names) != len(self.matrix):
            raise LabelError(f"{len(self.names)} class names for a confusion matrix of {len(self.matrix)} classes")
        if protocol(self.protocol).needs_images and self.images is None:
            raise RecipeError(
                f"protocol {self.protocol!r} averages over images, and a confusion matrix has lost them; "
                f"hand their counts over: compute({self.protocol!r}, images=ImageCounts)"
            )

    @cached_property
    def _hit(self) -> np.ndarray:
        return self.matrix.diagonal().astype(np.float64)

    @cached_property
    def _truth(self) -> np.ndarray:
        pixels: np.ndarray = self.matrix.sum(axis=1).astype(np.float64)
        return pixels

    @cached_property
    def _predicted(self) -> np.ndarray:
        pixels: np.ndarray = self.matrix.sum(axis=0).astype(np.float64)
        return pixels

    @cached_property
    def _counted(self) -> np.ndarray:
        return protocol(self.protocol).counted(self._truth, self._predicted)

    @cached_property
    def _iou(self) -> np.ndarray:
        return overlap(self._hit, self._truth, self._predicted)

    @cached_property
    def _dice(self) -> np.ndarray:
        return overlap(self._hit, self._truth, self._predicted, "dice")

    def _mean_of(self, ratio: str) -> float:
        way = protocol(self.protocol)
        if way.needs_images:
            assert self.images is not None
            sums = way.parts(self.images.hit, self.images.truth, self.images.predicted, ratio).sum(axis=0)
        else:
            sums = way.parts(self._hit, self._truth, self._predicted, ratio)
        return float(way.totals(sums, ratio)[1])

    @property
    def pixels(self) -> int:
        """How many pixels were counted, ignored ones not among them."""
        return int(self.matrix.sum())

    @property
    def ignored(self) -> float:
        """Share of the truth's pixels that were ignored; NaN when there was no pixel at all."""
        return _number(_ratio(self.ignored_pixels, self.ignored_pixels + self.pixels))

    @property
    def iou(self) -> PerClass:
        """|X and Y| / |X or Y| of each class, of all images together under every protocol: the Jaccard index."""
        return self._by_class(self._iou)

    @property
    def dice(self) -> PerClass:
        """2 |X and Y| / (|X| + |Y|) of each class: F1, the harmonic mean of precision and recall."""
        return self._by_class(self._dice)

    @property
    def precision(self) -> PerClass:
        """Share of the pixels called X that are X."""
        return self._by_class(_ratio(self._hit, self._predicted))

    @property
    def recall(self) -> PerClass:
        """Share of the pixels that are X that are called X."""
        return self._by_class(_ratio(self._hit, self._truth))

    @property
    def cosine(self) -> PerClass:
        """|X and Y| / (sqrt |X| sqrt |Y|) of each class: the cosine between the two masks as vectors."""
        return self._by_class(_ratio(self._hit, np.sqrt(self._truth * self._predicted)))

    @property
    def share(self) -> PerClass:
        """Share of the counted pixels that are of each class, in the truth."""
        return self._by_class(_ratio(self._truth, self._truth.sum()))

    @property
    def miou(self) -> float:
        """Mean IoU as the protocol takes it."""
        return self._mean_of("iou")

    @property
    def mean_dice(self) -> float:
        """Mean Dice, which is macro F1, as the protocol takes it."""
        return self._mean_of("dice")

    @property
    def macro_precision(self) -> float:
        """Mean precision over the counted classes that were predicted at all."""
        return _mean(_ratio(self._hit, self._predicted), self._counted)

    @property
    def macro_recall(self) -> float:
        """Mean recall over the counted classes that occur in the truth."""
        return _mean(_ratio(self._hit, self._truth), self._counted)

    @property
    def accuracy(self) -> float:
        """Share of the counted pixels that are right."""
        return _number(_ratio(self._hit.sum(), self._truth.sum()))

    @property
    def micro_f1(self) -> float:
        """F1 of all classes' counts together; with one class a pixel also micro precision, micro recall and accuracy."""
        return _number(_ratio(2 * self._hit.sum(), self._truth.sum() + self._predicted.sum()))

    @property
    def mean_accuracy(self) -> float:
        """Mean recall over the classes that occur in the truth."""
        return _mean(_ratio(self._hit, self._truth), self._truth > 0)

    @property
    def fw_iou(self) -> float:
        """IoU of the classes weighted by their share of the truth (frequency-weighted IoU)."""
        occurs = self._truth > 0
        return _number(_ratio((self._truth * self._iou)[occurs].sum(), self._truth.sum()))

    def __getitem__(self, key: str) -> Any:
        """`scores["miou"]`: any entry of `to_dict`, by name, with NaN kept."""
        known = (*MEANS, *CLASSES, "ignored", "ignored_pixels", "pixels", "protocol")
        if key not in known:
            raise KeyError(f"there is no score {key!r}{nearest(key, known)}")
        return getattr(self, key)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON: means, per-class scores, counts and the protocol; None where there is no number."""
        keys = (*MEANS, "ignored", "pixels", "ignored_pixels", "protocol", *CLASSES)
        return {**{key: _plain(getattr(self, key)) for key in keys}, "confusion": self.matrix.tolist()}

    def _by_class(self, values: np.ndarray) -> PerClass:
        numbers = values.tolist()
        return numbers if self.names is None else dict(zip(self.names, numbers, strict=True))


def of_names(values: PerClass, names: Sequence[str]) -> dict[str, float]:
    """Per-class scores by name, whichever form they came in."""
    return values if isinstance(values, dict) else dict(zip(names, values, strict=True))


def _mean(values: np.ndarray, counted: np.ndarray) -> float:
    held = values[counted & ~np.isnan(values)]
    return float(held.mean()) if held.size else math.nan


def _number(value: np.ndarray) -> float:
    return float(value)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and math.isnan(value) else value
