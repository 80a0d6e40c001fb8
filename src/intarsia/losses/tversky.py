"""Tversky loss: Dice in which pixels drawn too much and pixels missed have prices of their own.

Salehi, Erdogmus, Gholipour. "Tversky loss function for image segmentation using 3D fully convolutional deep networks."
MLMI 2017. arXiv:1706.05721, section 2

    1 - (TP + s/2) / (TP + alpha FP + beta FN + s/2)          soft sums over the pixels that count; 1/2, 1/2 is Dice
"""

from collections.abc import Sequence
from typing import Literal

from torch import Tensor, nn

from ..errors import RecipeError
from ..structures import SemanticLogits
from .dice import TINY
from .overlap import overlap
from .targets import Truth, mean_of_classes, paired


class Tversky(nn.Module):
    """1 - Tversky index, averaged over classes.

    Args:
        weights: one for each class, of the mean over classes; a head of one map has one class to average.
        ignore_index: the label of pixels that do not count.
        alpha: price of a pixel that is drawn too much, 0 and above.
        beta: price of a pixel that is missed, 0 and above; above `alpha` for recall, below it for precision.
        smooth: s above, in pixels.
        per_image: of each image by itself, then their mean; otherwise the batch is one large image.
        activation: of heads with several maps and one label a pixel. One map, or several labels a pixel, are sigmoids.
    """

    def __init__(
        self,
        *,
        weights: Sequence[float] | None = None,
        ignore_index: int = 255,
        alpha: float = 0.3,
        beta: float = 0.7,
        smooth: float = 1.0,
        per_image: bool = False,
        activation: Literal["softmax", "sigmoid"] = "softmax",
    ) -> None:
        super().__init__()
        for name, value in (("alpha", alpha), ("beta", beta)):
            if value < 0:
                raise RecipeError(f"{name} is {value}; it is a price, 0 and above")
        self.weights = None if weights is None else tuple(weights)
        self.ignore_index, self.alpha, self.beta = ignore_index, alpha, beta
        self.smooth, self.per_image, self.activation = smooth, per_image, activation

    def forward(self, output: SemanticLogits, truth: Truth) -> Tensor:
        logits, labels = paired(output.logits, truth)
        sums = overlap(logits, labels, self.ignore_index, sigmoid=self.activation == "sigmoid")
        both, drawn, true, counted = sums if self.per_image else sums.of_batch()
        right = both + (self.smooth + TINY) / 2
        loss = 1 - right / (right + self.alpha * (drawn - both) + self.beta * (true - both))  # [B or 1, K]
        return mean_of_classes(loss, counted, self.weights)
