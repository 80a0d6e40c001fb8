"""How much of each class was drawn, how much of it there is, and how much of that overlaps: the sums under Dice and Tversky."""

from typing import NamedTuple

import torch
from torch import Tensor

from .targets import one_map_each, refuse


class Overlap(NamedTuple):
    """Sums over the pixels that count, of each image and class."""

    both: Tensor  # [B, K]  of probabilities of the true class
    drawn: Tensor  # [B, K]  of probabilities, or of their squares
    true: Tensor  # [B, K]  pixels
    counted: Tensor  # [B]  whether any pixel of the image counts

    def of_batch(self) -> "Overlap":
        """The same of the batch as one large image: every first axis is 1."""
        both, drawn, true = (part.sum(dim=0, keepdim=True) for part in (self.both, self.drawn, self.true))
        return Overlap(both, drawn, true, self.counted.any(dim=0, keepdim=True))


def overlap(
    logits: Tensor, labels: Tensor, ignore_index: int, *, sigmoid: bool = False, squared: bool = False
) -> Overlap:
    """Sum up probabilities and pixels of each class.

    Args:
        logits: [B, K, H, W].
        labels: [B, H, W], or [B, K, H, W] for several labels a pixel.
        sigmoid: also for several maps with one label a pixel. One map, or several labels a pixel, are sigmoids anyway.
        squared: of what was drawn.

    Raises: LabelError for a label that is neither a class nor ignored.
    """
    if logits.shape[1] == 1 or labels.ndim == 4 or sigmoid:
        return _of_maps(logits.sigmoid(), labels, ignore_index, squared)
    return _of_classes(logits.softmax(dim=1), labels, ignore_index, squared)


def _of_classes(probability: Tensor, labels: Tensor, ignore_index: int, squared: bool) -> Overlap:
    images, classes = probability.shape[:2]
    held = labels != ignore_index  # [B, H, W]
    label = torch.where(held, labels, 0)
    try:
        right = probability.gather(1, label[:, None])[:, 0] * held  # [B, H, W]
    except RuntimeError:
        refuse(labels, classes, ignore_index)
        raise
    # a sum over the pixels of each class, without K masks in memory
    place = (label + classes * torch.arange(images, device=label.device)[:, None, None]).flatten()
    zeros = probability.new_zeros(images * classes)
    both = zeros.index_add(0, place, right.flatten()).view(images, classes)
    true = zeros.index_add(0, place, held.to(probability.dtype).flatten()).view(images, classes)
    drawn = ((probability * probability if squared else probability) * held[:, None]).sum(dim=(2, 3))
    return Overlap(both, drawn, true, held.flatten(1).any(dim=1))


def _of_maps(probability: Tensor, labels: Tensor, ignore_index: int, squared: bool) -> Overlap:
    """The same for maps that are questions of their own."""
    target, held = one_map_each(probability, labels, ignore_index)
    drawn = probability * probability if squared else probability
    sums = ((probability * target).sum(dim=(2, 3)), (drawn * held).sum(dim=(2, 3)), target.sum(dim=(2, 3)))
    return Overlap(*sums, held.flatten(1).any(dim=1))
