"""Infer one label space for the masks of a folder, and a table of values for each mask that is stored differently.

Exams in each file's own view --colors, or ids--> Reading --classes--> Meaning: label space, tables, findings
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ...data.folders.nodata import Nodata, settle
from ...errors import DataError, LabelError
from ...labels import HALVES, IGNORE, LabelSpace
from ...labels.colors import spelled
from ..exam.examine import Exam
from ..exam.storage import recolored
from ..finding import Finding
from .class_names import Named
from .classes import Scan, label_space
from .colors import colored, read_colors
from .ids import read_ids
from .numbering import MANY, OBJECTS
from .reading import STRAY, Reading, Table
from .remark import Remark

_FOLDED = ("mixed_encoding", "wide_ids", "alpha")  # errors after which one label space still reads all masks


class Meaning(NamedTuple):
    """What the values of a folder's masks stand for, and how that was found."""

    space: LabelSpace
    reading: Reading = Reading()
    remarks: tuple[Remark, ...] = ()

    @property
    def tables(self) -> Mapping[str, Table]:
        """Place of a mask -> its own values -> common values, where they differ."""
        return self.reading.tables

    @property
    def lost(self) -> Mapping[str, str]:
        """Place of a mask -> why no rule reads it."""
        return self.reading.lost

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What was found on the way."""
        return self.reading.findings


def infer(
    root: Path,
    exams: Sequence[Exam],
    file: Named | None,
    known: LabelSpace | None = None,
    classes: list[str] | None = None,
) -> Meaning:
    """One meaning for all masks.

    Args:
        file: class names that lie beside them.
        known: the label space, where the folder brings one.
        classes: the class names, where somebody gave them.

    Raises: DataError when no mask can be read; LabelError when the values make no classes.
    """
    readable = [e for e in exams if e.form is not None]
    if not readable:
        raise DataError(f"{root}: no mask can be read{': ' + exams[0].error[1] if exams and exams[0].error else ''}")
    reading = Reading()
    if known is None:
        by_color, reading = colored(readable, reading)
    else:
        by_color = known.by_color
    reading = (read_colors if by_color else read_ids)(readable, file, known, reading)
    pixels = _pixels(readable, reading)
    if not pixels and not by_color:
        held = {value for exam in readable for value in exam.values}
        if len(held) > MANY:
            raise LabelError(f"the masks hold {len(held)} different ids up to {max(held)}; these {OBJECTS}")
        raise LabelError("no mask is stored in a way that makes classes")
    if known is not None:
        return Meaning(known, reading)
    remarks: list[Remark] = []
    scan = Scan(
        by_color,
        dict(sorted(pixels.items())),
        Counter(e.form.kind for e in readable if e.form),
        {} if by_color else _painted(readable, reading),
        str(Path(readable[0].place).parent),
        tuple(frozenset(reading.values(e)) - {STRAY} for e in reading.left(readable)),
        one_hot=any(e.form.one_hot for e in readable if e.form),
        painted=any(e.form.palette is not None for e in readable if e.form),
    )
    space = label_space(root, scan, classes, file, remarks)
    if reading.void is not None:
        space = LabelSpace(space.names, space.colors, {**space.values, reading.void: IGNORE})
    return Meaning(space, _told(readable, file, remarks, reading), tuple(remarks))


def _pixels(exams: Sequence[Exam], reading: Reading) -> Counter[int]:
    """The pixels of each common value in all masks."""
    total: Counter[int] = Counter()
    for exam in reading.left(exams):
        total.update({v: n for v, n in reading.values(exam).items() if v not in (STRAY, reading.void)})
    return total


def _told(exams: Sequence[Exam], file: Named | None, remarks: Sequence[Remark], reading: Reading) -> Reading:
    """The remarks as findings, those that say one thing together."""
    apart = [remark for remark in remarks if remark.kind == "names"]
    if apart and file is not None:
        told = "; ".join(remark.sentence for remark in apart)
        cure = "Correct the file of names, or rename the classes in labels."
        reading = reading.telling("names", "warning", told, (), cure, [str(file.path)])
    objects = [remark for remark in remarks if remark.kind == "objects"]
    if objects and _alone(exams):
        told, cure = objects[0].sentence, "Give classes to the objects, or read all of them as one class."
        reading = reading.telling("objects", "warning", told[0].upper() + told[1:], exams, cure)
        apart += objects
    told = "; ".join(remark.sentence for remark in remarks if remark not in apart)
    return reading.telling("meaning", "note", told[0].upper() + told[1:], (), "")


def unveiled(exams: Sequence[Exam]) -> list[Exam]:
    """The exams, those of masks of one color by their alpha as well where the others carry their labels in it."""
    if not any(e.form is not None and e.form.alpha for e in exams):
        return list(exams)
    found = []
    for exam in exams:
        form = exam.form
        if form is not None and form.veil is not None:
            values = {form.veil: sum(exam.values.values())}
            exam = replace(exam, values=values, form=form._replace(alpha=True, colored=False))
        found.append(exam)
    return found


def without_nodata(exams: Sequence[Exam]) -> tuple[Nodata, list[Exam]]:
    """What the masks declare to be no data, and the exams without the pixels that are therefore ignored."""
    readable = [e for e in exams if e.form is not None]
    views = [dict(e.values) for e in readable]
    nodata = settle(views, [e.nodata[0] if e.nodata else None for e in readable])
    if not nodata.ignored:
        return nodata, list(exams)
    left = iter(views)
    return nodata, [exam if exam.form is None else replace(exam, values=next(left)) for exam in exams]


def folded(meaning: Meaning, exams: Sequence[Exam]) -> LabelSpace | None:
    """The label space with each value that some masks use in place of the common one; None where none can read all masks.

    Two masks may store one class in two ways, as 1 and as 255. Where one value stands for two classes, and where masks were
    resampled, a clean copy has to be written.
    """
    readable = [e for e in exams if e.form is not None]
    plain = all(e.form.exact or e.form.alpha for e in readable if e.form)
    if meaning.lost or not plain or any(f.severity == "error" and f.kind not in _FOLDED for f in meaning.findings):
        return None
    space = meaning.space
    by_color = space.by_color
    ways = _ways(meaning, readable, by_color)
    if ways is None and not by_color and all(e.form.palette is not None for e in readable if e.form):
        by_color, ways = True, _ways(meaning, readable, True)  # an index has many colors, but a color one class
    if ways is None or len(ways) > MANY + (0 if by_color else 65536):
        return None
    odd = {raw: common for raw, common in ways.items() if raw != common or common == STRAY}
    if not odd:
        return space
    if len(odd) > 8 and set(space.values) == {0, 255} and max(ways) < 256:  # grays between two classes
        halves: dict[int | str, str] = dict(zip(HALVES, (space.values[0], space.values[255]), strict=True))
        return LabelSpace(space.names, space.colors, halves)
    if len(odd) > MANY:
        return None
    codes = space.classes_of(np.array(list(odd.values()), np.int64)).tolist()
    names = [space.names[code] if 0 <= code < space.num_classes else IGNORE for code in codes]
    kept = dict(space.values) if by_color == space.by_color else {}
    if not by_color:  # values that no file holds as they are
        kept = {v: n for v, n in kept.items() if not isinstance(v, int) or v in ways or v not in odd.values()}
    more = {(spelled(raw) if by_color else raw): name for raw, name in zip(odd, names, strict=True)}
    return LabelSpace(space.names, space.colors, {**kept, **more}, space.activation)


def _ways(meaning: Meaning, exams: Sequence[Exam], by_color: bool) -> dict[int, int] | None:
    """Value as a data set reads it -> common value, over all masks; None where one value would have two."""
    ways: dict[int, int] = {}
    for exam in exams:
        form, table = exam.form, meaning.tables.get(exam.place, {})
        assert form is not None
        if by_color and form.deep:
            return None
        for value in exam.values:
            raw = recolored(value, form) if by_color and not form.colored else value
            common = table.get(value, value)
            if ways.setdefault(raw, common) != common:
                return None
    return ways


def _alone(exams: Sequence[Exam]) -> bool:
    """Whether each id of a mask is one region, as the numbers of objects are; no, where nobody looked."""
    if not any(e.closely for e in exams):
        return False
    found = [int(bins.sum()) for e in exams for value, bins in e.objects.items() if value]
    return sum(n == 1 for n in found) >= 0.9 * len(found)


def _painted(exams: Sequence[Exam], reading: Reading) -> dict[int, str]:
    """The color of each common id; empty unless every mask has a palette."""
    if not all(e.form is not None and e.form.palette is not None for e in exams):
        return {}
    tables = [reading.tables.get(e.place, {}) for e in exams]
    seen = (
        (t.get(v, v), recolored(v, e.form))
        for e, t in zip(exams, tables, strict=True)
        for v in reading.own(e)
        if e.form
    )
    return {v: f"#{color:06x}" for v, color in seen if v != STRAY}
