"""Describe a folder of images and masks that nobody described: its pairs, what its masks mean, and how it is read.

Only what the masks hold is believed. A file of class names is used where it agrees with them; the colors in such files
are often those of another tool, and then a remark says so, and they are not used.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ..data.files.ahead import ahead
from ..data.files.formats import told_unread, unread
from ..data.folders.find import find, unlabeled_tests
from ..data.folders.layout import Layout, composed_differently, image_of, listed, pair
from ..data.folders.nodata import ignoring, of_images
from ..data.folders.planes import files_of, home, stacked
from ..data.pairs import Pair
from ..data.roles import TRAIN, of
from ..data.things import with_things
from ..errors import DataError, LabelError, OddMode, counted
from ..labels import LabelSpace
from .described import Described
from .ends import Ends, ends_of, lists_of
from .exam.reading import masks_of
from .meaning.class_names import labels_file, named
from .meaning.classes import alone
from .meaning.infer import folded, infer, unveiled, without_nodata


def folder(root: Path, layout: Layout, classes: list[str] | None, holdout: float, refuse: bool) -> Described:
    """A folder of images and masks."""
    said: list[str] = []
    items, ends = _chosen(root, layout, holdout, refuse, said)
    said += [
        f"{counted(count, 'image')} in {place} without masks: left for predict"
        for place, count in unlabeled_tests(root, layout)
    ]
    if not items:
        raise DataError(f"{root}: no image in {layout.images} has a mask in {layout.masks}")
    if ends.holdout is not None:
        rule = "chosen by their names, are held out as val; frames of one video belong on one side, then use a list"
        told = f"{ends.holdout:.0%} of the pairs, {rule}"
        said.append(told if len(items) > 1 else "one pair is not enough to hold any out")
    if sentence := told_unread(unread([p.parent for i in items for p in (i.image, i.mask) if p and p.is_file()])):
        said.append(sentence)
    if sentence := composed_differently(items):
        said.append(sentence)
    alpha = False
    if stacked(layout.masks):
        space = _planes(root, layout, items, classes, said)
    else:
        space, alpha = _masks(root, items, classes, said)
    sizes, channels, odd = _images(items, said)
    if len(items) < 2 and not layout.splits and not ends.lists:
        ends = Ends("all", None, None)
    data = _data(root, layout, ends, channels) | ({"alpha": True} if alpha else {})
    if (
        known := labels_file(root)
    ) is not None and classes is None:  # of a clean copy, which keeps what its source knew
        data |= {
            what: home(layout.masks).replace("masks", what, 1)
            for what in ("objects", "depth")
            if (root / what).is_dir() and layout.masks.startswith("masks")
        }
        space = with_things(space, known.things)
    if layout.rivals:
        said.insert(0, f"masks could also be {', '.join(layout.rivals)}; name the folder in the recipe's data.masks if it is one of them")  # fmt: skip
    refused = alone(space, root)
    if odd:
        refused = f"{root}: {odd}; `intarsia data audit {root} --fix DIR` writes such images as RGB"
    title = f"{root}: {counted(len(items), 'pair')}, images in {layout.images or '.'}, masks in {layout.masks or '.'}"
    return Described(title, data, space, tuple(sizes), tuple(said), len(items), refused, "folder")


def _chosen(root: Path, layout: Layout, holdout: float, refuse: bool, said: list[str]) -> tuple[list[Pair], Ends]:
    """The pairs to train and to validate on."""
    lists = lists_of(root, layout) if not layout.splits and not stacked(layout.masks) else None
    if lists is None:
        ends = ends_of(root, layout, holdout, refuse, said)
        used = of(TRAIN, layout.splits)[:1] if ends.holdout is not None else [ends.train, ends.val]
        return [item for split in used or [""] if split is not None for item in pair(root, layout, split)[0]], ends
    said.append(f"splits: the lists {lists.pattern} of {', '.join(lists.names)}")
    said += [f"{name} is left for the test: intarsia evaluate MODEL --split {name}" for name in lists.tests]
    ends = Ends("train", "val", holdout) if lists.val is None else Ends(lists.train, lists.val, None)
    files = [root / lists.pattern.replace("{split}", name) for name in lists.names if name not in lists.tests]
    return [item for file in files for item in listed(root, file, layout)], ends._replace(lists=lists.pattern)


def _masks(root: Path, items: list[Pair], classes: list[str] | None, said: list[str]) -> tuple[LabelSpace, bool]:
    """The label space of masks of one file each, and whether it speaks of their alpha channel.

    Raises: LabelError when no one label space reads all of them.
    """
    near = items[0].mask.parent if items[0].mask else root
    places = [p for p in (near, near.parent, near.parent.parent) if p == root or root in p.parents]
    file = named(root, *places) if classes is None else None
    nodata, exams = without_nodata(unveiled(masks_of(items)))
    readable = [e for e in exams if e.form is not None]
    if broken := [e.error[1] for e in exams if e.form is None and e.error]:
        if not readable:
            raise DataError(broken[0])
        said.append(f"{len(broken)} masks cannot be read, the first: {broken[0]}")
    if nodata.clash:
        raise LabelError(nodata.clash)
    said += nodata.said
    known = labels_file(root) if classes is None else None
    meaning = infer(root, exams, file, known, classes)
    space = folded(meaning, readable)
    if space is None:
        wrong = next((f for f in meaning.findings if f.severity == "error"), None)
        why = wrong.message.rstrip(".") if wrong else f"the masks are stored in different ways ({', '.join(dict.fromkeys(meaning.lost.values()))})"  # fmt: skip
        raise LabelError(
            f"{root}: {why}; no one meaning of their values reads all masks. Run `intarsia data audit {root} --fix DIR` for a clean copy, and init that"
        )
    if known is not None:
        said.append("the meaning of the masks is that of labels.yaml")
    said += [remark.sentence for remark in meaning.remarks]
    below = [(v, n) for e in readable for v, n in e.values.items() if v < 0]
    if below:
        values = ", ".join(map(str, sorted({v for v, _ in below})[:5]))
        said.append(f"{values}: below 0 there is no class, so {sum(n for _, n in below):,} px are ignored")
    said += [
        f.message.rstrip(".")
        for f in meaning.findings
        if f.kind == "wide_ids" or (f.severity != "note" and f.kind not in ("names", "objects"))
    ]
    return ignoring(space, nodata), any(e.form.alpha for e in readable if e.form)


def layout_of_planes(root: Path) -> Layout | None:
    """The layout of a clean copy of several labels a pixel, whose labels.yaml says so; None for any other folder."""
    known = labels_file(root)
    images, masks = root / "images", root / "masks"
    if known is None or not known.planes or not images.is_dir() or not masks.is_dir():
        return None
    there = tuple(sorted(p.name for p in images.iterdir() if p.is_dir() and (masks / p.name).is_dir()))
    below = "/{split}" if there else ""
    return Layout(f"images{below}", f"masks{below}/{{class}}", splits=there)


def _planes(root: Path, layout: Layout, items: list[Pair], classes: list[str] | None, said: list[str]) -> LabelSpace:
    """The label space of masks of several files each, whose names are those of the classes."""
    known = labels_file(root) if classes is None else None
    if known is not None and known.planes:
        said.append("each class has a mask of its own, as labels.yaml says: a pixel may have several labels, or none")
        return known
    splits = layout.splits if "{split}" in layout.masks else ("",)
    every = [files_of(root, layout.masks, split, layout.mask_suffix) for split in splits]
    held = sorted({name for files in every for planes in files.values() for name, _ in planes})
    if classes is not None and not set(held) <= set(classes):
        raise LabelError(
            f"{root}: the classes given are {', '.join(classes)}, but there are masks of {', '.join(held[:8])}; name these, and what none covers"
        )
    names = classes or ["background", *(name for name in held if name != "background")]
    said.append(
        f"masks are one file for each {'object' if '{object}' in layout.masks else 'class'}; they are laid over each other in the order {', '.join(n for n in names if n in held)}, later ones on top, and what none covers is {next((n for n in names if n not in held), 'ignored')}"
    )
    return LabelSpace(tuple(names), values=dict(enumerate(names)))


def in_alpha(root: Path) -> dict[str, Any]:
    """The option of the data set `folder` that reads masks in their alpha channel, where the first masks are such; else none."""
    layout = find(root)
    if stacked(layout.masks):
        return {}
    items = pair(root, layout, next(iter(layout.splits), ""), [])[0]
    forms = [exam.form for exam in masks_of(items[:4])]
    return {"alpha": True} if any(form is not None and form.alpha for form in forms) else {}


def _images(items: list[Pair], said: list[str]) -> tuple[list[tuple[int, int]], int | None, str]:
    """Sizes of some images, how many channels to ask for where they are mixed, and what is odd about their colors."""
    some = items[:: max(len(items) // 50, 1)]

    def look(item: Pair) -> tuple[tuple[int, ...], bool] | DataError:
        try:
            image = image_of(item)
        except DataError as error:
            return error
        solid = image.shape[2] not in (2, 4) or bool((image[..., -1] == np.iinfo(image.dtype).max).all())
        return image.shape, solid

    seen = list(ahead(look, some))
    looks = [s for s in seen if not isinstance(s, DataError)]
    broken = [str(s) for s in seen if isinstance(s, DataError)]
    odd = next((str(s) for s in seen if isinstance(s, OddMode)), "")
    if not looks:
        raise DataError(broken[0])
    if broken:
        said.append(f"{len(broken)} images cannot be read, the first: {broken[0]}")
    shapes = [shape for shape, _ in looks]
    channels, high = sorted({s[2] for s in shapes}), sorted({s[0] for s in shapes})
    said.append(
        f"images: {', '.join(map(str, channels))} {'channel' if channels == [1] else 'channels'}, "
        f"{' to '.join(map(str, dict.fromkeys((high[0], high[-1]))))} pixels high"
    )
    if sentence := of_images([item.image for item in items]):
        said.append(sentence)
    sizes = [(s[0], s[1]) for s in shapes]
    if len(channels) == 1 or channels[-1] > 4:
        return sizes, None, odd
    if not all(solid for _, solid in looks):
        said.append("images are read as RGBA, since some are transparent in places (data.channels: 4)")
        return sizes, 4, odd
    said.append("images are read as RGB, which their gray or opaque files allow without loss (data.channels: 3)")
    return sizes, 3, odd


def _data(root: Path, layout: Layout, ends: Ends, channels: int | None) -> dict[str, Any]:
    """The data set "folder" of a recipe."""
    data: dict[str, Any] = {"name": "folder", "root": str(root)}
    data |= {"images": layout.images or ".", "masks": layout.masks or "."}
    data |= {k: v for k, v in (("image_suffix", layout.image_suffix), ("mask_suffix", layout.mask_suffix)) if v}
    data |= {"list": ends.lists} if ends.lists else {}
    data |= {"holdout": ends.holdout} if ends.holdout is not None else {}
    data |= {"channels": channels} if channels is not None else {}
    return data | {"train": ends.train, "val": ends.val}
