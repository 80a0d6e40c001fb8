"""Where windows lie along an axis of an image, and how much each of their pixels counts."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor

GRID = 32  # windows begin at multiples of it, so that strided networks see each pixel as in the whole picture


class Span(NamedTuple):
    """Where a window lies along one axis.

    Args:
        start, stop: its first pixel, and the one after its last.
        ready: the first pixel that a later window touches as well, or the end of the image.
        first, last: the same of the pixels that are nearer to its middle than to that of its neighbors.
        weights: [stop - start] float32; those of all windows at a pixel add up to one.
    """

    start: int
    stop: int
    ready: int
    first: int
    last: int
    weights: Tensor


def starts(length: int, side: int, overlap: float) -> list[int]:
    """Where windows begin along an axis, spread evenly, the last of them so that it ends with the image.

    As few as the overlap allows: a last one that overlapped by nearly all of itself would have as many sums kept for it.
    """
    if length <= side:
        return [0]
    step = max(1, int(side * (1 - overlap) + 1e-9))
    step = step // GRID * GRID or step
    last = length - side
    count, grid = -(-last // step), GRID if step >= GRID else 1
    return [*(-(-(n * last) // (count * grid)) * grid for n in range(count)), last]


def shared(length: int, side: int, overlap: float) -> int:
    """Say how many pixels of an axis two neighboring windows see, at most."""
    begin = starts(length, side, overlap)
    return max((side - (after - start) for start, after in pairwise(begin)), default=0)


def spans(length: int, side: int, overlap: float, blend: str = "gaussian") -> list[Span]:
    """Lay windows along an axis of an image, and weigh their pixels.

    Args:
        length: of the axis in pixels.
        side, overlap, blend: as for `Windowed`.
    """
    begin = starts(length, side, overlap)
    side = min(side, length)
    borders = [0, *((a + side + b) // 2 for a, b in pairwise(begin)), length]
    curve = _curve(side, blend)
    weights, total = [], torch.zeros(length, dtype=torch.float64)
    for n, start in enumerate(begin):
        own = torch.zeros(side, dtype=torch.float64)
        own[borders[n] - start : borders[n + 1] - start] = 1
        weights.append(own if curve is None else curve)
        total[start : start + side] += weights[-1]
    return [
        Span(start, start + side, after, borders[n], borders[n + 1], (weights[n] / total[start : start + side]).float())
        for n, (start, after) in enumerate(zip(begin, [*begin[1:], length], strict=True))
    ]


def _curve(side: int, blend: str) -> Tensor | None:
    """The weights of a window along an axis, before they are made to add up to one; None for "none"."""
    where = torch.arange(side, dtype=torch.float64) + 0.5
    if blend == "gaussian":
        return torch.exp(-0.5 * ((where - side / 2) / (side / 8)) ** 2)
    return torch.sin(math.pi * where / side) ** 2 if blend == "cosine" else None
