"""From the exams of samples to numbers of each class: pixels, and regions by their size."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from ...labels import LabelSpace
from .examine import Exam

_CHANCE = 0.01  # of the masks: so many may hold thin lines of one id between two others without being smoothed
_FEW = 20  # masks: of fewer, one is no chance


def class_pixels(space: LabelSpace | None, exams: Iterable[Exam]) -> tuple[np.ndarray, int]:
    """Pixels of each class [K], and of ignore."""
    merged: dict[int, int] = defaultdict(int)
    for exam in exams:
        for value, count in exam.values.items():
            merged[value] += count
    raw = np.array(sorted(merged), np.int64)
    numbers = np.array([merged[int(v)] for v in raw], np.int64)
    if space is None:
        known = (raw >= 0) & (raw != 255) & (raw < 65535)
        counts = np.zeros(int(raw[known].max(initial=-1)) + 1, np.int64)
        counts[raw[known]] = numbers[known]
        return counts, int(numbers[~known].sum())
    codes = space.classes_of(raw)
    counts = np.zeros(space.num_classes, np.int64)
    inside = (codes >= 0) & (codes != space.ignore_index)
    np.add.at(counts, codes[inside], numbers[inside])
    return counts, int(numbers[codes == space.ignore_index].sum())


def presence(space: LabelSpace, exams: Sequence[Exam]) -> np.ndarray:
    """[N, K] bool, which classes each sample holds."""
    raw = np.array(sorted({value for exam in exams for value in exam.values}), np.int64)
    codes = dict(zip(raw.tolist(), space.classes_of(raw).tolist(), strict=True))
    count = space.num_classes
    found = np.zeros((len(exams), count), bool)
    for row, exam in zip(found, exams, strict=True):
        row[[codes[v] for v in exam.values if 0 <= codes[v] < count]] = True
    return found


def all_pixels(space: LabelSpace | None, exams: Iterable[Exam]) -> int:
    """All pixels of the masks, those that are ignored too; where a pixel may have several labels, it is one pixel."""
    if space is not None and space.planes:
        return sum(exam.mask_size[0] * exam.mask_size[1] for exam in exams)
    return sum(sum(exam.values.values()) for exam in exams)


def regions_of(space: LabelSpace | None, exams: Iterable[Exam]) -> np.ndarray:
    """[K, 24] regions of each class by the binary logarithm of their pixels."""
    merged: dict[int, np.ndarray] = defaultdict(lambda: np.zeros(24, np.int64))
    for exam in exams:
        for value, bins in exam.objects.items():
            merged[value] += bins
    raw = np.array(sorted(merged), np.int64)
    if space is None or not len(raw):
        return np.zeros((space.num_classes if space else 0, 24), np.int64)
    found = np.zeros((space.num_classes, 24), np.int64)
    for value, code in zip(raw.tolist(), space.classes_of(raw).tolist(), strict=True):
        if 0 <= code < space.num_classes:
            found[code] += merged[value]
    return found


def commonest(values: Iterable[Any]) -> Counter[Any]:
    """How often each value occurs, commonest first."""
    return Counter(dict(Counter(values).most_common()))


def smoothed(exams: Sequence[Exam]) -> list[Exam]:
    """The exams of masks that were resized with smoothing, as the ids between those of both sides of borders say.

    Where all of these are one id, many such masks have a border of their own around each thing, and a few among many are
    drawn so by chance, as by rectangles of which one lies a pixel within another.
    """
    hit = [exam for exam in exams if exam.blend]
    alike = len({value for exam in hit for value in exam.blend}) == 1
    by_chance = len(hit) <= max(1, _CHANCE * len(exams)) and len(exams) > _FEW
    return [] if alike and (len(hit) > 0.5 * len(exams) or by_chance) else hit
