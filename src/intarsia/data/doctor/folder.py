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
from ..codecs import SUFFIXES, decode_mask, read_image
from ..examine import Exam, inspect
from ..find import IMAGES, MASKS, find, maskness
from ..findings import Audit, Finding, Sight
from ..gather import gather
from ..init import lists_of
from ..layout import Layout, listed, pair
from .encoding import Meaning, infer, renamed
from .reading import Case, decode


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


def diagnose(root: str | Path, splits: list[str] | None = None) -> Diagnosis:
    """Look at a folder of images and masks; what is wrong with it becomes findings, whatever it is.

    Raises: DataError when the folder is missing, holds no pairs, or no mask that can be read.
    """
    root = Path(root)
    layout = find(root)
    parts, layout = _one_hot(root, layout)
    twice: list[DataError] = []
    wards = _wards(root, layout, parts, twice)
    if splits:
        wards = [w for w in wards if w.split in splits] or wards
    home = next(c.item.mask.parent for w in wards for c in w.cases if c.item.mask)
    places = [p for p in (home, home.parent, home.parent.parent) if p == root or root in p.parents]
    file = named(root, *places)
    known = labels_file(root)
    classes = [p.name for p in parts]
    with ThreadPoolExecutor(min(os.cpu_count() or 1, 16)) as pool:
        for ward in wards:
            ward.cases = list(pool.map(lambda case: case._replace(exam=_look(case)), ward.cases))
    exams = [[c.exam for c in ward.cases] for ward in wards]
    everything = [e for part in exams for e in part]
    if classes:
        known = LabelSpace(("background", *classes))
    meaning = infer(root, everything, file, known)
    said = list(meaning.findings)
    if classes:
        said.insert(0, _about_parts(root, layout, classes, everything))
    if layout.rivals and not parts:
        others = ", ".join(layout.rivals)
        said.append(
            Finding("rivals", "note", f"Masks are those in {layout.masks or '.'}, but could also be {others}.", fix="Audit a recipe that names the folder, if it is another.")
        )  # fmt: skip
    said += _about_files(root, layout, twice)
    loose = _unlabeled(root, wards)
    said += _beside(root, loose)
    for exam in everything:
        if id(exam) in meaning.lost:
            exam.values, exam.specks, exam.objects, exam.tints, exam.gaps = {}, {}, {}, {}, {}
        elif id(exam) in meaning.tables:
            renamed(exam, meaning.tables[id(exam)])
    for ward in wards:
        ward.labels = meaning.space
    found = gather(wards, [meaning.space] * len(wards), exams, said)
    findings = tuple(_softened(f, everything) for f in found.findings)
    order = {"error": 0, "warning": 1, "note": 2}
    found = replace(found, findings=tuple(sorted(findings, key=lambda f: order[f.severity])))
    return Diagnosis(root, found, wards, meaning, loose)


def _look(case: Case) -> Exam:
    image: np.ndarray | DataError
    mask: tuple[np.ndarray, np.ndarray | None] | DataError
    try:
        image = read_image(case.item.image)
    except DataError as error:
        image = error
    try:
        mask = decode(case)
        if mask[0].size == 0:
            raise DataError(f"{case.item.mask}: holds no pixel")
    except DataError as error:
        mask = error
    return inspect(case.item, image, mask)


def _wards(root: Path, layout: Layout, parts: tuple[Path, ...], twice: list[DataError]) -> list[Ward]:
    lists = lists_of(root, layout) if not layout.splits else None
    wards = []
    for split in layout.splits or (("train", "val", "test") if lists else ("all",)):
        left: tuple[list[str], list[str]] = ([], [])
        if lists:
            try:
                items = listed(root, root / lists.replace("{split}", split), layout)
            except DataError:
                continue
        else:
            items, left = pair(root, layout, split, twice)
        if items:
            cases = [Case(i, Exam(i.name, ""), tuple(p / i.mask.name for p in parts if i.mask)) for i in items]
            order = {"train": 0, "training": 0, "val": 1, "valid": 1, "validation": 1}
            wards.append((order.get(split.lower(), 2), Ward(split, root.name, cases, (tuple(left[0]), tuple(left[1])))))
    return [ward for _, ward in sorted(wards, key=lambda w: w[0])]


def _one_hot(root: Path, layout: Layout) -> tuple[tuple[Path, ...], Layout]:
    """The folders of masks that hold one class each, where the masks found are one of them."""
    home = root / layout.masks
    if "{split}" in layout.masks or "*" in layout.masks or home.parent == root.parent or home == root:
        return (), layout
    images = root / layout.images
    siblings = [p for p in sorted(home.parent.iterdir()) if p.is_dir() and p not in (images, images.parent)]
    if len(siblings) < 2 or home not in siblings:
        return (), layout
    names = {f.name for f in home.iterdir()}
    alike = [p for p in siblings if p == home or 2 * len(names & {f.name for f in p.iterdir()}) >= len(names)]
    if len(alike) < 2 or any(MASKS.search(p.name) or IMAGES.fullmatch(p.name) for p in alike):
        return (), layout
    for folder in alike:
        for path in sorted(f for f in folder.iterdir() if f.suffix.lower() in SUFFIXES)[:4]:
            try:
                stored, _ = decode_mask(path)
            except DataError:
                continue
            if (stored.ndim == 3 and (stored[..., :3] != stored[..., :1]).any()) or len(np.unique(stored)) > 2:
                return (), layout
    return tuple(alike), layout


def _about_parts(root: Path, layout: Layout, classes: list[str], exams: list[Exam]) -> Finding:
    return Finding(
        "one_hot",
        "error",
        f"{(root / layout.masks).parent} holds one folder of masks for each of {len(classes)} classes ({', '.join(classes[:6])}), which no training reads; one mask must hold all classes.",
        tuple(str((root / layout.masks).parent / c) for c in classes[:5]),
        "Lay them over each other, as --fix does, where the later folder is on top.",
        tuple(Sight(e.name, e.image_path, e.mask_path) for e in exams[:5]),
    )


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


def _unlabeled(root: Path, wards: list[Ward]) -> list[Path]:
    """Images below the folder that are no part of any pair and no leftover of a folder of pairs."""
    used = {p for w in wards for c in w.cases for p in (c.item.image, c.item.mask, *c.parts)}
    used |= {root / name for w in wards for side in w.unmatched for name in side}
    masks = {c.item.mask.parent for w in wards for c in w.cases if c.item.mask}
    masks |= {p.parent for w in wards for c in w.cases for p in c.parts}
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
