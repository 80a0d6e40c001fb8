"""What lies in a folder besides pairs, and how it is laid out: planes, exchanged names, images without masks, annotations."""

from __future__ import annotations

from pathlib import Path

from ...data.files.formats import SAVE_AS, SUFFIXES, left_unread, unread
from ...data.folders.find import MASKS, maskness
from ...data.folders.layout import Layout
from ...data.folders.planes import home
from ...datasets.recognize import packed
from ...errors import TwiceNamed
from ..exam.reading import Case, Ward
from ..finding import Finding, Sight


def about_planes(root: Path, layout: Layout, wards: list[Ward], classes: list[str]) -> list[Finding]:
    """That masks are planes, how they are read, where they overlap, and which lack one."""
    cases = [case for ward in wards for case in ward.cases]
    lapped = [case.exam for case in cases if case.exam.overlap]
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
    return found + (_lacking(cases, classes) if "{class}" in layout.masks else [])


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


def about_files(root: Path, layout: Layout, twice: list[TwiceNamed]) -> list[Finding]:
    """Other folders that could be the masks, folders whose names are exchanged, and names that stand for two files."""
    found = []
    if layout.rivals:
        others = ", ".join(layout.rivals)
        found.append(
            Finding("rivals", "note", f"Masks are those in {layout.masks or '.'}, but could also be {others}.", fix="Audit a recipe that names the folder, if it is another.")
        )  # fmt: skip
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
                tuple(str(error.first) for error in twice[:5]),
                "Keep one file a name; here, and with --fix, it is the one of the commoner type.",
            )
        )
    return found


def not_read(folders: list[Path]) -> list[Finding]:
    """Files in the folders of images and masks whose kind is not read."""
    files = unread(folders)
    if not files:
        return []
    fix = f"{SAVE_AS[0].upper()}{SAVE_AS[1:]}."
    return [Finding("left_out", "warning", f"{left_unread(files)}.", tuple(map(str, files[:5])), fix)]


def known_layouts(root: Path) -> list[Finding]:
    """That a folder whose classes have no names looks like a data set that has them."""
    return [
        Finding("layout", "note", f"The folder has {known.title}.", (str(root),), f"If it is that, `intarsia data audit {known.data['name']} --root {root}` knows its classes.")
        for known in packed(root)
    ]  # fmt: skip


def unlabeled(root: Path, wards: list[Ward]) -> list[Path]:
    """Images below the folder that are no part of any pair and no leftover of a folder of pairs."""
    used = {p for w in wards for c in w.cases for p in (c.item.image, c.item.mask, *(path for _, path in c.parts))}
    used |= {root / name for w in wards for side in w.unmatched for name in side}
    masks = {c.item.mask.parent for w in wards for c in w.cases if c.item.mask}
    masks |= {path.parent for w in wards for c in w.cases for _, path in c.parts}
    images = {c.item.image.parent for w in wards for c in w.cases}
    found = [p for p in root.rglob("*") if p.suffix.lower() in SUFFIXES and p not in used and p.is_file()]
    found = [p for p in found if not any(part.startswith((".", "_")) for part in p.relative_to(root).parts)]
    return sorted(p for p in found if p.parent not in masks - images and not MASKS.search(p.parent.name))


def beside(root: Path, loose: list[Path]) -> list[Finding]:
    """Images without masks, and files of annotation tools."""
    found = []
    if loose:
        folders = sorted({str(p.parent.relative_to(root)) or "." for p in loose})
        found.append(
            Finding(
                "unlabeled",
                "note",
                f"{len(loose)} {'images' if len(loose) > 1 else 'image'} in {', '.join(folders[:4])} {'have no masks: they' if len(loose) > 1 else 'has no mask: it'} can be predicted or labeled, not trained on.",
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
