"""What is seen of the objects of one picture: how many of each class, and those that are empty, there twice, or cut."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np

from ...data.pairs import Pair, Pairs, Raw
from ...errors import DataError
from .regions import regions

TWICE = 0.95  # IoU of two objects of one class from which one is the other's copy
_CUT = 16  # pixels: shorter straight borders between two objects say nothing
_STRAIGHT = 0.9  # share of the border of two objects that lies on one line, where a tile's edge cut one object
_WIDE = 0.8  # share of both objects' extent that this line spans
_APART = 2.0  # times the larger piece's diagonal: pieces of one number that lie farther apart are two objects
_LARGE = 0.3  # share of a number's pixels that each of two such pieces holds
_LEAST = 30  # pixels of such a piece


class Instances(NamedTuple):
    """The objects of one picture."""

    classes: Mapping[int, int]  # class number, or the ignore index -> objects
    empty: tuple[int, ...] = ()  # the class of each object without a pixel
    twice: tuple[int, ...] = ()  # the class of each object that is an earlier one again
    cut: int = 0  # pairs of numbers of one class that meet along one straight line only
    joined: int = 0  # numbers whose pixels lie in two pieces far apart


@runtime_checkable
class Rows(Protocol):
    """A decoder that knows each object with all of its pixels."""

    def rows(self, item: Pair) -> tuple[np.ndarray, np.ndarray]:
        """Masks [M, H, W] bool and the raw value of the class of each, [M]."""
        ...


def instances(dataset: Pairs, item: Pair, raw: Raw) -> Instances | None:
    """Look at the objects of a pair; None where its data set knows none."""
    space = dataset.labels
    masks, kinds = raw.masks, raw.kinds
    if masks is None and isinstance(dataset.mask_hook, Rows):
        try:
            masks, kinds = dataset.mask_hook.rows(item)
        except DataError:  # more masks than fit into memory: the map alone is looked at
            masks = None
    seen = None
    if raw.objects is not None and not space.planes and raw.objects.shape == raw.classes.shape:
        seen = _of_map(raw.objects, space.ignoring(raw.nodata).classes_of(raw.classes))
    if masks is None or kinds is None:
        return seen
    whole = _of_masks(masks, kinds if space.planes else space.classes_of(kinds))
    return whole if seen is None else whole._replace(cut=seen.cut, joined=seen.joined)


def _of_masks(masks: np.ndarray, kinds: np.ndarray) -> Instances:
    """The objects of masks [M, H, W] and classes [M]."""
    areas = masks.sum(axis=(1, 2))
    empty = tuple(kind for kind, area in zip(kinds.tolist(), areas.tolist(), strict=True) if not area)
    return Instances(Counter(kinds[areas > 0].tolist()), empty, _copies(masks, kinds, areas))


def _of_map(numbers: np.ndarray, labels: np.ndarray) -> Instances:
    """The objects of a map of numbers [H, W], each of the class of most of its pixels."""
    on = numbers != 0
    pairs, counts = np.unique(np.stack([numbers[on], labels[on]]), axis=1, return_counts=True)
    best: dict[int, tuple[int, int]] = {}
    for number, kind, count in zip(*pairs.tolist(), counts.tolist(), strict=True):
        best[number] = max(best.get(number, (0, 0)), (count, kind))
    kinds = {number: kind for number, (_, kind) in best.items()}
    return Instances(Counter(kinds.values()), cut=_cuts(numbers, kinds), joined=_joins(numbers))


def _copies(masks: np.ndarray, kinds: np.ndarray, areas: np.ndarray) -> tuple[int, ...]:
    """The class of each object that has hardly another pixel than an earlier one of its class."""
    found = []
    for two in range(len(masks)):
        for one in range(two):
            low, high = sorted((areas[one], areas[two]))
            if kinds[one] != kinds[two] or low == 0 or low < TWICE * high:
                continue
            shared = int((masks[one] & masks[two]).sum())
            if shared >= TWICE * (low + high - shared):
                found.append(int(kinds[two]))
                break
    return tuple(found)


def _cuts(numbers: np.ndarray, kinds: Mapping[int, int]) -> int:
    """Count the pairs of objects of one class whose common border is one straight line across both, as a tile's edge leaves."""
    if len(kinds) < 2:
        return 0
    met: dict[tuple[int, int], dict[tuple[int, int], int]] = {}
    for axis in (0, 1):
        turned = np.moveaxis(numbers, axis, 0)
        line, place = np.nonzero((turned[1:] != turned[:-1]) & (turned[1:] != 0) & (turned[:-1] != 0))
        one, two = turned[line, place].tolist(), turned[line + 1, place].tolist()
        for a, b, at in zip(one, two, line.tolist(), strict=True):
            lines = met.setdefault((min(a, b), max(a, b)), {})
            lines[axis, at] = lines.get((axis, at), 0) + 1
    count = 0
    for (a, b), lines in met.items():
        (axis, _), most = max(lines.items(), key=lambda entry: entry[1])
        if most < _CUT or most < _STRAIGHT * sum(lines.values()) or kinds.get(a, -1) != kinds.get(b, -2):
            continue
        extents = (int((numbers == n).any(axis=axis).sum()) for n in (a, b))
        count += all(most >= _WIDE * extent for extent in extents)
    return count


def _joins(numbers: np.ndarray) -> int:
    """Count the numbers whose pixels lie in two large pieces far apart from each other."""
    found = regions(numbers)
    if found is None:
        return 0
    pieces: dict[int, list[int]] = {}
    for place, (value, area) in enumerate(zip(found.values.tolist(), found.areas.tolist(), strict=True)):
        if value and area >= _LEAST:
            pieces.setdefault(value, []).append(place)
    count = 0
    for places in pieces.values():
        if len(places) > 1:
            one, two = sorted(places, key=lambda place: -found.areas[place])[:2]
            whole = found.areas[places].sum()
            count += bool(found.areas[two] >= _LARGE * whole and _far(found.boxes[one], found.boxes[two]))
    return count


def _far(one: np.ndarray, two: np.ndarray) -> bool:
    """Whether two boxes (top, left, bottom, right) lie farther apart than twice the larger one's diagonal."""
    gap = np.maximum(np.maximum(one[:2] - two[2:], two[:2] - one[2:]), 0)
    return bool(np.hypot(*gap) > _APART * max(np.hypot(*(box[2:] - box[:2])) for box in (one, two)))
