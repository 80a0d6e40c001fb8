"""Which classes an image holds at all, against what a network says of them (EncNet's semantic encoding loss)."""

import torch
import torch.nn.functional as F
from torch import Tensor

from .targets import Truth, labels_of, precise


def presence_loss(presence: Tensor, truth: Truth, ignore_index: int = 255) -> Tensor:
    """Take the mean binary cross entropy of "does this class occur", over classes and over images with a labeled pixel.

    A class of few pixels weighs as much as one of many.

    Args:
        presence: [B, K] logits.
        truth: a batch, or its labels [B, H, W] or [B, K, H, W].
    """
    logits = precise(presence)
    occurs, known = classes_in(truth, logits.shape[1], ignore_index)
    each = F.binary_cross_entropy_with_logits(logits, occurs.to(logits.dtype), reduction="none").mean(dim=1)  # [B]
    return (each * known).sum() / known.sum().clamp(min=1)


def classes_in(truth: Truth, count: int, ignore_index: int) -> tuple[Tensor, Tensor]:
    """Find the classes that have a pixel in each image.

    Args:
        count: K; 1: labels are 0 and 1, and the one class is 1.

    Returns: [B, K] bool; and [B] bool, whether the image has a labeled pixel.
    """
    labels = labels_of(truth)
    known = (labels != ignore_index).flatten(1).any(dim=1)
    if labels.ndim == 4 or count == 1:
        maps = labels if labels.ndim == 4 else labels[:, None]
        return (maps == 1).flatten(2).any(dim=2), known
    places = torch.where(labels != ignore_index, labels.long(), count).flatten(
        1
    )  # ignored ones in a column of their own
    occurs = torch.zeros(labels.shape[0], count + 1, dtype=torch.bool, device=labels.device)
    return occurs.scatter_(1, places, True)[:, :count], known
