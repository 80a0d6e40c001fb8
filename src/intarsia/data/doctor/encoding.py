"""What the masks of a folder mean when nobody said: one meaning for all of them, and a table for each that is stored otherwise.

Exams in each file's own view --infer--> Meaning: label space, tables own value -> common value, findings

A value that a table sends to STRAY has no meaning, and is ignored where the masks are written anew.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ...errors import DataError, LabelError
from ...labels import IGNORE, LabelSpace
from ..classnames import Named
from ..examine import Exam
from ..findings import Finding, Severity, Sight
from ..meaning import Scan, label_space
from ..numbering import OBJECTS
from .forms import as_colors, recolored
from .shades import complete, known_colors, nearest_of, pictured

STRAY = -1
_EXACT = 64  # different colors up to which a mask was not smoothed


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
    said: list[str] = []
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
    lies = [s for s in said if "not used" in s or "that no mask holds" in s]
    if lies and file is not None:
        notes.tell(
            "names",
            "warning",
            f"{'; '.join(lies)}",
            (),
            "Correct the file of names, or rename the classes in labels.",
            [str(file.path)],
        )
    if (objects := [s for s in said if OBJECTS in s]) and _alone(readable):
        notes.tell("objects", "warning", objects[0][0].upper() + objects[0][1:], readable, "Give classes to the objects, or read all of them as one class.")  # fmt: skip
        lies += objects
    told = "; ".join(s for s in said if s not in lies)
    notes.findings.append(Finding("meaning", "note", f"{told[0].upper()}{told[1:]}."))
    return Meaning(space, notes.tables, notes.lost, notes.findings)


def _alone(exams: Sequence[Exam]) -> bool:
    """Whether each id of a mask is one region, as the numbers of objects are."""
    found = [int(bins.sum()) for e in exams for value, bins in e.objects.items() if value]
    return sum(n == 1 for n in found) >= 0.9 * len(found)


class _Notes:
    """What is found on the way."""

    def __init__(self, exams: Sequence[Exam]) -> None:
        self.exams = exams
        self.tables: dict[int, dict[int, int]] = {}
        self.lost: dict[int, str] = {}
        self.findings: list[Finding] = []
        self.void: int | None = None

    def tell(
        self, kind: str, severity: Severity, message: str, hit: Sequence[Exam], fix: str, places: Iterable[str] = ()
    ) -> None:
        shown = tuple(places) or tuple(e.place for e in hit[:5])
        seen = tuple(Sight(e.name, e.image_path, e.mask_path) for e in hit[:5])
        self.findings.append(Finding(kind, severity, f"{message}.", shown, fix, seen))

    def values(self, exam: Exam) -> dict[int, int]:
        """The counts of a mask's values, as far as they are translated."""
        table = self.tables.get(id(exam))
        if table is None:
            return exam.values
        merged: Counter[int] = Counter()
        for value, count in exam.values.items():
            merged[table.get(value, value)] += count
        return dict(merged)

    def translate(self, exam: Exam, rule: Callable[[int], int]) -> None:
        """Send a mask's values, as they are now, through a rule."""
        table = self.tables.get(id(exam), {})
        self.tables[id(exam)] = {v: rule(table.get(v, v)) if table.get(v, v) >= 0 else STRAY for v in exam.values}

    def lose(self, exam: Exam, why: str) -> None:
        self.lost[id(exam)] = why


def _of(hit: Sequence[Exam], exams: Sequence[Exam]) -> str:
    return f"{len(hit)} of the {len(exams)} masks"


def _colored(exams: Sequence[Exam], notes: _Notes) -> bool:
    """Whether masks are colors: most of them, or palettes that disagree about an index in use, unless a few do."""
    forms = [e.form for e in exams if e.form]
    colored = sum(f.colored or (" RGB" in f.kind and not f.alpha and not f.lossy) for f in forms)
    if sum(f.colored for f in forms) and 2 * colored > len(forms):
        return True
    usual, odd = _disagreeing(exams)
    return not (not odd or _reordered(exams, usual, odd, notes))


def _disagreeing(exams: Sequence[Exam]) -> tuple[dict[int, int], list[Exam]]:
    """The color of each index in most palette masks, and the masks in which an index has another color, or a color another index."""
    painted = [
        (e, {v: int(e.form.palette[v]) for v in e.values}) for e in exams if e.form and e.form.palette is not None
    ]
    unique = all(len(set(used.values())) == len(used) for _, used in painted)
    votes = Counter(pair for _, used in painted for pair in used.items())
    usual: dict[int, int] = {}
    for (index, color), _ in votes.most_common():
        if index not in usual and not (unique and color in usual.values()):
            usual[index] = color
    return usual, [e for e, used in painted if any(usual.get(v) != color for v, color in used.items())]


def _reordered(exams: Sequence[Exam], usual: dict[int, int], odd: Sequence[Exam], notes: _Notes) -> bool:
    """Read a few masks with another palette by their colors, as the ids that these have in the others; whether that works."""
    ids = {color: index for index, color in usual.items()}
    alone = len(ids) < len(usual) or len(odd) > 0.3 * len(exams)
    if alone or any(
        int(e.form.palette[v]) not in ids for e in odd if e.form and e.form.palette is not None for v in e.values
    ):
        return False
    for exam in odd:
        assert exam.form is not None and exam.form.palette is not None
        palette = exam.form.palette
        notes.tables[id(exam)] = {v: ids[int(palette[v])] for v in exam.values}
    notes.tell(
        "palette_order", "warning",
        f"{_of(odd, exams)} are palette files in which an index has another color than in the others (the first: {odd[0].name}); they are read by their colors, as the ids that these have elsewhere",
        odd, "Write one palette in all of them, as --fix does; until then read the masks as colors.",
    )  # fmt: skip
    return True


def _painted(exams: Sequence[Exam], notes: _Notes) -> dict[int, str]:
    if not all(e.form is not None and e.form.palette is not None for e in exams):
        return {}
    tables = [notes.tables.get(id(e), {}) for e in exams]
    seen = ((t.get(v, v), recolored(v, e.form)) for e, t in zip(exams, tables, strict=True) for v in e.values if e.form)
    return {v: f"#{color:06x}" for v, color in seen if v != STRAY}


def _as_colors(exams: Sequence[Exam], file: Named | None, notes: _Notes, known: LabelSpace | None) -> Counter[int]:
    """Every mask as colors; the pixels of each color."""
    if hit := _disagreeing(exams)[1]:
        notes.tell(
            "palette_order", "warning",
            f"{_of(hit, exams)} are palette files in which an index has another color than in the others (the first: {hit[0].name}), so indices mean nothing and all masks are read as colors",
            hit, "Keep reading them as colors, or write one palette with --fix.",
        )  # fmt: skip
    for exam in exams:
        form = exam.form
        assert form is not None
        if not form.colored:
            notes.tables[id(exam)] = {v: recolored(v, form) for v in exam.values}
    counts = {id(e): as_colors(e.values, e.form) for e in exams if e.form}
    exact = [e for e in exams if e.form and not e.form.lossy and len(counts[id(e)]) <= _EXACT]
    smeared = [e for e in exams if e not in exact]
    trusted = exact if 2 * len(exact) >= len(exams) else exams
    painted = [e for e in trusted if e.form and (e.form.colored or e.form.palette is not None or " RGB" in e.form.kind)]
    colors = known_colors([counts[id(e)] for e in painted or trusted], file, known)
    if pictures := [e for e in smeared if colors and pictured(counts[id(e)], colors)]:
        for exam in pictures:
            notes.lose(exam, "holds other colors than the other masks, as a picture does")
        notes.tell(
            "picture", "error",
            f"{_of(pictures, exams)} hold {'other colors' if len(pictures) == 1 else 'other colors each'} than the rest, {len(counts[id(pictures[0])])} in {pictures[0].name}: a picture, or an overlay on one, seems to stand where the mask should",
            pictures, "Put the masks back, or leave the images out, as --fix does.",
        )  # fmt: skip
        smeared = [e for e in smeared if e not in pictures]
    if smeared:
        notes.tell(
            "smeared", "error",
            f"{_of(smeared, exams)} hold shades of their colors, {max(len(counts[id(e)]) for e in smeared)} in {max(smeared, key=lambda e: len(counts[id(e)])).name}: they were saved as JPEG or resampled, so most borders are of no class",
            smeared, "Export them again as PNG without smoothing; --fix takes the nearest of the usual colors, and ignores what is near none.",
        )  # fmt: skip
    plain: list[Exam] = []
    odd: list[Exam] = []
    strange: list[Exam] = []
    for exam in (e for e in exams if id(e) not in notes.lost):
        seen = counts[id(exam)]
        own = {c: nearest_of(c, colors) for c in seen if c not in colors}
        if not own:
            continue
        outside = sum(seen[c] for c in own)
        if exam.form and not exam.form.colored and exam.form.palette is None and outside > 0.5 * sum(seen.values()):
            strange.append(exam)
            notes.lose(exam, "holds ids, where the other masks hold colors")
        elif exam not in smeared:
            (plain if all(near is None for near in own.values()) else odd).append(exam)
        notes.translate(exam, lambda c, own=own: c if c in colors else own[c] if own.get(c) is not None else STRAY)  # type: ignore[misc]
    if strange:
        notes.tell("mixed_encoding", "error", f"{_of(strange, exams)} hold ids, where the others hold colors", strange, "Export them again in the colors of the others.")  # fmt: skip
    if hit := [*plain, *odd]:
        first = next(iter(c for c in counts[id(hit[0])] if c not in colors))
        told = sum(n for e in hit for c, n in counts[id(e)].items() if c not in colors)
        believed = file is not None and complete(file, Counter(c for e in exams for c in counts[id(e)]))
        notes.tell(
            "stray", "error" if believed and plain else "warning",
            f"{_of(hit, exams)} hold colors that are {f'no class in {file.path.name}' if believed and file else 'too rare for a class'}, {told} px in all (the first: #{first & 0xFFFFFF:06x} in {hit[0].name})",
            hit, "They are ignored, or taken for a color that is hardly different; correct the masks if they matter.",
        )  # fmt: skip
    total: Counter[int] = Counter()
    for exam in exams:
        if id(exam) not in notes.lost:
            total.update({v: n for v, n in notes.values(exam).items() if v != STRAY})
    return total


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
        whole = exam.grid.astype(np.int64)
        exam.grid = np.vectorize(lambda v: table.get(v, v), otypes=[np.int64])(whole)
    for part in (merged, specks, objects):
        part.pop(STRAY, None)
    exam.values, exam.specks, exam.objects = dict(merged), dict(specks), objects
