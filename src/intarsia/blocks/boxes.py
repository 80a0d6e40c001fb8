"""Boxes: how much two overlap, how one is written relative to another, which of many to keep.

Boxes are (x0, y0, x1, y1) in pixels of the image, without their right and lower edges: a pixel has an area of one.

Girshick, Donahue, Darrell, Malik. "Rich Feature Hierarchies." CVPR 2014. arXiv:1311.2524 (the coding, appendix C)
Ren, He, Girshick, Sun. "Faster R-CNN." NeurIPS 2015. arXiv:1506.01497
"""

from collections.abc import Sequence
from math import log

import torch
from torch import Tensor

LARGEST = log(1000 / 16)  # of the logarithm by which a side may grow: no exponential overflows


def box_iou(a: Tensor, b: Tensor) -> Tensor:
    """Measure the intersection over union of each pair of boxes.

    Args:
        a: [..., N, 4].
        b: [..., M, 4].

    Returns: [..., N, M], 0..1; nan for two boxes without area.

    >>> box_iou(torch.tensor([[0.0, 0, 2, 2]]), torch.tensor([[1.0, 0, 3, 2], [5, 5, 6, 6]])).tolist()
    [[0.3333333432674408, 0.0]]
    """
    common = box_overlap(a, b)
    return common / (areas(a)[..., :, None] + areas(b)[..., None, :] - common)


def box_overlap(a: Tensor, b: Tensor) -> Tensor:
    """Measure the area that each pair of boxes has in common: [..., N, M] for [..., N, 4] and [..., M, 4], in pixels."""
    a, b = a[..., :, None, :], b[..., None, :, :]
    start, end = torch.maximum(a[..., :2], b[..., :2]), torch.minimum(a[..., 2:], b[..., 2:])
    return (end - start).clamp(min=0).prod(-1)


def areas(boxes: Tensor) -> Tensor:
    """Multiply the sides of each box: [...] for [..., 4]."""
    return (boxes[..., 2] - boxes[..., 0]) * (boxes[..., 3] - boxes[..., 1])


def encode_boxes(boxes: Tensor, anchors: Tensor, weights: Sequence[float] = (1, 1, 1, 1)) -> Tensor:
    """Write boxes relative to anchors: how far the center moves, in sides, and the logarithm of how much each side grows.

    Args:
        boxes, anchors: [N, 4].
        weights: of x, y, width and height, so that all four differ as much as the scores do.

    Returns: [N, 4] (x, y, width, height).
    """
    center, side = _center(boxes)
    at, length = _center(anchors)
    moved, grown = (center - at) / length, (side / length).log()
    return torch.cat([moved, grown], dim=1) * boxes.new_tensor(list(weights))


def decode_boxes(codes: Tensor, anchors: Tensor, weights: Sequence[float] = (1, 1, 1, 1)) -> Tensor:
    """Turn codes of `encode_boxes` into boxes.

    Args:
        codes: [..., 4].
        anchors: [..., 4], of the same shape or broadcast to it.

    Returns: [..., 4].
    """
    moved, grown = (codes / codes.new_tensor(list(weights))).split(2, dim=-1)
    at, length = _center(anchors)
    center, side = at + moved * length, length * grown.clamp(max=LARGEST).exp()
    return torch.cat([center - side / 2, center + side / 2], dim=-1)


def _center(boxes: Tensor) -> tuple[Tensor, Tensor]:
    side = boxes[..., 2:] - boxes[..., :2]
    return boxes[..., :2] + side / 2, side


def clip_boxes(boxes: Tensor, size: tuple[int, int]) -> Tensor:
    """Move the edges [..., 4] that lie outside of an image (H, W) onto its border."""
    h, w = size
    return torch.stack([boxes[..., n].clamp(0, side) for n, side in enumerate((w, h, w, h))], dim=-1)


def boxes_around(masks: Tensor) -> Tensor:
    """Find the smallest box around each mask.

    Args:
        masks: [M, H, W] bool.

    Returns: [M, 4] float32; zeros for an empty mask.
    """
    edges = []
    for on in (masks.any(1), masks.any(2)):  # columns, rows
        n = torch.arange(on.shape[1], device=masks.device)
        first = torch.where(on, n, on.shape[1]).amin(1) if on.numel() else on.sum(1)
        last = torch.where(on, n + 1, 0).amax(1) if on.numel() else on.sum(1)
        edges.append((torch.minimum(first, last), last))
    (x0, x1), (y0, y1) = edges
    return torch.stack([x0, y0, x1, y1], dim=1).float()


def suppress(
    boxes: Tensor, scores: Tensor, overlap: float, *, groups: Tensor | None = None, fast: bool = False
) -> Tensor:
    """Non-maximum suppression: the best box stays, those that overlap it more than allowed go, and so on with the rest.

    Args:
        boxes: [N, 4].
        scores: [N].
        overlap: IoU above which the worse of two boxes goes, 0..1.
        groups: [N] boxes of different groups, such as classes, do not see each other.
        fast: torchvision's compiled one.

    Returns: [n] rows of the boxes that stay, best first. On the meta device, where no box has a place, all do.

    >>> boxes = torch.tensor([[0.0, 0, 10, 10], [1, 0, 11, 10], [2, 0, 12, 10]])
    >>> suppress(boxes, torch.tensor([0.7, 0.9, 0.8]), 0.7).tolist()
    [1]
    >>> suppress(boxes, torch.tensor([0.9, 0.8, 0.7]), 0.7).tolist()
    [0, 2]
    """
    if boxes.is_meta or not len(boxes):
        return torch.arange(len(boxes), device=boxes.device)
    if fast:
        from torchvision.ops import batched_nms, nms

        return nms(boxes, scores, overlap) if groups is None else batched_nms(boxes, scores, groups, overlap)
    order = scores.argsort(descending=True, stable=True)
    over = box_iou(boxes[order], boxes[order]) > overlap
    if groups is not None:
        over &= groups[order][:, None] == groups[order]
    over = over.triu(1)  # row i, column j: the better i is in the way of the worse j
    kept, before = torch.ones_like(order, dtype=torch.bool), None
    while before is None or not torch.equal(kept, before):  # after n rounds the n best are decided for good
        kept, before = ~(over & kept[:, None]).any(0), kept
    return order[kept]


def left_by_suppression(boxes: Tensor, scores: Tensor, overlap: float, groups: Tensor, able: Tensor) -> Tensor:
    """Mark the boxes that non-maximum suppression leaves, in a shape that does not depend on them: so it exports.

    Args:
        boxes, scores, overlap, groups: as for `suppress`.
        able: [N] bool, which boxes there are; the others neither stay nor suppress any.

    Returns: [N] bool. On the meta device, where no box has a place, all stay.
    """
    from torchvision.ops import nms

    if boxes.is_meta:
        return able
    rows = able.nonzero()[:, 0]
    apart = groups[rows].to(boxes)[:, None] * (boxes.max() + 1)  # boxes of two groups do not meet
    best = rows[nms(boxes[rows] + apart, scores[rows], overlap)]
    return torch.zeros_like(scores).scatter(0, best, torch.ones_like(scores[best])) > 0


def rows_of(chosen: Tensor) -> Tensor:
    """List the rows [n] that are chosen of [N] bool; on the meta device, where nothing is known, all N."""
    return torch.arange(len(chosen), device=chosen.device) if chosen.is_meta else chosen.nonzero()[:, 0]


def in_full(x: Tensor) -> Tensor:
    """Bring numbers that places are computed from to full precision, whatever training runs in: float32, or float64."""
    return x if x.dtype == torch.float64 else x.float()
