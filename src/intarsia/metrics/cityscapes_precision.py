"""Average precision of objects by the rules of Cityscapes: regions of masks, groups and void that excuse.

Marius Cordts et al. "The Cityscapes Dataset for Semantic Urban Scene Understanding." CVPR 2016. arXiv:1604.01685,
section 4.2, and the rules of its evaluation server.

A prediction is right where its IoU with a true object of its class is above the threshold; of several, the one with the
highest score is, and the others are wrong. One that meets no object (single, group or small) is wrong, unless more than
the threshold's share of its pixels lies in void, in groups or in objects of fewer than `min_region` pixels. Precision is
integrated over recall in steps, over thresholds 0.50, 0.55, ... 0.95, and averaged over thresholds and classes at once.
Unlike in COCO, there is no limit on the number of predictions, and precision is not made to fall only.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import NamedTuple

import numpy as np
from torch import Tensor

from ..errors import DataError, LabelError
from ..labels.meetings import occurring
from ..structures import Objects, Segments
from .boundary import around
from .ids import mean, per_class

THRESHOLDS = np.arange(0.5, 1.0, 0.05)
MIN_REGION = 100  # pixels


class CityscapesScores(NamedTuple):
    """AP over all thresholds and at 0.5, and both of each class; NaN for a class without a true object."""

    ap: float
    ap50: float
    classes: list[float]
    classes50: list[float]


class CityscapesPrecision:
    """AP of any number of images, by the rules of Cityscapes.

    Args:
        min_region: true objects of fewer pixels are neither found nor missed.
    """

    def __init__(self, num_classes: int, *, min_region: int = MIN_REGION) -> None:
        if num_classes < 1:
            raise LabelError(f"average precision needs at least one class, not {num_classes}")
        self.num_classes = num_classes
        self.min_region = min_region
        self.ranked: list[list[list[tuple[np.ndarray, np.ndarray]]]] = [
            [[] for _ in THRESHOLDS] for _ in range(num_classes)
        ]
        """[K][T]: of each image, scores and whether each is right."""
        self.missed: np.ndarray = np.zeros((num_classes, len(THRESHOLDS)), np.int64)
        """[K, T]: true objects that no prediction meets."""
        self.wanted: np.ndarray = np.zeros(num_classes, np.int64)
        """[K]: true objects that are to be found."""

    def update(self, predicted: Objects, labels: Segments, void: Collection[int] = (0,)) -> None:
        """Match one image.

        Args:
            predicted: M masks [H, W] that are not zero inside, read one after the other; classes and scores.
            labels: the true objects, single and groups (`crowd`); numbers that it does not list are other pixels.
            void: the numbers of those pixels where a prediction is neither right nor wrong.

        Raises: LabelError for a class outside; DataError for sizes or scores that do not fit.
        """
        kinds, scores = self._taken(predicted, labels)
        truth = _plain(labels.ids)
        ids, place, size = occurring(truth)
        place = place.reshape(truth.shape)
        meets = np.zeros((len(kinds), len(ids)), np.int64)
        for n, shape in enumerate(predicted.shapes):
            mask = _plain(shape) != 0
            if mask.shape != truth.shape:
                raise DataError(
                    f"prediction {n} is {list(mask.shape)} and the truth {list(truth.shape)}; give one size"
                )
            if mask.any():
                box = around(mask)
                meets[n] = np.bincount(place[box][mask[box]], minlength=len(ids))
        area = meets.sum(axis=1)
        in_void = meets[:, np.isin(ids, list(void))].sum(axis=1)
        class_of = np.array([labels.classes.get(int(s), -1) for s in ids])
        group = np.isin(ids, list(labels.crowd))
        for k in range(self.num_classes):
            mine, real = np.flatnonzero((kinds == k) & (area > 0)), np.flatnonzero(class_of == k)
            if len(mine) or len(real):
                self._match(
                    k, scores[mine], meets[np.ix_(mine, real)], area[mine], size[real], group[real], in_void[mine]
                )

    def _match(
        self,
        k: int,
        scores: np.ndarray,
        meets: np.ndarray,
        area: np.ndarray,
        size: np.ndarray,
        group: np.ndarray,
        in_void: np.ndarray,
    ) -> None:
        """Match one class of one image: `meets` [D, G] pixels of detection and object, areas [D] and sizes [G]."""
        iou = meets / (area[:, None] + size - meets) if meets.size else np.zeros(meets.shape)
        small = size < self.min_region
        counts = ~group & ~small
        excused = in_void + meets[:, group].sum(axis=1) + meets[:, small].sum(axis=1)
        self.wanted[k] += counts.sum()
        for t, need in enumerate(THRESHOLDS):
            hit = iou > need
            ranks, right = [], []
            for g in np.flatnonzero(counts):
                found = scores[hit[:, g]]
                ranks.append(found)
                best = np.zeros(len(found), bool)
                if len(found):
                    best[found.argmax()] = True
                right.append(best)
                self.missed[k, t] += not len(found)
            wrong = ~hit.any(axis=1) & (excused / area <= need)
            ranks.append(scores[wrong])
            right.append(np.zeros(int(wrong.sum()), bool))
            self.ranked[k][t].append((np.concatenate(ranks), np.concatenate(right)))

    def merge(self, other: CityscapesPrecision) -> None:
        """Add the matches of another.

        Raises: LabelError when it has other classes or another smallest region.
        """
        for name in ("num_classes", "min_region"):
            if getattr(self, name) != getattr(other, name):
                raise LabelError(f"cannot merge: {name} is {getattr(self, name)} here and {getattr(other, name)} there")
        for mine, more in zip(self.ranked, other.ranked, strict=True):
            for a, b in zip(mine, more, strict=True):
                a += b
        self.missed += other.missed
        self.wanted += other.wanted

    def compute(self) -> CityscapesScores:
        """The scores of what was matched so far."""
        ap = np.full((self.num_classes, len(THRESHOLDS)), math.nan)
        for k in np.flatnonzero(self.wanted):
            for t, images in enumerate(self.ranked[k]):
                scores, right = (np.concatenate(part) for part in zip(*images, strict=True))
                ap[k, t] = _area_below(scores, right, int(self.missed[k, t]))
        classes = np.array([row.mean() for row in ap])
        return CityscapesScores(mean(ap.ravel()), mean(ap[:, 0]), per_class(classes), per_class(ap[:, 0]))

    def _taken(self, predicted: Objects, labels: Segments) -> tuple[np.ndarray, np.ndarray]:
        """(classes, scores) of the predictions, checked."""
        kinds = _plain(predicted.classes).astype(np.int64)
        if len(predicted.shapes) != len(kinds):
            raise DataError(f"there are {len(kinds)} classes for {len(predicted.shapes)} predictions; give as many")
        outside = [k for k in (*kinds.tolist(), *labels.classes.values()) if not 0 <= k < self.num_classes]
        if outside:
            raise LabelError(
                f"class {outside[0]} is outside the {self.num_classes} classes (0..{self.num_classes - 1})"
            )
        scores = _plain(predicted.scores).astype(np.float64) if predicted.scores is not None else np.zeros(0)
        if len(scores) != len(kinds) or not np.isfinite(scores).all():
            raise DataError(f"{len(kinds)} predictions need a score each, a finite number")
        return kinds, scores


def _area_below(scores: np.ndarray, right: np.ndarray, missed: int) -> float:
    """Precision integrated over recall, each step as wide as half of the way to both of its neighbors."""
    if not len(scores):
        return 0.0
    order = np.argsort(scores, kind="stable")
    _, first = np.unique(scores[order], return_index=True)
    below = np.concatenate([[0], np.cumsum(right[order])])[first]  # right ones with a lower score
    tp = right.sum() - below
    precision = tp / (len(scores) - first)
    recall = tp / max(right.sum() + missed, 1)
    recall = np.concatenate([recall, [0.0]])  # the curve ends at no prediction at all, whose precision is 1
    precision = np.concatenate([precision, [1.0]])
    left, after = np.concatenate([recall[:1], recall[:-1]]), np.concatenate([recall[1:], [0.0]])
    return float(precision @ (left - after)) / 2


def _plain(values: object) -> np.ndarray:
    return np.asarray(values.detach().cpu().numpy() if isinstance(values, Tensor) else values)
