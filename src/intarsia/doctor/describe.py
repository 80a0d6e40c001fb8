"""From a folder of images and masks to labels and a complete recipe.

    folder --layout--> pairs --scan--> values or colors --names--> LabelSpace --> recipe, and a text of what was inferred

Only what the masks hold is believed. A file of class names is used where it agrees with them; the colors in such files
are often those of another tool, and then they are told, not used.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from ..data.faults import told_faults
from ..data.files.ahead import ahead
from ..data.files.codecs import read_image
from ..data.files.formats import told_unread, unread
from ..data.folders.find import find, unlabeled_tests
from ..data.folders.layout import Layout, listed, pair
from ..data.folders.nodata import ignoring, of_images
from ..data.folders.planes import files_of, stacked
from ..data.pairs import Pair
from ..data.roles import KNOWN, TEST, TRAIN, VAL, of, role
from ..errors import DataError, LabelError, NoPairs, counted
from ..labels import LabelSpace
from .meaning.class_names import labels_file, named
from .meaning.classes import alone, label_space, scan
from .meaning.remark import Remark


def init(
    folder: str | Path,
    *,
    classes: list[str] | None = None,
    images: str | None = None,
    masks: str | None = None,
    holdout: float = 0.2,
    roles: Mapping[str, str] | None = None,
    refuse: bool = True,
) -> tuple[dict[str, Any], str]:
    """Look at a folder of images and masks, an export, or a data set as its makers pack it, and write the recipe for it.

    Args:
        classes: the class names, in the order of their values; found or made up when absent.
        images, masks: folders below `folder`, where more than one would fit; {split} stands for a split's name.
        holdout: share of the pairs to validate on, when the folder has no split for that.
        roles: what splits of an export are for whose names do not say so: {"batch_7": "val"}; train, val, test or none.
        refuse: whether a folder that nothing can be trained on is an error; else there is a recipe to look at it.

    Returns: a complete recipe as plain data, and a text that says what was inferred.

    Raises: DataError when no image has a mask and nothing else is recognized, or nothing can be trained on it; LabelError
        when the masks hold no classes, not as many as named, or one alone.
    """
    root = Path(folder)
    if root.is_file():
        return _otherwise(root, classes, holdout, None, roles, refuse)
    try:
        layout = (None if images or masks else _layout_of_planes(root)) or find(root, images, masks)
    except NoPairs as nothing:
        return _otherwise(root, classes, holdout, nothing, roles, refuse)
    if roles:
        raise DataError(f"{root}: is a folder of images and masks; --role is for exports, whose splits have any name")
    said: list[str] = []
    lists = lists_of(root, layout) if not layout.splits and not stacked(layout.masks) else None
    if lists is not None:
        said.append(f"splits: the lists {lists.pattern} of {', '.join(lists.names)}")
        said += [f"{name} is left for the test: intarsia evaluate MODEL --split {name}" for name in lists.tests]
        ends = Ends("train", "val", holdout) if lists.val is None else Ends(lists.train, lists.val, None)
        ends = ends._replace(lists=lists.pattern)
        used = [root / lists.pattern.replace("{split}", name) for name in lists.names if name not in lists.tests]
        items = [item for file in used for item in listed(root, file, layout)]
    else:
        ends = _splits(root, layout, holdout, refuse, said)
        used_splits = of(TRAIN, layout.splits)[:1] if ends.holdout is not None else [ends.train, ends.val]
        items = [item for split in used_splits or [""] if split is not None for item in pair(root, layout, split)[0]]
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
    space = (_planes if stacked(layout.masks) else _masks)(root, layout, items, classes, said)
    if refuse and (lone := alone(space, root)):
        raise LabelError(lone)
    sizes, channels = _images(items, said)
    everything = Ends("all", None, None, ends.lists)
    data = _data(root, layout, ends if len(items) > 1 or layout.splits or ends.lists else everything, channels)
    recipe = _recipe(data, space, sizes, len(items))
    where = f"{root}: {counted(len(items), 'pair')}, images in {layout.images or '.'}, masks in {layout.masks or '.'}"
    rivals = (
        [
            f"masks could also be {', '.join(layout.rivals)}; name the folder in the recipe's data.masks if it is one of them"
        ]
        if layout.rivals
        else []
    )
    table = [f"  {values:<24} {number:>3}  {name}" for values, number, name in space.rows()]
    return recipe, "\n".join([where, *rivals, *said, "  value in the masks       no.  class", *table])


def _masks(root: Path, layout: Layout, items: list[Pair], classes: list[str] | None, said: list[str]) -> LabelSpace:
    """The label space of masks of one file each."""
    seen = scan(items, said)
    near = items[0].mask.parent if items[0].mask else root
    file = named(root, *(p for p in (near, near.parent) if root in p.parents)) if classes is None else None
    known = labels_file(root) if classes is None else None
    if known is not None and known.by_color == seen.by_color and not known.stray(seen.pixels):
        said.append("the meaning of the masks is that of labels.yaml")
        return ignoring(known, seen.nodata)
    remarks: list[Remark] = []
    space = ignoring(label_space(root, seen, classes, file, remarks), seen.nodata)
    said += [remark.sentence for remark in remarks]
    return space


def _layout_of_planes(root: Path) -> Layout | None:
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


def _splits(root: Path, layout: Layout, holdout: float, refuse: bool, said: list[str]) -> Ends:
    """What is trained and validated on of the splits that a folder has."""
    if not layout.splits:
        return Ends("train", "val", holdout)
    named = {wish: of(wish, layout.splits) for wish in KNOWN}
    train, val = (next(iter(named[wish]), None) for wish in (TRAIN, VAL))
    if train is None:
        if refuse:
            raise DataError(
                f"{root}: no split is for training, there are {', '.join(layout.splits)}; name the folders to train on "
                "in a recipe, as data.images and data.masks"
            )
        return Ends(layout.splits[0], None, None)
    if val:
        said.append(f"splits: {train} to train on, {val} to validate on")
    else:
        said.append(f"splits: {train} to train on")
    said += [f"{name} is left for the test: intarsia evaluate MODEL --split {name}" for name in named[TEST]]
    said += [f"{name} is not used" for name in layout.splits if name not in (train, val, *named[TEST])]
    return Ends(train, val, None) if val else Ends("train", "val", holdout)


class Ends(NamedTuple):
    """What to train and to validate on."""

    train: str
    val: str | None
    holdout: float | None  # share of the training split that is val, where there is none of its own
    lists: str | None = None  # where lists of files make the splits: "folder/{split}.txt"


class Lists(NamedTuple):
    """Lists of files, one a split."""

    pattern: str  # "folder/{split}.txt"
    train: str
    val: str | None
    tests: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The splits, training first."""
        return (self.train, *([self.val] if self.val else []), *self.tests)


def lists_of(root: Path, layout: Layout) -> Lists | None:
    """The lists of the splits, such as train.txt and val.txt, whose every line names a pair."""
    for folder in (root, *sorted(root.glob("*/")), *sorted(root.glob("*/*/"))):
        found = [path.stem for path in sorted(folder.glob("*.txt")) if role(path.stem)]
        named = {wish: of(wish, found) for wish in KNOWN}
        if len(found) < 2 or not named[TRAIN]:
            continue
        train, val = named[TRAIN][0], next(iter(named[VAL]), None)

        def whole(split: str, folder: Path = folder) -> bool:
            try:
                return bool(listed(root, folder / f"{split}.txt", layout))
            except DataError:
                return False

        if whole(train) and (val is None or whole(val)) and (val or named[TEST]):
            pattern = (folder / "{split}.txt").relative_to(root).as_posix()
            return Lists(pattern, train, val, tuple(name for name in named[TEST] if whole(name)))
    return None


def _images(items: list[Pair], said: list[str]) -> tuple[list[tuple[int, int]], int | None]:
    """Sizes of some images, and how many channels to ask for where they are mixed."""
    some = items[:: max(len(items) // 50, 1)]

    def shape(item: Pair) -> tuple[int, ...] | DataError:
        try:
            return read_image(item.image).shape
        except DataError as error:
            return error

    seen = list(ahead(shape, some))
    shapes = [s for s in seen if not isinstance(s, DataError)]
    broken = [str(s) for s in seen if isinstance(s, DataError)]
    if not shapes:
        raise DataError(broken[0])
    if broken:
        said.append(f"{len(broken)} images cannot be read, the first: {broken[0]}")
    channels = sorted({s[2] for s in shapes})
    high = sorted({s[0] for s in shapes})
    said.append(
        f"images: {', '.join(map(str, channels))} {'channel' if channels == [1] else 'channels'}, "
        f"{' to '.join(map(str, dict.fromkeys((high[0], high[-1]))))} pixels high"
    )
    if sentence := of_images([item.image for item in items]):
        said.append(sentence)
    mixed = len(channels) > 1 and set(channels) <= {1, 3, 4}
    if mixed:
        said.append("images are read as RGB, which their gray or opaque files allow without loss (data.channels: 3)")
    return [(s[0], s[1]) for s in shapes], 3 if mixed else None


def _otherwise(
    root: Path,
    classes: list[str] | None,
    holdout: float,
    nothing: NoPairs | None,
    roles: Mapping[str, str] | None,
    refuse: bool,
) -> tuple[dict[str, Any], str]:
    """The same for a folder without masks of its images' names, which `nothing` says, or for a file."""
    from ..datasets.recognize import exports, recognize

    try:
        known = recognize(root, holdout, roles)
    except DataError as error:
        if nothing is None or exports(root):  # an export that cannot be read has nothing to do with masks' names
            raise
        raise DataError(f"{nothing}; {str(error).removeprefix(f'{root}: ')}") from None
    if refuse and known.refused:
        raise DataError(known.refused)
    if refuse and known.labels is not None and (lone := alone(known.labels, root)):
        raise LabelError(lone)
    if classes is not None:
        raise LabelError(
            f"{root}: is {known.title}, which names its classes itself; leave the names out, and rename them in the recipe"
        )
    space, sizes = known.labels, list(known.sizes)
    rows = [f"  {values:<24} {number:>3}  {name}" for values, number, name in space.rows()] if space else []
    table = ["  drawn as                 no.  class", *rows] if space else []
    recipe = _recipe(known.data, space, sizes or [(256, 256)], len(sizes) or 8)
    faults = []
    if known.faults:
        what = f"{told_faults(known.faults)}, so training refuses; mend them, or leave them out: "
        faults = [f"{what}intarsia data audit {root} --fix DIR", *(f"  {fault}" for fault in known.faults)]
    return recipe, "\n".join([f"{root}: {known.title}", *faults, *known.said, *known.splits, *table])


def _data(root: Path, layout: Layout, ends: Ends, channels: int | None) -> dict[str, Any]:
    """The data set "folder" of a recipe."""
    data: dict[str, Any] = {"name": "folder", "root": str(root)}
    data |= {"images": layout.images or ".", "masks": layout.masks or "."}
    data |= {k: v for k, v in (("image_suffix", layout.image_suffix), ("mask_suffix", layout.mask_suffix)) if v}
    data |= {"list": ends.lists} if ends.lists else {}
    data |= {"holdout": ends.holdout} if ends.holdout is not None else {}
    data |= {"channels": channels} if channels is not None else {}
    return data | {"train": ends.train, "val": ends.val}


def _recipe(data: dict[str, Any], space: LabelSpace | None, sizes: list[tuple[int, int]], count: int) -> dict[str, Any]:
    low = [min(s[axis] for s in sizes) for axis in (0, 1)]
    crop = [max(32, min(256, side // 32 * 32)) for side in low]
    tree = space.to_dict() if space else {}
    if space and space.planes:  # whose values follow from the classes
        tree = {key: tree[key] for key in ("classes", "colors", "planes")}
    return {
        "model": {"name": "fpn", "encoder": "resnet18", "channels": 96},
        "data": data,
        **({"labels": tree} if tree else {}),
        "augment": {"crop": crop, "scale": [0.75, 1.5], "flip": True, "brightness": 0.2, "contrast": 0.2},
        "loss": {"name": "cross_entropy", "class_weights": "log"},
        "optimizer": {"name": "adamw", "lr": 0.002, "weight_decay": 0.01},
        "schedule": {"name": "poly", "power": 0.9, "warmup": 0.05},
        "train": {"minutes": 15, "batch_size": max(2, min(8, count)), "ema": 0.99, "workers": 2},
        "evaluate": {"batch_size": 1, "protocol": "dataset"},
        "seed": 0,
    }
