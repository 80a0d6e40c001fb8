"""Segmentation and tracking quality of videos, with weights for pixels that several cameras see.

Mark Weber et al. "STEP: Segmenting and Tracking Every Pixel." NeurIPS 2021. arXiv:2102.11859
Jieru Mei et al. "Waymo Open Dataset: Panoramic Video Panoptic Segmentation." ECCV 2022. arXiv:2206.07704 (the weights)

    STQ = sqrt(AQ SQ)
    SQ  = mean IoU of the classes, over all pixels of all frames
    AQ  = mean over true tracks g of 1/|g| sum over predicted tracks p of |p and g| |p and g| / |p or g|

A track is a class and a number, over all frames of a sequence. Things with number 0 in the truth are crowd: they count
for SQ, and are left out of AQ. Ignored pixels count nowhere in SQ; a predicted track that runs over them grows by them,
as in the authors' evaluation. Where nothing is predicted (the ignore index) the pixel is missed; the authors' code also
takes such pixels for one more class of IoU 0, which is not repeated here.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import Any, NamedTuple

import numpy as np
from torch import Tensor

from ..errors import LabelError
from ..labels.meetings import occurring
from ..structures import Frame
from .confusion import ConfusionMatrix
from .ids import mean, per_class
from .protocols import quotient

Weights = dict[Any, float]  # of a track, or of a pair of tracks


class TrackingScores(NamedTuple):
    """STQ and its two halves, IoU of each class, and STQ, AQ and SQ of each sequence."""

    stq: float
    aq: float
    sq: float
    iou: list[float]
    sequences: dict[str, tuple[float, float, float]]


class TrackingQuality:
    """STQ of any number of videos, fed frame by frame; it keeps the sizes of tracks, never a frame.

    Args:
        things: the classes whose objects are tracked.
    """

    def __init__(self, num_classes: int, things: Collection[int], ignore_index: int = 255) -> None:
        self.num_classes = num_classes
        self.things = frozenset(things)
        self.ignore_index = ignore_index
        self.matrices: dict[str, np.ndarray] = {}
        """[K, K + 1] of each sequence: weight of pixels by true and predicted class; the last column: nothing predicted."""
        self.sizes: dict[str, tuple[Weights, Weights, Weights]] = {}
        """Of each sequence: weight of each true track, of each predicted one, and of each pair of them."""

    def update(
        self, predicted: Frame, labels: Frame, sequence: str = "", weights: np.ndarray | Tensor | None = None
    ) -> None:
        """Count one frame.

        Args:
            sequence: the video's name; numbers of tracks mean the same within it only.
            weights: [H, W], such as 1 / how many cameras see the pixel (wSTQ); None: 1.

        Raises: LabelError when sizes differ, or for ids outside the classes.
        """
        called, truth = _whole(predicted.classes), _whole(labels.classes)
        ours, theirs = _whole(predicted.tracks), _whole(labels.tracks)
        weight = np.ones(truth.shape) if weights is None else np.asarray(weights, np.float64)
        if len({a.shape for a in (called, truth, ours, theirs, weight)}) > 1:
            raise LabelError(
                f"prediction {list(called.shape)} and labels {list(truth.shape)}: classes, tracks and weights of a frame have one size"
            )
        if min(ours.min(initial=0), theirs.min(initial=0)) < 0:
            raise LabelError("numbers of tracks are 0 (none) and above")
        count = self.num_classes
        nothing = np.zeros_like(truth)
        for values, said, true in ((truth, nothing, truth), (called, called, nothing)):
            void = values == self.ignore_index
            if ((values < 0) | (values >= count))[~void].any():
                ConfusionMatrix(count, None).update(np.where(void, 0, said), np.where(void, 0, true))  # says which ids
        held = truth != self.ignore_index
        column = np.where(called == self.ignore_index, count, called)
        joint = (truth * (count + 1) + column)[held]
        matrix = np.bincount(joint, weight[held], count * (count + 1)).reshape(count, count + 1)
        self.matrices[sequence] = self.matrices.get(sequence, 0) + matrix

        thing = np.isin(truth, list(self.things))
        crowd = thing & (theirs == 0)
        true, found = thing & ~crowd, np.isin(called, list(self.things)) & ~crowd
        key_t, key_p = (truth << 32) | theirs, (called << 32) | ours
        sizes_t, sizes_p, pairs = self.sizes.setdefault(sequence, ({}, {}, {}))
        _add(sizes_t, key_t[true], weight[true])
        _add(sizes_p, key_p[found], weight[found])
        both = true & found
        names_t, place_t, _ = occurring(key_t[both])
        names_p, place_p, _ = occurring(key_p[both])
        joints, place, _ = occurring(place_t * max(1, len(names_p)) + place_p)
        for j, w in zip(joints.tolist(), np.bincount(place, weight[both]).tolist(), strict=True):
            pair = int(names_t[j // len(names_p)]), int(names_p[j % len(names_p)])
            pairs[pair] = pairs.get(pair, 0.0) + w

    def merge(self, other: TrackingQuality) -> None:
        """Add the counts of another; a sequence may be in both.

        Raises: LabelError when it counts otherwise.
        """
        for name in ("num_classes", "things", "ignore_index"):
            if getattr(self, name) != getattr(other, name):
                raise LabelError(f"cannot merge: {name} is {getattr(self, name)} here and {getattr(other, name)} there")
        for sequence, matrix in other.matrices.items():
            self.matrices[sequence] = self.matrices.get(sequence, 0) + matrix
            for mine, new in zip(self.sizes.setdefault(sequence, ({}, {}, {})), other.sizes[sequence], strict=True):
                for key, weight in new.items():
                    mine[key] = mine.get(key, 0.0) + weight

    def sums(self, sequence: str) -> np.ndarray:
        """What one video adds to the sums that STQ is a ratio of, so that videos can be drawn.

        Returns: [2 + 3 K]: the sum of AQ over its true tracks, how many these are, and of each class the weight of the
            pixels that are right, then of the true ones, then of those predicted.
        """
        sizes, matrix = self.sizes[sequence], self.matrices[sequence]
        tracks = [_association(*sizes), float(len(sizes[0]))]
        return np.concatenate([tracks, matrix.diagonal(), matrix.sum(axis=1), matrix[:, :-1].sum(axis=0)])

    def compute(self) -> TrackingScores:
        """The scores of what was counted so far; NaN where there are no tracks, or no pixels."""
        total = sum(self.matrices.values(), np.zeros((self.num_classes, self.num_classes + 1)))
        sums = {name: _association(*sizes) for name, sizes in self.sizes.items()}
        tracks = sum(len(truth) for truth, _, _ in self.sizes.values())
        aq = sum(sums.values()) / tracks if tracks else math.nan
        sq = mean(_iou(total))
        each = {}
        for name, matrix in self.matrices.items():
            own = len(self.sizes[name][0])
            a, s = sums[name] / own if own else math.nan, mean(_iou(matrix))
            each[name] = (math.sqrt(a * s), a, s)
        return TrackingScores(math.sqrt(aq * sq), aq, sq, per_class(_iou(total)), each)


def _association(truth: Weights, found: Weights, pairs: Weights) -> float:
    """The inner sums of AQ, over true tracks."""
    return float(sum(w * w / (truth[t] + found[p] - w) / truth[t] for (t, p), w in pairs.items()))


def _iou(matrix: np.ndarray) -> np.ndarray:
    hit = matrix.diagonal()
    return quotient(hit, matrix.sum(axis=1) + matrix[:, :-1].sum(axis=0) - hit)


def _add(sizes: Weights, keys: np.ndarray, weight: np.ndarray) -> None:
    names, place, _ = occurring(keys)
    for name, w in zip(names.tolist(), np.bincount(place, weight).tolist(), strict=True):
        sizes[name] = sizes.get(name, 0.0) + w


def _whole(values: np.ndarray | Tensor) -> np.ndarray:
    found = np.asarray(values.detach().cpu().numpy() if isinstance(values, Tensor) else values)
    if not np.issubdtype(found.dtype, np.integer) and found.dtype != np.bool_:
        raise LabelError(f"classes and tracks are whole numbers, not {found.dtype}")
    return found.astype(np.int64)
