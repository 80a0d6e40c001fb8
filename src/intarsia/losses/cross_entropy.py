"""Cross entropy of each pixel: deck 3's formula, the mean over pixels of -log p(true class)."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..errors import LabelError, RecipeError
from ..structures import Batch, SemanticLogits
from .targets import Truth, above_zero, class_table, in_order, one_map_each, paired, refuse


class CrossEntropy(nn.Module):
    """Mean of -log p(true class) over the pixels that count, each weighted by its class.

    Args:
        weights: one for each class; the mean divides by the weights of the pixels, as torch's does.
        ignore_index: the label of pixels that do not count.
        smoothing: share of the target spread evenly over all classes, 0..1 (Szegedy et al. 2016, section 7).
    """

    def __init__(
        self, *, weights: Sequence[float] | None = None, ignore_index: int = 255, smoothing: float = 0.0
    ) -> None:
        super().__init__()
        if not 0 <= smoothing <= 1:
            raise RecipeError(f"smoothing is {smoothing}; it is a share, 0..1")
        self.weights = None if weights is None else tuple(weights)
        self.ignore_index = ignore_index
        self.smoothing = smoothing

    def forward(self, output: SemanticLogits, truth: Truth) -> Tensor:
        logits, labels = paired(output.logits, truth)
        if labels.ndim == 4 and (logits.shape[1] > 1 or isinstance(truth, Batch)):
            raise LabelError(
                "cross entropy takes one label a pixel, and several were given; use the loss bce, dice, soft_dice or dice_bce"
            )
        if logits.shape[1] == 1:
            return self._of_one_map(logits, labels)
        table = class_table(self.weights, logits.shape[1], logits)
        try:  # ids are checked by torch as it reads them; a check of our own would be one more pass in the hot path
            rows, wanted = in_order(logits, labels)
            total = F.cross_entropy(
                rows, wanted, table, ignore_index=self.ignore_index, label_smoothing=self.smoothing, reduction="sum"
            )
        except IndexError:
            refuse(labels, logits.shape[1], self.ignore_index)
            raise
        held = labels != self.ignore_index
        weight = held.sum() if table is None else (table[torch.where(held, labels, 0)] * held).sum()
        return total / above_zero(weight.to(total.dtype))

    def _of_one_map(self, logits: Tensor, labels: Tensor) -> Tensor:
        """The same for two classes under one sigmoid, [B, 1, H, W]."""
        target, held = one_map_each(logits, labels, self.ignore_index)
        table = class_table(self.weights, 2, logits)
        soft = target * (1 - self.smoothing) + self.smoothing / 2
        if table is None:
            return F.binary_cross_entropy_with_logits(logits, soft, held, reduction="sum") / above_zero(held.sum())
        # -sum_c w_c soft_c log p_c, with w the weight of the class a log belongs to and not of the pixel: what torch
        # does for more maps
        yes, no = F.logsigmoid(logits), F.logsigmoid(-logits)
        total = -((table[1] * soft * yes + table[0] * (1 - soft) * no) * held).sum()
        return total / above_zero((torch.where(target > 0, table[1], table[0]) * held).sum())
