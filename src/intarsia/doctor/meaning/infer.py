"""What the masks of a folder mean when nobody said: one meaning for all of them, and a table for each that is stored otherwise.

Exams in each file's own view --infer--> Meaning: label space, tables own value -> common value, findings

A value that a table sends to STRAY has no meaning, and is ignored where the masks are written anew.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
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
from .colors import _as_colors, _colored
from .notes import STRAY, _Notes
from .remark import Remark


class Meaning(NamedTuple):
    """What the values of a folder's masks stand for."""

    space: LabelSpace
    tables: dict[int, dict[int, int]]  # id of the exam -> its own values -> common values, where they differ
    lost: dict[int, str]  # id of the exam -> why no rule reads its mask
    findings: list[Finding]


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
    notes = _Notes(readable)
    if (known is not None and known.by_color) or (known is None and _colored(readable, notes)):
        pixels = _as_colors(readable, file, notes, known)
        by_color = True
    else:
        pixels = _as_ids(readable, file, notes, known)
        by_color = False
    if known is not None:
        return Meaning(known, notes.tables, notes.lost, notes.findings)
    said: list[Remark] = []
    kinds = Counter(e.form.kind for e in readable if e.form)
    scan = Scan(
        by_color,
        dict(sorted(pixels.items())),
        kinds,
        {} if by_color else _painted(readable, notes),
        str(Path(readable[0].place).parent),
        tuple(frozenset(notes.values(e)) - {STRAY} for e in readable if id(e) not in notes.lost),
    )
    space = label_space(root, scan, None, file, said)
    if notes.void is not None:
        space = LabelSpace(space.names, space.colors, {**space.values, notes.void: IGNORE})
    lies = [remark for remark in said if remark.kind == "names"]
    if lies and file is not None:
        notes.tell(
            "names",
            "warning",
            "; ".join(remark.sentence for remark in lies),
            (),
            "Correct the file of names, or rename the classes in labels.",
            [str(file.path)],
        )
    objects = [remark for remark in said if remark.kind == "objects"]
    if objects and _alone(readable):
        told = objects[0].sentence
        notes.tell("objects", "warning", told[0].upper() + told[1:], readable, "Give classes to the objects, or read all of them as one class.")  # fmt: skip
        lies += objects
    told = "; ".join(remark.sentence for remark in said if remark not in lies)
    notes.findings.append(Finding("meaning", "note", f"{told[0].upper()}{told[1:]}."))
    return Meaning(space, notes.tables, notes.lost, notes.findings)


def _alone(exams: Sequence[Exam]) -> bool:
    """Whether each id of a mask is one region, as the numbers of objects are; no, where nobody looked."""
    if not any(e.closely for e in exams):
        return False
    found = [int(bins.sum()) for e in exams for value, bins in e.objects.items() if value]
    return sum(n == 1 for n in found) >= 0.9 * len(found)


def _painted(exams: Sequence[Exam], notes: _Notes) -> dict[int, str]:
    if not all(e.form is not None and e.form.palette is not None for e in exams):
        return {}
    tables = [notes.tables.get(id(e), {}) for e in exams]
    seen = ((t.get(v, v), recolored(v, e.form)) for e, t in zip(exams, tables, strict=True) for v in e.values if e.form)
    return {v: f"#{color:06x}" for v, color in seen if v != STRAY}


def _as_ids(exams: Sequence[Exam], file: Named | None, notes: _Notes, known: LabelSpace | None) -> Counter[int]:
    """Every mask as ids; the pixels of each."""
    from .ids import settle

    settle(exams, file, notes, known)
    total: Counter[int] = Counter()
    for exam in exams:
        if id(exam) not in notes.lost:
            total.update({v: n for v, n in notes.values(exam).items() if v not in (STRAY, notes.void)})
    if not total:
        raise LabelError("no mask is stored in a way that makes classes")
    return total


def renamed(exam: Exam, table: dict[int, int]) -> None:
    """An exam's numbers in the common values; strays are dropped."""
    merged: Counter[int] = Counter()
    specks: Counter[int] = Counter()
    objects: dict[int, np.ndarray] = {}
    for value, count in exam.values.items():
        merged[table.get(value, value)] += count
    for value, count in exam.specks.items():
        specks[table.get(value, value)] += count
    exam.gaps = {table.get(v, v): n for v, n in exam.gaps.items()}
    for value, bins in exam.objects.items():
        to = table.get(value, value)
        objects[to] = objects[to] + bins if to in objects else bins
    if exam.grid.size:
        exam.grid = np.vectorize(lambda v: table.get(v, v), otypes=[np.int32])(exam.grid.astype(np.int64))
    for part in (merged, specks, objects):
        part.pop(STRAY, None)
    exam.values, exam.specks, exam.objects = dict(merged), dict(specks), objects
