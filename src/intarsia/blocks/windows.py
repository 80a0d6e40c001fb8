"""All windows of an image in several scales, of which the best are looked at again.

Pinheiro, Lin, Collobert, Dollar. "Learning to Refine Object Segments." ECCV 2016. arXiv:1603.08695
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from .boxes import clip_boxes, left_by_suppression
from .patches import cut_patches


class Seen(NamedTuple):
    """All windows of B images in one scale."""

    scores: Tensor  # B x P, 0..1
    codes: Tensor  # B x P x C, what sums each window up
    boxes: Tensor  # P x 4 in pixels of the image
    places: Tensor  # P x 2 (x, y) of the window's first cell, in cells


class Chosen(NamedTuple):
    """The best N windows of each of B images, one image after the other; zeros where an image has fewer."""

    scores: Tensor  # B x N, best first
    codes: Tensor  # B N x C
    boxes: Tensor  # B N x 4
    places: Tensor  # B N x 2
    scales: Tensor  # B N; -1 fills up


def choose_windows(seen: Sequence[Seen], count: int) -> Chosen:
    """Choose the windows of all scales that score best."""
    every = F.pad(torch.cat([one.scores for one in seen], dim=1), (0, count))
    scores, rows = every.topk(count, dim=1)
    codes = F.pad(torch.cat([one.codes for one in seen], dim=1), (0, 0, 0, count))
    codes = codes.gather(1, rows[..., None].expand(-1, -1, codes.shape[2]))
    boxes = F.pad(torch.cat([one.boxes for one in seen]), (0, 0, 0, count))[rows]
    places = F.pad(torch.cat([one.places for one in seen]), (0, 0, 0, count))[rows]
    scale = torch.cat([torch.full_like(one.places[:, 0], n) for n, one in enumerate(seen)])
    scale = F.pad(scale, (0, count), value=-1)[rows]
    return Chosen(scores, codes.flatten(0, 1), boxes.flatten(0, 1), places.flatten(0, 1), scale.flatten())


def lay_windows(rows: int, columns: int, stride: int, window: int, factor: Tensor) -> tuple[Tensor, Tensor]:
    """Lay windows over an image, whose middles begin at its corner.

    Args:
        stride, window: in pixels of the image as it was enlarged.
        factor: (x, y) by which pixels of the image were more before.

    Returns: boxes [P, 4] in pixels of the image, and places [P, 2], row after row.

    >>> lay_windows(1, 2, 16, 32, torch.tensor([2.0, 2.0]))[0].tolist()
    [[-32.0, -32.0, 32.0, 32.0], [0.0, -32.0, 64.0, 32.0]]
    """
    y, x = torch.meshgrid(*(torch.arange(n, device=factor.device) for n in (rows, columns)), indexing="ij")
    places = torch.stack([x, y], dim=2).flatten(0, 1)
    middle, half = places * stride * factor, window / 2 * factor
    return torch.cat([middle - half, middle + half], dim=1), places


def windows_of(maps: Tensor, images: Tensor, top: Tensor, left: Tensor, side: int) -> Tensor:
    """Cut windows out of maps [B, C, h, w] at whole pixels: [N, C, side, side] for images, rows and columns [N]."""
    step = torch.arange(side, device=maps.device)
    rows, columns = top[:, None] + step, left[:, None] + step
    found = maps.permute(0, 2, 3, 1)[images[:, None, None], rows[:, :, None], columns[:, None, :]]
    return found.permute(0, 3, 1, 2)


@torch.no_grad()
def tight_boxes(masks: Tensor, boxes: Tensor, size: tuple[int, int]) -> tuple[Tensor, Tensor, Tensor]:
    """Move boxes to the edges of what is drawn in them, and the masks with them.

    Args:
        masks: [N, m, m] logits; what is above 0 is drawn.
        boxes: [N, 4] in pixels.
        size: (H, W) of the image, which boxes end at.

    Returns: masks [N, m, m] and boxes [N, 4]; and [N] bool whether anything is drawn inside the image.
    """
    m = masks.shape[1]
    side = ((boxes[:, 2:] - boxes[:, :2]) / m).clamp(min=1e-3)  # of a cell; a filler has none
    start, n = boxes[:, :2].repeat(1, 2), torch.arange(m, device=masks.device)
    edges = []
    for axis in (1, 2):  # columns, rows
        on = (masks > 0).any(axis)
        edges += [torch.where(on, n, m).amin(1), torch.where(on, n + 1, 0).amax(1)]
    around = start + torch.stack([edges[0], edges[2], edges[1], edges[3]], dim=1) * side.repeat(1, 2)
    around = clip_boxes(around, size)
    drawn = (around[:, 2:] > around[:, :2]).all(1)
    around = around * drawn[:, None]
    inside = ((around - start) / side.repeat(1, 2)) * drawn[:, None]
    each = torch.arange(masks.shape[0], device=masks.device)
    return cut_patches(masks[:, None], inside, each, m)[:, 0], around, drawn


def in_order(
    scores: Tensor, boxes: Tensor, masks: Tensor, drawn: Tensor, overlap: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Leave out what overlaps better proposals or is not drawn, and put the rest in order.

    Args:
        scores: [B, N].
        boxes, masks, drawn: [B * N, 4], [B * N, m, m] and [B * N] bool, one image after the other.
        overlap: IoU of boxes above which the worse of two goes; from 1 on all stay.

    Returns: scores [B, N], boxes [B, N, 4] and masks [B, N, m, m], best first, zeros at the end.
    """
    b, n = scores.shape
    kept = drawn & (scores.flatten() > 0)
    if overlap < 1 and not scores.is_meta:
        groups = torch.arange(kept.shape[0], device=scores.device) // n
        kept = kept & left_by_suppression(boxes, scores.flatten(), overlap, groups, kept)
    scores, order = scores.where(kept.unflatten(0, (b, n)), 0).topk(n, dim=1)
    found = scores > 0
    boxes = boxes.unflatten(0, (b, n)).gather(1, order[..., None].expand(-1, -1, 4))
    masks = masks.unflatten(0, (b, n))
    masks = masks.gather(1, order[..., None, None].expand_as(masks))
    return scores, boxes * found[..., None], masks * found[..., None, None]
