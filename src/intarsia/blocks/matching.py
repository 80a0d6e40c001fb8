"""In training: which true object each anchor or proposal stands for, and which of them are looked at."""

import torch
from torch import Tensor

from .boxes import areas, box_overlap

NOTHING, BETWEEN = -1, -2


def match(iou: Tensor, low: float, high: float, *, rescue: bool = False) -> Tensor:
    """Give each box the true object that it overlaps most.

    Args:
        iou: [M, N] of M true objects with N boxes.
        low, high: a box whose best IoU is `high` or more is the object's; below `low` it is nothing, and in between
            neither (Faster R-CNN, section 3.1.2: 0.3 and 0.7).
        rescue: each object keeps the boxes that overlap it most, however little that is.

    Returns: [N] int64 row of its object, or `NOTHING`, or `BETWEEN`.
    """
    if not len(iou):
        return torch.full(iou.shape[1:], NOTHING, device=iou.device)
    best, row = iou.max(0)
    found = torch.where(best < low, NOTHING, torch.where(best < high, BETWEEN, row))
    if rescue:
        found = torch.where((iou == iou.amax(1, keepdim=True)).any(0), row, found)
    return found


def excused(matched: Tensor, boxes: Tensor, ignored: Tensor) -> Tensor:
    """Take back "nothing" of boxes that lie by half or more in an ignored object: what is there does not count.

    Args:
        matched: [N] of `match`.
        boxes: [N, 4].
        ignored: [I, 4] around the ignored objects.

    Returns: [N], `BETWEEN` at those.
    """
    if not len(ignored):
        return matched
    covered = box_overlap(ignored, boxes).amax(0) >= 0.5 * areas(boxes)
    return torch.where((matched == NOTHING) & covered, BETWEEN, matched)


def sampled(matched: Tensor, count: int, share: float) -> tuple[Tensor, Tensor]:
    """Draw a few boxes at random: those of objects up to a share, the rest of nothing.

    Args:
        matched: [N] of `match`.
        count: how many at most.
        share: of the objects' boxes at most, 0..1.

    Returns: rows of objects' boxes and rows of nothing's, ascending; of torch's generator, first one, then the other.
    """
    objects, nothing = (matched >= 0).nonzero()[:, 0], (matched == NOTHING).nonzero()[:, 0]
    most = min(int(count * share), len(objects))
    chosen = objects[torch.randperm(len(objects), device=matched.device)[:most]]
    rest = nothing[torch.randperm(len(nothing), device=matched.device)[: count - most]]
    return chosen.sort().values, rest.sort().values
