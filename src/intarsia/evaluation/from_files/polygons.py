"""Which pixels COCO's own evaluator takes a polygon to cover, so that scores of polygons are its scores.

Everywhere else in this package a pixel belongs to a polygon when its middle does (`annotations.regions`). COCO's rule
differs at the border: corners are rounded to a grid five times as fine, each side is walked on that grid in whole steps
along its longer direction, and wherever the walk enters another column of fine cells whose middle is the middle of a
column of pixels, everything from there down changes sides.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ... import limits
from ...errors import DataError

FINE = 5
_AT_ONCE = 1 << 20  # crossings that are computed together


def fill(points: np.ndarray, height: int, width: int) -> np.ndarray:
    """One ring as a mask.

    Of each side only the steps of its walk are computed that enter the middle of a column of the picture, so that neither
    its length nor what lies outside takes memory.

    Args:
        points: [N, 2] of x and y in pixels.

    Returns: [height, width] bool.

    Raises: DataError for a polygon of more points, or whose sides cross more columns, than can be drawn.
    """
    limits.check_pixels(width, height, "a mask")
    limits.check_points(len(points), "a mask")
    corners = np.trunc(FINE * np.asarray(points, np.float64) + 0.5)
    if not (np.abs(corners) < 1 << 50).all():
        raise DataError("a polygon with a point that is endlessly far away; draw it again")
    corners = corners.astype(np.int64)
    flips = np.zeros(height * width + 1, np.uint8)  # counted modulo 256: whether a count is odd is all that matters
    for column, row in _crossings(corners, np.roll(corners, -1, axis=0), width):
        rows = np.ceil(((row + 0.5) / FINE - 0.5).clip(0, height)).astype(np.int64)
        np.add.at(flips, column * height + rows, 1)
    odd = np.cumsum(flips[: height * width], dtype=np.uint8) & 1
    return odd.astype(bool).reshape(width, height).T


def _crossings(start: np.ndarray, end: np.ndarray, width: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The columns that the walks along sides enter, and the upper row, on the fine grid, of the step that does."""
    span = np.abs(end - start)
    flat = span[:, 0] >= span[:, 1]  # walked in whole steps of x, else of y
    along = np.where(flat, 0, 1)
    rows = np.arange(len(start))
    back = start[rows, along] > end[rows, along]
    low, high = np.where(back[:, None], end, start), np.where(back[:, None], start, end)
    long, short = span[rows, along], high[rows, 1 - along] - low[rows, 1 - along]
    slope = np.divide(short, long, out=np.zeros(len(start)), where=long > 0)
    last = np.trunc(low[rows, 1 - along] + slope * long + 0.5).astype(np.int64)  # where the walk ends across its way
    left = np.where(flat, low[:, 0], np.minimum(low[:, 0], last))
    right = np.where(flat, high[:, 0], np.maximum(low[:, 0], last))
    middle = FINE // 2
    first = np.ceil((left - middle) / FINE).astype(np.int64).clip(0, width)  # left of a crossing lies 5 column + 2
    beyond = np.ceil((right - middle) / FINE).astype(np.int64).clip(0, width)
    counts = (beyond - first).clip(0)
    ends = np.cumsum(counts)
    total = int(ends[-1]) if len(ends) else 0
    if total > limits.CROSSINGS:
        raise DataError(
            f"a polygon of {len(start):,} points whose sides cross {total:,} columns of pixels; at most "
            f"{limits.CROSSINGS:,} are drawn, so simplify it"
        )
    for begin in range(0, total, _AT_ONCE):
        place = np.arange(begin, min(begin + _AT_ONCE, total))
        side = np.searchsorted(ends, place, side="right")
        column = place - (ends - counts)[side] + first[side]
        x = FINE * column + middle  # the walk steps between x and x + 1
        yield column, np.where(flat[side], _row(low, slope, side, x), _step(low, slope, long, side, x))


def _row(low: np.ndarray, slope: np.ndarray, side: np.ndarray, x: np.ndarray) -> np.ndarray:
    """The upper row of the step from x to x + 1, where each step is one of x."""
    steps = x - low[side, 0]
    one = np.trunc(low[side, 1] + slope[side] * steps + 0.5)
    return np.minimum(one, np.trunc(low[side, 1] + slope[side] * (steps + 1) + 0.5))


def _step(low: np.ndarray, slope: np.ndarray, long: np.ndarray, side: np.ndarray, x: np.ndarray) -> np.ndarray:
    """The upper row of the step between x and x + 1, where each step is one of y: the last before the column changes."""
    steep = np.where(slope[side] == 0, 1.0, slope[side])
    near = np.floor((x + 0.5 - low[side, 0]) / steep)
    found = near
    for other in (near - 2, near - 1, near, near + 1, near + 2):  # the division may round to a neighbor
        at = np.trunc(low[side, 0] + slope[side] * other + 0.5)
        after = np.trunc(low[side, 0] + slope[side] * (other + 1) + 0.5)
        held = (np.minimum(at, after) == x) & (np.maximum(at, after) == x + 1) & (other >= 0) & (other < long[side])
        found = np.where(held, other, found)
    return low[side, 1] + found
