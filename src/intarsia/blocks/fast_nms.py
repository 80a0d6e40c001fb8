"""Fast NMS: all boxes of all classes are suppressed at once, also by boxes that are suppressed themselves.

Bolya, Zhou, Xiao, Lee. "YOLACT: Real-Time Instance Segmentation." ICCV 2019. arXiv:1904.02689, section 3.4
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from .boxes import box_iou


class Kept(NamedTuple):
    """What is left of B images, best first; zeros fill up."""

    scores: Tensor  # B x limit
    classes: Tensor  # B x limit
    rows: Tensor  # B x limit, of the boxes


def fast_nms(boxes: Tensor, scores: Tensor, overlap: float, *, top: int, limit: int) -> Kept:
    """Suppress every box that overlaps a better one of its class, whatever becomes of that one.

    So more boxes go than by `suppress`, and all by one matrix; shapes do not depend on what is found.

    Args:
        boxes: [B, N, 4].
        scores: [B, K, N] of each class, 0..1; a box of score 0 is none.
        overlap: IoU above which the worse of two boxes goes, 0..1.
        top: so many of the best boxes of each class are looked at.
        limit: boxes of an image, of all classes together.

    >>> boxes = torch.tensor([[[0.0, 0, 10, 10], [0, 0, 10, 7], [0, 0, 10, 4]]])
    >>> fast_nms(boxes, torch.tensor([[[0.9, 0.8, 0.7]]]), 0.5, top=3, limit=3).scores.gt(0).tolist()
    [[True, False, False]]
    """
    if torch.compiler.is_exporting() or len(boxes) < 2:
        return _kept(boxes, scores, overlap, top, limit)
    parts = [_kept(b[None], s[None], overlap, top, limit) for b, s in zip(boxes, scores, strict=True)]
    return Kept(*map(torch.cat, zip(*parts, strict=True)))  # pairs of one image at a time fit into memory


def _kept(boxes: Tensor, scores: Tensor, overlap: float, top: int, limit: int) -> Kept:
    k = scores.shape[1]
    scores, rows = F.pad(scores, (0, top)).topk(top, dim=2)  # the best of each class; there may be fewer boxes
    places = rows.flatten(1)[..., None].expand(-1, -1, 4)
    best = F.pad(boxes, (0, 0, 0, top)).gather(1, places).unflatten(1, (k, top))
    worse = (box_iou(best, best) > overlap).triu(1).any(2)  # row i, column j: the better i is in the way of the worse j
    scores = scores.masked_fill(worse, 0).flatten(1)
    scores, order = F.pad(scores, (0, limit)).topk(limit, dim=1)
    rows = F.pad(rows.flatten(1), (0, limit)).gather(1, order)
    found = scores > 0
    return Kept(scores, (order // top) * found, rows * found)
