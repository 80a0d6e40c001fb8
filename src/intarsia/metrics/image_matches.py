"""What the detections of each image matched, some 26 bytes a detection and no mask: enough for AP, its curves and intervals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..structures import Objects
from .average_precision import AREAS, RECALLS, THRESHOLDS, AveragePrecision, PrecisionScores, _Found
from .records import Column, write

SURE = 0.5  # score from which on a detection is shown as one
_CHUNK = 1 << 20  # numbers at once
_BITS = 1 << np.arange(len(THRESHOLDS), dtype=np.uint16)


class ImageMatches:
    """The detections of any number of images, each with what it matched at every threshold and size.

    Args:
        classes: names of the classes.
        headline: what the average precision is called: "mask AP" or "box AP".
    """

    def __init__(self, classes: Sequence[str], headline: str = "mask AP") -> None:
        self.classes = tuple(classes)
        self.headline = headline
        self.names: list[str] = []
        self._wanted: list[np.ndarray] = []  # each [A, K]
        self._kinds: list[np.ndarray] = []  # each [D], best first within a class
        self._scores: list[np.ndarray] = []
        self._right: list[np.ndarray] = []  # each [A, D] a bit a threshold
        self._excused: list[np.ndarray] = []

    def update(self, name: str, predicted: Objects, labels: Objects) -> float:
        """Match one image's detections with its true objects, as `AveragePrecision` does, and keep the matches.

        Returns: F1 of the image at IoU 0.5, of the detections that score at least `SURE`; NaN where nothing is to be found
        and nothing was.

        Raises: as `AveragePrecision.update`.
        """
        metric = AveragePrecision(len(self.classes))
        metric.update(predicted, labels)
        found = [(k, part) for k, parts in enumerate(metric.found) for part in parts]
        none = np.zeros((len(AREAS), 0), np.uint16)
        self._append(
            name,
            metric.wanted,
            np.concatenate([np.full(len(f.scores), k, np.int32) for k, f in found] or [np.zeros(0, np.int32)]),
            np.concatenate([f.scores for _, f in found] or [np.zeros(0)]),
            np.concatenate([_packed(f.right) for _, f in found] or [none], axis=1),
            np.concatenate([_packed(f.excused) for _, f in found] or [none], axis=1),
        )
        return _f1(self._glance(len(self) - 1))

    def _append(self, name: str, *parts: np.ndarray) -> None:
        self.names.append(name)
        kept = (self._wanted, self._kinds, self._scores, self._right, self._excused)
        for held, part in zip(kept, parts, strict=True):
            held.append(part)

    def _parts(self, n: int) -> tuple[np.ndarray, ...]:
        return self._wanted[n], self._kinds[n], self._scores[n], self._right[n], self._excused[n]

    def __len__(self) -> int:
        return len(self.names)

    @property
    def columns(self) -> tuple[Column, ...]:
        """A column for each class, and the mean last."""
        return (*map(Column, self.classes), Column(self.headline))

    @property
    def truth(self) -> np.ndarray:
        """[N, A K] true objects of each size and class that are to be found."""
        return np.stack(self._wanted).reshape(len(self), -1) if self.names else np.zeros((0, 0), np.int64)

    @property
    def own(self) -> np.ndarray:
        """[N] F1 of each image alone, as `update` returns it."""
        return np.array([_f1(self._glance(n)) for n in range(len(self))])

    @property
    def at_a_glance(self) -> np.ndarray:
        """[3] found, missed and false objects at IoU 0.5, of the detections that score at least `SURE`."""
        each: np.ndarray = np.array([self._glance(n) for n in range(len(self))], np.int64).reshape(-1, 3)
        total: np.ndarray = each.sum(axis=0)
        return total

    def _glance(self, n: int) -> tuple[int, int, int]:
        wanted, _, scores, right, excused = self._parts(n)
        sure = scores >= SURE
        found = int((right[0, sure] & 1).sum())
        false = int(sure.sum()) - found - int((excused[0, sure] & 1).sum())
        return found, int(wanted[0].sum()) - found, false

    @property
    def detections(self) -> int:
        """How many detections were kept."""
        return sum(map(len, self._scores))

    def precision(self) -> AveragePrecision:
        """The metric, as if it had counted all images itself."""
        metric = AveragePrecision(len(self.classes))
        for wanted, kinds, scores, right, excused in map(self._parts, range(len(self))):
            metric.wanted += wanted
            for k in np.unique(kinds):
                mine = kinds == k
                metric.found[k].append(_Found(scores[mine], _unpacked(right[:, mine]), _unpacked(excused[:, mine])))
        return metric

    def compute(self) -> PrecisionScores:
        """AP and AR of all images together."""
        return self.precision().compute()

    def curves(self) -> np.ndarray:
        """[T, 101, K] precision at each threshold, recall (`RECALLS`) and class; NaN where nothing is to be found."""
        found = np.full((len(THRESHOLDS), len(RECALLS), len(self.classes)), np.nan)
        weights = np.ones((1, len(self)))
        for k, curve in self._curves(weights):
            found[:, :, k] = curve[0]
        return found

    def measured(self, weights: np.ndarray) -> np.ndarray:
        """[R, K + 1] AP of each class and their mean in R draws, of weights [R, N]."""
        found = np.full((len(weights), len(self.classes) + 1), np.nan)
        size = max(2, _CHUNK // max(1, self.detections))
        for start in range(0, len(weights), size):
            some = weights[start : start + size]
            for k, curve in self._curves(some):
                found[start : start + len(some), k] = curve.mean(axis=(1, 2))
        held = ~np.isnan(found[:, :-1])
        sums, count = np.where(held, found[:, :-1], 0).sum(axis=1), held.sum(axis=1)
        found[:, -1] = np.divide(sums, count, out=np.full(len(found), np.nan), where=count > 0)
        return found

    def _curves(self, weights: np.ndarray) -> Any:
        """(class, [R, T, 101] precision at each recall, NaN for draws without a true object) of the classes that occur."""
        image = np.repeat(np.arange(len(self)), [len(s) for s in self._scores])
        kinds, scores = np.concatenate(self._kinds), np.concatenate(self._scores)
        right, excused = (np.concatenate([p[0] for p in parts]) for parts in (self._right, self._excused))
        wanted = weights @ np.stack([w[0] for w in self._wanted])  # [R, K]
        for k in np.flatnonzero(wanted.any(axis=0)):
            mine = np.flatnonzero(kinds == k)
            mine = mine[np.argsort(-scores[mine], kind="stable")]
            hit, free = _unpacked(right[None, mine])[0], _unpacked(excused[None, mine])[0]  # [T, D]
            yield int(k), _precision(weights[:, image[mine]], hit, free, wanted[:, k])

    def take(self, order: Sequence[int] | np.ndarray) -> ImageMatches:
        """Take the images of these positions, in this order."""
        taken = ImageMatches(self.classes, self.headline)
        for n in order:
            taken._append(self.names[n], *self._parts(n))
        return taken

    def joined(self, other: ImageMatches) -> ImageMatches:
        """Put the images of another after these."""
        both = self.take(range(len(self)))
        for n in range(len(other)):
            both._append(other.names[n], *other._parts(n))
        return both

    def pooled(self, others: Sequence[ImageMatches]) -> ImageMatches:
        """Count several predictions of the same images together, image by image."""
        both = ImageMatches(self.classes, self.headline)
        for n, name in enumerate(self.names):
            wanted, *found = zip(*(part._parts(n) for part in (self, *others)), strict=True)
            both._append(name, np.sum(wanted, axis=0), *(np.concatenate(part, axis=-1) for part in found))
        return both

    def save(self, path: str | Path) -> None:
        """Write the matches into one safetensors file."""
        arrays = {
            "wanted": np.stack(self._wanted),
            "kinds": np.concatenate(self._kinds),
            "scores": np.concatenate(self._scores),
            "right": np.concatenate(self._right, axis=1),
            "excused": np.concatenate(self._excused, axis=1),
            "count": np.array([len(s) for s in self._scores]),
        }
        write(path, self.headline, self, arrays)

    @classmethod
    def of_file(cls, kind: str, told: dict[str, Any], arrays: dict[str, np.ndarray]) -> ImageMatches:
        """From what `records.read` found in a file that `save` wrote."""
        matches = cls(told["classes"], kind)
        ends = np.cumsum(arrays["count"])
        for n, (name, end) in enumerate(zip(told["names"], ends, strict=True)):
            part = slice(int(end - arrays["count"][n]), int(end))
            cut = (arrays["kinds"][part], arrays["scores"][part], arrays["right"][:, part], arrays["excused"][:, part])
            matches._append(name, arrays["wanted"][n], *cut)
        return matches


class Pairs(NamedTuple):
    """The objects of one image at IoU 0.5, of the detections that score at least `SURE`, by their places."""

    found: list[tuple[int, int]]  # (detection, true object)
    false: list[int]
    missed: list[int]


def paired(predicted: Objects, labels: Objects, num_classes: int) -> Pairs:
    """Pair the detections of one image with its true objects, as average precision at IoU 0.5 does.

    Raises: as `AveragePrecision.update`.
    """
    metric = AveragePrecision(num_classes)
    ours, kinds, scores, _, _ = metric._taken(predicted, "detections", scored=True)
    theirs, truth, _, crowd, _ = metric._taken(labels, "true objects", scored=False)
    found, false = [], []
    free = ~crowd
    for d in np.argsort(-scores, kind="stable"):
        real = np.flatnonzero(truth == kinds[d])
        if scores[d] < SURE:
            break
        iou = metric._iou(ours, np.array([d]), theirs, real, crowd[real])[0] if len(real) else np.zeros(0)
        able = [(overlap, g) for overlap, g in zip(iou, real, strict=True) if overlap >= 0.5 and free[g]]
        if able:
            best = int(max(able)[1])
            free[best] = False
            found.append((int(d), best))
        elif not ((iou >= 0.5) & crowd[real]).any():
            false.append(int(d))
    return Pairs(found, false, np.flatnonzero(free).tolist())


def _f1(glance: tuple[int, int, int]) -> float:
    found, missed, false = glance
    return 2 * found / (2 * found + missed + false) if any(glance) else math.nan


def _precision(weights: np.ndarray, hit: np.ndarray, free: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """[R, T, 101] precision, made to fall only, at each of the recalls.

    Args:
        weights: [R, D] of each detection, best first.
        hit, free: [T, D] right detections, and those that count neither as right nor as wrong.
        wanted: [R] true objects.
    """
    found = np.zeros((len(weights), len(hit), len(RECALLS)))
    seen = weights.cumsum(axis=1)
    for t, (right, excused) in enumerate(zip(hit, free, strict=True)):
        place = np.flatnonzero(right)  # precision falls between right detections, so that these alone are looked at
        if len(place):
            counted = (weights * ~excused).cumsum(axis=1) if excused.any() else seen
            tp = weights[:, place].cumsum(axis=1)
            precision = tp / np.maximum(counted[:, place], np.spacing(1))
            precision = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
            reached = _places(tp, wanted)
            values = np.take_along_axis(precision, np.minimum(reached, len(place) - 1), axis=1)
            found[:, t] = np.where(reached < len(place), values, 0)
    found[wanted == 0] = np.nan
    return found


def _places(tp: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """[R, 101] which right detection first reaches each of the recalls; their number where none does."""
    rows, count = tp.shape
    if rows == 1:  # as the official evaluator rounds
        recall = tp[0] / max(float(wanted[0]), 1.0)
        return np.searchsorted(recall, RECALLS, side="left")[None]
    steps = (wanted.max() + 2) * np.arange(rows)[:, None]  # whole numbers apart, so that one search serves all rows
    need = (RECALLS * wanted[:, None] - 1e-6).clip(0) + steps
    places = np.searchsorted((tp + steps).ravel(), need.ravel(), side="left").reshape(rows, -1)
    found: np.ndarray = (places - count * np.arange(rows)[:, None]).clip(0, count)
    return found


def _packed(flags: np.ndarray) -> np.ndarray:
    """Flags [A, T, D] as [A, D] uint16, one bit a threshold."""
    packed: np.ndarray = (flags * _BITS[:, None]).sum(axis=1).astype(np.uint16)
    return packed


def _unpacked(bits: np.ndarray) -> np.ndarray:
    """Flags [A, T, D] of what `_packed` made of them."""
    flags: np.ndarray = (bits[:, None] & _BITS[:, None]) > 0
    return flags
