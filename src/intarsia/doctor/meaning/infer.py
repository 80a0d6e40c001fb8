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

from ...errors import DataError, LabelError
from ...labels import IGNORE, LabelSpace
from ..exam.examine import Exam
from ..exam.storage import recolored
from ..finding import Finding
from .class_names import Named
from .classes import Scan, label_space
from .colors import colored, read_colors
from .ids import read_ids
from .reading import STRAY, Reading, Table
from .remark import Remark


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


def infer(root: Path, exams: Sequence[Exam], file: Named | None, known: LabelSpace | None = None) -> Meaning:
    """One meaning for all masks.

    Args:
        file: class names that lie beside them.
        known: the label space, where the folder brings one.

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
    )
    space = label_space(root, scan, None, file, remarks)
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


def in_common(exam: Exam, reading: Reading) -> Exam:
    """The exam of a mask with its counts under the common values; those without a meaning are left out."""
    if exam.place in reading.lost:
        return replace(exam, values={}, specks={}, objects={}, gaps={})
    if reading.cut is not None:
        blend = exam.blend if exam.place in reading.cut else {}
        exam = replace(exam, values=reading.own(exam), blend=blend)
    table = reading.tables.get(exam.place)
    return exam if table is None else _renamed(exam, table)


def _renamed(exam: Exam, table: Table) -> Exam:
    values: Counter[int] = Counter()
    specks: Counter[int] = Counter()
    objects: dict[int, np.ndarray] = {}
    for value, count in exam.values.items():
        values[table.get(value, value)] += count
    for value, count in exam.specks.items():
        specks[table.get(value, value)] += count
    for value, bins in exam.objects.items():
        to = table.get(value, value)
        objects[to] = objects[to] + bins if to in objects else bins
    gaps = {table.get(v, v): n for v, n in exam.gaps.items()}
    grid = exam.grid
    if grid.size:
        grid = np.vectorize(lambda v: table.get(v, v), otypes=[np.int32])(grid.astype(np.int64))
    for part in (values, specks, objects):
        part.pop(STRAY, None)
    return replace(exam, values=dict(values), specks=dict(specks), objects=objects, gaps=gaps, grid=grid)
