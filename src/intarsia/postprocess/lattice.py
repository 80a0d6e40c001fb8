"""Loops over a permutohedral lattice for CPUs: plain functions that numba compiles, each for a range that one thread works on.

Adams, Baek, Davis. "Fast High-Dimensional Filtering Using the Permutohedral Lattice." Eurographics 2010

N points of d features lie in simplices of d + 1 vertices each; M vertices are in use. Rows of values have a multiple of
`LANES` columns, so that compilers work on four at once and have none left over.
"""

from __future__ import annotations

from functools import cache
from types import SimpleNamespace
from typing import Any

import numpy as np

LANES = 4
STEP = 64  # points whose rows stay in the first cache from slicing to splatting
FREE = -1  # an entry of the hash table that no vertex uses


def embed(
    first: int, last: int, features: Any, scale: Any, strides: Any, keys: Any, weights: Any
) -> None:  # pragma: no cover
    """Find the simplex of each point, and the share that each of its vertices has in it.

    Args:
        features: [N, d] float32.
        scale: [d] float32 from a feature to the lattice's steps.
        strides: [d] int64; a vertex's key is its first d coordinates times these, added up.
        keys: [N, d + 1] int64, filled.
        weights: [N, d + 1] float32, filled; they add up to 1.
    """
    d = features.shape[1]
    span, inverse, half = np.float32(d + 1), np.float32(1 / (d + 1)), np.float32(0.5)
    raised = np.empty(d + 1, np.float32)
    corner = np.empty(d + 1, np.float32)  # the nearest vertex whose coordinates are multiples of d + 1
    rank = np.empty(d + 1, np.int64)  # of the differences to it, the largest first
    share = np.empty(d + 2, np.float32)
    stride_of = np.empty(d + 1, np.int64)  # by rank
    all_strides = strides.sum()
    for n in range(first, last):
        above = np.float32(0)
        for j in range(d, 0, -1):
            x = features[n, j - 1] * scale[j - 1]
            raised[j] = above - np.float32(j) * x
            above += x
        raised[0] = above
        excess = np.float32(0)
        for i in range(d + 1):
            steps = np.floor(raised[i] * inverse + half)
            corner[i] = steps * span
            excess += steps
            rank[i] = 0
        for i in range(d):
            for j in range(i + 1, d + 1):
                if raised[i] - corner[i] < raised[j] - corner[j]:
                    rank[i] += 1
                else:
                    rank[j] += 1
        shift = np.int64(excess)  # coordinates of a vertex add up to 0
        if shift != 0:
            for i in range(d + 1):
                rank[i] += shift
                if rank[i] < 0:
                    rank[i] += d + 1
                    corner[i] += span
                elif rank[i] > d:
                    rank[i] -= d + 1
                    corner[i] -= span
        share[:] = 0
        key = np.int64(0)
        for i in range(d + 1):
            away = (raised[i] - corner[i]) * inverse
            share[d - rank[i]] += away
            share[d + 1 - rank[i]] -= away
            stride_of[rank[i]] = 0
            if i < d:
                key += np.int64(corner[i]) * strides[i]
                stride_of[rank[i]] = strides[i]
        keys[n, 0] = key
        weights[n, 0] = share[0] + np.float32(1) + share[d + 1]
        for k in range(1, d + 1):
            key += all_strides - (d + 1) * stride_of[d + 1 - k]
            keys[n, k] = key
            weights[n, k] = share[k]


def number(keys: Any, places: Any) -> Any:  # pragma: no cover
    """Number vertices in the order in which points meet them.

    Args:
        keys: [N, d + 1].
        places: [N, d + 1] uint32, filled with the numbers of vertices.

    Returns: the hash table, the key of each vertex, and the table's size as a power of two.
    """
    bits = 14
    table = np.full(1 << bits, FREE, np.int32)
    owned = np.empty(1 << bits, np.int64)
    count = 0
    mix = np.uint64(0x9E3779B97F4A7C15)
    for n in range(keys.shape[0]):
        for k in range(keys.shape[1]):
            key = keys[n, k]
            if n > 0 and keys[n - 1, k] == key:
                places[n, k] = places[n - 1, k]
                continue
            slot = np.int64((np.uint64(key) * mix) >> np.uint64(64 - bits))
            while table[slot] != FREE and owned[table[slot]] != key:
                slot = (slot + 1) & ((1 << bits) - 1)
            if table[slot] == FREE:
                table[slot] = count
                owned[count] = key
                count += 1
            places[n, k] = table[slot]
            if 2 * count >= 1 << bits:
                bits += 2
                table = np.full(1 << bits, FREE, np.int32)
                more = np.empty(1 << bits, np.int64)
                more[:count] = owned[:count]
                owned = more
                for v in range(count):
                    slot = np.int64((np.uint64(owned[v]) * mix) >> np.uint64(64 - bits))
                    while table[slot] != FREE:
                        slot = (slot + 1) & ((1 << bits) - 1)
                    table[slot] = v
    return table, owned[:count].copy(), bits


def neighbors(
    first: int, last: int, table: Any, owned: Any, bits: int, offsets: Any, around: Any
) -> None:  # pragma: no cover
    """Find the two neighbors of each vertex along each axis; M, the number of vertices, where there is none.

    Args:
        offsets: [d + 1] int64, from a key to the next one along the axis.
        around: [d + 1, M, 2] uint32, filled.
    """
    mix = np.uint64(0x9E3779B97F4A7C15)
    for v in range(first, last):
        for axis in range(offsets.shape[0]):
            for side in range(2):
                key = owned[v] + offsets[axis] if side == 0 else owned[v] - offsets[axis]
                slot = np.int64((np.uint64(key) * mix) >> np.uint64(64 - bits))
                while table[slot] != FREE and owned[table[slot]] != key:
                    slot = (slot + 1) & ((1 << bits) - 1)
                around[axis, v, side] = owned.shape[0] if table[slot] == FREE else table[slot]


def blur(first: int, last: int, start: int, around: Any, x: Any, y: Any) -> None:  # pragma: no cover
    """Blur vertices along one axis, from lattice x into lattice y: a vertex, and half of each neighbor.

    Args:
        start: row of the vertex 0 in both; their last row is zero.
        around: [M, 2] rows of neighbors.
    """
    half = np.float32(0.5)
    for v in range(first, last):
        i, j, own = around[v, 0], around[v, 1], start + v
        for c in range(x.shape[1]):
            y[own, c] = x[own, c] + half * (x[i, c] + x[j, c])


def merge(first: int, last: int, parts: Any, lattice: Any) -> None:  # pragma: no cover
    """Add up what several bands of points have splatted, [bands, M, columns], and empty it again."""
    for v in range(first, last):
        for c in range(lattice.shape[1]):
            lattice[v, c] = parts[0, v, c]
            parts[0, v, c] = 0
        for part in range(1, parts.shape[0]):
            for c in range(lattice.shape[1]):
                lattice[v, c] += parts[part, v, c]
                parts[part, v, c] = 0


def splat(first: int, last: int, places: Any, weights: Any, values: Any, found: Any) -> None:  # pragma: no cover
    """Add the values [N, columns] of points to their vertices, [M, columns]."""
    for n in range(first, last):
        for k in range(places.shape[1]):
            w, v = weights[n, k], places[n, k]
            for c in range(values.shape[1]):
                found[v, c] += w * values[n, c]


def read(first: int, last: int, places: Any, weights: Any, lattice: Any, found: Any) -> None:  # pragma: no cover
    """Slice the values of vertices [M + 1, columns] at points, into `found` [N, columns]."""
    for n in range(first, last):
        for c in range(found.shape[1]):
            found[n, c] = 0
        for k in range(places.shape[1]):
            w, v = weights[n, k], places[n, k]
            for c in range(found.shape[1]):
                found[n, c] += w * lattice[v, c]


def sweep(  # noqa: C901  # one loop, so that a row is read, softened and written while it is near
    first: int, last: int, places: Any, slicing: Any, splatting: Any, unary: Any, lattice: Any, found: Any, q: Any
) -> None:  # pragma: no cover
    """Slice messages, add the scores, make probabilities, and splat them: one iteration of a band of points.

    Args:
        places, slicing, splatting: [N, S] of the S vertices of a point, those of all kernels in a row; the weights of both
            ways.
        unary: [N, columns] scores.
        lattice: [M + 1, columns] messages at vertices; no rows: there are none yet.
        found: as the lattice, added to; no rows: nothing is splatted, and probabilities go to `q`.
        q: as `unary`.
    """
    columns, around = unary.shape[1], places.shape[1] if lattice.shape[0] else 0
    row = np.empty((STEP, columns), np.float32)
    flat, exponent = row.reshape(-1), np.empty(row.size, np.int32)
    power = exponent.view(np.float32)  # 2**whole
    for start in range(first, last, STEP):
        stop = min(last, start + STEP)
        for n in range(start, stop):
            i = n - start
            for c in range(columns):
                row[i, c] = unary[n, c]
            for k in range(around):
                w, v = slicing[n, k], places[n, k]
                for c in range(columns):
                    row[i, c] += w * lattice[v, c]
            top = row[i, 0]
            for c in range(1, columns):
                top = max(top, row[i, c])
            for c in range(columns):
                row[i, c] = max(row[i, c] - top, np.float32(-87))
        for c in range((stop - start) * columns):  # e^x, to a few units of float32's last digit
            x = flat[c]
            whole = np.floor(x * np.float32(1.4426950408889634) + np.float32(0.5))
            r = x - whole * np.float32(0.693359375) + whole * np.float32(2.12194440e-4)  # ln 2 in two parts
            p = np.float32(1.9875691500e-4)
            p = p * r + np.float32(1.3981999507e-3)
            p = p * r + np.float32(8.3334519073e-3)
            p = p * r + np.float32(4.1665795894e-2)
            p = p * r + np.float32(1.6666665459e-1)
            p = p * r + np.float32(5.0000001201e-1)
            flat[c] = p * r * r + r + np.float32(1)
            exponent[c] = (np.int32(whole) + np.int32(127)) << np.int32(23)
        for c in range((stop - start) * columns):
            flat[c] *= power[c]
        for n in range(start, stop):
            i = n - start
            total = np.float32(0)
            for c in range(columns):
                total += row[i, c]
            inverse = np.float32(1) / total
            if not found.shape[0]:
                for c in range(columns):
                    q[n, c] = row[i, c] * inverse
                continue
            for k in range(places.shape[1]):
                w, v = splatting[n, k] * inverse, places[n, k]
                for c in range(columns):
                    found[v, c] += w * row[i, c]


@cache
def compiled() -> Any:
    """Compile the functions of this file; the first time on a machine that takes some seconds, later they are read from disk.

    Returns: an object with a function of each name.

    Raises: MissingExtra where numba is not installed.
    """
    from ..errors import extra

    numba = extra("numba", "crf")
    made: dict[str, Any] = {}
    for loop in (embed, number, neighbors, blur, merge, splat, read, sweep):
        try:
            made[loop.__name__] = numba.njit(nogil=True, fastmath=True, cache=True)(loop)
        except RuntimeError:  # there is no place to keep it
            made[loop.__name__] = numba.njit(nogil=True, fastmath=True)(loop)
    return SimpleNamespace(**made)
