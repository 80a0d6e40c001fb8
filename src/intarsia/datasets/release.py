"""A data set in its makers' layout: its top folder, its splits, its choices, and a share held out."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..errors import DataError, nearest


def held_out(items: list[Any], share: float, split: str) -> list[Any]:
    """One side of a split by the hash of the items' names: at least one each, and the same ones in every run.

    Raises: DataError for another split than "train" and "val", or for a single pair.
    """
    if split not in ("train", "val"):
        raise DataError(f"there is no split {split!r} of a holdout; choose from 'train', 'val', 'all'")
    if len(items) < 2:
        raise DataError(
            f"{len(items)} pair cannot be split into train and val; add images, or leave out `holdout` and set data.val to null"
        )
    order = sorted(items, key=lambda item: hashlib.sha256(item.name.encode()).digest())
    count = min(max(round(share * len(items)), 1), len(items) - 1)
    kept = {item.name for item in (order[:count] if split == "val" else order[count:])}
    return [item for item in items if item.name in kept]


def top(root: str | Path, signs: Sequence[str], tree: str, below: Sequence[str] = ()) -> Path:
    """The folder that a release was unpacked to: `root`, or a folder below it, that holds all of `signs`.

    Args:
        signs: files or folders that must be there.
        tree: of the release, for the message.
        below: folders within root that may be the one.

    Raises: DataError that says what is missing and shows the tree.
    """
    root = Path(root)
    for folder in (root, *(root / b for b in below)):
        if folder.is_dir() and all((folder / sign).exists() for sign in signs):
            return folder
    if not root.is_dir():
        raise DataError(f"{root}: there is no such folder; expected", tree)
    lacking = " and ".join(sign for sign in signs if not (root / sign).exists())
    raise DataError(f"{root}: holds no {lacking}; expected", tree)


def one_of(split: str, known: Sequence[str], root: Path, tree: str) -> str:
    """A split's name, when it is there.

    Raises: DataError with the nearest name and the tree.
    """
    if split not in known:
        raise DataError(f"{root}: there is no split {split!r}{nearest(split, known)}; expected", tree)
    return split


def choice(option: str, value: object, known: Sequence[object]) -> None:
    """Refuse a value that an option does not take.

    Raises: DataError with the values that it takes.
    """
    if value not in known:
        raise DataError(f"{option} is {value!r}; choose from {', '.join(map(repr, known))}")
