"""Dice losses: one minus the overlap of a soft mask with the true one, class by class.

    dice        1 - (2 sum p y + s) / (sum p   + sum y   + s)
    soft_dice   1 - (2 sum p y + s) / (sum p^2 + sum y^2 + s)        deck 3; Milletari et al. 2016, arXiv:1606.04797

Sums run over the pixels that count, p is a probability (softmax, or sigmoid), and the losses of the classes are averaged.
"""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from ..structures import SemanticLogits
from .targets import Truth, class_table, one_map_each, paired, refuse

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
        if logits.shape[1] == 1 or labels.ndim == 4 or self.activation == "sigmoid":
            overlap, drawn, true, any_held = self._of_maps(logits.sigmoid(), labels)
        else:
            overlap, drawn, true, any_held = self._of_classes(logits.softmax(dim=1), labels)
        if not self.per_image:
            overlap, drawn, true = (part.sum(dim=0, keepdim=True) for part in (overlap, drawn, true))  # [1, K]
            any_held = any_held.any(dim=0, keepdim=True)
        loss = 1 - (2 * overlap + self.smooth + TINY) / (drawn + true + self.smooth + TINY)  # [B or 1, K]
        table = class_table(self.weights, loss.shape[1], loss) if loss.shape[1] > 1 else None
        each = loss.mean(dim=1) if table is None else (loss * table).sum(dim=1) / table.sum()  # [B or 1]
        return (each * any_held).sum() / any_held.sum().clamp(min=1)

    def _of_classes(self, probability: Tensor, labels: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """(overlap, size of what was drawn, size of the truth), each [B, K], and [B]: whether any pixel counts."""
        images, classes = probability.shape[:2]
        held = labels != self.ignore_index  # [B, H, W]
        label = torch.where(held, labels, 0)
        try:
            right = probability.gather(1, label[:, None])[:, 0] * held  # [B, H, W]
        except RuntimeError:
            refuse(labels, classes, self.ignore_index)
            raise
        # a sum over the pixels of each class, without K masks in memory
        place = (label + classes * torch.arange(images, device=label.device)[:, None, None]).flatten()
        zeros = probability.new_zeros(images * classes)
        overlap = zeros.index_add(0, place, right.flatten()).view(images, classes)
        true = zeros.index_add(0, place, held.to(probability.dtype).flatten()).view(images, classes)
        drawn = ((probability * probability if self.squared else probability) * held[:, None]).sum(dim=(2, 3))
        return overlap, drawn, true, held.flatten(1).any(dim=1)

    def _of_maps(self, probability: Tensor, labels: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """The same for maps that are questions of their own."""
        target, held = one_map_each(probability, labels, self.ignore_index)
        drawn = probability * probability if self.squared else probability
        sums = ((probability * target).sum(dim=(2, 3)), (drawn * held).sum(dim=(2, 3)), target.sum(dim=(2, 3)))
        return *sums, held.flatten(1).any(dim=1)


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
