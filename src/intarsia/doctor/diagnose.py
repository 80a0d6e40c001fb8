"""A folder that nobody described, under the lens: every file is read once, whatever is wrong with it, and judged afterwards."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from ..data.files.ahead import ahead
from ..data.files.codecs import read_image
from ..data.folders.find import find
from ..data.folders.layout import Layout, listed, pair
from ..data.folders.nodata import ignoring, settle
from ..data.folders.planes import files_of, stacked
from ..data.pairs import Pair
from ..data.roles import TRAIN, VAL, role
from ..errors import DataError, PartError, TwiceNamed, nearest
from ..labels import LabelSpace
from .describe import lists_of
from .exam.examine import Exam, inspect, spooled
from .exam.reading import Case, Ward, decode
from .exam.views import Spool
from .finding import Audit, Finding, Sight
from .findings.drawn import ignored
from .findings.folder import about_files, about_planes, beside, known_layouts, not_read, unlabeled
from .findings.misnamed import too_high
from .findings.rare_classes import scarce
from .findings.spelling import alike, spelled
from .judge import gather
from .meaning.class_names import labels_file, named
from .meaning.infer import Meaning, infer, renamed


@dataclass
class Diagnosis:
    """All that is known of a folder."""

    root: Path
    audit: Audit
    wards: list[Ward]
    meaning: Meaning
    unlabeled: list[Path] = field(default_factory=list)
    proposed: dict[str, dict[int, dict[int, int]]] = field(default_factory=dict)
    # kind of finding -> tables as in `meaning.tables`: what looks likely, and is done where a person accepts that kind
    spelled: list[Pair] = field(default_factory=list)  # whose names are one to a reader only


def diagnose(root: str | Path, splits: list[str] | None = None, quick: bool = False) -> Diagnosis:
    """Look at a folder of images and masks; what is wrong with it becomes findings, whatever it is.

    Args:
        quick: look only at values, sizes, what cannot be read, and pictures that stand twice pixel for pixel.

    Raises: DataError when the folder is missing, holds no pairs, or no mask that can be read.
    """
    root = Path(root)
    layout = find(root)
    twice: list[TwiceNamed] = []
    wards, odd = _wards(root, layout, twice)
    if unknown := [name for name in splits or () if name not in {w.split for w in wards}]:
        there = [w.split for w in wards]
        raise DataError(f"{root}: there is no split {unknown[0]!r} in this folder{nearest(unknown[0], there)}")
    wards = [w for w in wards if not splits or w.split in splits]
    near = next(c.item.mask.parent for w in wards for c in w.cases if c.item.mask)
    places = [p for p in (near, near.parent, near.parent.parent) if p == root or root in p.parents]
    file = named(root, *places)
    known = labels_file(root)
    classes = sorted({named for w in wards for c in w.cases for named, _ in c.parts})
    spool = Spool()
    for ward in wards:
        ward.cases = [case._replace(classes=tuple(classes)) for case in ward.cases]
        looked = ahead(lambda case: case._replace(exam=_look(case, quick)), ward.cases)
        ward.cases = [case._replace(exam=spooled(case.exam, spool)) for case in looked]
    exams = [[c.exam for c in ward.cases] for ward in wards]
    everything = [e for part in exams for e in part]
    if classes:
        known = LabelSpace(("background", *classes))
    readable = [e for e in everything if e.form is not None]
    nodata = settle([e.values for e in readable], [e.nodata[0] if e.nodata else None for e in readable])
    meaning = infer(root, everything, file, known)
    meaning = meaning._replace(space=ignoring(meaning.space, nodata))
    said = [
        *([Finding("nodata", "error", f"{nodata.clash[0].upper()}{nodata.clash[1:]}.")] if nodata.clash else []),
        *meaning.findings,
        *about_planes(root, layout, wards, classes),
        *about_files(root, layout, twice),
        *spelled(odd),
    ]
    said += known_layouts(root) if file is None and known is None else []
    loose = unlabeled(root, wards)
    said += beside(root, loose)
    said += not_read(
        [p.parent for w in wards for c in w.cases for p in (c.item.image, c.item.mask) if p and p.is_file()]
    )
    for exam in everything:
        if id(exam) in meaning.lost:
            exam.values, exam.specks, exam.objects, exam.gaps = {}, {}, {}, {}
        elif id(exam) in meaning.tables:
            renamed(exam, meaning.tables[id(exam)])
    for exam in readable if nodata.ignored else ():
        if exam.nodata and exam.nodata[1] and id(exam) not in meaning.lost:
            exam.values[exam.nodata[0]] = exam.nodata[1]
    proposed: dict[str, dict[int, dict[int, int]]] = {}
    if not meaning.space.by_color and (lower := _lower(meaning, everything)):
        proposed["off_by_one"] = {id(exam): table for exam, table in lower}
        said.append(_one_too_high([exam for exam, _ in lower], len(everything)))
    for ward in wards:
        ward.labels = meaning.space
    if known is None:
        said += scarce(meaning.space, everything, ignored(meaning.space, everything))
    found = gather(wards, [meaning.space] * len(wards), exams, said)
    sure = {place for f in said if f.kind == "off_by_one" and proposed for place in f.places}
    findings = tuple(
        _softened(f, everything)
        for f in found.findings
        if f in said or f.kind != "off_by_one" or not set(f.places) <= sure  # what is less sure of the same masks
    )
    order = {"error": 0, "warning": 1, "note": 2}
    found = replace(found, findings=tuple(sorted(findings, key=lambda f: order[f.severity])))
    return Diagnosis(root, found, wards, meaning, loose, proposed, odd)


def _lower(meaning: Meaning, exams: list[Exam]) -> list[tuple[Exam, dict[int, int]]]:
    """Masks whose ids are one too high by what is seen in their images, and the table that would lower them; nothing is changed."""
    silent = ignored(meaning.space, exams)
    classes = set(meaning.space.values) - silent
    found = []
    for exam in too_high(exams, silent):
        if {v - 1 for v in exam.values if v not in silent} <= classes:
            below = {v: v if v in silent else v - 1 for v in exam.values}
            table = meaning.tables.get(id(exam))
            found.append((exam, below if table is None else {own: below.get(v, v) for own, v in table.items()}))
    return found


def _one_too_high(hit: list[Exam], count: int) -> Finding:
    several = len(hit) > 1
    return Finding(
        "off_by_one",
        "warning",
        f"{len(hit)} of the {count} masks {'have' if several else 'has'} ids that may be one too high: every class in {'them' if several else 'it'} looks as the one below does elsewhere (the first: {hit[0].name}).",
        tuple(e.place for e in hit[:5]),
        "Look at them; nothing is changed for how classes look, unless you accept it: --fix DIR --accept off_by_one subtracts 1 from their ids.",
        tuple(Sight(e.name, e.image_path, e.mask_path) for e in hit[:5]),
    )


def _look(case: Case, quick: bool) -> Exam:
    image: np.ndarray | DataError
    mask: tuple[np.ndarray, np.ndarray | None] | DataError
    try:
        image = read_image(case.item.image)
    except DataError as error:
        image = error
    overlap: int | None = None
    covered: tuple[str, ...] = ()
    try:
        stored, palette, overlap, covered = decode(case)
        mask = stored, palette
        if mask[0].size == 0:
            raise DataError(f"{case.item.mask}: holds no pixel")
    except DataError as error:
        mask = error
    exam = inspect(case.item, image, mask, quick)
    if case.parts and exam.place == str(case.item.mask):  # a folder; the file that is wrong, or else the first
        wrong = mask.path if isinstance(mask, PartError) else None
        exam.place = str(wrong or case.parts[0][1])
    exam.overlap, exam.covered = overlap or 0, covered
    if exam.form is not None and overlap is not None and not case.parts:
        exam.form = exam.form._replace(kind="npy one-hot")
    return exam


def _wards(root: Path, layout: Layout, twice: list[TwiceNamed]) -> tuple[list[Ward], list[Pair]]:
    """The splits, and those of their pairs whose names are not quite alike."""
    lists = lists_of(root, layout) if not layout.splits and not stacked(layout.masks) else None
    wards = []
    odd: list[Pair] = []
    for split in layout.splits or (lists.names if lists else ("all",)):
        left: tuple[list[str], list[str]] = ([], [])
        if lists:
            try:
                items = listed(root, root / lists.pattern.replace("{split}", split), layout)
            except DataError:
                continue
        else:
            items, left = pair(root, layout, split, twice)
            if not stacked(layout.masks):
                more, left = alike(root, layout, left)
                items, odd = sorted([*items, *more], key=lambda i: i.name), [*odd, *more]
        if items:
            planes = files_of(root, layout.masks, split, layout.mask_suffix) if stacked(layout.masks) else {}
            cases = [Case(i, Exam(i.name, ""), planes.get(i.name, ())) for i in items]
            order = {TRAIN: 0, VAL: 1}
            wards.append((order.get(role(split), 2), Ward(split, root.name, cases, (tuple(left[0]), tuple(left[1])))))
    return [ward for _, ward in sorted(wards, key=lambda w: w[0])], odd


def _softened(finding: Finding, exams: list[Exam]) -> Finding:
    """Channels that can be made equal without loss are a warning: `intarsia init` asks for that."""
    if finding.kind == "channels" and all(e.convertible for e in exams if e.channels):
        return finding._replace(
            severity="warning", fix="Set data.channels: 3, as `intarsia init` does; --fix writes them as RGB."
        )
    return finding
