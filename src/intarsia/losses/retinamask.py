"""What RetinaMask minimizes: the focal loss of every anchor, a smooth L1 of boxes whose corner moves, and masks.

Fu, Shvets, Berg. "RetinaMask." 2019. arXiv:1901.03353, section 3

    class    focal loss, summed, over the objects' anchors and the pictures
    box      smooth L1, the mean over the objects' anchors
    mask     binary cross entropy, the mean over the pixels of all objects' masks
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..errors import ModelError
from ..matched import RetinaMatches
from ..structures import Batch, Detections
from .dense_focal import focal_sum, one_hot


class RetinaMask(nn.Module):
    """{"class", "box", "mask"}: the terms of RetinaMask, to be added up.

    Args:
        alpha: weight of anchors of a class in the focal loss; 1 - alpha of those of nothing.
        gamma: how much less anchors weigh that are sure.
    """

    def __init__(self, *, alpha: float = 0.25, gamma: float = 2.0) -> None:
        super().__init__()
        self.alpha, self.gamma = alpha, gamma

    def forward(self, output: Detections, truth: Batch) -> dict[str, Tensor]:
        """Compare what the network has matched with the true objects.

        Raises: ModelError when the detections are another network's, or were made in eval mode or without the truth.
        """
        found = output.found_by
        if not isinstance(found, RetinaMatches):
            raise ModelError(
                "the retinamask loss reads what the network retinamask compares with the truth in training mode, and these "
                "detections do not have it; call network(image, truth) of retinamask, or choose another network's own loss"
            )
        counted = found.classes >= 0
        wanted = one_hot(found.classes[counted], found.logits.shape[2]).to(found.logits)
        focal = focal_sum(found.logits[counted], wanted, alpha=self.alpha, gamma=self.gamma)
        off = (found.codes - found.wanted_codes).abs()
        box = torch.where(off < found.corner, 0.5 * off**2 / found.corner, off - 0.5 * found.corner)
        mask = F.binary_cross_entropy_with_logits(found.masks, found.wanted_masks, reduction="sum")
        return {
            "class": focal / (len(off) + len(found.logits)),
            "box": box.sum() / max(off.numel(), 1),
            "mask": mask / max(found.masks.numel(), 1),
        }
