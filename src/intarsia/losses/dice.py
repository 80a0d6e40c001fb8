"""Dice losses: one minus the overlap of a soft mask with the true one, class by class.

    dice        1 - (2 sum p y + s) / (sum p   + sum y   + s)
    soft_dice   1 - (2 sum p y + s) / (sum p^2 + sum y^2 + s)        deck 3; Milletari et al. 2016, arXiv:1606.04797

Sums run over the pixels that count, p is a probability (softmax, or sigmoid), and the losses of the classes are averaged.
"""

from collections.abc import Sequence
from typing import Literal

from torch import Tensor, nn

from ..structures import SemanticLogits
from .overlap import overlap
from .targets import Truth, mean_of_classes, paired

TINY = 1e-7  # far below one pixel: only decides what 0 / 0 is, namely full overlap of nothing with nothing


class Dice(nn.Module):
    """1 - Dice, averaged over classes.

    Args:
        weights: one for each class, of the mean over classes; a head of one map has one class to average, so they
            change nothing there.
        ignore_index: the label of pixels that do not count.
        smooth: s above, in pixels; also what a class that occurs nowhere is measured against: with 0 any trace of it
            costs the whole class.
        per_image: overlaps of each image by itself, then their mean; otherwise the batch is one large image.
        activation: of heads with several maps and one label a pixel. One map, or several labels a pixel, are sigmoids.
        squared: whether the denominator holds squares.
    """

    def __init__(
        self,
        *,
        weights: Sequence[float] | None = None,
        ignore_index: int = 255,
        smooth: float = 1.0,
        per_image: bool = False,
        activation: Literal["softmax", "sigmoid"] = "softmax",
        squared: bool = False,
    ) -> None:
        super().__init__()
        self.weights = None if weights is None else tuple(weights)
        self.ignore_index = ignore_index
        self.smooth = smooth
        self.per_image = per_image
        self.activation = activation
        self.squared = squared

    def forward(self, output: SemanticLogits, truth: Truth) -> Tensor:
        logits, labels = paired(output.logits, truth)
        sums = overlap(logits, labels, self.ignore_index, sigmoid=self.activation == "sigmoid", squared=self.squared)
        sums = sums if self.per_image else sums.of_batch()
        loss = 1 - (2 * sums.both + self.smooth + TINY) / (sums.drawn + sums.true + self.smooth + TINY)  # [B or 1, K]
        return mean_of_classes(loss, sums.counted, self.weights)


def soft_dice(
    *,
    weights: Sequence[float] | None = None,
    ignore_index: int = 255,
    smooth: float = 1.0,
    per_image: bool = False,
    activation: Literal["softmax", "sigmoid"] = "softmax",
) -> Dice:
    """1 - Dice with squares in the denominator, averaged over classes, as in V-Net; arguments as `Dice`."""
    return Dice(
        weights=weights,
        ignore_index=ignore_index,
        smooth=smooth,
        per_image=per_image,
        activation=activation,
        squared=True,
    )
