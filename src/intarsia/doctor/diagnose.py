"""Diagnose a folder that nobody described: every file is read once, whatever is wrong with it, and judged afterwards."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from ..data.dataset import Notes
from ..data.files.ahead import ahead
from ..data.folders.find import find
from ..data.folders.layout import Layout, listed, pair
from ..data.folders.nodata import Nodata, ignoring
from ..data.folders.planes import files_of, stacked
from ..data.pairs import Pair
from ..data.roles import TRAIN, VAL, role
from ..errors import DataError, TwiceNamed, nearest
from ..labels import LabelSpace
from .diagnosis import Diagnosis
from .ends import lists_of
from .exam.examine import Exam
from .exam.reading import Case, Split, look
from .exam.views import Spool
from .finding import SEVERITIES, Finding, Sight
from .findings.drawn import ignored
from .findings.duplicates import copies
from .findings.folder import (
    about_files,
    about_planes,
    alike,
    beside,
    composed,
    known_layouts,
    not_read,
    spelled,
    unlabeled,
)
from .findings.misnamed import too_high
from .findings.rare_classes import scarce
from .judge import judge
from .meaning.class_names import FILES, labels_file, named
from .meaning.infer import Meaning, infer, unveiled, without_nodata
from .meaning.reading import Table, in_common


def diagnose(
    root: str | Path, splits: Sequence[str] | None = None, quick: bool = False, suspect: bool = False
) -> Diagnosis:
    """Look at a folder of images and masks; what is wrong with it becomes findings, whatever it is.

    Args:
        splits: those to look at; None: all.
        quick: look only at values, sizes, what cannot be read, and pictures that stand twice pixel for pixel.
        suspect: tell, too, what only seems so: findings that are wrong more often than once in 500 sound pairs.

    Raises: DataError when the folder is missing, holds no pairs, or no mask that can be read.
    """
    root = Path(root)
    layout = find(root)
    twice: list[TwiceNamed] = []
    there, odd = _splits(root, layout, twice)
    parts, classes = _examined(_chosen(root, there, splits), quick)
    first = next(case.item.mask.parent for part in parts for case in part.cases if case.item.mask)
    places = [p for p in (first, first.parent, first.parent.parent) if p == root or root in p.parents]
    file = named(root, *places)
    known = LabelSpace(("background", *classes)) if classes else labels_file(root)
    nodata, measured = without_nodata(unveiled([exam for part in parts for exam in part.exams]))
    meaning = infer(root, measured, file, known)
    meaning = meaning._replace(space=ignoring(meaning.space, nodata))
    exams = _translated(measured, meaning, nodata)
    del measured  # of each sample, one exam is kept
    parts = _with(parts, exams, meaning.space)
    loose = unlabeled(root, layout, parts)
    found = [
        *([Finding("nodata", "error", f"{nodata.clash[0].upper()}{nodata.clash[1:]}.")] if nodata.clash else []),
        *meaning.findings,
        *about_planes(root, layout, parts, classes),
        *about_files(root, layout, twice),
        *spelled(odd),
        *composed(case.item for part in parts for case in part.cases),
        *(known_layouts(root) if file is None and known is None else []),
        *beside(root, loose, file.path if file and file.path.name in FILES else None),
        *not_read(_folders(parts)),
    ]
    proposed: dict[str, dict[str, Table]] = {}
    if not meaning.space.by_color and (lower := _lower(meaning, exams)):
        proposed["off_by_one"] = {exam.place: table for exam, table in lower}
        found.append(_one_too_high([exam for exam, _ in lower], len(exams)))
    if known is None:
        found += scarce(meaning.space, exams, ignored(meaning.space, exams))
    same = copies([part.name for part in parts], [part.exams for part in parts])
    audit = judge(parts, same, found, suspect)
    sure = {place for f in found if f.kind == "off_by_one" and proposed for place in f.places}
    kept = [f for f in audit.findings if f in found or f.kind != "off_by_one" or not set(f.places) <= sure]
    softened = sorted((_softened(f, exams) for f in kept), key=lambda f: SEVERITIES.index(f.severity))
    return Diagnosis(
        title=str(root),
        audit=replace(audit, findings=tuple(softened)),
        labels=meaning.space,
        splits=tuple(parts),
        copies=same,
        root=root,
        tables=meaning.tables,
        lost=meaning.lost,
        proposed=proposed,
        spelled=tuple(odd),
        unlabeled=tuple(loose),
    )


def _splits(root: Path, layout: Layout, twice: list[TwiceNamed]) -> tuple[list[Split], list[Pair]]:
    """The splits, not yet examined, and those of their pairs whose names are not quite alike."""
    lists = lists_of(root, layout) if not layout.splits and not stacked(layout.masks) else None
    order = {TRAIN: 0, VAL: 1}
    splits = []
    odd: list[Pair] = []
    for name in layout.splits or (lists.names if lists else ("all",)):
        left: tuple[list[str], list[str]] = ([], [])
        if lists:
            try:
                items = listed(root, root / lists.pattern.replace("{split}", name), layout)
            except DataError:
                continue
        else:
            items, left = pair(root, layout, name, twice)
            if not stacked(layout.masks):
                more, left = alike(root, layout, left)
                items, odd = sorted([*items, *more], key=lambda i: i.name), [*odd, *more]
        if items:
            planes = files_of(root, layout.masks, name, layout.mask_suffix) if stacked(layout.masks) else {}
            cases = tuple(Case(item, Exam(item.name, ""), planes.get(item.name, ())) for item in items)
            notes = Notes(unmatched=(tuple(left[0]), tuple(left[1])))
            splits.append(Split(name, cases, notes=notes))
    return sorted(splits, key=lambda split: order.get(role(split.name), 2)), odd


def _chosen(root: Path, splits: Sequence[Split], wanted: Sequence[str] | None) -> list[Split]:
    """Those that somebody named, or all."""
    there = [split.name for split in splits]
    if unknown := [name for name in wanted or () if name not in there]:
        raise DataError(f"{root}: there is no split {unknown[0]!r} in this folder{nearest(unknown[0], there)}")
    return [split for split in splits if not wanted or split.name in wanted]


def _examined(splits: Sequence[Split], quick: bool) -> tuple[list[Split], list[str]]:
    """The splits with an exam of each pair, and the classes of masks that are several files each."""
    spool = Spool()
    classes = tuple(sorted({named for split in splits for case in split.cases for named, _ in case.parts}))

    looked = partial(look, classes=classes, spool=spool, quick=quick)
    return [replace(split, cases=tuple(ahead(looked, split.cases))) for split in splits], list(classes)


def _translated(exams: Sequence[Exam], meaning: Meaning, nodata: Nodata) -> list[Exam]:
    """The exams by the common values, with the pixels that the masks declare to be no data."""
    found = []
    for exam in exams:
        common = in_common(exam, meaning.reading)
        empty = exam.nodata if nodata.ignored and exam.form is not None and exam.place not in meaning.lost else None
        found.append(replace(common, values={**common.values, empty[0]: empty[1]}) if empty and empty[1] else common)
    return found


def _with(splits: Sequence[Split], exams: Iterable[Exam], labels: LabelSpace) -> list[Split]:
    """The splits with other exams, in the same order."""
    left = iter(exams)
    return [
        replace(split, cases=tuple(case._replace(exam=next(left)) for case in split.cases), labels=labels)
        for split in splits
    ]


def _folders(splits: Sequence[Split]) -> list[Path]:
    """The folders of images and masks."""
    files = (path for split in splits for case in split.cases for path in (case.item.image, case.item.mask))
    return [path.parent for path in files if path and path.is_file()]


def _lower(meaning: Meaning, exams: Sequence[Exam]) -> list[tuple[Exam, Table]]:
    """Masks whose ids are one too high by what is seen in their images, and the table that would lower them."""
    silent = ignored(meaning.space, exams)
    classes = set(meaning.space.values) - silent
    found: list[tuple[Exam, Table]] = []
    for exam in too_high(exams, silent):
        if {v - 1 for v in exam.values if v not in silent} <= classes:
            below = {v: v if v in silent else v - 1 for v in exam.values}
            table = meaning.tables.get(exam.place)
            found.append((exam, below if table is None else {own: below.get(v, v) for own, v in table.items()}))
    return found


def _one_too_high(hit: Sequence[Exam], count: int) -> Finding:
    several = len(hit) > 1
    return Finding(
        "off_by_one",
        "warning",
        f"{len(hit)} of the {count} masks {'have' if several else 'has'} ids that may be one too high: every class in {'them' if several else 'it'} looks as the one below does elsewhere (the first: {hit[0].name}).",
        tuple(e.place for e in hit[:5]),
        "Look at them; nothing is changed for how classes look, unless you accept it: --fix DIR --accept off_by_one subtracts 1 from their ids.",
        tuple(Sight(e.name, e.image_path, e.mask_path) for e in hit[:5]),
    )


def _softened(finding: Finding, exams: Sequence[Exam]) -> Finding:
    """Channels that can be made equal without loss are a warning: `intarsia init` asks for that."""
    if finding.kind == "channels" and all(e.convertible for e in exams if e.channels):
        return finding._replace(
            severity="warning", fix="Set data.channels: 3, as `intarsia init` does; --fix writes them as RGB."
        )
    return finding
