"""Which part of a folder of images and masks is scored: all of it, unless it has splits of its own or one is asked for.

no splits         all pairs
train/, val/      val
train/, test/     nothing before a split is named
split="val"       of a folder without splits: the fifth that `intarsia init` would hold out
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .. import datasets as sets
from .. import doctor
from ..doctor.meaning.classes import black_and_white
from ..errors import DataError
from ..labels import HALVES, LabelSpace
from .reading import look, reads, told

HOLDOUT = 0.2  # of `intarsia init`


def opened(root: Path, split: str | None, classes: list[str] | None = None) -> tuple[Any, str]:
    """A folder of images and masks, or an export, with the classes that `intarsia init` sees in it.

    Args:
        split: None for what is scored when nothing is asked for.
        classes: names of the classes of a folder of masks.

    Returns: the data set, and a few words about which part of it that is.

    Raises: DataError when nothing is recognized, or when the split must be named.
    """
    tree, _ = doctor.init(root, classes=classes)
    options = {key: value for key, value in tree["data"].items() if key not in ("name", "root", "train", "val")}
    name, top = tree["data"]["name"], tree["data"].get("root")
    space = LabelSpace.from_dict(tree["labels"]) if tree.get("labels") else None
    own = sets.splits("folder", root) if name == "folder" and "list" not in options else ()
    if "holdout" in options and own not in ((), ("all",)):
        options = {key: options[key] for key in ("channels",) if key in options}
        wanted = named(root, own, split)
    elif "holdout" in options:
        wanted = split or "all"
    elif name in ("folder", "export"):
        wanted = split or tree["data"]["val"] or "all"
    else:
        wanted = split or tree["data"]["val"] or named(root, sets.splits(name, top), None)
    dataset = sets.open(name, top, wanted, space, **options)
    return dataset, part(dataset, wanted, options.get("holdout"))


def part(dataset: Any, split: str, holdout: float | None) -> str:
    """A few words about what is scored: "all 10 pairs", "val, 2 pairs: 20 % are held out, chosen by their names"."""
    count = f"{len(dataset)} pair{'s' if len(dataset) != 1 else ''}"
    if split == "all":
        return f"all {count}" if len(dataset) > 1 else count
    if holdout is not None and split in ("train", "val"):
        share = f"{holdout if split == 'val' else 1 - holdout:.0%}".replace("%", " %")
        return f"{split}, {count}: {share} {'are held out' if split == 'val' else 'are left to train on'}, chosen by their names"
    return f"{split}, {count}"


def named(root: Path, own: tuple[str, ...], split: str | None) -> str:
    """The split to score of a folder that has several.

    Raises: DataError when none is named and none is there to validate on.
    """
    if split is not None:
        return split
    val = next((s for s in own if s.lower() in ("val", "valid", "validation")), None)
    if val is None:
        raise DataError(f"{root}: has the splits {', '.join(own)}; say with split (--split) which of them to score")
    return val


def fitted(dataset: Any, labels: LabelSpace) -> tuple[LabelSpace, str]:
    """What the masks of a folder mean for two classes that were learned from other masks, and a few words where it differs.

    Two folders may store the same two classes as 0 and 1, or as 0 and 255: each is read as it is stored.
    """
    if labels.num_classes != 2 or labels.by_color or dataset.mask_hook is not None:
        return labels, ""
    files = {item.name: item.mask for item in dataset.items if item.mask is not None}
    if not files:
        return labels, ""
    seen = look(files)
    if not black_and_white(seen)[0] and not labels.stray(seen.pixels) and tuple(labels.values) != HALVES:
        return labels, ""
    space = reads(labels, seen, same=True)
    if space is labels or space == labels:
        return labels, ""
    space = LabelSpace(space.names, labels.colors, space.values, labels.activation)
    return space, told(space, seen.pixels)
