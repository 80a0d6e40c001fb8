"""Average precision and recall of detected objects, by the rules of COCO, for masks or boxes.

Tsung-Yi Lin et al. "Microsoft COCO: Common Objects in Context." ECCV 2014. arXiv:1405.0312

Detections of a class, best scores first, each take the free true object that they overlap most, if IoU is at least the
threshold. Precision, made to fall only, is read at 101 recalls, and averaged; then over thresholds 0.50, 0.55, ... 0.95,
then over the classes that occur in the truth. Objects of a crowd, or of another size than is asked for, cost nothing and
gain nothing. At most 100 detections an image and class count. The matches are kept, not the masks: some hundred bytes a
detection, whatever its image's size.

Boundary AP takes the smaller of a mask's IoU and of its inner boundary's in place of IoU (Bowen Cheng et al. "Boundary
IoU." CVPR 2021. arXiv:2103.16562, section 5): large objects must be right at their outlines as well.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from ..errors import DataError, LabelError
from ..structures import Objects
from .object_shapes import BOXES, Shapes, box_overlaps, edge_of, mask_overlaps, plain, shapes_of, spelled

THRESHOLDS = np.linspace(0.5, 0.95, 10)
RECALLS = np.linspace(0, 1, 101)
AREAS = {"all": (0.0, 1e10), "small": (0.0, 32.0**2), "medium": (32.0**2, 96.0**2), "large": (96.0**2, 1e10)}
MOST = (1, 10, 100)  # detections an image and class


class PrecisionScores(NamedTuple):
    """AP and AR as COCO prints them, NaN where there is nothing to find; `classes` is the AP of each class."""

    ap: float
    ap50: float
    ap75: float
    ap_small: float
    ap_medium: float
    ap_large: float
    ar1: float
    ar10: float
    ar100: float
    ar_small: float
    ar_medium: float
    ar_large: float
    classes: list[float]


class _Found(NamedTuple):
    """The detections of one class in one image, best first."""

    scores: np.ndarray  # [D]
    right: np.ndarray  # [A, T, D]
    excused: np.ndarray  # [A, T, D]


class AveragePrecision:
    """AP, AP50, AP75 and AR of any number of images.

    Args:
        dilation_ratio: for boundary AP, the width of a boundary as a share of the image's diagonal (paper: 0.02), at least
            one pixel; 0: the IoU of whole masks or boxes.
    """

    def __init__(self, num_classes: int, *, dilation_ratio: float = 0.0) -> None:
        if num_classes < 1:
            raise LabelError(f"average precision needs at least one class, not {num_classes}")
        if not 0 <= dilation_ratio < 1:
            raise LabelError(f"dilation_ratio is {dilation_ratio}; give a share of the diagonal such as 0.02, or 0")
        self.num_classes = num_classes
        self.dilation_ratio = dilation_ratio
        self.found: list[list[_Found]] = [[] for _ in range(num_classes)]
        self.wanted: np.ndarray = np.zeros((len(AREAS), num_classes), np.int64)
        """[A, K]: true objects of each size and class that are to be found."""

    def update(self, predicted: Objects, labels: Objects) -> None:
        """Match one image's detections.

        Raises: LabelError for a class outside; DataError for shapes, scores and classes that do not fit together.
        """
        ours, kinds, scores, _, own = self._taken(predicted, "detections", scored=True)
        theirs, truth, _, crowd, size = self._taken(labels, "true objects", scored=False)
        if len(kinds) and len(truth) and ours.size != theirs.size:
            raise DataError(
                f"detections {spelled(ours.size)} and true objects {spelled(theirs.size)} are of different kinds or sizes"
            )
        if self.dilation_ratio and any(len(s.boxes) and s.size == BOXES for s in (ours, theirs)):
            raise DataError("boundary AP needs masks [M, H, W]; boxes have no boundary to compare")
        ends = np.array(list(AREAS.values()))
        outside = (size < ends[:, :1]) | (size > ends[:, 1:]) | crowd  # [A, G]
        for k in np.union1d(kinds, truth):
            mine, real = np.flatnonzero(kinds == k), np.flatnonzero(truth == k)
            mine = mine[np.argsort(-scores[mine], kind="stable")][: MOST[-1]]
            iou = self._iou(ours, mine, theirs, real, crowd[real]) if len(mine) else np.zeros((0, len(real)))
            right, excused = _matched(iou, outside[:, real], crowd[real])
            strange = (own[mine] < ends[:, :1]) | (own[mine] > ends[:, 1:])
            excused |= ~right & strange[:, None]
            self.add(int(k), scores[mine], right, excused, (~outside[:, real]).sum(axis=1))

    def add(self, k: int, scores: np.ndarray, right: np.ndarray, excused: np.ndarray, wanted: np.ndarray) -> None:
        """Count the detections of class `k` in one image, which were matched by other rules.

        Args:
            scores: [D], falling.
            right: [A, T, D] whether a detection is right, for each of `AREAS` and `THRESHOLDS`.
            excused: [A, T, D] whether it counts neither as right nor as wrong.
            wanted: [A] true objects that are to be found.
        """
        self.wanted[:, k] += wanted
        if len(scores):
            most = MOST[-1]
            self.found[k].append(_Found(scores[:most], right[..., :most], excused[..., :most]))

    def _iou(self, ours: Shapes, mine: np.ndarray, theirs: Shapes, real: np.ndarray, crowd: np.ndarray) -> np.ndarray:
        """[D, G] overlaps of some detections with some true objects."""
        if ours.size == BOXES:
            return box_overlaps(ours.boxes[mine], theirs.boxes[real], crowd)
        masks, others = [ours.masks[n] for n in mine], [theirs.masks[n] for n in real]
        iou = mask_overlaps(masks, others, crowd)
        near = (iou >= THRESHOLDS[0]) & ~crowd  # the smaller of two numbers matches nowhere if the first does not
        if self.dilation_ratio and near.any():
            width = max(1, round(self.dilation_ratio * math.hypot(*ours.size)))
            some, of = (
                np.flatnonzero(near.any(axis=1)),
                np.flatnonzero(near.any(axis=0)),
            )  # no crowds: they have no outline
            edges = mask_overlaps(
                [edge_of(masks[d], width) for d in some], [edge_of(others[g], width) for g in of], crowd[of]
            )
            iou[np.ix_(some, of)] = np.minimum(iou[np.ix_(some, of)], edges)
        return iou

    def merge(self, other: AveragePrecision) -> None:
        """Add the matches of another.

        Raises: LabelError when it has another number of classes, or another width of boundaries.
        """
        if self.num_classes != other.num_classes:
            raise LabelError(
                f"cannot merge the precision of {other.num_classes} classes into that of {self.num_classes}"
            )
        if self.dilation_ratio != other.dilation_ratio:
            raise LabelError(
                f"cannot merge: dilation_ratio is {self.dilation_ratio} here and {other.dilation_ratio} there"
            )
        for mine, more in zip(self.found, other.found, strict=True):
            mine += more
        self.wanted += other.wanted

    def compute(self) -> PrecisionScores:
        """The scores of what was matched so far."""
        areas, count = len(AREAS), self.num_classes
        precision = np.full((areas, len(THRESHOLDS), count), np.nan)
        recall = np.full((len(MOST), areas, len(THRESHOLDS), count), np.nan)
        for k, images in enumerate(self.found):
            for a in range(areas):
                if not self.wanted[a, k]:
                    continue
                for n, most in enumerate(MOST):
                    curve, reached = _curve(images, a, most, int(self.wanted[a, k]))
                    recall[n, a, :, k] = reached
                    if most == MOST[-1]:
                        precision[a, :, k] = curve

        def over(values: np.ndarray) -> float:
            held = values[~np.isnan(values)]
            return float(held.mean()) if held.size else float("nan")

        most = recall[-1]
        return PrecisionScores(
            ap=over(precision[0]),
            ap50=over(precision[0, 0]),
            ap75=over(precision[0, 5]),
            ap_small=over(precision[1]),
            ap_medium=over(precision[2]),
            ap_large=over(precision[3]),
            ar1=over(recall[0, 0]),
            ar10=over(recall[1, 0]),
            ar100=over(most[0]),
            ar_small=over(most[1]),
            ar_medium=over(most[2]),
            ar_large=over(most[3]),
            classes=[over(precision[0, :, k]) for k in range(count)],
        )

    def _taken(
        self, given: Objects, what: str, scored: bool
    ) -> tuple[Shapes, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """(shapes, classes, scores, crowd, areas), checked."""
        kinds = plain(given.classes).astype(np.int64)
        count = len(kinds)
        shapes = shapes_of(given.shapes, count, what)
        if (stray := kinds[(kinds < 0) | (kinds >= self.num_classes)]).size:
            values, numbers = np.unique(stray, return_counts=True)
            shown = ", ".join(f"{v} ({n} objects)" for v, n in zip(values[:5], numbers, strict=False))
            raise LabelError(
                f"{what} have classes outside the {self.num_classes} classes (0..{self.num_classes - 1}): {shown}"
            )
        scores = plain(given.scores).astype(np.float64) if given.scores is not None else np.zeros(count)
        if scored and (given.scores is None or len(scores) != count or np.isnan(scores).any()):
            raise DataError(
                f"{what} need a score each, a number; {count} objects have {scores.tolist()[:3] if given.scores is not None else 'none'}"
            )
        crowd = np.zeros(count, bool) if given.crowd is None else plain(given.crowd).astype(bool)
        areas = shapes.areas() if given.areas is None else plain(given.areas).astype(np.float64)
        if len(crowd) != count or len(areas) != count:
            raise DataError(f"{what}: {count} objects, {len(crowd)} marks of crowds, {len(areas)} areas; give as many")
        return shapes, kinds, scores, crowd, areas


def _matched(iou: np.ndarray, outside: np.ndarray, crowd: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(right, excused), each [A, T, D], of detections best first.

    Args:
        iou: [D, G].
        outside: [A, G] objects that do not count.
    """
    areas, count = len(outside), len(crowd)
    right = np.zeros((areas, len(THRESHOLDS), len(iou)), bool)
    excused = right.copy()
    if not count:
        return right, excused
    taken = np.zeros((areas, len(THRESHOLDS), count), bool)
    a, t = np.ogrid[:areas, : len(THRESHOLDS)]
    need = np.minimum(THRESHOLDS, 1 - 1e-10)[:, None]
    for d, row in enumerate(iou):
        open_ = (row >= need) & (~taken | crowd)  # [A, T, G]
        counts = open_ & ~outside[:, None]
        wish = np.where(
            counts.any(axis=2, keepdims=True), counts, open_
        )  # one that does not count only for want of others
        ranked = np.where(wish, row, -1)
        best = count - 1 - ranked[:, :, ::-1].argmax(axis=2)  # of equal ones, the last
        hit = wish.any(axis=2)
        free = outside[:, None].repeat(len(THRESHOLDS), axis=1)[a, t, best]
        right[:, :, d] = hit & ~free
        excused[:, :, d] = hit & free
        taken[a, t, best] |= hit
    return right, excused


def _curve(images: list[_Found], area: int, most: int, wanted: int) -> tuple[np.ndarray, np.ndarray]:
    """(average precision, the recall reached) of one class at each threshold, [T] and [T]."""
    if not images:
        return np.zeros(len(THRESHOLDS)), np.zeros(len(THRESHOLDS))
    scores = np.concatenate([f.scores[:most] for f in images])
    order = np.argsort(-scores, kind="stable")
    right = np.concatenate([f.right[area, :, :most] for f in images], axis=1)[:, order]
    excused = np.concatenate([f.excused[area, :, :most] for f in images], axis=1)[:, order]
    tp, fp = right.cumsum(axis=1), (~right & ~excused).cumsum(axis=1)
    recall = tp / wanted
    precision = tp / np.maximum(tp + fp, np.spacing(1))
    precision = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    average = np.zeros(len(THRESHOLDS))
    for t in range(len(THRESHOLDS)):
        place = np.searchsorted(recall[t], RECALLS, side="left")
        average[t] = precision[t, place[place < recall.shape[1]]].sum() / len(RECALLS)
    return average, recall[:, -1]
