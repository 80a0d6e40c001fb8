"""What is concluded about the masks of a folder, one conclusion after the other, each a new `Reading`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from ..exam.examine import Exam
from ..finding import Finding, Severity, Sight

STRAY = -1  # what a value without a meaning is sent to

Table = Mapping[int, int]


@dataclass(frozen=True)
class Reading:
    """How the masks of a folder are read. It is never changed: each conclusion makes another one.

    Attributes:
        tables: place of a mask -> its own values -> common values, where they differ.
        lost: place of a mask -> why no rule reads it.
        findings: what was found on the way.
        void: an id that means that pixels have no label.
        cut: places of the masks that were smoothed, whose pixels between two ids are of no class; None: not looked at.
    """

    tables: Mapping[str, Table] = field(default_factory=dict)
    lost: Mapping[str, str] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    void: int | None = None
    cut: frozenset[str] | None = None

    def own(self, exam: Exam) -> dict[int, int]:
        """The pixels of each value as the mask stores it, without those between two ids where it was smoothed."""
        if not self.cut or exam.place not in self.cut:
            return exam.values
        left = {v: n - exam.blend.get(v, 0) for v, n in exam.values.items()}
        return {v: n for v, n in left.items() if n > 0.1 * exam.values[v] and n > 8}

    def values(self, exam: Exam) -> dict[int, int]:
        """The pixels of each common value; those without a meaning have a key of their own."""
        own, table = self.own(exam), self.tables.get(exam.place)
        if table is None:
            return own
        merged: Counter[int] = Counter()
        for value, count in own.items():
            merged[table.get(value, value)] += count
        return dict(merged)

    def left(self, exams: Iterable[Exam]) -> list[Exam]:
        """The masks that are not lost."""
        return [exam for exam in exams if exam.place not in self.lost]

    def tabled(self, tables: Mapping[str, Table]) -> Reading:
        """The same with tables of some masks, instead of those that they had."""
        return replace(self, tables={**self.tables, **tables})

    def translated(self, exams: Iterable[Exam], rule: Callable[[Exam, int], int]) -> Reading:
        """The same with the common values of some masks sent through a rule; values without a meaning keep none."""
        tables = {}
        for exam in exams:
            table = self.tables.get(exam.place, {})
            common = {value: table.get(value, value) for value in self.own(exam)}
            tables[exam.place] = {v: rule(exam, c) if c >= 0 else STRAY for v, c in common.items()}
        return self.tabled(tables)

    def losing(self, exams: Iterable[Exam], why: str) -> Reading:
        """The same without some masks."""
        return replace(self, lost={**self.lost, **{exam.place: why for exam in exams}})

    def telling(
        self, kind: str, severity: Severity, message: str, hit: Sequence[Exam], fix: str, places: Iterable[str] = ()
    ) -> Reading:
        """The same with one more finding, about some masks; a full stop is added to the message."""
        shown = tuple(places) or tuple(e.place for e in hit[:5])
        seen = tuple(Sight(e.name, e.image_path, e.mask_path) for e in hit[:5])
        return replace(self, findings=(*self.findings, Finding(kind, severity, f"{message}.", shown, fix, seen)))


def of(hit: Sequence[Exam], exams: Sequence[Exam]) -> str:
    """ "3 of the 18 masks"."""
    return f"{len(hit)} of the {len(exams)} masks"


def in_common(exam: Exam, reading: Reading) -> Exam:
    """The exam of a mask with its counts under the common values; those without a meaning are left out."""
    if exam.place in reading.lost:
        return replace(exam, values={}, specks={}, objects={}, gaps={})
    if reading.cut is not None and (exam.blend or exam.place in reading.cut):
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
