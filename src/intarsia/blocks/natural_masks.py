"""Masks as a tensor of four axes: at every place of a map a window of cells, in the place or in each cell's own.

    natural    at place (y, x) and cell (v, u): is the cell at (v, u) of the window around (y, x) the object's?
    aligned    at place (y, x) and cell (v, u): does the object around whose middle (y, x) is the cell (v, u) cover (y, x)?

Features at a place look at the place, so the aligned tensor is the one that convolutions predict well; masks are read from the
natural one. Cells of a coarser place are finer than it by a whole number, and what a finer map says is read in between.

Chen, Girshick, He, Dollar. "TensorMask: A Foundation for Dense Object Segmentation." ICCV 2019. arXiv:1903.12174, sections 3, 4
"""

from typing import NamedTuple

import torch
from torch import Tensor

PAD = -6.0  # logit of what lies outside of the tensor


class TensorMasks(NamedTuple):
    """What TensorMask says of every window in training; only its loss reads it."""

    logits: tuple[Tensor, ...]  # of each level [B, A, K]
    codes: tuple[Tensor, ...]  # of each level [B, A, 4]
    anchors: tuple[Tensor, ...]  # of each level [A, 4], the windows
    strides: tuple[int, ...]  # of the levels
    wide: tuple[int, ...]  # places of a row of each level
    masks: tuple[tuple[Tensor, ...], ...]  # of each level and size [B, V * V, h, w] logits
    scales: tuple[int, ...]  # of each level: cells of a window's side for each of V
    aligned: bool  # what the masks are; else natural


class Windows(NamedTuple):
    """N windows of one level and size."""

    images: Tensor  # N
    rows: Tensor  # N
    columns: Tensor  # N


def swap_align2nat(x: Tensor, scale: int = 1) -> Tensor:
    """Read the natural masks out of an aligned tensor, at every place whose row and column are multiples of `scale`.

    Args:
        x: [B, V * V, h, w].
        scale: a whole number.

    Returns: [B, (scale * V) ** 2, ceil(h / scale), ceil(w / scale)].
    """
    b, channels, h, w = x.shape
    side, (down, across) = scale * _side(channels), (-(-h // scale), -(-w // scale))
    grid = torch.meshgrid(*(torch.arange(n, device=x.device) for n in (b, down, across)), indexing="ij")
    masks = natural_at(x, Windows(*(part.flatten() for part in grid)), scale)
    return masks.view(b, down, across, side * side).permute(0, 3, 1, 2)


def natural_at(
    x: Tensor, places: Windows, scale: int, first: Tensor | None = None, shape: tuple[int, int] | None = None
) -> Tensor:
    """Read the natural masks of a few windows out of an aligned tensor.

    Args:
        x: [B, V * V, h, w].
        places: rows and columns count in steps of `scale`.
        first: [N, 2] (down, across), the first cell that is read; the window's first where it is None.
        shape: cells that are read, down and across; the window's scale * V where it is None.

    Returns: [N, *shape] logits; beyond the window they mean nothing.
    """
    v, (h, w) = _side(x.shape[1]), x.shape[2:]
    shape = shape or (scale * v, scale * v)
    lines = []
    for place, n, count, axis in ((places.rows, h, shape[0], 0), (places.columns, w, shape[1], 1)):
        cell = torch.arange(count, device=x.device).expand(place.shape[0], count)
        cell = cell if first is None else cell + first[:, axis, None]
        where = (place * scale)[:, None] + cell - scale * v / 2 + 0.5  # on the map
        of = (cell + 0.5) / scale - 0.5  # among the V cells
        weighed = [(a, i, p * q) for a, p in _between(where) for i, q in _between(of)]
        lines.append([(a, i, part, (a >= 0) & (a < n) & (i >= 0) & (i < v)) for a, i, part in weighed])
    image, index, weight = (places.images * (v * v * h * w))[:, None, None], [], []
    for y, i, down, is_row in lines[0]:
        for z, j, across, is_column in lines[1]:
            known = is_row[:, :, None] & is_column[:, None]
            index.append(torch.where(known, image + ((i * v * h + y) * w)[:, :, None] + (j * h * w + z)[:, None], -1))
            weight.append((down[:, :, None] * across[:, None]).to(x))
    at = torch.stack(index)  # of 16 corners each
    value = x.flatten().index_select(0, at.clamp(min=0).flatten()).view(at.shape)  # once, for the sake of its gradient
    return (torch.stack(weight) * torch.where(at >= 0, value, PAD)).sum(0)


def _between(at: Tensor) -> list[tuple[Tensor, Tensor]]:
    """The whole numbers below and above, and how much of each is read."""
    low, high = at.floor(), at.ceil()
    return [(low.long(), 1 - (at - low)), (high.long(), at - low)]


def _side(channels: int) -> int:
    return round(channels**0.5)
