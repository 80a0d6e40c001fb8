"""The loss of ShapeMask: the class and the box of each anchor, and a mask at three grades of refinement.

Kuo, Angelova, Malik, Lin. "ShapeMask: Learning to Segment Novel Objects by Refining Shape Priors." ICCV 2019.
arXiv:1904.03239 (section 3.4)
Lin, Goyal, Girshick, He, Dollar. "Focal Loss for Dense Object Detection." ICCV 2017. arXiv:1708.02002 (equation 5)
"""

import torch.nn.functional as F
from torch import Tensor, nn

from ..errors import ModelError
from ..matched import AnchorMatches
from ..structures import Batch, Detections
from .focal import focal_sum


class ShapeMaskLoss(nn.Module):
    """{"class", "box", "prior", "coarse", "fine"}: the terms of ShapeMask; the first two where it draws no masks.

    Args:
        alpha: weight of objects in the focal loss, 0..1; background has 1 - alpha.
        gamma: how much answers that are right already weigh less.
        corner: of the Huber loss of boxes: below it the loss is a square.
        box: weight of the boxes.
        prior: weight of the shapes that are mixed of usual ones.
    """

    def __init__(
        self, *, alpha: float = 0.4, gamma: float = 1.5, corner: float = 0.15, box: float = 50.0, prior: float = 0.1
    ) -> None:
        super().__init__()
        self.alpha, self.gamma, self.corner, self.box, self.prior = alpha, gamma, corner, box, prior

    def forward(self, output: Detections, truth: Batch) -> dict[str, Tensor]:
        """Compare what the network has matched with the true objects.

        Masks are added up and divided by the pixels of objects, as the released code does.

        Raises: ModelError when it has matched nothing, in eval mode or without the truth, or in another way.
        """
        found = output.found_by
        if not isinstance(found, AnchorMatches):
            raise ModelError(
                "the loss shapemask reads the anchors that ShapeMask has compared with the true objects, and there are none: "
                "call network(image, truth) in training mode, or choose the loss of the network's own paper"
            )
        count = len(found.codes) + 1
        boxes = F.huber_loss(found.codes, found.wanted_codes, delta=self.corner, reduction="sum")
        terms = {
            "class": focal_sum(found.logits, found.classes, self.alpha, self.gamma) / count,
            "box": self.box * boxes / (4 * count),
        }
        if found.priors is not None and found.wanted_coarse is not None:
            squares = F.mse_loss(found.priors, found.wanted_coarse, reduction="sum") / 2
            terms["prior"] = self.prior * squares / found.wanted_coarse.sum().clamp(min=1)
        for name, masks, wanted in (
            ("coarse", found.coarse, found.wanted_coarse),
            ("fine", found.fine, found.wanted_fine),
        ):
            if masks is not None and wanted is not None:
                pixels = F.binary_cross_entropy_with_logits(masks, wanted, reduction="sum")
                terms[name] = pixels / wanted.sum().clamp(min=1)
        return terms
