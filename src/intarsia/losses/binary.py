"""Binary cross entropy with logits: every map is a question of its own (deck 4's formulas).

    l = -weight * (pos_weight * y * log sigmoid(x) + (1 - y) * log(1 - sigmoid(x)))        mean over pixels and maps

The slide calls the formula with p_c multi-class; it is the multi-label one: K questions, not one question with K answers.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..errors import LabelError
from ..structures import SemanticLogits
from .targets import Truth, class_table, one_map_each, paired


class BinaryCrossEntropy(nn.Module):
    """Binary cross entropy over the pixels and maps that count; finite for logits of any size.

    Args:
        weights: one for each class: of a map's terms, or, for one map of two classes, of pixels of class 0 and of class 1.
        ignore_index: the label of pixels that do not count.
        weight: deck 4's w, a further factor: one number, or one for each map.
        pos_weight: deck 4's p, the factor of the positive term: above 1 for recall, below 1 for precision; one number,
            or one for each map.
    """

    def __init__(
        self,
        *,
        weights: Sequence[float] | None = None,
        ignore_index: int = 255,
        weight: float | list[float] = 1.0,
        pos_weight: float | list[float] = 1.0,
    ) -> None:
        super().__init__()
        self.weights = None if weights is None else tuple(weights)
        self.ignore_index = ignore_index
        self.weight = weight
        self.pos_weight = pos_weight

    def forward(self, output: SemanticLogits, truth: Truth) -> Tensor:
        logits, labels = paired(output.logits, truth)
        target, held = one_map_each(logits, labels, self.ignore_index)
        count = held.sum()
        factor = held * _each_map(self.weight, logits, "weight")
        if self.weights is not None and logits.shape[1] == 1 and len(self.weights) != 1:
            table = class_table(self.weights, 2, logits)
            assert table is not None
            factor = factor * torch.where(target > 0, table[1], table[0])
        elif self.weights is not None:
            factor = factor * _each_map(list(self.weights), logits, "class weights")
        positive = _each_map(self.pos_weight, logits, "pos_weight")
        total = F.binary_cross_entropy_with_logits(logits, target, factor, pos_weight=positive, reduction="sum")
        return total / count.clamp(min=1)


def _each_map(value: float | list[float], logits: Tensor, what: str) -> Tensor:
    """One number, or K of them, as [K, 1, 1]."""
    numbers = value if isinstance(value, list) else [value] * logits.shape[1]
    if len(numbers) != logits.shape[1]:
        raise LabelError(
            f"{what}: {len(numbers)} numbers for {logits.shape[1]} maps; give one number, or one for each map"
        )
    return torch.tensor(numbers, dtype=logits.dtype, device=logits.device)[:, None, None]
