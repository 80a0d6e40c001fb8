"""Which pictures of a set are one: saved again, made smaller, turned, cropped a little, or in another light.

Fingerprints that differ in at most eight of 64 bits are found by what they share (see `bands`). Of those pictures 64 means
each say whether the thumbnails can correlate at all, and only then they are compared, as a whole and in what is fine in
them. Thumbnails are read when they are compared, so that they need not lie in memory.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ..exam.fingerprints import CROPS, THUMB, TURNS, crop, turn
from .bands import Bands

BITS = 8  # of 64: fingerprints that differ in no more are compared by their thumbnails
_WHOLE, _DETAIL = 0.96, 0.88  # correlation of thumbnails, and of what is fine in them, from which two are one picture
_MOVED = 0.92  # the same of what is fine, where one of them is moved by a step first
_ROUGHLY, _PARTLY = 0.94, 0.5  # and what both are at least before that
_STEPS = ((0, 1), (1, 0), (0, -1), (-1, 0), (1, 1), (1, -1), (-1, 1), (-1, -1))  # of 1 / 64 of the picture
_SHARED = 12  # pictures of a set: from so many on, what all of them share (a round field of view) says nothing
_MOST = 32  # twins that are kept of one picture: frames of a still camera are all alike
_CELL = 4  # means of THUMB / 4 cells a side bound the correlation
_KEPT = 16_384  # views of 1 KB that are kept at once; in a set of a million, each would be made several times
_PLAIN = 12  # gray levels: pictures of fewer are like everything


class Alike(NamedTuple):
    """Two pictures that are one."""

    one: int
    two: int
    way: int  # how the second must be changed to be the first: 0..5 of `turn`, cropped from 6 on


def pairs(prints: Sequence[np.ndarray], thumbs: Sequence[np.ndarray]) -> list[Alike]:
    """Pairs of pictures that are one; of each picture and way at most `_MOST` with later ones.

    Args:
        prints, thumbs: of each picture, as `thumbnail` gives them. Those of nearly one gray are like everything, and left out.
    """
    seen = [n for n, t in enumerate(thumbs) if t.size and int(t.max()) - int(t.min()) >= _PLAIN]
    if len(seen) < 2:
        return []
    codes = np.array([prints[n] for n in seen], np.uint64)  # [N, ways]
    first = _Views(thumbs, seen)
    shared: np.ndarray | np.float32 | None = None if len(seen) >= _SHARED else np.float32(0)
    found: dict[tuple[int, int], Alike] = {}
    for way in range(codes.shape[1]):
        second = _Views(thumbs, seen, way, first) if way else first
        for one, two in Bands(codes[:, way], BITS).near(codes[:, 0], after=way < TURNS):
            one, two = _likeliest(one, two, first.bound(one, second, two))
            if len(one) and shared is None:
                shared = first.shared()
            for part in _parts(len(one)):
                places = two[part]
                alike = _same(first, second, one[part], places, shared, way)
                for a, b in zip(one[part][alike].tolist(), places[alike].tolist(), strict=True):
                    found.setdefault((min(a, b), max(a, b)), Alike(seen[a], seen[b], way))
    return [found[key] for key in sorted(found)]


def _same(
    first: "_Views",
    second: "_Views",
    one: np.ndarray,
    two: np.ndarray,
    shared: np.ndarray | np.float32 | None,
    way: int,
) -> np.ndarray:
    """[N] whether the thumbnails of two pictures say that they are one, if need be after a step to a side."""
    assert shared is not None
    mine = first.seen(one, shared)
    whole, fine = _correlated(mine, second.seen(two, shared))
    alike = np.asarray((whole >= _WHOLE) & (fine >= _DETAIL))
    doubt = np.flatnonzero(~alike & (whole >= _ROUGHLY) & (fine >= _PARTLY) & (way < TURNS))
    for step in _STEPS if len(doubt) else ():
        moved = np.stack([turn(crop(np.roll(first.thumb(n), step, (0, 1)), 0.0), way) for n in two[doubt]])
        whole, fine = _correlated((mine[0][doubt], mine[1][doubt]), _free(moved, shared))
        alike[doubt] |= (whole >= _WHOLE) & (fine >= _MOVED)
    return alike


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
    """Thumbnails [THUMB, THUMB] of pictures, seen in one way; made of those that are asked for, and the last of them kept."""

    def __init__(
        self, thumbs: Sequence[np.ndarray], places: Sequence[int], way: int = 0, upright: "_Views | None" = None
    ) -> None:
        self.thumbs, self.places, self.way, self.upright = thumbs, places, way, upright
        self.made: dict[int, np.ndarray] = {}
        cells = THUMB // _CELL
        self.coarse = np.empty((len(places), cells * cells + 1), np.float32)  # no memory until it is written to
        self.known = np.zeros(len(places), bool)

    def thumb(self, place: int) -> np.ndarray:
        """The whole thumbnail of a picture."""
        return self.thumbs[self.places[place]]

    def view(self, place: int) -> np.ndarray:
        """A thumbnail, turned or cropped."""
        if (view := self.made.get(place)) is None:
            if self.upright is not None and self.way < TURNS:
                return turn(self.upright.view(place), self.way)
            if len(self.made) >= _KEPT:
                self.made.clear()
            view = self.made[place] = crop(self.thumb(place), CROPS[self.way - TURNS] if self.upright else 0.0)
        return view

    def views(self, places: np.ndarray) -> np.ndarray:
        """[N, THUMB, THUMB] some thumbnails."""
        return np.stack([self.view(place) for place in places.tolist()])

    def shared(self) -> np.ndarray:
        """[THUMB, THUMB] what is fine in all pictures alike."""
        total = np.zeros((THUMB, THUMB))
        for part in _parts(len(self.places)):
            views = np.stack([crop(self.thumbs[n], 0.0) for n in self.places[part]])
            total += _detail(views).sum(axis=0, dtype=np.float64)
        return np.asarray(total / len(self.places), np.float32)

    def means(self, places: np.ndarray) -> np.ndarray:
        """[N, cells + 1] means of some thumbnails of length 1, and the length of what is left."""
        new = np.unique(places[~self.known[places]])
        cells = THUMB // _CELL
        for part in _parts(len(new)):
            unit = _unit(self.views(new[part]).astype(np.float32)) / THUMB  # of length 1
            means = unit.reshape(-1, cells, _CELL, cells, _CELL).sum(axis=(2, 4)).reshape(len(unit), -1) / _CELL
            rest = 1 - (means * means).sum(axis=1)
            self.coarse[new[part]] = np.column_stack([means, np.sqrt(np.maximum(rest, 0))])
        self.known[new] = True
        found: np.ndarray = self.coarse[places]
        return found

    def bound(self, one: np.ndarray, other: "_Views", two: np.ndarray) -> np.ndarray:
        """What the correlation of two thumbnails cannot exceed, by their means and the length of the rest of each."""
        found = [
            np.einsum("nc,nc->n", self.means(one[part]), other.means(two[part])) for part in _parts(len(one), 100_000)
        ]
        return np.concatenate([*found, np.zeros(0, np.float32)])

    def seen(self, places: np.ndarray, shared: np.ndarray | np.float32) -> tuple[np.ndarray, np.ndarray]:
        """What `_free` makes of some thumbnails."""
        once, back = np.unique(places, return_inverse=True)
        whole, fine = _free(self.views(once), shared)
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
