"""Which part of a folder of images and masks is scored: all of it, unless it has splits of its own or one is asked for.

no splits         all pairs
train/, val/      val
train/, test/     nothing before a split is named
split="val"       of a folder without splits: the fifth that `intarsia init` would hold out
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..doctor.describe import HOLDOUT as HOLDOUT
from ..doctor.describe import describe
from ..doctor.described import Described
from ..doctor.meaning.classes import alone, black_and_white
from ..errors import DataError, LabelError
from ..labels import HALVES, LabelSpace
from .reading import look, reads, told


def truth_of(
    source: str | Path, root: str | Path | None = None, split: str | None = None, classes: list[str] | None = None
) -> tuple[Any, str]:
    """The labels to hold predictions against: whatever a source may be, but label maps alone.

    Args:
        source: see `doctor.describe`.
        split: None for what is scored when nothing is asked for: the split to validate on, and all pairs of a folder
            without splits.
        classes: names of the classes of a folder of masks.

    Returns: the data set, and a few words about which part of it that is.

    Raises: DataError when nothing is recognized, or when the split must be named.
    """
    known = describe(source, root, classes=classes)
    if classes is not None and known.kind != "folder":
        raise DataError(f"{str(source)!r} says itself which classes it has; leave out --classes")
    return scored(known, split)


def scored(known: Described, split: str | None = None) -> tuple[Any, str]:
    """The part of a source that is scored, and a few words about it; see `truth_of`."""
    if known.labels is not None and known.labels.num_classes < 2:
        raise LabelError(known.refused or alone(known.labels, known.data.get("root")))
    data, place = known.data, Path(known.data.get("root") or ".")
    share = data.get("holdout")
    if known.kind in ("name", "recipe"):
        wanted = split or (data.get("val") or "all" if known.kind == "recipe" else "val")
    elif share is None:
        wanted = (
            split
            or data["val"]
            or ("all" if data["name"] in ("folder", "export") else named(place, known.splits, None))
        )
    else:  # nobody asked for a part of it to be held out
        own = known.whole().splits if data["name"] == "folder" and "list" not in data else ("all",)
        if own != ("all",):
            known, share = known.whole(), None
            wanted = named(place, own, split)
        else:
            wanted = split or "all"
    dataset = known.open(wanted)
    return dataset, part(dataset, wanted, share)


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
