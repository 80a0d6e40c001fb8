"""Windows blended: what an engine says of each is weighed and added, and what no later window touches is handed out.

A weight falls from the middle of a window to its borders, and the weights of a pixel add up to one. Since windows stand in
rows and columns, it is the product of two numbers, one for each axis. Kept are only the sums of the rows and columns that
later windows share.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import torch
from torch import Tensor

from ..errors import ModelError
from ..postprocess.stitch import Box
from ..structures import DepthMap, Output, PanopticLogits, SemanticLogits
from .spans import Span

MAPS: dict[type, tuple[str, ...]] = {  # outputs that say something of each pixel, and where
    SemanticLogits: ("logits",),
    PanopticLogits: ("semantic", "centers", "offsets", "depth", "motion"),
    DepthMap: ("depth",),
}


def blended(
    windows: Iterable[tuple[Span, Span, Output | None]], width: int, most: int, blend: str, engine: str
) -> Iterator[tuple[Box, Output | None]]:
    """Weigh and add what windows say, and hand out each part that no later window touches, with its place.

    A part is good until the next one is asked for: the memory of both is the same.

    Args:
        windows: row by row; None where all pixels of a window are left out, whose sums nobody asks for.
        width: of the image.
        most: rows that two rows of windows share, at most.
        blend: as for `Windowed`.
        engine: what a message calls it.

    Raises: ModelError for maps of another size than their window's.
    """
    sums: Tensor | None = None  # [B, c, h, W] that rows of windows go on with: each column is read, then written anew
    below, kept = 0, 0  # rows of them that this row of windows goes on with, and the next
    beside: Tensor | None = None  # [B, c, h, w] the sums that the next window in the row goes on with
    room: Tensor | None = None  # where they lie
    product: Tensor | None = None
    for row, column, output in windows:
        if column.start == 0:
            below, kept, beside = kept, row.stop - row.ready, None
        own = (row.start, column.start, row.ready, column.ready)
        if output is None:
            beside = None
            if sums is not None:
                sums[:, :, :kept, column.start : column.ready] = 0
            yield own, None
            continue
        part = layers(output)
        if part.shape[2:] != (row.stop - row.start, column.stop - column.start):
            raise ModelError(
                f"{engine} returned maps of {list(part.shape[2:])} for a window of "
                f"{[row.stop - row.start, column.stop - column.start]}; windows need maps in their own size"
            )
        weights = row.weights[:, None].to(part.device) * column.weights.to(part.device)
        part = _weighed(part, weights, product, blend)
        product = part
        if beside is not None:
            part[..., : beside.shape[3]] += beside
        room = _copied(part[..., column.ready - column.start :], room, product)
        beside = room[..., : part.shape[3] - (column.ready - column.start)]
        part = part[..., : column.ready - column.start]
        here = slice(column.start, column.ready)
        if below and sums is not None:
            part[:, :, :below] += sums[:, :, :below, here]
        if kept:
            if sums is None:
                shape = (*part.shape[:2], most, width)
                sums = torch.empty(shape, device=part.device, memory_format=_layout(product)).zero_()
            sums[:, :, :kept, here] = part[:, :, row.ready - row.start :]
        yield own, unlayered(part[:, :, : row.ready - row.start], output)


def _weighed(part: Tensor, weights: Tensor, product: Tensor | None, blend: str) -> Tensor:
    """Multiply, into memory that is there already where it has the size: fresh pages would cost more than the numbers."""
    if part.requires_grad:
        return torch.where(weights > 0, part * weights, 0) if blend == "none" else part * weights
    if product is None or product.shape != part.shape or product.stride() != part.stride():
        product = torch.empty_like(part)
    made = torch.mul(part, weights, out=product)
    return made.masked_fill_(weights == 0, 0) if blend == "none" else made


def _copied(values: Tensor, room: Tensor | None, like: Tensor) -> Tensor:
    """Copy maps into the first columns of memory that is there already, where they fit: fresh pages cost six times as much."""
    if values.requires_grad:
        return values.clone(memory_format=_layout(like))
    wide = room is not None and room.shape[:3] == values.shape[:3] and room.shape[3] >= values.shape[3]
    if room is None or not wide or room.device != values.device:
        room = torch.empty_like(values, memory_format=_layout(like))
    room[..., : values.shape[3]].copy_(values)
    return room


def _layout(maps: Tensor) -> torch.memory_format:
    """The order in which maps lie in memory, which sums follow: turning one into the other takes longer than adding."""
    last = maps.is_contiguous(memory_format=torch.channels_last) and not maps.is_contiguous()
    return torch.channels_last if last else torch.contiguous_format


def layers(output: Output) -> Tensor:
    """Lay the maps of an output over each other.

    Returns: [B, c, H, W] float32.

    Raises: ModelError for an output without maps.
    """
    names = MAPS.get(type(output))
    if names is None:
        raise ModelError(
            f"windows of {type(output).__name__} have no output in common: objects are put together from answers; use run"
        )
    parts = [getattr(output, name).float() for name in names if getattr(output, name) is not None]
    return parts[0] if len(parts) == 1 else torch.cat(parts, dim=1)


def unlayered(maps: Tensor, like: Output) -> Output:
    """Cut what `layers` laid together into the parts of an output."""
    names = [name for name in MAPS[type(like)] if getattr(like, name) is not None]
    parts = maps.split([getattr(like, name).shape[1] for name in names], dim=1)
    made: Output = type(like)(**dict(zip(names, parts, strict=True)))
    return made
