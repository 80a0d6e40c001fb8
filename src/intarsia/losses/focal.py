"""Focal loss: cross entropy in which pixels that are right already count less.

Lin et al. "Focal Loss for Dense Object Detection." ICCV 2017. arXiv:1708.02002, section 3

    l = (1 - p)^gamma * -log p          p: the probability of what is true; gamma 0 is cross entropy
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..errors import LabelError, RecipeError
from ..structures import SemanticLogits
from .pixelwise import pixels_of
from .targets import Truth, one_map_each, paired

TINY = 1e-12  # below it a power below 1 has no finite derivative, and the loss of such a pixel is 0 anyway


class Focal(nn.Module):
    """Mean of (1 - p)^gamma * -log p over the pixels that count, each weighted by its class.

    Args:
        weights: one for each class.
        ignore_index: the label of pixels that do not count.
        gamma: how much less a pixel counts that is right already, 0 and above; 0 is cross entropy.
        alpha: of sigmoid maps: weight of the positive term, 0..1, the negative one's is 1 - alpha; null: 1 each.
    """

    def __init__(
        self,
        *,
        weights: Sequence[float] | None = None,
        ignore_index: int = 255,
        gamma: float = 2.0,
        alpha: float | None = None,
    ) -> None:
        super().__init__()
        if gamma < 0:
            raise RecipeError(f"gamma is {gamma}; it is an exponent, 0 and above")
        if alpha is not None and not 0 <= alpha <= 1:
            raise RecipeError(f"alpha is {alpha}; it is a share, 0..1")
        self.weights = None if weights is None else tuple(weights)
        self.ignore_index, self.gamma, self.alpha = ignore_index, gamma, alpha

    def forward(self, output: SemanticLogits, truth: Truth) -> Tensor:
        logits, labels = paired(output.logits, truth)
        pixels = pixels_of(logits, labels, self.ignore_index, self.weights)
        miss = -torch.expm1(-pixels.each)  # 1 - p, to the last digit also where p is nearly 1
        each = pixels.each if self.gamma == 0 else miss.clamp(min=TINY) ** self.gamma * pixels.each
        if self.alpha is not None:
            if pixels.each.ndim == 3:
                raise LabelError(
                    "alpha weighs yes against no, and this network's maps share one softmax; weigh its classes with "
                    "loss.class_weights"
                )
            target, _ = one_map_each(logits, labels, self.ignore_index)
            each = each * (self.alpha * target + (1 - self.alpha) * (1 - target))
        return pixels.mean(each)


def focal_sum(logits: Tensor, classes: Tensor, alpha: float, gamma: float) -> Tensor:
    """Add up the focal loss of a sigmoid for each class, as detectors take it.

    Args:
        logits: [P, K].
        classes: [P] int64; K is none of them.
        alpha: weight of the class that is right, 0..1; the others have 1 - alpha.
        gamma: how much less an answer counts that is right already.
    """
    k = logits.shape[1]
    wanted = F.one_hot(classes, k + 1)[:, :k].to(logits)
    signed = torch.where(wanted > 0, logits, -logits)
    weight = torch.where(wanted > 0, alpha, 1 - alpha) * (-signed).sigmoid().clamp(min=TINY) ** gamma
    return -(weight * F.logsigmoid(signed)).sum()
