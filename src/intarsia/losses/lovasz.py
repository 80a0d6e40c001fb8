"""Lovasz losses: the convex closure of the Jaccard loss 1 - IoU, of all pixels of a class together.

Berman, Rannen Triki, Blaschko. "The Lovasz-Softmax loss: A tractable surrogate for the optimization of the
intersection-over-union measure in neural networks." CVPR 2018. arXiv:1705.08790, sections 2 and 3

    errors of a class's pixels, the largest first: e_1 >= e_2 >= ...
    loss = sum_i e_i * (J_i - J_(i-1))              J_i: 1 - IoU if just the first i pixels were wrong

    softmax   e = |y - p|, p a probability          mean over the classes that occur
    hinge     e = max(0, 1 - (2y - 1) x)            x a logit; each map is a question of its own

The authors take J_i - J_(i-1) as a difference of two numbers near each other; here it is written out, which is exact.
"""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from ..structures import SemanticLogits
from .targets import Truth, above_zero, class_table, one_map_each, paired


class LovaszSoftmax(nn.Module):
    """Lovasz extension of 1 - IoU at the errors of probabilities, averaged over classes.

    Args:
        weights: one for each class, of the mean over classes.
        ignore_index: the label of pixels that do not count.
        classes: of which the mean is taken: those that occur in the batch (in the image, with `per_image`), or all.
        per_image: each image by itself, then their mean; otherwise the batch is one large image.
    """

    def __init__(
        self,
        *,
        weights: Sequence[float] | None = None,
        ignore_index: int = 255,
        classes: Literal["present", "all"] = "present",
        per_image: bool = False,
    ) -> None:
        super().__init__()
        self.weights = None if weights is None else tuple(weights)
        self.ignore_index, self.classes, self.per_image = ignore_index, classes, per_image

    def forward(self, output: SemanticLogits, truth: Truth) -> Tensor:
        logits, labels = paired(output.logits, truth)
        target, held = one_map_each(logits, labels, self.ignore_index)
        softmax = logits.shape[1] > 1 and labels.ndim == 3
        probability = logits.softmax(dim=1) if softmax else logits.sigmoid()
        maps = [_rows(part, self.per_image) for part in ((target - probability).abs(), target, held)]
        present = maps[1].sum(dim=2) > 0 if self.classes == "present" else maps[2].sum(dim=2) > 0
        return _mean(extension(*maps), present, self.weights)


class LovaszHinge(nn.Module):
    """Lovasz extension of 1 - IoU at the hinge errors of logits, each map by itself, averaged over maps.

    Args:
        weights: one for each class, of the mean over maps.
        ignore_index: the label of pixels that do not count.
        per_image: each image by itself, then their mean, as the authors train; otherwise the batch is one large image.
    """

    def __init__(
        self, *, weights: Sequence[float] | None = None, ignore_index: int = 255, per_image: bool = False
    ) -> None:
        super().__init__()
        self.weights = None if weights is None else tuple(weights)
        self.ignore_index, self.per_image = ignore_index, per_image

    def forward(self, output: SemanticLogits, truth: Truth) -> Tensor:
        logits, labels = paired(output.logits, truth)
        target, held = one_map_each(logits, labels, self.ignore_index)
        errors = (1 - (2 * target - 1) * logits).relu()
        maps = [_rows(part, self.per_image) for part in (errors, target, held)]
        return _mean(extension(*maps), maps[2].sum(dim=2) > 0, self.weights)


def extension(errors: Tensor, target: Tensor, held: Tensor) -> Tensor:
    """The Lovasz extension of 1 - IoU at the errors of pixels, all rows in one sort.

    Args:
        errors: [..., P], 0 and above.
        target: [..., P], 1 for pixels of the class, else 0.
        held: [..., P], 0 for pixels that do not count, whose target is 0, else 1.

    Returns: [...].
    """
    values, order = torch.where(held > 0, errors, -1.0).sort(dim=-1, descending=True)  # what does not count comes last
    return (values.clamp(min=0) * _rise((target > 0).gather(-1, order), errors.dtype)).sum(dim=-1)


@torch.no_grad()
def _rise(true: Tensor, dtype: torch.dtype) -> Tensor:
    """J_i - J_(i-1) of pixels in their order [..., P]: by how much 1 - IoU rises when one more of them is wrong."""
    missed = true.cumsum(dim=-1, dtype=torch.int32)  # counts are exact in integers, beyond 2^24 pixels too
    rank = torch.arange(1, true.shape[-1] + 1, dtype=torch.int32, device=true.device)
    all_true = missed[..., -1:]
    union = (all_true + rank - missed).to(dtype)
    rise = torch.where(true, 1 / union, (all_true - missed) / (union * (union - 1)).clamp(min=1))
    return torch.where((rank == 1) & (all_true == 0), 1.0, rise)  # without a true pixel, one wrong pixel is a full loss


def _rows(part: Tensor, per_image: bool) -> Tensor:
    """[B, K, H, W] as [B, K, H W], or as [1, K, B H W]."""
    return part.flatten(2) if per_image else part.transpose(0, 1).flatten(1)[None]


def _mean(each: Tensor, counted: Tensor, weights: Sequence[float] | None) -> Tensor:
    """Average [B, K] over the classes that count, then over the images that have one."""
    table = class_table(weights, each.shape[1], each) if each.shape[1] > 1 else None
    weight = counted.to(each.dtype) if table is None else counted * table
    of_images = (each * weight).sum(dim=1) / above_zero(weight.sum(dim=1))
    return of_images.sum() / counted.any(dim=1).sum().clamp(min=1)
