"""Panoptic quality, by the rules of COCO.

Alexander Kirillov, Kaiming He, Ross Girshick, Carsten Rother, Piotr Dollar. "Panoptic Segmentation." CVPR 2019.
arXiv:1801.00868

    a predicted and a true segment of one class match where their IoU is above 1/2; no segment can match twice

    SQ = mean IoU of the matches    RQ = TP / (TP + FP / 2 + FN / 2)    PQ = SQ RQ

Void pixels of the truth are taken out of the union. A predicted segment that matches nothing and lies for more than half
in void, or in a crowd of its class, is no mistake; a crowd is never matched nor missed. Where several crowds of one class
are in an image, they are taken together (the official script remembers the last one only).
"""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

import numpy as np
from torch import Tensor

from ..errors import LabelError
from ..labels.meetings import occurring, runs, weighed
from ..structures import Segments
from .ids import mean, per_class
from .protocols import quotient

VOID = 0


class Quality(NamedTuple):
    """Means over the classes that occur; `classes` is how many do."""

    pq: float
    sq: float
    rq: float
    classes: int


class PanopticScores(NamedTuple):
    """Quality over all classes, things and stuff, and of each class; NaN for a class that occurs nowhere."""

    all: Quality
    things: Quality
    stuff: Quality
    pq: list[float]
    sq: list[float]
    rq: list[float]
    matched: list[int]
    invented: list[int]
    missed: list[int]


class Matching(NamedTuple):
    """The segments of one picture: (true, predicted, IoU) of the matches, false predicted and missed true ones."""

    matched: list[tuple[int, int, float]]
    invented: list[int]
    missed: list[int]


class PanopticQuality:
    """PQ, SQ and RQ of any number of pictures.

    Args:
        things: the classes that are things; the others are stuff.
    """

    def __init__(self, num_classes: int, things: Collection[int]) -> None:
        if wrong := [k for k in things if not 0 <= k < num_classes]:
            raise LabelError(f"things names class {wrong[0]}, outside the {num_classes} classes (0..{num_classes - 1})")
        self.num_classes = num_classes
        self.things = frozenset(things)
        self.overlap: np.ndarray = np.zeros(num_classes)
        """[K] IoU of the matches, summed."""
        self.counts: np.ndarray = np.zeros((3, num_classes), np.int64)
        """[3, K]: matched, invented (FP) and missed (FN) segments."""

    def update(self, predicted: Segments, labels: Segments) -> None:
        """Count one picture.

        Raises: LabelError when sizes differ, a pixel's segment is not listed, a listed one has no pixels, or its class is
            none of ours.
        """
        found = self.match(predicted, labels)
        for true, _, iou in found.matched:
            self.overlap[labels.classes[true]] += iou
            self.counts[0, labels.classes[true]] += 1
        for segment in found.invented:
            self.counts[1, predicted.classes[segment]] += 1
        for segment in found.missed:
            self.counts[2, labels.classes[segment]] += 1

    def match(self, predicted: Segments, labels: Segments) -> Matching:
        """Match the segments of one picture, without counting them.

        Raises: as `update`.
        """
        ours, theirs = _array(predicted.ids), _array(labels.ids)
        if ours.shape != theirs.shape or ours.ndim != 2:
            raise LabelError(
                f"predicted segments {list(ours.shape)} and true ones {list(theirs.shape)}; give both as [H, W]"
            )
        starts, pixels = runs(ours, theirs)
        ids_p, place_p, area_p = self._listed(ours.reshape(-1)[starts], pixels, predicted, "the prediction")
        ids_t, place_t, area_t = self._listed(theirs.reshape(-1)[starts], pixels, labels, "the truth")
        if crowded := [s for s in labels.crowd if s not in labels.classes]:
            raise LabelError(f"crowd names segment {crowded[0]}, which the truth does not list")
        both = weighed(place_t * len(ids_p) + place_p, pixels, len(ids_t) * len(ids_p)).reshape(len(ids_t), len(ids_p))
        class_p = np.array([predicted.classes.get(int(s), -1) if s != VOID else -1 for s in ids_p])
        class_t = np.array([labels.classes.get(int(s), -1) if s != VOID else -1 for s in ids_t])
        crowd = np.isin(ids_t, list(labels.crowd))
        void = both[ids_t == VOID].sum(axis=0)

        free = (class_t[:, None] == class_p) & (class_p >= 0) & ~crowd[:, None]
        iou = quotient(both, area_t[:, None] + area_p - both - void)
        match = free & (iou > 0.5)
        true, found = np.nonzero(match)
        missed = (class_t >= 0) & ~crowd & ~match.any(axis=1)
        same_crowd = (both * (crowd[:, None] & (class_t[:, None] == class_p))).sum(axis=0)
        excused = 2 * (void + same_crowd) > area_p
        invented = (class_p >= 0) & ~match.any(axis=0) & ~excused
        matched = [(int(ids_t[t]), int(ids_p[p]), float(iou[t, p])) for t, p in zip(true, found, strict=True)]
        return Matching(matched, ids_p[invented].tolist(), ids_t[missed].tolist())

    def merge(self, other: PanopticQuality) -> None:
        """Add the counts of another.

        Raises: LabelError when it has other classes or things.
        """
        if (self.num_classes, self.things) != (other.num_classes, other.things):
            raise LabelError("cannot merge the panoptic quality of other classes, or of other things among them")
        self.overlap += other.overlap
        self.counts += other.counts

    def compute(self) -> PanopticScores:
        """The scores of what was counted so far."""
        tp, fp, fn = self.counts.astype(np.float64)
        size = tp + (fp + fn) / 2
        pq, rq = quotient(self.overlap, size), quotient(tp, size)
        sq = np.where(size > 0, np.nan_to_num(quotient(self.overlap, tp)), np.nan)  # nothing matched: 0, as in COCO
        things = np.isin(np.arange(self.num_classes), list(self.things))

        def over(which: np.ndarray) -> Quality:
            return Quality(mean(pq[which]), mean(sq[which]), mean(rq[which]), int((size[which] > 0).sum()))

        matched, invented, missed = ([int(n) for n in row] for row in self.counts)
        return PanopticScores(
            over(np.ones_like(things)),
            over(things),
            over(~things),
            per_class(pq),
            per_class(sq),
            per_class(rq),
            matched,
            invented,
            missed,
        )

    def _listed(
        self, ids: np.ndarray, pixels: np.ndarray, given: Segments, what: str
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(the segments that occur, the place of each run's among them, their pixels), of the runs' segments and pixels."""
        present, place = np.unique(ids, return_inverse=True)
        area = weighed(place, pixels, len(present))
        stray = {
            int(s): int(n) for s, n in zip(present, area, strict=True) if s != VOID and int(s) not in given.classes
        }
        if stray:
            shown = ", ".join(f"{s} ({n} px)" for s, n in sorted(stray.items(), key=lambda x: -x[1])[:5])
            raise LabelError(
                f"{what} holds segments that it does not list: {shown}; give the class of each, or 0 for void"
            )
        if empty := sorted(set(given.classes) - set(present.tolist())):
            raise LabelError(f"{what} lists segment {empty[0]}, which has no pixels ({len(empty)} such)")
        for s, k in given.classes.items():
            if not 0 <= k < self.num_classes or s == VOID:
                told = "0 is void" if s == VOID else f"its class is {k}, outside 0..{self.num_classes - 1}"
                n = int(area[present == s].sum())
                raise LabelError(f"{what} lists segment {s} ({n} px): {told}")
        return present, place, area


def segments(
    classes: np.ndarray | Tensor,
    instances: np.ndarray | Tensor,
    things: Collection[int],
    ignore_index: int | None = 255,
) -> Segments:
    """Segments of two maps: one for each class of stuff, one for each class and instance of things.

    Args:
        classes: [H, W] class numbers; ignored pixels become void.
        instances: [H, W] numbers that tell objects of one class apart; unused on stuff.
    """
    kinds, numbers = (_array(values).astype(np.int64) for values in (classes, instances))
    if (below := kinds[(kinds < 0) & (kinds != ignore_index)]).size:
        raise LabelError(f"classes hold {below[0]} ({below.size} px below 0), which is neither a class nor ignored")
    thing = np.isin(kinds, list(things))
    if numbers[thing].min(initial=0) < 0:
        raise LabelError(f"instances hold {numbers[thing].min()}; numbers of objects are 0 and above")
    joint = (kinds << 32) | np.where(thing, numbers, 0)
    joint[kinds == ignore_index] = -1
    present, place, _ = occurring(joint)
    held = [int(p) for p in present if p >= 0]
    new = {old: n for n, old in enumerate(held, 1)}
    ids = np.array([new.get(int(p), VOID) for p in present], np.int64)[place].reshape(kinds.shape)
    return Segments(ids, {n: old >> 32 for old, n in new.items()})


def _array(values: np.ndarray | Tensor) -> np.ndarray:
    found = np.asarray(values.detach().cpu().numpy() if isinstance(values, Tensor) else values)
    if not np.issubdtype(found.dtype, np.integer):
        raise LabelError(f"numbers of segments are whole, not {found.dtype}")
    return found if found.dtype in (np.int32, np.int64) else found.astype(np.int64)
