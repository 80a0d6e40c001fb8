"""Dice for the shapes and a cross entropy for the pixels, added up.

Dice alone sees whole classes, however rare they are, but its gradient fades where a class is missed altogether; cross
entropy is the other way round. Deck 4's model is trained with Dice + BCE.
"""

from collections.abc import Sequence

from torch import Tensor, nn

from ..structures import SemanticLogits
from .binary import BinaryCrossEntropy
from .cross_entropy import CrossEntropy
from .dice import Dice
from .targets import Truth


class DiceCrossEntropy(nn.Module):
    """{"dice", "cross_entropy"}: both terms, weighted, to be added up.

    Args:
        weights: one for each class, for both terms.
        ignore_index: the label of pixels that do not count.
        dice: weight of the Dice term.
        cross_entropy: weight of the cross entropy.
        smoothing: of the cross entropy's targets, 0..1.
        smooth: of the Dice term, in pixels.
        per_image: Dice of each image by itself.
    """

    def __init__(
        self,
        *,
        weights: Sequence[float] | None = None,
        ignore_index: int = 255,
        dice: float = 1.0,
        cross_entropy: float = 1.0,
        smoothing: float = 0.0,
        smooth: float = 1.0,
        per_image: bool = False,
    ) -> None:
        super().__init__()
        self.factors = {"dice": dice, "cross_entropy": cross_entropy}
        self.dice = Dice(weights=weights, ignore_index=ignore_index, smooth=smooth, per_image=per_image)
        self.cross_entropy = CrossEntropy(weights=weights, ignore_index=ignore_index, smoothing=smoothing)

    def forward(self, output: SemanticLogits, truth: Truth) -> dict[str, Tensor]:
        return {name: factor * getattr(self, name)(output, truth) for name, factor in self.factors.items()}


class DiceBinaryCrossEntropy(nn.Module):
    """{"dice", "bce"}: both terms over sigmoid maps, weighted, to be added up.

    Args:
        weights: one for each class, for both terms.
        ignore_index: the label of pixels that do not count.
        dice: weight of the Dice term.
        bce: weight of the binary cross entropy.
        pos_weight: of the binary cross entropy's positive term; one number, or one for each map.
        smooth: of the Dice term, in pixels.
        per_image: Dice of each image by itself.
    """

    def __init__(
        self,
        *,
        weights: Sequence[float] | None = None,
        ignore_index: int = 255,
        dice: float = 1.0,
        bce: float = 1.0,
        pos_weight: float | list[float] = 1.0,
        smooth: float = 1.0,
        per_image: bool = False,
    ) -> None:
        super().__init__()
        overlap = Dice(
            weights=weights, ignore_index=ignore_index, smooth=smooth, per_image=per_image, activation="sigmoid"
        )
        self.factors = {"dice": dice, "bce": bce}
        self.dice = overlap
        self.bce = BinaryCrossEntropy(weights=weights, ignore_index=ignore_index, pos_weight=pos_weight)

    def forward(self, output: SemanticLogits, truth: Truth) -> dict[str, Tensor]:
        return {name: factor * getattr(self, name)(output, truth) for name, factor in self.factors.items()}
