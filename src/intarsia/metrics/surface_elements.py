"""Lengths and areas of the elements of a surface, one around each corner of pixels or voxels, as DeepMind weighs them.

The surface runs midway between inner and outer neighbors. The 4 pixels or 8 voxels around a corner, each inside or outside,
decide how it passes there. In a picture it cuts corners off or runs straight. In a volume it encloses each group of
voxels that touch by faces, of the side that has fewer, by one of six polygons whose corners are middles of edges of a cube:

    one voxel                 a triangle that cuts one corner of the cube off
    two                       a rectangle across one axis's diagonal
    three                     half of a square, upright on the axis that they do not lie along, and triangles
    four in a square          a square
    four around one of them   a hexagon
    four in a path            two half rectangles, across the axes of the path's ends, and triangles

Marching cubes cuts these into triangles, and all of its triangles are parallel to one of the shapes named; the areas here
are equal to those of the table in surface-distance, for any size of a voxel.

William E. Lorensen, Harvey E. Cline. "Marching Cubes: A High Resolution 3D Surface Construction Algorithm." SIGGRAPH 1987.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from functools import cache

import numpy as np

CORNERS = tuple(itertools.product((0, 1), repeat=3))  # of a cube, or the voxels around a corner; bit n is of the nth


def elements(mask: np.ndarray, spacing: Sequence[float]) -> np.ndarray:
    """Lengths or areas of the surface around each corner of pixels or voxels; 0 where none runs.

    Args:
        mask: [H, W] or [D, H, W] bool; all is outside beyond it.
        spacing: size of a pixel along each axis, as many numbers as the mask has axes.

    Returns: [H + 1, W + 1] or [D + 1, H + 1, W + 1].
    """
    return lengths(mask, spacing) if mask.ndim == 2 else areas(mask, spacing)


def lengths(mask: np.ndarray, spacing: Sequence[float]) -> np.ndarray:
    """Lengths [H + 1, W + 1] of the contour of a mask [H, W].

    Of the four pixels around a corner, one or three inside: the contour cuts the corner off, half a diagonal. Two beside
    each other: it runs straight. Two across: it cuts two corners off.
    """
    padded = np.pad(mask, 1)
    a, b, c, d = padded[:-1, :-1], padded[:-1, 1:], padded[1:, :-1], padded[1:, 1:]
    odd = a ^ b ^ c ^ d
    level = (a == b) & (c == d) & (a != c)
    upright = (a == c) & (b == d) & (a != b)
    across = (a == d) & (b == c) & (a != b)
    half = math.hypot(*spacing) / 2
    found: np.ndarray = odd * half + level * spacing[1] + upright * spacing[0] + across * 2 * half
    return found


def areas(mask: np.ndarray, spacing: Sequence[float]) -> np.ndarray:
    """Areas [D + 1, H + 1, W + 1] of the surface of a mask [D, H, W]."""
    padded = np.pad(mask, 1).astype(np.uint8)
    codes = np.zeros([n + 1 for n in mask.shape], np.uint8)
    for bit, corner in enumerate(CORNERS):
        place = tuple(slice(at, at + n) for at, n in zip(corner, codes.shape, strict=True))
        codes |= padded[place] << bit
    found: np.ndarray = table(tuple(map(float, spacing)))[codes]
    return found


@cache
def table(spacing: tuple[float, ...]) -> np.ndarray:
    """[256] areas, by which of the eight voxels of `CORNERS` are inside."""
    made = np.zeros(256)
    for code in range(256):
        inside = [corner for bit, corner in enumerate(CORNERS) if code >> bit & 1]
        fewer = inside if len(inside) <= 4 else [corner for corner in CORNERS if corner not in inside]
        made[code] = sum(_enclosing(group, spacing) for group in _groups(fewer))
    return made


def _groups(voxels: list[tuple[int, ...]]) -> list[list[tuple[int, ...]]]:
    """The voxels, those together that touch by faces."""
    groups: list[list[tuple[int, ...]]] = []
    for voxel in voxels:
        touching = [g for g in groups if any(_axis(voxel, other) is not None for other in g)]
        groups = [g for g in groups if g not in touching] + [[voxel, *itertools.chain(*touching)]]
    return groups


def _axis(one: tuple[int, ...], other: tuple[int, ...]) -> int | None:
    """The axis along which two voxels are neighbors; None where they touch by less than a face."""
    differing = [axis for axis in range(3) if one[axis] != other[axis]]
    return differing[0] if len(differing) == 1 else None


def _enclosing(group: list[tuple[int, ...]], spacing: tuple[float, ...]) -> float:
    """The area of the polygon that parts one to four voxels that touch from the others around a corner."""
    sides = [spacing[1] * spacing[2], spacing[0] * spacing[2], spacing[0] * spacing[1]]  # of a voxel, across each axis
    corner = math.hypot(*sides) / 8
    across = [math.hypot(*sides[:axis], *sides[axis + 1 :]) / 4 for axis in range(3)]
    links = [(one, axis) for one in group for other in group if (axis := _axis(one, other)) is not None]
    degrees = [sum(one == voxel for one, _ in links) for voxel in group]
    along = [sum(axis == a for _, axis in links) for a in range(3)]  # each link twice
    match len(group):
        case 1:
            return corner
        case 2:
            return 2 * across[along.index(2)]
        case 3:
            return 3 * corner + sides[along.index(0)] / 2
    if 0 in along:
        return sides[along.index(0)]
    if max(degrees) == 3:
        return 6 * corner
    ends = [axis for one, axis in links if degrees[group.index(one)] == 1]
    return 4 * corner + sum(across[axis] for axis in ends)
