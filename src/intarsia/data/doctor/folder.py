"""A folder that nobody described, under the lens: every file is read once, whatever is wrong with it, and judged afterwards."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from ...errors import DataError
from ...labels import LabelSpace
from ..classnames import labels_file, named
from ..codecs import SUFFIXES, read_image
from ..examine import Exam, inspect
from ..find import MASKS, find, maskness
from ..findings import Audit, Finding, Sight
from ..gather import gather
from ..init import lists_of
from ..layout import Layout, listed, pair
from ..pairs import Pair
from ..planes import files_of, home, stacked
from ..recognize import packed
from .drawing import ignored
from .encoding import Meaning, infer, renamed
from .looks import too_high
from .reading import Case, decode
from .scarce import scarce
from .spelling import alike, spelled


@dataclass
class Ward:
    """One split of a folder."""

    split: str
    name: str
    cases: list[Case]
    unmatched: tuple[tuple[str, ...], tuple[str, ...]] = ((), ())
    labels: LabelSpace | None = None


@dataclass
class Diagnosis:
    """All that is known of a folder."""

    root: Path
    audit: Audit
    wards: list[Ward]
    meaning: Meaning
    unlabeled: list[Path] = field(default_factory=list)
    spelled: list[Pair] = field(default_factory=list)  # whose names are one to a reader only


def diagnose(root: str | Path, splits: list[str] | None = None) -> Diagnosis:
    """Look at a folder of images and masks; what is wrong with it becomes findings, whatever it is.

    Raises: DataError when the folder is missing, holds no pairs, or no mask that can be read.
    """
    root = Path(root)
    layout = find(root)
    twice: list[DataError] = []
    wards, odd = _wards(root, layout, twice)
    if splits:
        wards = [w for w in wards if w.split in splits] or wards
    near = next(c.item.mask.parent for w in wards for c in w.cases if c.item.mask)
    places = [p for p in (near, near.parent, near.parent.parent) if p == root or root in p.parents]
    file = named(root, *places)
    known = labels_file(root)
    classes = sorted({named for w in wards for c in w.cases for named, _ in c.parts})
    with ThreadPoolExecutor(min(os.cpu_count() or 1, 16)) as pool:
        for ward in wards:
            ward.cases = [case._replace(classes=tuple(classes)) for case in ward.cases]
            ward.cases = list(pool.map(lambda case: case._replace(exam=_look(case)), ward.cases))
    exams = [[c.exam for c in ward.cases] for ward in wards]
    everything = [e for part in exams for e in part]
    if classes:
        known = LabelSpace(("background", *classes))
    meaning = infer(root, everything, file, known)
    said = list(meaning.findings)
    said += _about_planes(root, layout, classes, everything)
    if "{class}" in layout.masks:
        said += _lacking([c for w in wards for c in w.cases], classes)
    if layout.rivals:
        others = ", ".join(layout.rivals)
        said.append(
            Finding("rivals", "note", f"Masks are those in {layout.masks or '.'}, but could also be {others}.", fix="Audit a recipe that names the folder, if it is another.")
        )  # fmt: skip
    said += [*_about_files(root, layout, twice), *spelled(odd)]
    said += _known_layouts(root) if file is None and known is None else []
    loose = _unlabeled(root, wards)
    said += _beside(root, loose)
    for exam in everything:
        if id(exam) in meaning.lost:
            exam.values, exam.specks, exam.objects, exam.gaps = {}, {}, {}, {}
        elif id(exam) in meaning.tables:
            renamed(exam, meaning.tables[id(exam)])
    if not meaning.space.by_color:
        said += _lowered(meaning, everything)
    for ward in wards:
        ward.labels = meaning.space
    if known is None:
        said += scarce(meaning.space, everything, ignored(meaning.space, everything))
    found = gather(wards, [meaning.space] * len(wards), exams, said)
    findings = tuple(_softened(f, everything) for f in found.findings)
    order = {"error": 0, "warning": 1, "note": 2}
    found = replace(found, findings=tuple(sorted(findings, key=lambda f: order[f.severity])))
    return Diagnosis(root, found, wards, meaning, loose, odd)


def _lowered(meaning: Meaning, exams: list[Exam]) -> list[Finding]:
    """Masks whose ids are one too high by what is seen in their images, read one lower from here on."""
    silent = ignored(meaning.space, exams)
    classes = set(meaning.space.values) - silent
    hit = [e for e in too_high(exams, silent) if {v - 1 for v in e.values if v not in silent} <= classes]
    for exam in hit:
        below = {v: v if v in silent else v - 1 for v in exam.values}
        table = meaning.tables.get(id(exam), below)
        meaning.tables[id(exam)] = {own: below.get(v, v) for own, v in table.items()} if table is not below else below
        renamed(exam, below)
    if not hit:
        return []
    return [
        Finding(
            "off_by_one",
            "error",
            f"{len(hit)} of the {len(exams)} masks {'have' if len(hit) > 1 else 'has'} ids one too high: every class in {'them' if len(hit) > 1 else 'it'} looks as the one below does elsewhere (the first: {hit[0].name}).",
            tuple(e.place for e in hit[:5]),
            "Subtract 1 from their ids, as --fix does.",
            tuple(Sight(e.name, e.image_path, e.mask_path) for e in hit[:5]),
        )
    ]


def _look(case: Case) -> Exam:
    image: np.ndarray | DataError
    mask: tuple[np.ndarray, np.ndarray | None] | DataError
    try:
        image = read_image(case.item.image)
    except DataError as error:
        image = error
    overlap: int | None = None
    try:
        stored, palette, overlap = decode(case)
        mask = stored, palette
        if mask[0].size == 0:
            raise DataError(f"{case.item.mask}: holds no pixel")
    except DataError as error:
        mask = error
    exam = inspect(case.item, image, mask)
    if case.parts and exam.place == str(case.item.mask):  # a folder; the file that is wrong, or else the first
        told = exam.error[1] if exam.error else ""
        exam.place = str(next((path for _, path in case.parts if str(path) in told), case.parts[0][1]))
    exam.overlap = overlap or 0
    if exam.form is not None and overlap is not None and not case.parts:
        exam.form = exam.form._replace(kind="npy one-hot")
    return exam


def _wards(root: Path, layout: Layout, twice: list[DataError]) -> tuple[list[Ward], list[Pair]]:
    """The splits, and those of their pairs whose names are not quite alike."""
    lists = lists_of(root, layout) if not layout.splits and not stacked(layout.masks) else None
    wards = []
    odd: list[Pair] = []
    for split in layout.splits or (("train", "val", "test") if lists else ("all",)):
        left: tuple[list[str], list[str]] = ([], [])
        if lists:
            try:
                items = listed(root, root / lists.replace("{split}", split), layout)
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
            order = {"train": 0, "training": 0, "val": 1, "valid": 1, "validation": 1}
            wards.append((order.get(split.lower(), 2), Ward(split, root.name, cases, (tuple(left[0]), tuple(left[1])))))
    return [ward for _, ward in sorted(wards, key=lambda w: w[0])], odd


def _about_planes(root: Path, layout: Layout, classes: list[str], exams: list[Exam]) -> list[Finding]:
    """That masks are planes, how they are read, and where they overlap."""
    lapped = [e for e in exams if e.overlap]
    found = []
    if classes:
        each = (
            "one file for each object" if "{object}" in layout.masks else f"one file for each of {len(classes)} classes"
        )
        found.append(
            Finding(
                "one_hot",
                "note",
                f"{layout.masks} holds {each} ({', '.join(classes[:6])}{', ...' if len(classes) > 6 else ''}); they are laid over each other in this order, and what none covers is background.",
                (str(root / home(layout.masks)),),
                "--fix writes one mask an image.",
            )
        )
    if lapped:
        found.append(
            Finding(
                "overlap",
                "warning",
                f"{sum(e.overlap for e in lapped)} px of {len(lapped)} masks lie in planes of more than one class, the most in {max(lapped, key=lambda e: e.overlap).name}; the later class covers the earlier.",
                tuple(f"{e.place} ({e.overlap} px)" for e in lapped[:5]),
                "Where both are true, a mask cannot say so; order the classes so that the one on top is right.",
                tuple(Sight(e.name, e.image_path, e.mask_path) for e in lapped[:5]),
            )
        )
    return found


def _lacking(cases: list[Case], classes: list[str]) -> list[Finding]:
    """Images without a plane of a class that nearly all others have."""
    held = {name: sum(any(n == name for n, _ in c.parts) for c in cases) for name in classes}
    usual = {name for name, count in held.items() if len(cases) >= 5 and count >= 0.8 * len(cases)}
    hit = [(c, sorted(usual - {n for n, _ in c.parts})) for c in cases]
    hit = [(c, names) for c, names in hit if names]
    if not hit:
        return []
    first, names = hit[0]
    return [
        Finding(
            "lacking",
            "warning",
            f"{len(hit)} of the {len(cases)} images {'have' if len(hit) > 1 else 'has'} no file for a class that nearly all others have (the first: {first.item.name} lacks {' and '.join(names)}); it is taken for not being there.",
            tuple(str(c.parts[0][1]) for c, _ in hit[:5]),
            "Add the files, empty ones where nothing is to be seen.",
            tuple(Sight(c.item.name, c.item.image, c.item.mask) for c, _ in hit[:5]),
        )
    ]


def _about_files(root: Path, layout: Layout, twice: list[DataError]) -> list[Finding]:
    """Folders whose names are exchanged, and names that stand for two files."""
    found = []
    if maskness(layout.images) > maskness(layout.masks):
        found.append(
            Finding(
                "exchanged",
                "error",
                f"{root / layout.images} holds pictures and {root / layout.masks} masks, the other way round than their names say.",
                (str(root / layout.images), str(root / layout.masks)),
                "Exchange the names of the folders, or copy the set with --fix.",
            )
        )
    if twice:
        found.append(
            Finding(
                "twice_named",
                "error",
                f"{twice[0]}{f'; and {len(twice) - 1} more like it' if len(twice) > 1 else ''}.",
                tuple(str(error).split(" and ")[0] for error in twice[:5]),
                "Keep one file a name; here, and with --fix, it is the one of the commoner type.",
            )
        )
    return found


def _known_layouts(root: Path) -> list[Finding]:
    """That a folder whose classes have no names looks like a data set that has them."""
    return [
        Finding("layout", "note", f"The folder has {known.title}.", (str(root),), f"If it is that, `intarsia data audit {known.data['name']} --root {root}` knows its classes.")
        for known in packed(root)
    ]  # fmt: skip


def _unlabeled(root: Path, wards: list[Ward]) -> list[Path]:
    """Images below the folder that are no part of any pair and no leftover of a folder of pairs."""
    used = {p for w in wards for c in w.cases for p in (c.item.image, c.item.mask, *(path for _, path in c.parts))}
    used |= {root / name for w in wards for side in w.unmatched for name in side}
    masks = {c.item.mask.parent for w in wards for c in w.cases if c.item.mask}
    masks |= {path.parent for w in wards for c in w.cases for _, path in c.parts}
    images = {c.item.image.parent for w in wards for c in w.cases}
    found = [p for p in root.rglob("*") if p.suffix.lower() in SUFFIXES and p not in used and p.is_file()]
    found = [p for p in found if not any(part.startswith((".", "_")) for part in p.relative_to(root).parts)]
    return sorted(p for p in found if p.parent not in masks - images and not MASKS.search(p.parent.name))


def _beside(root: Path, loose: list[Path]) -> list[Finding]:
    found = []
    if loose:
        folders = sorted({str(p.parent.relative_to(root)) or "." for p in loose})
        found.append(
            Finding(
                "unlabeled",
                "note",
                f"{len(loose)} images in {', '.join(folders[:4])} have no masks: they can be predicted or labeled, not trained on.",
                tuple(map(str, loose[:5])),
                "",
                tuple(Sight(p.stem, p, None) for p in loose[:5]),
            )
        )
    notes = sorted(p for p in root.rglob("*") if p.suffix.lower() in (".json", ".xml") and p.parent != root)
    if notes:
        kinds = " and ".join(
            f"{sum(p.suffix.lower() == s for p in notes)} {s}"
            for s in (".json", ".xml")
            if any(p.suffix.lower() == s for p in notes)
        )
        found.append(
            Finding(
                "annotations",
                "note",
                f"{kinds} files of annotations lie beside the masks; only the masks are read here.",
                tuple(map(str, notes[:5])),
                "`intarsia data convert` reads annotation tools' files.",
            )
        )
    return found


def _softened(finding: Finding, exams: list[Exam]) -> Finding:
    """Channels that can be made equal without loss are a warning: `intarsia init` asks for that."""
    if finding.kind == "channels" and all(e.convertible for e in exams if e.channels):
        return finding._replace(
            severity="warning", fix="Set data.channels: 3, as `intarsia init` does; --fix writes them as RGB."
        )
    return finding
