"""Cross entropy before its mean: one number a pixel, for losses that look at pixels one by one."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from .targets import above_zero, class_table, in_order, one_map_each, refuse


class Pixels(NamedTuple):
    """-log p(what is true) of every pixel, or of every pixel of every map; its weighted mean is the cross entropy."""

    each: Tensor  # [B, H, W] or [B, K, H, W]; 0 where a pixel does not count
    weight: Tensor  # of the same shape; 0 where a pixel does not count
    counted: Tensor  # of the same shape, bool
    maps: bool  # whether each map is a question of its own

    def mean(self, each: Tensor, held: Tensor | None = None) -> Tensor:
        """Average a number a pixel.

        Softmax and one map divide by the weights, as cross entropy does; several maps by the pixels, as binary cross
        entropy does.

        Args:
            each: of the shape of `self.each`.
            held: the pixels that the mean is taken over, bool; None: all that count.
        """
        weight = self.weight if held is None else self.weight * held
        below = weight if not self.maps else (self.counted if held is None else self.counted & held)
        return (weight * each).sum() / above_zero(below.sum().to(each.dtype))


def pixels_of(logits: Tensor, labels: Tensor, ignore_index: int, weights: Sequence[float] | None) -> Pixels:
    """Compute -log p(what is true) of every pixel.

    Args:
        logits: [B, K, H, W].
        labels: [B, H, W], or [B, K, H, W] for several labels a pixel.
        weights: one for each class.

    Raises: LabelError for a label that is neither a class nor ignored, or for more or fewer weights than classes.
    """
    kinds = max(2, logits.shape[1])
    if labels.ndim == 3 and logits.shape[1] > 1:
        try:
            rows, wanted = in_order(logits, labels)
            each = F.cross_entropy(rows, wanted, ignore_index=ignore_index, reduction="none").view(labels.shape)
        except IndexError:
            refuse(labels, logits.shape[1], ignore_index)
            raise
        counted = labels != ignore_index
        table = class_table(weights, kinds, logits)
        weight = counted.to(each.dtype) if table is None else table[torch.where(counted, labels, 0)] * counted
        return Pixels(each, weight, counted, False)
    target, held = one_map_each(logits, labels, ignore_index)
    each = F.binary_cross_entropy_with_logits(logits, target, reduction="none") * held
    if logits.shape[1] == 1:
        table = class_table(weights, kinds, logits)
        weight = held if table is None else torch.where(target > 0, table[1], table[0]) * held
    else:
        table = class_table(weights, kinds, logits)
        weight = held if table is None else table[:, None, None] * held
    return Pixels(each, weight, held > 0, logits.shape[1] > 1)
