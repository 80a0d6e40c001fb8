"""(output, labels) -> a number to minimize, or named numbers whose sum is minimized.

    output: SemanticLogits       labels: [B, H, W] class numbers and the ignore index, of any integer type;
                                 for "bce" and "dice" also [B, K, H, W] of 0, 1 and ignore (several labels a pixel)

A head of one map (K = 1) is a sigmoid: labels 0, 1 and ignore. Ignored pixels give no gradient; where all are ignored
the loss is a zero that can still be propagated. Every loss computes in float32 (float64 when given it).
"""

from collections.abc import Callable

from torch import Tensor

from .auxiliary import Auxiliary
from .binary import BinaryCrossEntropy
from .centers import Centers
from .classes import ClassBinaryCrossEntropy, ClassCrossEntropy
from .cross_entropy import CrossEntropy
from .depth import BerHu, ScaleInvariantLog
from .detection import Detection
from .dice import Dice, soft_dice
from .mixes import DiceBinaryCrossEntropy, DiceCrossEntropy

__all__ = [
    "LOSSES",
    "Auxiliary",
    "BerHu",
    "BinaryCrossEntropy",
    "Centers",
    "ClassBinaryCrossEntropy",
    "ClassCrossEntropy",
    "CrossEntropy",
    "Detection",
    "Dice",
    "DiceBinaryCrossEntropy",
    "DiceCrossEntropy",
    "ScaleInvariantLog",
]

LOSSES: dict[str, Callable[..., Callable[..., Tensor | dict[str, Tensor]]]] = {
    "cross_entropy": CrossEntropy,
    "bce": BinaryCrossEntropy,
    "dice": Dice,
    "soft_dice": soft_dice,
    "dice_ce": DiceCrossEntropy,
    "dice_bce": DiceBinaryCrossEntropy,
    "class_cross_entropy": ClassCrossEntropy,
    "class_bce": ClassBinaryCrossEntropy,
    "silog": ScaleInvariantLog,
    "berhu": BerHu,
    "centers": Centers,
    "detection": Detection,
}
