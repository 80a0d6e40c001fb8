"""Which of many fingerprints differ in few bits, without comparing each with every other.

The 64 bits lie in 13 bands, six of them in one group and seven in the other. Eight bits that differ leave five bands
untouched at least, so that three of one group are untouched: fingerprints that are near agree in one of the 20 + 35
triples of bands of a group, of some 15 bits. They are sorted by each triple in turn, and compared where it agrees.
"""

from collections.abc import Iterator
from itertools import combinations, pairwise

import numpy as np

_GROUPS = (6, 7)  # bands of each
_COUNT = sum(_GROUPS)
_EDGES = [round(64 * n / _COUNT) for n in range(_COUNT + 1)]
_MASKS = np.array([(1 << high) - (1 << low) for low, high in pairwise(_EDGES)], np.uint64)
_TRIPLES = [*combinations(range(_GROUPS[0]), 3), *combinations(range(_GROUPS[0], _COUNT), 3)]
_AT_ONCE = 2_000_000  # comparisons
_FEW = 512  # fingerprints: so few are sooner compared with each other
_DEAR = 8  # times what a comparison costs is what one costs whose other side is looked up first


def _first_triples() -> np.ndarray:
    """[2^13] the first triple of which all bands are among those that a number's bits stand for; none: 255."""
    sets = np.arange(1 << _COUNT)
    first = np.full(len(sets), 255, np.uint8)
    for number in range(len(_TRIPLES) - 1, -1, -1):
        whole = sum(1 << band for band in _TRIPLES[number])
        first[(sets & whole) == whole] = number
    return first


_FIRST = _first_triples()


class Bands:
    """Fingerprints [N] of 64 bits, in which near ones are looked up.

    Args:
        bits: that two of them may differ in; 8 at most.
    """

    def __init__(self, codes: np.ndarray, bits: int) -> None:
        assert 0 <= bits <= 8, f"bits={bits}: thirteen bands find what differs in 0 to 8 of 64 bits"
        self.codes, self.bits = codes, bits

    def near(self, others: np.ndarray, after: bool) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Places (one, two) where fingerprint one of the others [N] is near fingerprint two of these, by the first of them.

        All that one is near to comes at once. A place is not compared with itself.

        Args:
            after: whether only places two > one are looked at.
        """
        work = np.full(len(others), len(self.codes))  # comparisons of each
        if len(self.codes) > _FEW:
            keys = [_key(self.codes, triple) for triple in _TRIPLES]
            mine = [_key(others, triple) for triple in _TRIPLES]
            orders = [np.argsort(key, kind="stable").astype(np.int32) for key in keys]  # by digits: linear
            begins = [_begins(key) for key in keys]
            work = sum(np.diff(begin)[key] for key, begin in zip(mine, begins, strict=True))
        crowded = _DEAR * work >= len(self.codes)  # sooner compared with all
        work[crowded] = len(self.codes)
        for part in _evenly(work):
            places = np.arange(part.start, part.stop)
            found = [self._everywhere(others, places[crowded[part]])]
            if not crowded[part].all():
                rest = places[~crowded[part]]
                found += [
                    self._agreeing(others, rest, number, key[rest], order, begin)
                    for number, (key, order, begin) in enumerate(zip(mine, orders, begins, strict=True))
                ]
            one, two = (np.concatenate(side) for side in zip(*found, strict=True))
            kept = two > one if after else two != one
            one, two = one[kept], two[kept]
            order = np.lexsort((two, one))
            yield one[order], two[order]

    def _everywhere(self, others: np.ndarray, places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Places that are near, of some of the others and all of these."""
        one, two = np.nonzero(np.bitwise_count(others[places, None] ^ self.codes[None]) <= self.bits)
        return places[one], two

    def _agreeing(
        self, others: np.ndarray, places: np.ndarray, triple: int, key: np.ndarray, order: np.ndarray, begin: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Places that are near, agree in a triple of bands, and in none before it."""
        low, high = begin[key], begin[1:][key]
        counts = high - low
        total = int(counts.sum())
        one = np.repeat(places, counts)
        two = order[np.repeat(low - np.cumsum(counts) + counts, counts) + np.arange(total)]
        apart = others[one] ^ self.codes[two]
        kept = np.flatnonzero(np.bitwise_count(apart) <= self.bits)
        one, two, apart = one[kept], two[kept], apart[kept]
        untouched = np.zeros(len(apart), np.int64)
        for band, mask in enumerate(_MASKS):
            untouched |= ((apart & mask) == 0).astype(np.int64) << band
        kept = np.flatnonzero(_FIRST[untouched] == triple)
        return one[kept], two[kept].astype(np.int64)


def _key(codes: np.ndarray, triple: tuple[int, ...]) -> np.ndarray:
    """[N] the bits of three bands of each fingerprint, side by side: 16 at most."""
    key = np.zeros(len(codes), np.uint64)
    for band in triple:
        width = _EDGES[band + 1] - _EDGES[band]
        key = (key << np.uint64(width)) | ((codes & _MASKS[band]) >> np.uint64(_EDGES[band]))
    return key.astype(np.uint16)


def _begins(key: np.ndarray) -> np.ndarray:
    """[2^16 + 1] where each key begins among the sorted ones."""
    return np.concatenate([[0], np.cumsum(np.bincount(key, minlength=1 << 16))])


def _evenly(work: np.ndarray) -> Iterator[slice]:
    """Parts of a row of so much work each, of `_AT_ONCE` together or of one place."""
    total = np.cumsum(work)
    start = 0
    while start < len(work):
        done = int(total[start - 1]) if start else 0
        stop = max(start + 1, int(np.searchsorted(total, done + _AT_ONCE, side="right")))
        yield slice(start, stop)
        start = stop
