"""Outlines of label maps along the borders between pixels: polygons with holes, exact to the pixel, whole over tile borders.

    rows of labels - corners (each looks at four pixels) - paired along lines - rings - holes in their polygons

A corner depends on the four pixels around it alone, so that a map may come row by row, and what crosses from one part into
the next is one polygon. Pixels that touch at a corner only are not connected; a hole may be so. Outer rings run clockwise
on the screen, holes the other way.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

Part = tuple[np.ndarray, ...]  # an outer ring and its holes, [N, 2] float64 corners x, y


class Corners(NamedTuple):
    """Places at which the border of a class turns; two stand where two of its pixels touch at a corner only.

    Args:
        x, y: of each, counted from the upper left corner of the picture.
        side: whether its horizontal border leads to the right where two stand at one place, 0 or 1.
        down: whether its vertical border leads downward there, 0 or 1.
        inside: whether the pixel to its lower right is of the class.
    """

    x: np.ndarray
    y: np.ndarray
    side: np.ndarray
    down: np.ndarray
    inside: np.ndarray


class Tracer:
    """Polygons of the classes of a label map that comes row by row.

    Args:
        width: of the map.
        classes: numbers whose polygons are wanted.
    """

    def __init__(self, width: int, classes: Sequence[int]) -> None:
        self.width, self.top = width, 0
        self._found: dict[int, list[Corners]] = {number: [] for number in classes}
        self._last: np.ndarray | None = None

    def add(self, rows: np.ndarray) -> None:
        """Look at the next rows [h, W] of the map."""
        present = set(np.flatnonzero(np.bincount(rows.ravel())).tolist())
        above = set() if self._last is None else set(np.unique(self._last).tolist())
        for number, found in self._found.items():
            if number in present or number in above:
                head = np.zeros((1, self.width), bool) if self._last is None else self._last[None] == number
                found.append(_corners(np.concatenate([head, rows == number]), self.top))
        self.top += len(rows)
        self._last = rows[-1].copy()

    def count(self) -> int:
        """Count the corners that are kept in memory."""
        return sum(len(one.x) for found in self._found.values() for one in found)

    def polygons(self, number: int) -> list[Part]:
        """Put together the polygons of a class, once all rows have been seen: from the top, and from the left."""
        found = [*self._found[number]]
        if self._last is not None and (self._last == number).any():
            end = np.concatenate([self._last[None] == number, np.zeros((1, self.width), bool)])
            found.append(_corners(end, self.top))
        if not found:
            return []
        return _polygons(Corners(*(np.concatenate(parts) for parts in zip(*found, strict=True))))


def outline(mask: np.ndarray) -> tuple[Part, ...]:
    """Trace the outlines of a mask [H, W] along the borders between its pixels: one part for each 4-connected piece.

    Returns: for each piece its outer ring, clockwise on the screen, and its holes, the largest first; [N, 2] float64
        corners x, y.
    """
    padded = np.pad(np.asarray(mask, bool), ((1, 1), (0, 0)))
    return tuple(_polygons(_corners(padded, 0)))


def area(ring: np.ndarray) -> float:
    """Compute the area of a ring, positive where it runs clockwise on the screen."""
    x, y = ring[:, 0], ring[:, 1]
    return float(x[:-1] @ y[1:] - x[1:] @ y[:-1] + x[-1] * y[0] - x[0] * y[-1]) / 2 if len(ring) else 0.0


def length(ring: np.ndarray, spacing: tuple[float, float] = (1.0, 1.0)) -> float:
    """Compute the length of a closed ring.

    Args:
        spacing: of the pixels (down, across).
    """
    steps = (np.roll(ring, -1, axis=0) - ring) * np.array(spacing[::-1])
    return float(np.hypot(steps[:, 0], steps[:, 1]).sum())


def simplified(ring: np.ndarray, tolerance: float) -> np.ndarray:
    """Leave out corners of a closed ring that lie within a tolerance of the line between those that stay.

    Urs Ramer 1972; David Douglas, Thomas Peucker 1973.

    Args:
        ring: [N, 2] of x and y.
        tolerance: in pixels; 0 keeps every corner.

    Returns: [M, 2], at least the three corners that lie farthest apart.
    """
    if tolerance <= 0 or len(ring) <= 4:
        return ring
    far = int(((ring - ring[0]) ** 2).sum(axis=1).argmax())
    closed = np.concatenate([ring, ring[:1]])
    keep = np.zeros(len(closed), bool)
    keep[[0, far, len(ring)]] = True
    spans = [(0, far), (far, len(ring))]
    while spans:
        first, last = spans.pop()
        if last - first < 2:
            continue
        gaps = _gaps(closed[first + 1 : last], closed[first], closed[last])
        worst = int(gaps.argmax())
        if gaps[worst] > tolerance or keep.sum() < 4:
            keep[first + 1 + worst] = True
            spans += [(first, first + 1 + worst), (first + 1 + worst, last)]
    return closed[:-1][keep[:-1]]


def smoothed(ring: np.ndarray, times: int = 2) -> np.ndarray:
    """Cut the corners of a closed ring at a quarter of each side, so many times.

    George Chaikin. "An algorithm for high-speed curve generation." Computer Graphics and Image Processing 1974.
    """
    for _ in range(times):
        after = np.roll(ring, -1, axis=0)
        ring = np.stack([0.75 * ring + 0.25 * after, 0.25 * ring + 0.75 * after], axis=1).reshape(-1, 2)
    return ring


def _corners(rows: np.ndarray, top: int) -> Corners:
    """The corners on the lines between successive rows of a mask [h + 1, W]; the first line is y = top."""
    wide = np.pad(rows, ((0, 0), (1, 1)))
    a, b, c, d = wide[:-1, :-1], wide[:-1, 1:], wide[1:, :-1], wide[1:, 1:]
    turns = a ^ b ^ c ^ d
    touch = (a == d) & (b == c) & (a != b)
    y, x = np.nonzero(turns)
    zeros = np.zeros(len(y), np.int8)
    parts = [(x, y, zeros, zeros, d[y, x])]
    y, x = np.nonzero(touch)
    if len(y):
        falling = a[y, x]  # the pixels to the upper left and the lower right touch, else the others
        none, one = np.zeros(len(y), np.int8), np.ones(len(y), np.int8)
        upper = np.where(falling, none, one).astype(
            np.int8
        )  # of the pixel above: its border to the left, or to the right
        parts += [(x, y, upper, none, d[y, x]), (x, y, one - upper, one, d[y, x])]
    found = [np.concatenate(one) for one in zip(*parts, strict=True)]
    return Corners(found[0].astype(np.int32), (found[1] + top).astype(np.int32), *found[2:])


def _pairs(first: np.ndarray, second: np.ndarray, third: np.ndarray) -> np.ndarray:
    """The other end of each corner's border: along a line, corners begin and end borders in turn."""
    order = np.lexsort((third, second, first)).reshape(-1, 2)
    other = np.empty(order.size, np.int64)
    other[order[:, 0]], other[order[:, 1]] = order[:, 1], order[:, 0]
    return other


def _polygons(corners: Corners) -> list[Part]:
    """Walk along the borders from corner to corner, and give each hole to the polygon that it lies in."""
    if not len(corners.x):
        return []
    level, upright = _pairs(corners.y, corners.x, corners.side), _pairs(corners.x, corners.y, corners.down)
    order = np.lexsort((corners.side, corners.x, corners.y)).tolist()
    across, along = level.tolist(), upright.tolist()
    ring_of = [-1] * len(order)
    rings: list[list[int]] = []
    outer: list[bool] = []
    inside = corners.inside.tolist()
    for start in order:
        if ring_of[start] >= 0:
            continue
        ways = (across, along) if inside[start] else (along, across)
        ring, place, turn = [start], ways[0][start], 1
        ring_of[start] = number = len(rings)
        while place != start:
            ring_of[place] = number
            ring.append(place)
            place, turn = ways[turn][place], 1 - turn
        rings.append(ring)
        outer.append(inside[start])
    points = np.stack([corners.x, corners.y], axis=1).astype(np.float64)
    owners = _owners(corners, upright, np.array(ring_of), rings, outer)
    parts: dict[int, list[np.ndarray]] = {}
    for number, owner in enumerate(owners):
        parts.setdefault(owner, []).append(points[rings[number]])
    return [(first, *sorted(holes, key=lambda ring: -abs(area(ring)))) for first, *holes in parts.values()]


def _owners(
    corners: Corners, upright: np.ndarray, ring_of: np.ndarray, rings: list[list[int]], outer: list[bool]
) -> list[int]:
    """The outer ring that each ring belongs to: that of the border to the left of the pixel above a hole's first corner."""
    holes = [number for number, own in enumerate(outer) if not own]
    owners = list(range(len(rings)))
    if not holes:
        return owners
    first = np.array([rings[number][0] for number in holes])
    rows = np.unique(corners.y[first] - 1)
    ends = np.flatnonzero(corners.y < corners.y[upright])  # the upper end of each vertical border
    low, high = np.searchsorted(rows, corners.y[ends]), np.searchsorted(rows, corners.y[upright[ends]])
    counts = high - low
    crossing = np.repeat(ends, counts)
    row = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts) + np.repeat(low, counts)
    wide = int(corners.x.max()) + 1
    keys = row.astype(np.int64) * wide + corners.x[crossing]
    sort = np.argsort(keys, kind="stable")
    asked = np.searchsorted(rows, corners.y[first] - 1).astype(np.int64) * wide + corners.x[first]
    left = crossing[sort[np.searchsorted(keys[sort], asked, "right") - 1]]
    for number, near in zip(holes, ring_of[left].tolist(), strict=True):  # from the top: a hole's neighbor is known
        owners[number] = owners[near]
    return owners


def _gaps(points: np.ndarray, first: np.ndarray, last: np.ndarray) -> np.ndarray:
    """How far points lie from the line between two others."""
    along = last - first
    size = np.hypot(*along)
    if size == 0:
        return np.hypot(*(points - first).T)
    moved = points - first
    gaps: np.ndarray = np.abs(along[0] * moved[:, 1] - along[1] * moved[:, 0]) / size
    return gaps
