"""What a mask is made of: its regions of one value, specks among them, and lines that almost close."""

from typing import NamedTuple

import numpy as np

SPECK = 5  # pixels: smaller regions than this are specks
HOLE = 16  # pixels: a gap matters when closing it would enclose at least so many
_SMALL = 32  # pixels a side: in smaller masks every region is a speck
_BLEND = 0.3  # pixels between two ids, for each step between ids, from which a mask was smoothed
_SAME = 0.6  # the same where all of them have one id: a thin ring around a thing may be meant
_LONG = 8  # pixels: shorter lines are no borders


class Regions(NamedTuple):
    """The regions of a mask: neighbors, corners included, of one value."""

    values: np.ndarray  # [R] raw value of each region
    areas: np.ndarray  # [R] pixels
    boxes: np.ndarray  # [R, 4] top, left, bottom, right, the last two excluded
    where: np.ndarray  # [H, W] region of each pixel


def regions(raw: np.ndarray) -> Regions | None:
    """The regions of a mask, by way of its runs, a row at a time; None where nearly every pixel is a run of its own."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    height, width = raw.shape
    if min(height, width) < _SMALL:
        return None
    change = np.ones(raw.shape, bool)
    np.not_equal(raw[:, 1:], raw[:, :-1], out=change[:, 1:])
    start = np.flatnonzero(change)
    if len(start) > raw.size // 4:
        return None
    run = np.cumsum(change, dtype=np.int32).reshape(raw.shape) - 1
    length = np.diff(np.append(start, raw.size))
    down = (raw[1:] == raw[:-1]) & (change[1:] | change[:-1])
    cross = raw[1:, 1:] == raw[:-1, :-1]
    cross &= raw[1:, :-1] != raw[1:, 1:]
    other = raw[1:, :-1] == raw[:-1, 1:]
    other &= raw[1:, :-1] != raw[1:, 1:]
    upper = np.concatenate([run[:-1][down], run[:-1, :-1][cross], run[:-1, 1:][other]])
    lower = np.concatenate([run[1:][down], run[1:, 1:][cross], run[1:, :-1][other]])
    graph = coo_matrix((np.ones(len(upper), bool), (upper, lower)), shape=(len(start), len(start)))
    count, member = connected_components(graph, directed=False)
    areas = np.bincount(member, length, minlength=count).astype(np.int64)
    values = np.zeros(count, raw.dtype)
    values[member] = raw.ravel()[start]
    row, left = np.divmod(start, width)
    boxes = np.empty((count, 4), np.int64)
    boxes[:, :2], boxes[:, 2:] = max(height, width), 0
    np.minimum.at(boxes[:, 0], member, row)
    np.minimum.at(boxes[:, 1], member, left)
    np.maximum.at(boxes[:, 2], member, row + 1)
    np.maximum.at(boxes[:, 3], member, left + length)
    return Regions(values, areas, boxes, member[run])


def between(raw: np.ndarray) -> np.ndarray:
    """[H, W] bool: pixels whose id lies strictly between those of both neighbors, left and right or above and below.

    Where masks are drawn there are hardly any, for twenty steps between ids one; smoothing makes one or more of each two.
    """
    found = np.zeros(raw.shape, bool)
    for values, hit in ((raw, found), (raw.T, found.T)):
        low, middle, high = values[:, :-2], values[:, 1:-1], values[:, 2:]
        hit[:, 1:-1] |= ((low < middle) & (middle < high)) | ((low > middle) & (middle > high))
    return found


def steps(raw: np.ndarray) -> int:
    """How many neighbors differ by two or more."""
    wide = raw.astype(np.int32)
    return sum(int((np.abs(np.diff(wide, axis=axis)) > 1).sum()) for axis in (0, 1))


def blended(raw: np.ndarray) -> dict[int, int]:
    """Pixels of each id that lie between two other ids, in a mask that was resized with smoothing; none in other masks."""
    middle = raw[between(raw)]
    if len(middle) < 20 or len(middle) < _BLEND * steps(raw):
        return {}
    values, counts = np.unique(middle, return_counts=True)
    if len(values) == 1 and len(middle) < _SAME * steps(raw):
        return {}
    return dict(zip(values.tolist(), counts.tolist(), strict=True))


def specks(found: Regions) -> dict[int, int]:
    """How many specks each value has."""
    values, counts = np.unique(found.values[found.areas < SPECK], return_counts=True)
    return dict(zip(values.tolist(), counts.tolist(), strict=True))


def sizes(found: Regions) -> dict[int, np.ndarray]:
    """Count, for each value, the regions of 1, 2-3, 4-7, ... pixels: [24]."""
    bins = np.minimum(np.log2(found.areas).astype(np.int64), 23)
    return {
        int(v): np.bincount(bins[found.values == v], minlength=24).astype(np.int32) for v in np.unique(found.values)
    }


def gaps(found: Regions) -> list[tuple[int, int, int]]:
    """(value, row, column) of each hole that a thin line would enclose if a gap of up to four pixels in it were closed."""
    from scipy import ndimage

    tall, wide = found.boxes[:, 2] - found.boxes[:, 0], found.boxes[:, 3] - found.boxes[:, 1]
    thin = (tall >= _LONG) & (wide >= _LONG) & (found.areas <= 5 * (tall + wide)) & (4 * found.areas <= 3 * tall * wide)
    order = np.flatnonzero(thin)
    places = []
    for number in order[np.argsort(-found.areas[order])][:12]:
        top, left, bottom, right = found.boxes[number]
        line = np.pad(found.where[top:bottom, left:right] == number, 4)
        if ndimage.binary_erosion(line, np.ones((5, 5), bool)).any():
            continue  # not a line
        thick = ndimage.binary_dilation(line, np.ones((5, 5), bool))
        closed = ndimage.binary_fill_holes(thick) & ~thick & ~ndimage.binary_fill_holes(line)
        if closed.sum() >= HOLE:
            row, column = np.argwhere(closed)[0]
            places.append((int(found.values[number]), int(top + row - 4), int(left + column - 4)))
    return places
