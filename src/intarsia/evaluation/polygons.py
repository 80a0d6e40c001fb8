"""Which pixels COCO's own evaluator takes a polygon to cover, so that scores of polygons are its scores.

Everywhere else in this package a pixel belongs to a polygon when its middle does (`data.exports.regions`). COCO's rule
differs at the border: corners are rounded to a grid five times as fine, each side is walked on that grid in whole steps
along its longer direction, and wherever the walk enters another column of fine cells whose middle is the middle of a
column of pixels, everything from there down changes sides.
"""

from __future__ import annotations

import numpy as np

FINE = 5


def fill(points: np.ndarray, height: int, width: int) -> np.ndarray:
    """One ring as a mask.

    Args:
        points: [N, 2] of x and y in pixels.

    Returns: [height, width] bool.
    """
    corners = np.trunc(FINE * np.asarray(points, np.float64) + 0.5).astype(np.int64)
    walk = np.concatenate([_side(a, b) for a, b in zip(corners, np.roll(corners, -1, axis=0), strict=True)])
    x, y = walk[:, 0], walk[:, 1]
    turn = np.flatnonzero(np.diff(x)) + 1
    column = (np.minimum(x[turn], x[turn - 1]) + 0.5) / FINE - 0.5
    row = np.ceil(((np.minimum(y[turn], y[turn - 1]) + 0.5) / FINE - 0.5).clip(0, height))
    held = (column == np.floor(column)) & (column >= 0) & (column <= width - 1)
    place = column[held].astype(np.int64) * height + row[held].astype(np.int64)
    flips = np.bincount(place, minlength=height * width + 1)[: height * width]
    return (np.cumsum(flips) & 1).astype(bool).reshape(width, height).T


def _side(start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """The fine cells [M, 2] from one corner to the next, both included."""
    span = np.abs(end - start)
    along = 0 if span[0] >= span[1] else 1
    back = start[along] > end[along]
    low, high = (end, start) if back else (start, end)
    steps = np.arange(span[along] + 1)
    cells = np.empty((len(steps), 2), np.int64)
    cells[:, along] = low[along] + steps
    slope = (high[1 - along] - low[1 - along]) / span[along] if span[along] else 0.0
    cells[:, 1 - along] = np.trunc(low[1 - along] + slope * steps + 0.5)
    return cells[::-1] if back else cells
