"""The loss of CenterMask: which class a point lies in, where its box ends, how near the middle it is, and the masks.

Lee, Park. "CenterMask: Real-Time Anchor-Free Instance Segmentation." CVPR 2020. arXiv:1911.06667 (equation 3)
Tian, Shen, Chen, He. "FCOS: Fully Convolutional One-Stage Object Detection." ICCV 2019. arXiv:1904.01355 (equation 2)
Rezatofighi et al. "Generalized Intersection over Union." CVPR 2019. arXiv:1902.09630
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..errors import ModelError
from ..matched import PointMatches
from ..structures import Batch, Detections
from .focal import focal_sum


class CenterMaskLoss(nn.Module):
    """{"class", "box", "centerness", "mask", "overlap"}: the terms of CenterMask; fewer where it draws no masks.

    Args:
        alpha: weight of objects in the focal loss, 0..1; background has 1 - alpha.
        gamma: how much answers that are right already weigh less.
    """

    def __init__(self, *, alpha: float = 0.25, gamma: float = 2.0) -> None:
        super().__init__()
        self.alpha, self.gamma = alpha, gamma

    def forward(self, output: Detections, truth: Batch) -> dict[str, Tensor]:
        """Compare what the network has matched with the true objects.

        Raises: ModelError when it has matched nothing, in eval mode or without the truth, or in another way.
        """
        found = output.found_by
        if not isinstance(found, PointMatches):
            raise ModelError(
                "the loss centermask reads the points that CenterMask has compared with the true objects, and there are none: "
                "call network(image, truth) in training mode, or choose the loss of the network's own paper"
            )
        count = max(len(found.distances), 1)
        centerness = centerness_of(found.wanted_distances)
        distance = 1 - overlap_of_distances(found.distances, found.wanted_distances)
        terms = {
            "class": focal_sum(found.logits, found.classes, self.alpha, self.gamma) / count,
            "box": (distance * centerness).sum() / centerness.sum().clamp(min=1e-6),
            "centerness": F.binary_cross_entropy_with_logits(found.centerness, centerness, reduction="sum") / count,
        }
        if found.masks is not None and found.wanted_masks is not None:
            sum_ = F.binary_cross_entropy_with_logits(found.masks, found.wanted_masks, reduction="sum")
            terms["mask"] = sum_ / max(found.masks.numel(), 1)
        if found.overlaps is not None and found.wanted_overlaps is not None:
            counted = found.wanted_overlaps > 0
            squares = (found.overlaps - found.wanted_overlaps).square() * counted
            terms["overlap"] = squares.sum() / 2 / counted.sum().clamp(min=1)
        return terms


def centerness_of(distances: Tensor) -> Tensor:
    """Say how near the middle of its box a point is: [Q] 0..1, for its distances [Q, 4] to the edges (FCOS, equation 3).

    >>> centerness_of(torch.tensor([[1.0, 2.0, 4.0, 2.0]])).tolist()
    [0.5]
    """
    across, down = distances[:, 0::2], distances[:, 1::2]
    return (across.amin(1) / across.amax(1) * down.amin(1) / down.amax(1)).sqrt()


def overlap_of_distances(a: Tensor, b: Tensor) -> Tensor:
    """Measure the generalized IoU of two boxes around one point, each written as its distances [Q, 4] to the edges.

    One is added to both areas of the IoU, as the released code does: boxes of no area overlap.

    Returns: [Q], -1..1.
    """
    common, around = ((one[:, :2] + one[:, 2:]).prod(1) for one in (torch.minimum(a, b), torch.maximum(a, b)))
    union = (a[:, :2] + a[:, 2:]).prod(1) + (b[:, :2] + b[:, 2:]).prod(1) - common
    return (common + 1) / (union + 1) - (around - union) / around
