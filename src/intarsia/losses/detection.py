"""The loss of a detector of two stages: are there objects, where, which, and what do they look like.

He, Gkioxari, Dollar, Girshick. "Mask R-CNN." ICCV 2017. arXiv:1703.06870 (section 3)
Ren, He, Girshick, Sun. "Faster R-CNN." NeurIPS 2015. arXiv:1506.01497 (equation 1)
"""

import torch.nn.functional as F
from torch import Tensor, nn

from ..errors import ModelError
from ..structures import Batch, Detections, Matches


class Detection(nn.Module):
    """{"objectness", "rpn_box", "class", "box", "mask"}: the terms of Mask R-CNN; without "mask" for boxes alone.

    Args:
        corner: of the smooth L1 of boxes: below it the loss is a square (1/9 in the released code).
    """

    def __init__(self, *, corner: float = 1 / 9) -> None:
        super().__init__()
        self.corner = corner

    def forward(self, output: Detections, truth: Batch) -> dict[str, Tensor]:
        """Compare what the network has matched with the true objects.

        Raises: ModelError when it has matched nothing: in eval mode, or without the truth.
        """
        found = output.found_by
        if not isinstance(found, Matches):
            raise ModelError(
                "the network has compared nothing with the true objects, so there is no loss; call network(image, truth) "
                "in training mode"
            )
        anchors, proposals = max(len(found.is_object), 1), max(len(found.classes), 1)
        terms = {
            "objectness": F.binary_cross_entropy_with_logits(found.objectness, found.is_object, reduction="sum")
            / anchors,
            "rpn_box": self._boxes(found.anchor_codes, found.wanted_anchor_codes) / anchors,
            "class": F.cross_entropy(found.logits, found.classes, reduction="sum") / proposals,
            "box": self._boxes(found.codes, found.wanted_codes) / proposals,
        }
        if found.masks is not None and found.wanted_masks is not None:
            pixels = max(found.masks.numel(), 1)
            terms["mask"] = (
                F.binary_cross_entropy_with_logits(found.masks, found.wanted_masks, reduction="sum") / pixels
            )
        return terms

    def _boxes(self, codes: Tensor, wanted: Tensor) -> Tensor:
        return F.smooth_l1_loss(codes, wanted, beta=self.corner, reduction="sum")
