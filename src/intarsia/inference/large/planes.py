"""Several labels a pixel of a large picture: one number a pixel in the store, a bit a class, and one TIFF a class of it."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from ...errors import ModelError
from ...labels import LabelSpace
from .blank import Rule
from .store import LEVEL, Store

MOST = 64  # classes: bits of the largest number


def check_count(space: LabelSpace) -> None:
    """Refuse more classes than a number of the store has bits.

    Raises: ModelError.
    """
    if space.planes and space.num_classes > MOST:
        raise ModelError(
            f"several labels a pixel of a picture beyond memory are written for up to {MOST} classes, and this model has "
            f"{space.num_classes}; cut the picture into tiles"
        )


def dtype_of(space: LabelSpace) -> np.dtype:
    """The numbers that a store of answers has: class numbers, or of several labels a pixel a bit a class."""
    if not space.planes:
        return np.dtype(space.dtype)
    return next(np.dtype(kind) for kind in ("u1", "u2", "u4", "u8") if space.num_classes <= 8 * np.dtype(kind).itemsize)


def coded(planes: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Planes [K, h, w] as numbers [h, w]: bit k is on where plane k is."""
    made = np.zeros(planes.shape[1:], dtype)
    for number, plane in enumerate(planes):
        made |= plane.astype(dtype) << dtype.type(number)
    return made


def decoded(codes: np.ndarray, count: int) -> np.ndarray:
    """The planes [K, h, w] bool of such numbers."""
    return np.stack([(codes >> codes.dtype.type(number)) & codes.dtype.type(1) for number in range(count)]).astype(bool)


def filling(rule: Rule, space: LabelSpace) -> Rule:
    """The rule of blank tiles with the number that a store holds: no bit is on in pixels that are of no class."""
    if not space.planes:
        return rule
    return rule._replace(value=1 << rule.value if rule.value < space.num_classes else 0)


def counted(labels: np.ndarray, space: LabelSpace) -> list[int]:
    """How many pixels of each class there are in some rows of a store."""
    if not space.planes:
        return [int(count) for count in np.bincount(labels.ravel(), minlength=space.num_classes)[: space.num_classes]]
    return [int(np.count_nonzero(labels & labels.dtype.type(1 << number))) for number in range(space.num_classes)]


class Plane:
    """One class of a store of several labels a pixel, as a store of 0 and 1.

    Args:
        store: that is finished.
        number: of the class.
    """

    def __init__(self, store: Store, number: int) -> None:
        self.store, self.number = store, number
        self.folder, self.lines = store.folder, store.lines
        self.head: dict[str, Any] = {**store.head, "dtype": "uint8"}

    def rows(self) -> Iterator[np.ndarray]:
        """Read one row of tiles [h, W] after the other."""
        for codes in self.store.rows():
            kind = codes.dtype.type
            yield ((codes >> kind(self.number)) & kind(1)).astype(np.uint8)

    def tiles(self) -> Iterator[bytes]:
        """Deflate the tiles in their order."""
        tile = int(self.head["tile"])
        for rows in self.rows():
            for left in range(0, rows.shape[1], tile):
                part = rows[:, left : left + tile]
                whole = np.zeros((tile, tile), np.uint8)
                whole[: part.shape[0], : part.shape[1]] = part
                yield zlib.compress(whole.tobytes(), LEVEL)
