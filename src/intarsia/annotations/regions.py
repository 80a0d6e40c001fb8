"""Polygons with holes, bitmaps and run lengths, exact to the pixel.

A pixel belongs to a polygon when its middle lies inside (even-odd rule over the rings of a part; a middle that lies on
an edge belongs to the side of larger x and y). An outline that runs along the borders between pixels therefore gives back
exactly the pixels it was made from: `fill(outline(mask)) == mask`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from .. import limits
from ..errors import DataError, counted
from ..polygons import area as area
from ..polygons import outline as outline

_AT_ONCE = 1 << 20  # crossings of edges and rows that are computed together: some 50 MB
_TEXT = re.compile("[0-o]*")
_BITS = 40  # of a run length in compressed text: no picture has that many pixels


def blank(height: int, width: int) -> np.ndarray:
    """A mask on which nothing is drawn yet, [height, width] bool.

    Raises: DataError for more pixels than a picture may have.
    """
    limits.check_pixels(width, height, "a mask")
    return np.zeros((height, width), bool)


def fill(parts: Sequence[Sequence[np.ndarray]], height: int, width: int) -> np.ndarray:
    """The union of polygons as a mask.

    Args:
        parts: each an outline and its holes, [N, 2] of x and y in pixels.

    Returns: [height, width] bool.

    Raises: DataError for a polygon of more edges than can be drawn.
    """
    canvas = blank(height, width)
    top, left, inside = window(parts, height, width)
    canvas[top : top + inside.shape[0], left : left + inside.shape[1]] = inside
    return canvas


def window(parts: Sequence[Sequence[np.ndarray]], height: int, width: int) -> tuple[int, int, np.ndarray]:
    """The union of polygons as a mask of the smallest window that holds all of it: top, left, [h, w] bool.

    Args:
        parts: as in `fill`, in a picture of height x width pixels.

    Raises: DataError as in `fill`.
    """
    limits.check_pixels(width, height, "a mask")
    boxes = [(rings, box) for rings in parts if (box := _box(rings, height, width)) is not None]
    if not boxes:
        return 0, 0, np.zeros((0, 0), bool)
    if len(boxes) == 1:
        ((rings, (top, left, bottom, right)),) = boxes
        return top, left, _crossings(rings, top, bottom, left, right)
    edges = np.array([box for _, box in boxes])
    first, start = edges[:, :2].min(axis=0).tolist()
    last, end = edges[:, 2:].max(axis=0).tolist()
    canvas = np.zeros((last - first, end - start), bool)
    for rings, (top, left, bottom, right) in boxes:
        canvas[top - first : bottom - first, left - start : right - start] |= _crossings(
            rings, top, bottom, left, right
        )
    return first, start, canvas


def _box(rings: Sequence[np.ndarray], height: int, width: int) -> tuple[int, int, int, int] | None:
    """Top, left, bottom and right of a polygon within a picture; None where no pixel of it is inside."""
    points = np.concatenate([np.asarray(ring, np.float64).reshape(-1, 2) for ring in rings] or [np.zeros((0, 2))])
    if not len(points):
        return None
    left, top = np.floor(points.min(axis=0)).astype(int).clip(0).tolist()
    right, bottom = np.minimum(np.ceil(points.max(axis=0)).astype(int), (width, height)).tolist()
    return (top, left, bottom, right) if right > left and bottom > top else None


def _crossings(rings: Sequence[np.ndarray], top: int, bottom: int, left: int, right: int) -> np.ndarray:
    """Which pixels' middles, of a window, lie within an odd number of rings."""
    wide = right - left + 1
    flips = np.zeros((bottom - top) * wide, np.uint8)  # counted modulo 256: whether a count is odd is all that matters
    for ring in rings:
        points = np.asarray(ring, np.float64).reshape(-1, 2)
        after = np.roll(points, -1, axis=0)
        up = points[:, 1:] > after[:, 1:]  # each edge from its smaller y, so that both its ways meet a row at one place
        a, b = np.where(up, after, points), np.where(up, points, after)
        low, high = a[:, 1], b[:, 1]
        first = np.ceil(low - 0.5).astype(int).clip(top, bottom)  # rows whose middle y satisfies low <= y < high
        last = np.ceil(high - 0.5).astype(int).clip(top, bottom)
        span = b - a
        for edge, step in _spread(last - first, len(points)):
            row = step + first[edge]
            x = a[edge, 0] + (row + 0.5 - a[edge, 1]) * span[edge, 0] / span[edge, 1]
            column = np.ceil(x - 0.5).astype(int).clip(left, right)  # the first pixel whose middle is not left of it
            place = (row - top) * wide + (column - left)
            if len(place) > 1000 * len(points):  # few long edges; each meets a row once, so that no place occurs twice
                for one in np.split(place, np.flatnonzero(np.diff(edge)) + 1):
                    flips[one] += 1
            else:
                np.add.at(flips, place, 1)
    odd = np.cumsum(flips.reshape(-1, wide), axis=1, dtype=np.uint8)[:, :-1]
    return (odd & 1).astype(bool)


def _spread(counts: np.ndarray, points: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Of each edge's rows the edge's number and 0, 1, 2, ..., in pieces that fit into memory.

    Raises: DataError where there are more of them than `limits.CROSSINGS`.
    """
    ends = np.cumsum(counts)
    total = int(ends[-1]) if len(ends) else 0
    if total > limits.CROSSINGS:
        raise DataError(too_many(points, total))
    if total <= _AT_ONCE:
        edge = np.repeat(np.arange(len(counts)), counts)
        yield edge, np.arange(total) - np.repeat(ends - counts, counts)
        return
    for start in range(0, total, _AT_ONCE):
        place = np.arange(start, min(start + _AT_ONCE, total))
        edge = np.searchsorted(ends, place, side="right")
        yield edge, place - (ends - counts)[edge]


def crossed(ring: np.ndarray, height: int) -> int:
    """How many rows of pixels the edges of a ring cross in a picture of that height."""
    y = np.asarray(ring, np.float64).reshape(-1, 2)[:, 1]
    rows = np.ceil(y - 0.5).clip(0, height).astype(np.int64)
    return int(abs(rows - np.roll(rows, -1)).sum())


def too_many(points: int, total: int) -> str:
    """The clause about a polygon that is not drawn because its edges cross too many rows."""
    return (
        f"a polygon of {points:,} points whose edges cross {total:,} rows of pixels; at most {limits.CROSSINGS:,} are "
        "drawn, so simplify it"
    )


def keyhole(parts: Sequence[Sequence[np.ndarray]]) -> np.ndarray:
    """The rings of outlines that do not overlap, joined into one ring that fills the same pixels.

    A bridge leads from ring to ring and back, so its two sides cancel; outlines run one way and holes the other, so
    programs that fill by the winding number see the holes as well.

    Returns: [N, 2] of x and y.
    """
    (path, *rest) = [ring for part in parts for ring in part]
    for ring in rest:
        gaps = ((path - ring[0]) ** 2).sum(axis=1)
        at = int(gaps.argmin())
        path = np.concatenate([path[: at + 1], ring, ring[:1], path[at:]])
    return path


def runs_of(mask: np.ndarray) -> list[int]:
    """COCO's run lengths of a mask [H, W]: column by column, zeros first."""
    flat = np.asarray(mask, bool).reshape(-1, order="F")
    changes = np.flatnonzero(np.diff(flat)) + 1
    edges = np.concatenate([[0], changes, [flat.size]])
    lengths = np.diff(edges).tolist()
    return [0, *lengths] if flat.size and flat[0] else lengths


def checked(runs: Any, height: int, width: int) -> np.ndarray:
    """Run lengths of a mask, checked before anything is made of them: whole numbers that fill the picture exactly.

    Everything in this package that turns run lengths into pixels comes through here.

    Args:
        runs: whatever a file holds in their place.

    Returns: [N] int64.

    Raises: DataError for a size beyond any picture's, for what is no list of whole numbers, for a length below 0 or above
        the number of pixels, and for a wrong sum.
    """
    limits.check_pixels(width, height, "run lengths")
    size = height * width
    if isinstance(runs, np.ndarray) and runs.dtype.kind in "iu" and runs.ndim == 1:
        runs = runs.tolist()
    if not isinstance(runs, list | tuple) or not set(map(type, runs)) <= {int}:
        odd = next((r for r in runs if type(r) is not int), runs) if isinstance(runs, list | tuple) else runs
        raise DataError(f"run lengths are a list of whole numbers, and {str(odd)[:40]!r} is none; export them again")
    if runs and (min(runs) < 0 or max(runs) > size):
        odd = next(run for run in runs if not 0 <= run <= size)
        raise DataError(
            f"a run length of {str(odd) if -(10**12) < odd < 10**12 else 'many digits'}, but the picture has "
            f"{width}x{height} = {size} pixels; export them again"
        )
    if sum(runs) != size:
        raise DataError(f"run lengths add up to {sum(runs)} pixels, but the picture has {width}x{height} = {size}")
    return np.asarray(runs, np.int64)


def mask_of(runs: Any, height: int, width: int) -> np.ndarray:
    """The mask of COCO's run lengths, plain or as compressed text.

    Raises: DataError when they do not fill the size, see `checked`.
    """
    lengths = checked(unpacked(runs) if isinstance(runs, str) else runs, height, width)
    return expanded(lengths).reshape(height, width, order="F")


def expanded(lengths: np.ndarray) -> np.ndarray:
    """Pixels one behind the other of run lengths that are `checked`, zeros first."""
    return np.repeat(np.arange(len(lengths)) % 2 == 1, lengths)


def packed(runs: Sequence[int]) -> str:
    """COCO's compressed text of run lengths: differences to the run two before, six bits a character."""
    text = []
    for n, run in enumerate(runs):
        value = int(run) - (int(runs[n - 2]) if n > 2 else 0)
        while True:
            bits = value & 0x1F
            value >>= 5
            more = value != (-1 if bits & 0x10 else 0)
            text.append(chr((bits | (0x20 if more else 0)) + 48))
            if not more:
                break
    return "".join(text)


def unpacked(text: str) -> list[int]:
    """The run lengths of COCO's compressed text.

    Raises: DataError when the text ends within a number, or holds another character or a number beyond any picture's size.
    """
    if odd := next((c for c in text if not "0" <= c <= "o"), None) if not _TEXT.fullmatch(text) else None:
        raise DataError(f"the compressed run lengths {text[:20]!r}... hold the character {odd!r}; export them again")
    codes = np.frombuffer(text.encode("ascii"), np.uint8).astype(np.int64) - 48
    if not len(codes):
        return []
    last = codes < 32  # of each number's characters
    if not last[-1]:
        raise DataError(f"the compressed run lengths {text[:20]!r}... end within a number")
    ends = np.flatnonzero(last)
    starts = np.concatenate([[0], ends[:-1] + 1])
    place = np.arange(len(codes)) - np.repeat(starts, ends - starts + 1)
    if 5 * place.max() > _BITS:
        raise DataError(
            f"the compressed run lengths {text[:20]!r}... hold a number beyond any picture's size; export them again"
        )
    runs = np.add.reduceat((codes & 31) << (5 * place), starts)
    runs -= ((codes[ends] & 16) > 0).astype(np.int64) << (5 * (place[ends] + 1))  # negative differences
    runs[1::2] = runs[1::2].cumsum()
    runs[2::2] = runs[2::2].cumsum()
    return runs.tolist()


_FAR = 1e7  # no picture has that many pixels in a row


def ring(points: Any, where: object) -> np.ndarray:
    """The points of one outline, [N, 2] float64.

    Raises: DataError when they are fewer than three, or no numbers that can be drawn.
    """
    try:
        made = np.asarray(points, np.float64).reshape(-1, 2)
    except (TypeError, ValueError):
        raise DataError(f"{where}: a polygon whose points are no pairs of numbers; draw it again") from None
    limits.check_points(len(made), where)
    if len(made) < 3:
        raise DataError(f"{where}: a polygon of {counted(len(made), 'point')}; it needs three, so draw or remove it")
    if not (np.isfinite(made).all() and (abs(made) < _FAR).all()):
        raise DataError(f"{where}: a polygon with a point that is no number, or endlessly far away; draw it again")
    return made


def rectangle(x0: float, y0: float, x1: float, y1: float) -> np.ndarray:
    """A box as an outline."""
    return np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)], np.float64)


def ellipse(cx: float, cy: float, rx: float, ry: float, angle: float = 0.0) -> np.ndarray:
    """An ellipse as an outline of 256 points; the angle, in radians, turns it clockwise on the screen."""
    t = np.linspace(0, 2 * np.pi, 256, endpoint=False)
    x, y = rx * np.cos(t), ry * np.sin(t)
    return np.stack([cx + x * np.cos(angle) - y * np.sin(angle), cy + x * np.sin(angle) + y * np.cos(angle)], axis=1)
