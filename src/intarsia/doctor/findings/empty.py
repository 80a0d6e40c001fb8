"""Pixels that files themselves declare to hold no data: findings about images and masks that carry GDAL's tag."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from ...data.folders.nodata import called, told_of_images
from ...labels import LabelSpace
from ..exam.examine import Exam, sights
from ..finding import Finding


def empty(space: LabelSpace | None, exams: Sequence[Exam]) -> Iterable[Finding]:
    """What masks and images say of pixels without data, and how these are read."""
    for value in sorted({exam.nodata[0] for exam in exams if exam.nodata}):
        hit = [exam for exam in exams if exam.nodata and exam.nodata[0] == value]
        pixels = sum(exam.nodata[1] for exam in hit if exam.nodata)
        start = f"{len(hit)} of {len(exams)} masks declare {called(value)} for pixels without data (GDAL_NODATA), which {pixels:,} px hold"
        name = _meaning(space, value) if not any(exam.empty for exam in hit) else ""
        yield Finding(
            "nodata",
            "warning" if name else "note",
            f"{start}; {f'they are read as {name!r} all the same' if name else 'they are ignored'}.",
            tuple(exam.place for exam in hit[:5]),
            f"Write `{value}: ignore` into labels.values, unless that is meant." if name else "",
            sights(hit),
        )
    values = Counter(exam.image_nodata for exam in exams if exam.image_nodata)
    if sentence := told_of_images(dict(values), len(exams)):
        yield Finding("nodata", "note", f"{sentence}.", tuple(str(e.image_path) for e in exams if e.image_nodata)[:5])


def _meaning(space: LabelSpace | None, value: int) -> str:
    """The class that a raw value stands for, "" where it stands for none."""
    if space is None or space.stray({value: 1}):
        return ""
    return next((name for key, name in space.values.items() if key == value and name in space.names), "")
