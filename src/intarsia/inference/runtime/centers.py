"""Objects of centers as a graph makes them: every picture has as many rows as it may have centers, and empty ones score 0.

It is the decision of `postprocess/centers.py` without a list whose length depends on the picture: peaks are the highest
points of a map that is zero elsewhere, and each pixel of a thing is held against all of them, a few at once.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from ...errors import ModelError
from ...labels import LabelSpace
from ...postprocess import options_of
from ...postprocess.centers import STUFF_SHARE
from ...structures import PanopticLogits

AT_ONCE = 25  # centers whose distance to every pixel is in memory together

Made = dict[str, Tensor]


class Rows(NamedTuple):
    """The objects of a batch, one row a center, P pixels a picture.

    Args:
        number: [B, P] int64, the row of each pixel's center and 1; 0 where it has none.
        classes: [B, N] int64.
        scores: [B, N], 0 where no pixel joined the center.
        label: [B, P] int64, the best class of each pixel by itself.
        sure: [B, P] probability of that class.
        thing: [B, P] whether it is a thing's.
    """

    number: Tensor
    classes: Tensor
    scores: Tensor
    label: Tensor
    sure: Tensor
    thing: Tensor


def segments_of_centers(output: PanopticLogits, space: LabelSpace, options: Mapping[str, Any], _: float) -> Made:
    """Cut pictures into segments: their numbers [B, H, W] int32, 0 where there is none, and of segment n the class and the
    score in column n - 1 of [B, N + K], -1 and 0 where no segment has that number: first the centers, then the classes."""
    known = {**options_of("panoptic", PanopticLogits), **options}
    b, k, h, w = output.semantic.shape
    rows = rows_of(output, space, known)
    free = (rows.number == 0) & ~rows.thing
    own = (rows.label[:, None] == torch.arange(k, device=rows.label.device)[:, None]) & free[:, None]  # [B, K, P]
    area = own.sum(dim=2)
    pixels = torch.ones_like(rows.label).sum(dim=1, keepdim=True)
    least = STUFF_SHARE * pixels.double() if known["stuff_area"] is None else known["stuff_area"]
    kept = (area > 0) & (area.double() >= least)
    sure = (own * rows.sure[:, None]).sum(dim=2) / area.clamp(min=1)
    count = rows.scores.shape[1]
    stuff = torch.where(free & kept.gather(1, rows.label), count + 1 + rows.label, 0)
    classes = [
        torch.where(rows.scores > 0, rows.classes, -1),
        torch.where(kept, torch.arange(k, device=kept.device), -1),
    ]
    made = {
        "segments": torch.where(rows.number > 0, rows.number, stuff).view(b, h, w).to(torch.int32),
        "classes": torch.cat(classes, dim=1).to(torch.int32),
        "scores": torch.cat([rows.scores, sure * kept], dim=1),
    }
    return made if output.depth is None else {**made, "depth": output.depth[:, 0].float()}


def objects_of_centers(output: PanopticLogits, space: LabelSpace, options: Mapping[str, Any], _: float) -> Made:
    """List objects, best first: scores [B, N], 0 where there is none, classes, and masks [B, N, H, W] bool."""
    if not space.things:
        raise ModelError("objects are asked for, and no class has any; ask for labels")
    b, _k, h, w = output.semantic.shape
    rows = rows_of(output, space, {**options_of("instance", PanopticLogits), **options})
    scores, order = rows.scores.topk(rows.scores.shape[1])
    masks = rows.number.view(b, 1, h, w) == (order + 1)[:, :, None, None]
    return {"scores": scores, "classes": rows.classes.gather(1, order).to(torch.int32), "masks": masks}


def rows_of(output: PanopticLogits, space: LabelSpace, known: Mapping[str, Any]) -> Rows:
    """Let each pixel of a thing join the nearest center to where it points.

    Args:
        known: threshold, kernel and top_k, as `postprocess.centers.grouped` takes them.
    """
    logits = output.semantic.float().flatten(2)  # [B, K, P]
    _b, k, h, w = output.semantic.shape
    count = known["top_k"]
    best, label = logits.max(dim=1)
    total = logits.logsumexp(dim=1)
    things = torch.tensor([name in space.things for name in space.names], device=label.device)
    rows, columns = _grid(h, w, label.device)
    height, y, x = peaks_of(output.centers.float(), rows, columns, known["threshold"], known["kernel"], count)
    there = height > 0
    thing = things[label]
    pointed = output.offsets.float() + torch.stack([rows, columns])
    row = _nearest(pointed.flatten(2), y, x, there)
    joins = (thing & there.any(dim=1, keepdim=True)).to(logits.dtype)
    votes = logits.new_zeros(label.shape[0], count * k).scatter_add(1, row * k + label, joins)
    votes = votes.view(-1, count, k)
    classes = votes.argmax(dim=2)  # [B, N]
    joined = votes.sum(dim=2)
    chosen = classes.gather(1, row)  # [B, P]
    sure = (logits.gather(1, chosen[:, None])[:, 0] - total).exp() * joins
    mean = torch.zeros_like(joined, dtype=torch.float64).scatter_add(1, row, sure.double())
    mean = (mean / joined.double().clamp(min=1)).float()
    scores = height.clamp(max=1) * mean * (joined > 0)
    number = torch.where(joins > 0, row + 1, 0)
    return Rows(number, classes, scores, label, (best - total).exp(), thing)


def peaks_of(
    heat: Tensor, rows: Tensor, columns: Tensor, threshold: float, kernel: int, top_k: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Find the highest points of heatmaps, as `postprocess.centers.peaks_of` does.

    Args:
        heat: [B, 1, H, W].
        rows, columns: of each pixel, [H, W] float32.

    Returns: heights, rows and columns, [B, top_k] each, highest first; the height is 0 where there are no more.
    """
    h, w = rows.shape
    top = (heat > threshold) & (heat == F.max_pool2d(heat, kernel, stride=1, padding=kernel // 2))
    first = -torch.arange(h * w, device=heat.device, dtype=torch.float64).view(h, w)
    order = torch.where(top, first, -math.inf)
    top = top & (order == F.max_pool2d(order, kernel, stride=1, padding=kernel // 2))
    padded = F.pad((heat * top).flatten(1), (0, top_k))  # small pictures have fewer pixels than rows
    height, place = padded.topk(top_k, dim=1)
    y, x = (F.pad(grid.flatten(), (0, top_k)) for grid in (rows, columns))
    return height, y[place], x[place]


def _nearest(pointed: Tensor, y: Tensor, x: Tensor, there: Tensor) -> Tensor:
    """The row of the center nearest to each place [B, 2, P], [B, P], the first of several."""
    down, across = pointed[:, :1], pointed[:, 1:]
    least, row = torch.full_like(down[:, 0], math.inf), torch.zeros_like(down[:, 0], dtype=torch.int64)
    for start in range(0, there.shape[1], AT_ONCE):
        some = slice(start, start + AT_ONCE)
        far = ((down - y[:, some, None]).square() + (across - x[:, some, None]).square()).sqrt()  # [B, n, P]
        near, which = torch.where(there[:, some, None], far, math.inf).min(dim=1)
        row = torch.where(near < least, which + start, row)
        least = torch.minimum(near, least)
    return row


def _grid(h: int, w: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """The row and the column of each pixel, [H, W] float32."""
    rows, columns = (torch.arange(side, device=device, dtype=torch.float32) for side in (h, w))
    return rows[:, None].expand(h, w), columns[None].expand(h, w)
