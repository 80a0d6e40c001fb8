"""What the names of splits mean: which is for training, which for validation, which for the test."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from ..errors import DataError, nearest

TRAIN, VAL, TEST = "train", "val", "test"
KNOWN = (TRAIN, VAL, TEST)

# the names that tools and people give to splits, in lower case -> what they are for
ROLES: dict[str, str] = {
    "train": TRAIN,
    "training": TRAIN,
    "trainset": TRAIN,
    "train_set": TRAIN,
    "training_set": TRAIN,
    "trn": TRAIN,
    "tr": TRAIN,  # nnU-Net's imagesTr
    "trainval": TRAIN,  # PASCAL VOC: both together, of which those of val are val
    "val": VAL,
    "valid": VAL,
    "validation": VAL,
    "validate": VAL,
    "valset": VAL,
    "val_set": VAL,
    "validation_set": VAL,
    "minival": VAL,
    "dev": VAL,
    "development": VAL,
    "eval": VAL,
    "test": TEST,
    "testing": TEST,
    "testset": TEST,
    "test_set": TEST,
    "testing_set": TEST,
    "tst": TEST,
    "ts": TEST,  # nnU-Net's imagesTs
    "test-dev": TEST,
    "testdev": TEST,
}
_YEAR = re.compile(r"[_\- ]?\d+$")  # train2017, val_1


def role(name: str, told: Mapping[str, str] | None = None) -> str:
    """What a split is for: "train", "val" or "test"; "" where neither its name nor the other argument says so.

    Args:
        told: the name of a split -> what it is for, as the user wrote it; before the table.
    """
    if told and name in told:
        return told[name]
    plain = name.strip().lower().replace(" ", "_")
    return ROLES.get(plain) or ROLES.get(_YEAR.sub("", plain), "")


def checked(told: Mapping[str, str], known: Iterable[str]) -> None:
    """Refuse roles that are none, or of splits that are not there.

    Raises: DataError with the nearest name.
    """
    there = list(known)
    for name, wish in told.items():
        if wish not in (*KNOWN, "none"):
            raise DataError(f"data.roles: {name!r} is {wish!r}; a split is for train, val, test or none")
        if name not in there:
            raise DataError(f"data.roles: there is no split {name!r}{nearest(name, there)}")


def of(wished: str, names: Iterable[str], told: Mapping[str, str] | None = None) -> list[str]:
    """The names that are for one role; without a name that holds others of them too, such as trainval."""
    found = [name for name in names if role(name, told) == wished]
    plain = [name for name in found if _YEAR.sub("", name.lower()) != "trainval"]
    return plain or found


def strongest(names: Iterable[str], told: Mapping[str, str] | None = None) -> str:
    """The one split that something belongs to of those that list it: test before val, val before train, train before others."""
    order = {TEST: 0, VAL: 1, TRAIN: 2}

    def rank(name: str) -> tuple[int, bool]:
        return order.get(role(name, told), 3), _YEAR.sub("", name.lower()) == "trainval"

    return min(names, key=rank, default="")
