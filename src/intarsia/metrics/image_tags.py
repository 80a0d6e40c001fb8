"""Scores and true classes of whole images: accuracy and top-k of one class an image, F1 and mean AP of several."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..errors import DataError, LabelError
from .protocols import quotient
from .records import Column, write

TOP = (1, 5)


class TagScores(NamedTuple):
    """Measures of whole images, 0..1; NaN where there is nothing to divide by.

    Args:
        accuracy: share of images whose answer is exactly right; of several classes an image, all of them.
        topk: for each k, how often the true class is among the k best scored; of one class an image only.
        f1: mean of the classes' F1; `micro_f1`: of all classes' counts together.
        ap: mean of the classes' average precision; of several classes an image only.
        precision, recall, f1_classes, ap_classes: of each class; images: how many have it.
    """

    accuracy: float
    topk: dict[int, float]
    f1: float
    micro_f1: float
    ap: float
    precision: list[float]
    recall: list[float]
    f1_classes: list[float]
    ap_classes: list[float]
    images: list[int]


class ImageTags:
    """The classes of any number of images: the true ones, those that were answered, and how each class scored.

    Args:
        classes: names of the classes.
        several: whether an image may have any number of classes, rather than one.
    """

    def __init__(self, classes: Sequence[str], several: bool) -> None:
        if not classes:
            raise LabelError("tags need at least one class")
        self.classes = tuple(classes)
        self.several = several
        self.names: list[str] = []
        self._rows: list[np.ndarray] = []  # each [2, K] bool: true, answered
        self._scores: list[np.ndarray] = []  # each [K] float32

    def update(self, name: str, true: np.ndarray, answered: np.ndarray, scores: np.ndarray) -> float:
        """Append one image.

        Args:
            true, answered: [K] bool.
            scores: [K] probability of each class.

        Returns: 1 or 0 for a right or wrong class; of several, F1 of the image's classes, 1 where there are none.

        Raises: LabelError for another number of classes, or an image without its one class; DataError for scores that
            are no numbers.
        """
        count = len(self.classes)
        if any(len(part) != count for part in (true, answered, scores)):
            raise LabelError(f"{name}: {len(true)} tags and {len(scores)} scores where {count} classes are counted")
        if not self.several and np.count_nonzero(true) != 1:
            raise LabelError(f"{name}: has {np.count_nonzero(true)} classes, where each image has one")
        if np.isnan(scores).any():
            raise DataError(f"{name}: {int(np.isnan(scores).sum())} scores are no numbers (NaN); nothing ranks them")
        self.names.append(name)
        self._rows.append(np.stack([true, answered]).astype(bool))
        self._scores.append(np.asarray(scores, np.float32))
        return float(_own(self._rows[-1][None], self.several)[0])

    def __len__(self) -> int:
        return len(self.names)

    @property
    def columns(self) -> tuple[Column, ...]:
        """A column for each class (its recall, or of several its AP), and accuracy or mean AP last."""
        return (*map(Column, self.classes), Column("mAP" if self.several else "accuracy"))

    @property
    def truth(self) -> np.ndarray:
        """[N, K] the true classes."""
        return self._arrays()[0][:, 0]

    @property
    def own(self) -> np.ndarray:
        """[N] the score of each image alone."""
        return _own(self._arrays()[0], self.several)

    def _arrays(self) -> tuple[np.ndarray, np.ndarray]:
        count = len(self.classes)
        if not self.names:
            return np.zeros((0, 2, count), bool), np.zeros((0, count), np.float32)
        return np.stack(self._rows), np.stack(self._scores)

    def compute(self) -> TagScores:
        """The scores of all images together."""
        rows, scores = self._arrays()
        true, called = rows[:, 0], rows[:, 1]
        hit = (true & called).sum(axis=0)
        f1 = quotient(2 * hit, true.sum(axis=0) + called.sum(axis=0))
        best = self.measured(np.ones((1, len(self))))[0]
        ap = best[:-1] if self.several else np.full(len(self.classes), np.nan)
        exact = (true == called).all(axis=1)
        return TagScores(
            float(exact.mean()) if len(exact) else float("nan"),
            {} if self.several else {k: _topk(true, scores, k) for k in TOP if k < len(self.classes)},
            _mean(f1),
            float(quotient(2 * hit.sum(), true.sum() + called.sum())),
            _mean(ap),
            quotient(hit, called.sum(axis=0)).tolist(),
            quotient(hit, true.sum(axis=0)).tolist(),
            f1.tolist(),
            ap.tolist(),
            true.sum(axis=0).tolist(),
        )

    def measured(self, weights: np.ndarray) -> np.ndarray:
        """[R, K + 1] recall of each class and accuracy, or of several classes an image AP and mean AP, in R draws."""
        rows, scores = self._arrays()
        true, called = rows[:, 0], rows[:, 1]
        if not self.several:
            recall = quotient(weights @ (true & called), weights @ true)
            right = quotient(weights @ (true == called).all(axis=1), weights.sum(axis=1))
            return np.concatenate([recall, right[:, None]], axis=1)
        found = np.full((len(weights), len(self.classes) + 1), np.nan)
        for k in np.flatnonzero(true.any(axis=0)):
            found[:, k] = average_precision(weights, true[:, k], scores[:, k])
        held = ~np.isnan(found[:, :-1])
        found[:, -1] = quotient(np.where(held, found[:, :-1], 0).sum(axis=1), held.sum(axis=1))
        return found

    def take(self, order: Sequence[int] | np.ndarray) -> ImageTags:
        """Take the images of these positions, in this order."""
        taken = ImageTags(self.classes, self.several)
        taken.names = [self.names[n] for n in order]
        taken._rows, taken._scores = [self._rows[n] for n in order], [self._scores[n] for n in order]
        return taken

    def joined(self, other: ImageTags) -> ImageTags:
        """Put the images of another after these."""
        both = ImageTags(self.classes, self.several)
        both.names, both._rows = self.names + other.names, self._rows + other._rows
        both._scores = self._scores + other._scores
        return both

    def pooled(self, others: Sequence[ImageTags]) -> ImageTags:
        """Take several predictions of the same images for so many images, each named after its prediction."""
        both = ImageTags(self.classes, self.several)
        for seed, part in enumerate((self, *others)):
            both.names += [f"{name} {seed}" for name in part.names] if others else part.names
            both._rows, both._scores = both._rows + part._rows, both._scores + part._scores
        return both

    def save(self, path: str | Path) -> None:
        """Write the records into one safetensors file."""
        rows, scores = self._arrays()
        write(path, "several tags" if self.several else "tags", self, {"rows": rows.astype(np.uint8), "scores": scores})

    @classmethod
    def of_file(cls, kind: str, told: dict[str, Any], arrays: dict[str, np.ndarray]) -> ImageTags:
        """From what `records.read` found in a file that `save` wrote."""
        tags = cls(told["classes"], kind == "several tags")
        tags.names, tags._rows = list(told["names"]), list(arrays["rows"].astype(bool))
        tags._scores = list(arrays["scores"])
        return tags


def average_precision(weights: np.ndarray, true: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """[R] average precision of one class in R draws: precision at each true image, the best scored first, averaged.

    Args:
        weights: [R, N].
        true: [N] bool.
        scores: [N]; images of one score are taken together, as scikit-learn does.
    """
    order = np.argsort(-scores, kind="stable")
    drawn, real = weights[:, order], true[order]
    last = np.append(np.flatnonzero(np.diff(scores[order])), len(order) - 1)  # of each run of equal scores
    tp, seen = (drawn * real).cumsum(axis=1)[:, last], drawn.cumsum(axis=1)[:, last]
    gained = np.diff(tp, axis=1, prepend=0.0)
    summed = (gained * np.divide(tp, seen, out=np.zeros_like(tp), where=seen > 0)).sum(axis=1)
    return quotient(summed, tp[:, -1])


def _topk(true: np.ndarray, scores: np.ndarray, k: int) -> float:
    """How often the true class is among the k best scored; among equal scores the lower number stands first."""
    best = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    return float(np.take_along_axis(true, best, axis=1).any(axis=1).mean()) if len(true) else float("nan")


def _own(rows: np.ndarray, several: bool) -> np.ndarray:
    true, called = rows[:, 0], rows[:, 1]
    if not several:
        exact: np.ndarray = (true == called).all(axis=1).astype(np.float64)
        return exact
    f1 = quotient(2 * (true & called).sum(axis=1), true.sum(axis=1) + called.sum(axis=1))
    own: np.ndarray = np.where(np.isnan(f1), 1.0, f1)
    return own


def _mean(values: np.ndarray) -> float:
    held = values[~np.isnan(values)]
    return float(held.mean()) if held.size else float("nan")
