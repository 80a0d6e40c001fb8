"""In training: which true object each anchor or proposal stands for, and which of them are looked at."""

import torch
from torch import Tensor

from .boxes import areas, box_overlap

NOTHING, BETWEEN = -1, -2


def match(iou: Tensor, low: float, high: float, *, rescue: bool = False, least: float = 0.0) -> Tensor:
    """Give each box the true object that it overlaps most.

    Args:
        iou: [M, N] of M true objects with N boxes.
        low, high: a box whose best IoU is `high` or more is the object's; below `low` it is nothing, and in between
            neither (Faster R-CNN, section 3.1.2: 0.3 and 0.7).
        rescue: each object keeps the boxes that overlap it most, however little that is.
        least: IoU that `rescue` asks for.

    Returns: [N] int64 row of its object, or `NOTHING`, or `BETWEEN`.
    """
    if not len(iou):
        return torch.full(iou.shape[1:], NOTHING, device=iou.device)
    best, row = iou.max(0)
    found = torch.where(best < low, NOTHING, torch.where(best < high, BETWEEN, row))
    if rescue:
        most = iou.amax(1, keepdim=True)
        found = torch.where(((iou == most) & (most >= least)).any(0), row, found)
    return found


def match_each(iou: Tensor, low: float, high: float) -> Tensor:
    """`match`, but each object keeps one box however little they overlap, and no two objects the same one.

    The pair that overlaps most is taken first, then that of the objects and boxes that remain, and so on, as SSD does.

    Args:
        iou, low, high: as for `match`.

    Returns: [N] int64 row of its object, or `NOTHING`, or `BETWEEN`.
    """
    found, left = match(iou, low, high), iou.clone()
    for _ in range(min(iou.shape)):
        best = left.argmax()
        row, box = int(best) // iou.shape[1], int(best) % iou.shape[1]
        found[box] = row
        left[row], left[:, box] = -1, -1
    return found


def excused(matched: Tensor, boxes: Tensor, ignored: Tensor, share: float = 0.5) -> Tensor:
    """Take back "nothing" of boxes that lie by half or more in an ignored object: what is there does not count.

    Args:
        matched: [N] of `match`.
        boxes: [N, 4].
        ignored: [I, 4] around the ignored objects.
        share: of a box in it, from which on it does not count, 0..1.

    Returns: [N], `BETWEEN` at those.
    """
    if not len(ignored):
        return matched
    covered = box_overlap(ignored, boxes).amax(0) >= share * areas(boxes)
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
