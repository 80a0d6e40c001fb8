"""What a detector of two stages does with its parts: in evaluation, as a graph for export, and beside the true objects.

    pyramid - propose - cut 7x7 - judge - best boxes - cut 14x14 - draw - Detections

The parts belong to the network, so that each architecture, and each peer's variant of one, has them under its own names.
"""

from typing import Protocol

import torch
from torch import Tensor

from ..structures import Batch, Detections, Matches
from .box_head import BoxHead, Drawn, draw_proposals, fill_up, final_boxes, fixed_boxes, joined
from .mask_head import MaskHead
from .proposals import RegionProposals
from .pyramid_regions import PyramidRegions, cut_masks
from .true_objects import true_objects


class TwoStages(Protocol):
    """A network with the parts of two stages.

    Args:
        propose: finds boxes; `cut` and `judge`: what each is; `cut_finer` and `draw`: its mask, or None for boxes alone.
        num_classes: K.
        samples: proposals of an image that training judges.
        score: objects that are less probable are left out, 0..1.
        overlap: IoU above which the worse of two objects of a class goes.
        limit: objects of an image at most.
    """

    propose: RegionProposals
    cut: PyramidRegions
    judge: BoxHead
    cut_finer: PyramidRegions
    draw: MaskHead | None
    num_classes: int
    samples: int
    score: float
    overlap: float
    limit: int


def detections(
    net: TwoStages, pyramid: list[Tensor], size: tuple[int, int], truth: Batch | None, *, training: bool
) -> Detections:
    """Detect, or in training compare with the true objects, whatever the moment asks for.

    Args:
        pyramid: p2 .. p6.
        size: (H, W) of the image.
        truth: the batch in training; None: nothing is compared.
    """
    if truth is not None and training:
        return matched(net, truth, pyramid, size)
    return fixed(net, pyramid, size) if torch.compiler.is_exporting() else detected(net, pyramid, size)


def detected(net: TwoStages, pyramid: list[Tensor], size: tuple[int, int]) -> Detections:
    """Judge the proposals, keep the best boxes, and draw what is in them."""
    proposed = net.propose(pyramid, size).boxes
    boxes, images = joined(proposed)
    cells = net.cut(pyramid, boxes, images)
    logits, codes = net.judge(cells)
    counts = [len(part) for part in proposed]
    judged = zip(logits.split(counts), codes.split(counts), proposed, strict=True)
    found = [final_boxes(a, b, c, size, score=net.score, overlap=net.overlap, limit=net.limit) for a, b, c in judged]
    boxes, images = joined([one.boxes for one in found])
    masks = None
    if net.draw is not None:
        cells = net.cut_finer(pyramid, boxes, images)
        drawn = net.draw(cells, torch.cat([one.classes for one in found]))
        masks = fill_up(drawn.split([len(one.boxes) for one in found]), net.limit)
    scores, classes, boxes = (fill_up(part, net.limit) for part in zip(*found, strict=True))
    return Detections(scores, classes, boxes, masks, size)


def fixed(net: TwoStages, pyramid: list[Tensor], size: tuple[int, int]) -> Detections:
    """`detected` in shapes that do not depend on what is found, for export: every proposal that there may be is judged."""
    proposed = net.propose.fixed(pyramid, size)  # boxes [B, P, 4]
    b, p, _ = proposed.shape
    logits, codes = net.judge(net.cut(pyramid, proposed.flatten(0, 1), _images(b, p, proposed)))
    scores, classes, boxes = fixed_boxes(
        logits.unflatten(0, (b, p)), codes.unflatten(0, (b, p)), proposed, size,
        score=net.score, overlap=net.overlap, limit=net.limit,
    )  # fmt: skip
    masks = None
    if net.draw is not None:
        cells = net.cut_finer(pyramid, boxes.flatten(0, 1), _images(b, net.limit, boxes))
        masks = net.draw(cells, classes.flatten()).unflatten(0, (b, net.limit))
        masks = masks * (scores > 0)[..., None, None]
    return Detections(scores, classes, boxes, masks, size)


def matched(net: TwoStages, truth: Batch, pyramid: list[Tensor], size: tuple[int, int]) -> Detections:
    """Compare both stages with the true objects, for the loss alone; nothing is detected."""
    proposed = net.propose(pyramid, size)
    objects = [true_objects(truth, n, net.num_classes) for n in range(len(truth.names))]
    first = net.propose.compare(proposed, [true.boxes for true in objects], [true.ignored for true in objects])
    drawn = [
        draw_proposals(
            p, true.boxes, true.classes, true.ignored, net.num_classes, iou=0.5, count=net.samples, share=0.25
        )
        for p, true in zip(proposed.boxes, objects, strict=True)
    ]
    boxes, images = joined([one.boxes for one in drawn])
    logits, codes = net.judge(net.cut(pyramid, boxes, images))
    classes = torch.cat([one.classes for one in drawn])
    hit = (classes < net.num_classes).nonzero()[:, 0]
    known = classes[hit]
    wanted = torch.cat([one.wanted for one in drawn])[hit]
    masks = targets = None
    if net.draw is not None:
        masks = net.draw(net.cut_finer(pyramid, boxes[hit], images[hit]), known)
        targets = torch.cat([_masks(net, one, true.masks) for one, true in zip(drawn, objects, strict=True)])
    found_by = Matches(*first, logits, classes, codes[hit, known], wanted, masks, targets)
    scores, boxes = pyramid[0].new_zeros(len(objects), 0), pyramid[0].new_zeros(len(objects), 0, 4)
    drawn_masks = None if masks is None else masks.new_zeros(len(objects), 0, MaskHead.side, MaskHead.side)
    return Detections(scores, scores.long(), boxes, drawn_masks, size, found_by)


def _masks(net: TwoStages, drawn: Drawn, true: Tensor) -> Tensor:
    """What the masks [Q, 28, 28] of the proposals of objects should show, of the true ones [M, H, W]."""
    hit = drawn.objects >= 0
    return cut_masks(true, drawn.boxes[hit], drawn.objects[hit], MaskHead.side, aligned=net.cut_finer.aligned)


def _images(b: int, n: int, boxes: Tensor) -> Tensor:
    """Which of b images each of b * n boxes lies in."""
    return torch.arange(b, device=boxes.device)[:, None].expand(b, n).flatten()
