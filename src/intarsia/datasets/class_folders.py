"""Pictures in a folder for each class: the folder's name is the class of the whole picture.

    root/<class>/*.jpg                                               without splits, with `holdout` for a part to validate on
    root/train/<class>/*.jpg  root/val/<class>/*.jpg  root/test/...   with splits, by any name that a split is known by

No pixel has a label: each sample's `labels` are the ignore index everywhere, and its `tags` say the class.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

from ..data.files.formats import SUFFIXES
from ..data.pairs import Pair, Pairs
from ..data.roles import TEST, TRAIN, VAL, of, role
from ..errors import DataError, nearest, not_a_folder
from ..labels import LabelSpace
from .release import held_out

TREE = "    root/<class>/*.jpg, or root/train/<class>/*.jpg and root/val/<class>/*.jpg"
_NO_CLASS = re.compile(  # folders of images, masks and the like, beside each other
    r"(jpeg|png|left|right|train|val|test)?[_-]?(ima?ge?s?|photos?|pictures?|inputs?|raw|rgb|masks?|labels?|annotations?|annots?"
    r"|gt|ground.?truths?|segmentations?|targets?|trimaps?|depths?|panoptic|instances?|objects?|boxes|meta|splits?)"
    r"|segmentation(class|object)(aug)?|(images|labels)(tr|ts|val)",
    re.IGNORECASE,
)


def class_folders(
    root: str | Path,
    split: str,
    *,
    labels: LabelSpace | None = None,
    holdout: float | None = None,
    channels: Literal[1, 3, 4] | None = 3,
) -> Pairs:
    """Pictures whose class is the name of their folder.

    Args:
        split: a folder below root that is known as a split; with `holdout`, "train" or "val"; "all" for every picture of
            a folder without splits.
        labels: the classes in their order, which must be the folders' names; the names in alphabetical order when absent.
        holdout: share of the pictures of each class, 0..1, that is "val"; which ones follows from their names alone.
        channels: read every picture as gray (1), RGB (3) or RGBA (4); null: as it is.

    Raises: DataError for a single class, a class without pictures, a picture in the folders of two classes, or a split
        that is not there.
    """
    root = Path(root)
    if not root.is_dir():
        raise DataError(not_a_folder(root))
    if holdout is not None and not 0 < holdout < 1:
        raise DataError(f"data.holdout is {holdout}; give the share of pictures to validate on, between 0 and 1")
    home = root / _source(root, split, holdout)
    found = {folder.name: _pictures(folder) for folder in _folders(home)}
    names = _names(root, home, found, labels)
    items = [Pair(f"{name}/{path.stem}", path, None) for name in names for path in found.get(name, ())]
    items = _unlike(items)
    _check_copies(items)
    if holdout is not None and not of(VAL, _own(root)) and split != "all":
        parts = [[item for item in items if item.image.parent.name == name] for name in names]
        items = [item for part in parts for item in (held_out(part, holdout, split) if len(part) > 1 else part if split == TRAIN else [])]  # fmt: skip
    space = labels or LabelSpace(tuple(names))
    return Pairs(
        items,
        space,
        name=root.name,
        split=split,
        channels=channels,
        tags={item.name: (space.names.index(item.image.parent.name),) for item in items},
    )


def splits(root: str | Path, *, holdout: float | None = None) -> tuple[str, ...]:
    """The folders that are splits of a folder of classes; "all" of one without; both sides and tests of a holdout."""
    own = _own(Path(root))
    if holdout is not None:
        return (TRAIN, VAL, *of(TEST, own))
    if own:
        return own
    return ("all",) if is_one(Path(root)) else ()


def is_one(root: Path) -> bool:
    """Whether a folder holds pictures in folders by class, with splits or without: two folders of pictures at least.

    Folders whose names speak of images, masks or depth are no classes, nor those whose files all have the same names: they
    may be pictures of one thing by several cameras.
    """
    if not root.is_dir():
        return False
    own = _own(root)
    homes = [root / name for name in own] if own else [root]
    for home in homes:
        below = [p for p in _folders(home) if any(True for _ in _files(p))]
        odd = any(_NO_CLASS.fullmatch(p.name) for p in below)
        if len(below) < 2 or odd or any(True for _ in _files(home)) or alike(below):
            return False
    return True


def alike(folders: Sequence[Path]) -> bool:
    """Whether all folders hold files of the same names."""
    return len({frozenset(path.stem for path in _files(folder)) for folder in folders}) == 1


def _own(root: Path) -> tuple[str, ...]:
    """The folders below root that are splits; none where one of its folders is no split."""
    folders = _folders(root)
    named = [p.name for p in folders if role(p.name)]
    return tuple(named) if named and len(named) == len(folders) else ()


def _source(root: Path, split: str, holdout: float | None) -> str:
    """The folder below root that holds the classes of a split."""
    own = _own(root)
    if not own:
        if split not in ("all", *((TRAIN, VAL) if holdout is not None else ())):
            raise DataError(
                f"{root}: has no splits, so {split!r} is unknown; set data.holdout: 0.2 for a random fifth as 'val', or "
                "ask for 'all'"
            )
        return ""
    if holdout is not None and of(VAL, own):
        raise DataError(f"{root}: has splits of its own ({', '.join(own)}); leave out data.holdout")
    if holdout is not None and split in (TRAIN, VAL):
        return next(iter(of(TRAIN, own)), own[0])
    if split not in own:
        raise DataError(f"{root}: there is no split {split!r}{nearest(split, own)}; there are {', '.join(own)}")
    return split


def _names(root: Path, home: Path, found: dict[str, list[Path]], labels: LabelSpace | None) -> list[str]:
    """The classes in their order.

    Raises: DataError for less than two, for folders without pictures, and for folders that are no class of `labels`.
    """
    if not found:
        raise DataError(f"{home}: holds no folders; expected pictures in a folder for each class", TREE)
    if empty := [name for name, pictures in found.items() if not pictures]:
        raise DataError(
            f"{home / empty[0]}: holds no picture, so nothing says what {empty[0]!r} looks like; put pictures there, or "
            "remove the folder"
        )
    if labels is not None:
        if odd := [name for name in found if name not in labels.names]:
            raise DataError(
                f"{home / odd[0]}: {odd[0]!r} is no class of labels.classes{nearest(odd[0], labels.names)}; name it there, "
                "or remove the folder"
            )
        return list(labels.names)
    every = sorted({p.name for split in _own(root) for p in _folders(root / split)} | set(found))
    if len(every) < 2:
        raise DataError(
            f"{home}: {every[0]!r} is the only class, so there is nothing to tell apart; put pictures of something else "
            "into a second folder"
        )
    return every


def _unlike(items: Sequence[Pair]) -> list[Pair]:
    """The same pictures, with the ending in the names of those that share the rest."""
    uses: dict[str, int] = defaultdict(int)
    for item in items:
        uses[item.name] += 1
    return [
        item._replace(name=f"{item.image.parent.name}/{item.image.name}") if uses[item.name] > 1 else item
        for item in items
    ]


def _check_copies(items: Sequence[Pair]) -> None:
    """Refuse a picture that lies in the folders of two classes, as a copy byte for byte.

    Only files of one size are read.

    Raises: DataError naming both files.
    """
    sizes: dict[int, list[Pair]] = defaultdict(list)
    for item in items:
        sizes[item.image.stat().st_size].append(item)
    for alike in sizes.values():
        if len({item.image.parent.name for item in alike}) < 2:
            continue
        seen: dict[bytes, Path] = {}
        for item in alike:
            other = seen.setdefault(item.image.read_bytes(), item.image)
            if other.parent.name != item.image.parent.name:
                raise DataError(
                    f"{item.image} is a copy of {other}, so that it is {item.image.parent.name!r} and "
                    f"{other.parent.name!r} at once; keep the one of its class"
                )


def _folders(home: Path) -> list[Path]:
    return (
        sorted(p for p in home.iterdir() if p.is_dir() and not p.name.startswith((".", "_"))) if home.is_dir() else []
    )


def _files(folder: Path) -> Iterator[Path]:
    return (p for p in folder.iterdir() if p.suffix.lower() in SUFFIXES and not p.name.startswith((".", "_")))


def _pictures(folder: Path) -> list[Path]:
    return sorted(_files(folder))
