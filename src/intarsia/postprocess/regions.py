"""Regions of label maps: pieces, holes, specks and rough edges, and what is counted and measured of them.

Each function makes a new map; nothing is removed unless somebody asks for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy import ndimage

from ..errors import ModelError
from ..polygons import Part, area, length

_CROSS = ndimage.generate_binary_structure(2, 1)


class Measured(NamedTuple):
    """One region of a class.

    Args:
        label: class number.
        pixels: how many it has.
        area: in units of the spacing, squared.
        perimeter: length of all its borders, holes included, along the borders between pixels.
        box: x0, y0, x1, y1 in pixels.
        center: x, y of its middle in pixels.
        holes: how many it has.
    """

    label: int
    pixels: float
    area: float
    perimeter: float
    box: tuple[float, float, float, float]
    center: tuple[float, float]
    holes: int


def components(mask: np.ndarray) -> tuple[np.ndarray, int]:
    """Number the 4-connected pieces of a mask [H, W] from 1 on; 0 is outside.

    Returns: [H, W] int32, and how many there are.
    """
    numbers, count = ndimage.label(mask, _CROSS)
    return numbers, int(count)


def without_holes(mask: np.ndarray, most: int | None = None) -> np.ndarray:
    """Fill the holes of a mask [H, W].

    Args:
        most: pixels of a hole that is filled, at most; None: all.
    """
    mask = np.asarray(mask, bool)
    filled: np.ndarray = ndimage.binary_fill_holes(mask)
    if most is None:
        return filled
    numbers, _ = ndimage.label(filled & ~mask, np.ones((3, 3)))
    sizes = np.bincount(numbers.ravel())
    small = sizes <= most
    small[0] = False
    made: np.ndarray = mask | small[numbers]
    return made


def without_specks(labels: np.ndarray, least: int, keep: Sequence[int] = ()) -> np.ndarray:
    """Give the pixels of pieces that are too small to the class that surrounds most of each.

    Args:
        labels: [H, W] class numbers.
        least: pixels that a piece must have to stay.
        keep: numbers whose pieces stay, and that no other piece is given to, such as the ignore index.

    Returns: a new map; the smallest pieces are given away first.

    Raises: ModelError for a size that is none.
    """
    if least < 0:
        raise ModelError(f"the least size of a region is {least} pixels; give 0 or more")
    made = np.array(labels)
    pieces: list[tuple[int, int, tuple[slice, slice]]] = []
    numbers = np.zeros(made.shape, np.int64)
    total = 0
    for number in np.unique(made).tolist():
        if number in keep:
            continue
        found, count = components(made == number)
        sizes = np.bincount(found.ravel(), minlength=count + 1)
        boxes = ndimage.find_objects(found)
        for n in np.flatnonzero(sizes[1:] < least).tolist():
            inside = found[boxes[n]] == n + 1
            total += 1
            numbers[boxes[n]][inside] = total
            pieces.append((int(sizes[n + 1]), total, boxes[n]))
    for _, number, (rows, columns) in sorted(pieces, key=lambda piece: piece[:2]):
        near = (slice(max(0, rows.start - 1), rows.stop + 1), slice(max(0, columns.start - 1), columns.stop + 1))
        own = numbers[near] == number
        around = ndimage.binary_dilation(own, _CROSS) & ~own & ~np.isin(made[near], list(keep))
        if around.any():
            values, counts = np.unique(made[near][around], return_counts=True)
            made[near][own] = values[counts.argmax()]
    return made


def smooth(labels: np.ndarray, radius: int, classes: int) -> np.ndarray:
    """Give each pixel the class that most pixels around it have; its own where two are as frequent.

    Args:
        labels: [H, W] class numbers.
        radius: of the square around it.
        classes: how many there are; other numbers, such as the ignore index, stay as they are and do not count.
    """
    made = np.array(labels)
    if radius < 1:
        return made
    side = 2 * radius + 1
    best = np.zeros(made.shape, np.float32)
    for number in range(classes):
        own = labels == number
        share = ndimage.uniform_filter(own.astype(np.float32), side, mode="nearest") + own * np.float32(0.5 / side**2)
        better = share > best + 1e-6
        best[better], made[better] = share[better], number
    return np.where(np.asarray(labels) < classes, made, labels).astype(made.dtype)


def measured(label: int, parts: Sequence[Part], spacing: tuple[float, float] = (1.0, 1.0)) -> list[Measured]:
    """Measure the polygons of a class.

    Args:
        spacing: of the pixels (down, across), in any unit.
    """
    found = []
    for part in parts:
        pixels = sum(area(ring) for ring in part)  # holes run the other way
        low, high = part[0].min(axis=0), part[0].max(axis=0)
        middle = np.sum([_moment(ring) for ring in part], axis=0) / pixels
        found.append(
            Measured(
                label,
                pixels,
                pixels * spacing[0] * spacing[1],
                sum(length(ring, spacing) for ring in part),
                (float(low[0]), float(low[1]), float(high[0]), float(high[1])),
                (float(middle[0]), float(middle[1])),
                len(part) - 1,
            )
        )
    return found


def _moment(ring: np.ndarray) -> np.ndarray:
    """The middle of a ring times its signed area."""
    after = np.roll(ring, -1, axis=0)
    cross = ring[:, 0] * after[:, 1] - after[:, 0] * ring[:, 1]
    moment: np.ndarray = ((ring + after) * cross[:, None]).sum(axis=0) / 6
    return moment
