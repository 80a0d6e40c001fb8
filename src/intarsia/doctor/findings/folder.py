"""What lies in a folder besides pairs, and how it is laid out: planes, exchanged names, images without masks, annotations."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from ...data.files.formats import SAVE_AS, SUFFIXES, left_unread, unread
from ...data.folders.find import MASKS, maskness
from ...data.folders.layout import CHANNEL, FIRST, Layout, composed_differently
from ...data.folders.planes import home
from ...data.pairs import Pair
from ...datasets.recognize import public_layouts
from ...errors import TwiceNamed
from ..exam.reading import Case, Split
from ..finding import Finding, Sight

Left = tuple[list[str], list[str]]  # files without a partner: images, masks


def about_planes(root: Path, layout: Layout, splits: Sequence[Split], classes: list[str]) -> list[Finding]:
    """Note that masks are planes, how they are read, where they overlap, and which lack one."""
    cases = [case for split in splits for case in split.cases]
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
    """Note that a folder whose classes have no names looks like a data set that has them."""
    return [
        Finding("layout", "note", f"The folder has {known.title}.", (str(root),), f"If it is that, `intarsia data audit {known.data['name']} --root {root}` knows its classes.")
        for known in public_layouts(root)
    ]  # fmt: skip


def unlabeled(root: Path, layout: Layout, splits: Sequence[Split]) -> list[Path]:
    """Images below the folder that are no part of any pair and no leftover of a folder of pairs.

    Of an image that is a file for each channel the first file counts.
    """
    used = {
        p
        for split in splits
        for c in split.cases
        for p in (c.item.image, c.item.mask, *(c.item.files or ()), *(path for _, path in c.parts))
    }
    used |= {root / name for split in splits for side in split.notes.unmatched for name in side}
    masks = {c.item.mask.parent for split in splits for c in split.cases if c.item.mask}
    masks |= {path.parent for split in splits for c in split.cases for _, path in c.parts}
    images = {c.item.image.parent for split in splits for c in split.cases}
    found = [p for p in root.rglob("*") if p.suffix.lower() in SUFFIXES and p not in used and p.is_file()]
    found = [p for p in found if not any(part.startswith((".", "_")) for part in p.relative_to(root).parts)]
    if CHANNEL in layout.image_suffix:
        found = [p for p in found if p.stem.endswith(FIRST)]
    return sorted(p for p in found if p.parent not in masks - images and not MASKS.search(p.parent.name))


def beside(root: Path, loose: list[Path], read: Path | None) -> list[Finding]:
    """Images without masks, and files of annotation tools.

    Args:
        read: the file that names the classes, which is no annotation.
    """
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
    notes = sorted(
        p for p in root.rglob("*") if p.suffix.lower() in (".json", ".xml") and p.parent != root and p != read
    )
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
                f"{kinds} {'files' if len(notes) > 1 else 'file'} of annotations {'lie' if len(notes) > 1 else 'lies'} beside the masks; only the masks are read here.",
                tuple(map(str, notes[:5])),
                "`intarsia data convert` reads annotation tools' files.",
            )
        )
    return found


def alike(root: Path, layout: Layout, left: Left) -> tuple[list[Pair], Left]:
    """Files that `pair` left over: those whose names agree when read loosely, and the rest.

    A name that two files of one side share is nobody's.
    """
    images = {name: _read(name, layout.image_suffix) for name in left[0]}
    masks = {name: _read(name, layout.mask_suffix) for name in left[1]}
    if layout.images == layout.masks and layout.mask_suffix:  # side by side: what looks like a mask in another case
        odd = [n for n in images if _loose(Path(n).stem).endswith(_loose(layout.mask_suffix))]
        masks |= {n: _read(n, layout.mask_suffix) for n in odd}
        images = {n: key for n, key in images.items() if n not in odd}
    often = [Counter(side.values()) for side in (images, masks)]
    partner = {key: name for name, key in masks.items() if key and often[1][key] == 1}
    found = [(name, partner[key]) for name, key in images.items() if key in partner and often[0][key] == 1]
    items = [Pair(Path(a).stem.strip(), root / a, root / b) for a, b in found]
    taken = {name for both in found for name in both}
    return items, ([n for n in left[0] if n not in taken], [n for n in left[1] if n not in taken])


def composed(items: Iterable[Pair]) -> Iterator[Finding]:
    """The finding about names that differ in their Unicode form, which every verb reads as one."""
    if sentence := composed_differently(items):
        yield Finding("composed", "note", f"{sentence[0].upper()}{sentence[1:]}.")


def spelled(items: Sequence[Pair]) -> Iterator[Finding]:
    """The finding about such pairs."""
    if items:
        several = len(items) > 1
        first = items[0]
        yield Finding(
            "spelling",
            "warning",
            f"{len(items)} {'images have masks whose names differ' if several else 'image has a mask whose name differs'} in case, spaces or accents only (the first: {first.image.name!r} and {first.mask.name if first.mask else ''!r}), so training would leave {'them' if several else 'it'} out.",
            tuple(str(path) for i in items[:5] for path in (i.image, i.mask) if path)[:5],
            "Rename them so that they agree; --fix writes both under one name.",
            tuple(Sight(i.name, i.image, i.mask) for i in items[:5]),
        )


def _read(name: str, suffix: str) -> str:
    return _loose(Path(name).stem).removesuffix(_loose(suffix)).strip("_")


def _loose(name: str) -> str:
    """A name without what readers overlook."""
    return re.sub(r"[\s_\-]+", "_", unicodedata.normalize("NFKC", name).casefold().strip()).strip("_")
