"""Read masks of two classes, however they are stored: 0 and 1, 0 and 255, or grays between."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ...labels import two_ends, white
from ..exam.examine import Exam
from .reading import Reading
from .usual_ids import outside

_BRIGHT = 239  # gray from which on a pixel may be white that JPEG or smoothing changed


class _Sorts(NamedTuple):
    """Masks of two classes by how they are stored."""

    gray: list[Exam]  # 0 and 255 with grays between
    one: list[Exam]  # 0 and 1
    full: list[Exam]  # 0 and 255
    empty: int  # masks of 0 alone


def read_two(exams: Sequence[Exam], reading: Reading) -> Reading | None:
    """Every mask as 0 and 255, or as 0 and 1 where all hold these; None where these are no masks of two classes."""
    top = max((max(reading.values(e), default=0) for e in exams), default=0)
    if not _BRIGHT <= top <= 255:
        return None  # neither 0 and 255 nor grays between them
    sorts = _sorted(exams, reading)
    gray, one, full, empty = sorts
    binary = len(gray) + len(one) + len(full) + empty
    if not (gray or full) or binary < 0.75 * len(exams):
        return None
    if binary < len(exams) and not (gray or len(full) > 0.5 * len(exams)):
        return None
    if one:
        reading = _one_way(sorts, reading)
    if gray:
        return _grays(gray, exams, reading)
    hit = [e for e in exams if set(reading.values(e)) - {0, 255}]
    return outside(hit, {0, 255}, len(exams), reading) if hit else reading


def _sorted(exams: Sequence[Exam], reading: Reading) -> _Sorts:
    gray: list[Exam] = []
    one: list[Exam] = []
    full: list[Exam] = []
    empty = 0
    for exam in exams:
        values = reading.values(exam)
        if _has_grays(values, exam):
            gray.append(exam)
        elif set(values) <= {0, 1} and 1 in values:
            one.append(exam)
        elif white(values) == 255:
            full.append(exam)
        elif set(values) == {0} or (exam.form and exam.form.lossy and max(values) < 16):
            empty += 1
    return _Sorts(gray, one, full, empty)


def _has_grays(values: dict[int, int], exam: Exam) -> bool:
    """Whether a mask has two values with grays between them."""
    if exam.form and exam.form.palette is not None:
        return False
    if exam.form and exam.form.lossy and 3 < len(values) <= 8:
        total = sum(values.values())
        return max(values) >= _BRIGHT and sum(n for v, n in values.items() if v <= 16 or v >= _BRIGHT) > 0.8 * total
    return two_ends(values)


def _one_way(sorts: _Sorts, reading: Reading) -> Reading:
    """Masks of 0 and 1 among those of 0 and 255."""
    more = [*sorts.full, *sorts.gray]
    minor = min((sorts.one, more), key=len)
    return reading.telling(
        "mixed_encoding",
        "error",
        f"{len(sorts.one)} masks hold 0 and 1, {len(more)} hold 0 and 255 (the first of the fewer: {minor[0].name})",
        minor,
        "Save all of them in one way, as --fix does.",
    ).translated(sorts.one, lambda _, value: 255 if value == 1 else value)


def _grays(gray: Sequence[Exam], exams: Sequence[Exam], reading: Reading) -> Reading:
    """Masks with grays between two values, cut in the middle."""
    lossy = all(e.form is not None and e.form.lossy for e in gray)
    worst = max(gray, key=lambda e: len(e.values))
    return reading.telling(
        "smeared",
        "warning",
        f"{len(gray)} of the {len(exams)} masks hold grays between 0 and 255 ({len(worst.values)} different values in {worst.name}), {'from JPEG' if lossy else 'from smoothing or resampling'}; below 128 is one class, from 128 on the other",
        gray,
        'Write labels.values with "0..127" and "128..255", or masks of two values with --fix.',
    ).translated(exams, lambda _, value: 255 if value >= 128 else 0)
