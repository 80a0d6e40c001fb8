"""Which splits of a folder of images and masks are trained, validated and tested on: its folders, its lists, or a holdout."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from ..data.folders.layout import Layout, listed
from ..data.roles import KNOWN, TEST, TRAIN, VAL, of, role
from ..errors import DataError


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


def ends_of(root: Path, layout: Layout, holdout: float, refuse: bool, said: list[str]) -> Ends:
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
