"""What RetinaMask compares in training."""

from typing import NamedTuple

from torch import Tensor


class RetinaMatches(NamedTuple):
    """The answers of RetinaMask in training, and what is wanted of each; only its loss reads it."""

    logits: Tensor  # [B, A, K], of every anchor
    classes: Tensor  # [B, A] int64; K is nothing, -1 does not count
    codes: Tensor  # [P, 4] how to move those that are an object's
    wanted_codes: Tensor  # [P, 4]
    corner: Tensor  # [4] of the smooth L1 of each code: below it the loss is a square
    masks: Tensor  # [Q, m, m] logits, of the object's class
    wanted_masks: Tensor  # [Q, m, m] 0..1
