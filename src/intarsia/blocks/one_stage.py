"""What detectors of one stage share: the choice among all boxes of an image."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from .box_head import Found, fill_up
from .boxes import left_by_suppression, rows_of, suppress


@torch.no_grad()
def best_of_level(scores: Tensor, boxes: Tensor, most: int) -> Found:
    """Choose the best pairs of a box and a class.

    Args:
        scores: [B, P, K] 0..1; 0 for what is no answer.
        boxes: [B, P, 4].
        most: how many of an image at most.

    Returns: [B, most], or [B, P * K] where there are fewer; a graph always has [B, most], zeros after the end.
    """
    b, p, k = scores.shape
    scores = scores.flatten(1)
    if torch.compiler.is_exporting():
        scores = F.pad(scores, (0, most))
        boxes = F.pad(boxes, (0, 0, 0, most))
        scores, rows = scores.topk(most, dim=1)
    else:
        scores, rows = scores.topk(min(most, p * k), dim=1)
    place = (rows // k)[..., None].expand(-1, -1, 4)
    return Found(scores, rows % k, boxes.gather(1, place))


@torch.no_grad()
def best_of_image(levels: Sequence[Found], num_classes: int, overlap: float, limit: int) -> Found:
    """Keep the best of all levels that do not overlap better ones of their class.

    Args:
        levels: each [B, N]; what scores 0 is no answer.
        overlap: IoU above which the worse of two boxes of a class goes.
        limit: boxes of an image at most.

    Returns: [B, limit], best first, filled up with zeros.
    """
    scores, classes, boxes = (torch.cat(part, dim=1) for part in zip(*levels, strict=True))
    if torch.compiler.is_exporting():
        b = scores.shape[0]
        groups = torch.arange(b, device=scores.device)[:, None] * num_classes + classes
        able = scores > 0
        left = left_by_suppression(boxes.flatten(0, 1), scores.flatten(), overlap, groups.flatten(), able.flatten())
        scores = F.pad(scores.where(left.view(scores.shape), 0), (0, limit))
        scores, rows = scores.topk(limit, dim=1)
        boxes = F.pad(boxes, (0, 0, 0, limit)).gather(1, rows[..., None].expand(-1, -1, 4))
        found = scores > 0
        return Found(scores, F.pad(classes, (0, limit)).gather(1, rows) * found, boxes * found[..., None])
    images = []
    for score, kind, box in zip(scores, classes, boxes, strict=True):
        rows = rows_of(score > 0)
        rows = rows[suppress(box[rows], score[rows], overlap, groups=kind[rows], fast=True)[:limit]]
        images.append((score[rows], kind[rows], box[rows]))
    return Found(*(fill_up(part, limit) for part in zip(*images, strict=True)))


def rows_found(found: Found) -> Tensor:
    """List the rows of [B * N] that hold an object; in a graph, and on the meta device, all."""
    every = torch.compiler.is_exporting() or found.scores.is_meta
    scores = found.scores.flatten()
    return torch.arange(scores.shape[0], device=scores.device) if every else (scores > 0).nonzero()[:, 0]
