"""Which pictures of a set are one: saved again, made smaller, turned, cropped a little, or in another light.

Every fingerprint is compared with every other one, a few nanoseconds each. Where they nearly agree, 64 means a picture say
whether the thumbnails can correlate at all, and only then they are compared, as a whole and in what is fine in them. So
what is kept grows with the number of pictures, and what is computed hardly faster, though pictures are alike by thousands.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from ..exam.fingerprints import CROPS, THUMB, TURNS, crop, turn

BITS = 8  # of 64: fingerprints that differ in no more are compared by their thumbnails
_WHOLE, _DETAIL = 0.96, 0.88  # correlation of thumbnails, and of what is fine in them, from which two are one picture
_MOVED = 0.92  # the same of what is fine, where one of them is moved by a step first
_ROUGHLY, _PARTLY = 0.94, 0.5  # and what both are at least before that
_STEPS = ((0, 1), (1, 0), (0, -1), (-1, 0), (1, 1), (1, -1), (-1, 1), (-1, -1))  # of 1 / 64 of the picture
_SHARED = 12  # pictures of a set: from so many on, what all of them share (a round field of view) says nothing
_MOST = 32  # twins that are kept of one picture: frames of a still camera are all alike
_AT_ONCE = 2_000_000  # comparisons of fingerprints
_CELL = 4  # means of THUMB / 4 cells a side bound the correlation


class Alike(NamedTuple):
    """Two pictures that are one."""

    one: int
    two: int
    way: int  # how the second must be changed to be the first: 0..5 of `turn`, cropped from 6 on


def pairs(prints: Sequence[tuple[int, ...]], thumbs: Sequence[np.ndarray]) -> list[Alike]:
    """Pairs of pictures that are one; of each picture and way at most `_MOST` with later ones.

    Args:
        prints, thumbs: of each picture, as `thumbnail` gives them. Those of nearly one gray are like everything, and left out.
    """
    held = [n for n, t in enumerate(thumbs) if t.size and int(t.max()) - int(t.min()) >= 12]
    if len(held) < 2:
        return []
    codes = np.array([prints[n] for n in held], np.uint64)  # [N, ways]
    upright = np.stack([crop(thumbs[n], 0.0) for n in held])  # [N, THUMB, THUMB]
    first = _Views(upright)
    shared = first.shared() if len(held) >= _SHARED else np.float32(0)
    found: dict[tuple[int, int], Alike] = {}
    for way in range(codes.shape[1]):
        if way < TURNS:
            second = _Views(np.stack([turn(view, way) for view in upright])) if way else first
        else:
            second = _Views(np.stack([crop(thumbs[n], CROPS[way - TURNS]) for n in held]))
        for one, two in _near(codes[:, 0], codes[:, way], whole=way < TURNS):
            one, two = _likeliest(one, two, first.bound(one, second, two))
            for part in _parts(len(one)):
                mine, places = first.seen(one[part], shared), two[part]
                whole, fine = _correlated(mine, second.seen(places, shared))
                alike = (whole >= _WHOLE) & (fine >= _DETAIL)
                doubt = np.flatnonzero(~alike & (whole >= _ROUGHLY) & (fine >= _PARTLY) & (way < TURNS))
                for step in _STEPS if len(doubt) else ():
                    moved = np.stack(
                        [turn(crop(np.roll(thumbs[held[n]], step, (0, 1)), 0.0), way) for n in places[doubt]]
                    )
                    whole, fine = _correlated((mine[0][doubt], mine[1][doubt]), _free(moved, shared))
                    alike[doubt] |= (whole >= _WHOLE) & (fine >= _MOVED)
                for a, b in zip(one[part][alike].tolist(), places[alike].tolist(), strict=True):
                    found.setdefault((min(a, b), max(a, b)), Alike(held[a], held[b], way))
    return [found[key] for key in sorted(found)]


def _near(mine: np.ndarray, other: np.ndarray, whole: bool) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Places (one, two) of fingerprints [N] of which the first of one is near the second of two.

    Args:
        whole: whether two pictures that are one this way are so in either order, so that one order is enough.
    """
    rows = max(1, _AT_ONCE // len(mine))
    for start in range(0, len(mine), rows):
        begin = start if whole else 0
        close = np.bitwise_count(mine[start : start + rows, None] ^ other[None, begin:]) <= BITS
        one, two = np.nonzero(close)
        one, two = one + start, two + begin
        kept = two > one if whole else two != one
        yield one[kept], two[kept]


def _likeliest(one: np.ndarray, two: np.ndarray, bound: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of each first the seconds that it may be like, at most `_MOST`."""
    kept = bound >= _ROUGHLY
    one, two, bound = one[kept], two[kept], bound[kept]
    order = np.lexsort((-bound, one))
    one, two = one[order], two[order]
    begins = np.flatnonzero(np.r_[True, one[1:] != one[:-1]][: len(one)])
    rank = np.arange(len(one)) - np.repeat(begins, np.diff(np.r_[begins, len(one)]))
    return one[rank < _MOST], two[rank < _MOST]


class _Views:
    """Thumbnails [N, THUMB, THUMB] of all pictures, seen in one way."""

    def __init__(self, views: np.ndarray) -> None:
        self.views = views
        cells = THUMB // _CELL
        self.coarse = np.empty((len(views), cells * cells + 1), np.float32)
        for part in _parts(len(views)):
            unit = _unit(views[part].astype(np.float32)) / THUMB  # of length 1
            means = unit.reshape(-1, cells, _CELL, cells, _CELL).sum(axis=(2, 4)).reshape(len(unit), -1) / _CELL
            rest = 1 - (means * means).sum(axis=1)
            self.coarse[part] = np.column_stack([means, np.sqrt(np.maximum(rest, 0))])

    def shared(self) -> np.ndarray:
        """[THUMB, THUMB] what is fine in all pictures alike."""
        total = sum(_detail(self.views[part]).sum(axis=0, dtype=np.float64) for part in _parts(len(self.views)))
        return np.asarray(total / len(self.views), np.float32)

    def bound(self, one: np.ndarray, other: "_Views", two: np.ndarray) -> np.ndarray:
        """What the correlation of two thumbnails cannot exceed, by their means and the length of the rest of each."""
        found = [
            np.einsum("nc,nc->n", self.coarse[one[part]], other.coarse[two[part]]) for part in _parts(len(one), 100_000)
        ]
        return np.concatenate([*found, np.zeros(0, np.float32)])

    def seen(self, places: np.ndarray, shared: np.ndarray | np.float32) -> tuple[np.ndarray, np.ndarray]:
        """What `_free` makes of some thumbnails."""
        once, back = np.unique(places, return_inverse=True)
        whole, fine = _free(self.views[once], shared)
        return whole[back], fine[back]


def _free(views: np.ndarray, shared: np.ndarray | np.float32) -> tuple[np.ndarray, np.ndarray]:
    """Thumbnails [N, THUMB, THUMB] free of light and contrast, and what is fine in them but not in all."""
    return _unit(views.astype(np.float32)), _detail(views) - shared


def _correlated(
    mine: tuple[np.ndarray, np.ndarray], theirs: tuple[np.ndarray, np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """[N] correlation of thumbnails as a whole, and of what is fine in them."""
    whole = _products(mine[0], theirs[0]) / THUMB**2
    length = np.sqrt(_products(mine[1], mine[1]) * _products(theirs[1], theirs[1]))
    return whole, _products(mine[1], theirs[1]) / np.maximum(length, 1e-9)


def _products(one: np.ndarray, two: np.ndarray) -> np.ndarray:
    return np.asarray(np.einsum("nyx,nyx->n", one, two))


def _parts(count: int, size: int = 2048) -> list[slice]:
    return [slice(start, start + size) for start in range(0, count, size)]


def _unit(views: np.ndarray) -> np.ndarray:
    """[N, side, side] values less their mean, over their deviation: free of light and contrast."""
    values = views - views.mean(axis=(1, 2), keepdims=True)
    return np.asarray(values / np.maximum(np.sqrt((values * values).mean(axis=(1, 2), keepdims=True)), 1e-6))


def _detail(views: np.ndarray) -> np.ndarray:
    """[N, side, side] what is fine in thumbnails, of deviation 1: each value less the mean of the 3 x 3 around it."""
    side = views.shape[1]
    wide = np.pad(views.astype(np.float32), ((0, 0), (1, 1), (1, 1)), mode="edge")
    around = sum(wide[:, y : y + side, x : x + side] for y in range(3) for x in range(3)) / 9
    return _unit(wide[:, 1:-1, 1:-1] - around)
