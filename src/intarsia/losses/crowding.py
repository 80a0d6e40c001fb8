"""How crowded a place is: the loss of a network that estimates where things are small, learned from any labels.

    crowding of a pixel     how many of the reaches 1, 2, 4, 8 and 16 pixels meet the border of a class, as a share of all

On a street it is high where the street is far away: a small object is nowhere far from its border.
"""

import torch.nn.functional as F
from torch import Tensor

from ..structures import SemanticLogits
from .edges import border
from .targets import Truth, above_zero, precise

REACHES = (1, 2, 4, 8, 16)


def crowding_loss(output: SemanticLogits, truth: Truth, *, ignore_index: int = 255) -> Tensor:
    """Mean squared difference of the sigmoid of `output.crowding` [B, 1, h, w] and the crowding of the labels there."""
    assert output.crowding is not None
    wanted, counted = crowding(output.logits, truth, ignore_index=ignore_index)
    h, w = output.crowding.shape[-2:]
    weight = F.adaptive_avg_pool2d(counted, (h, w))
    wanted = F.adaptive_avg_pool2d(wanted * counted, (h, w)) / above_zero(weight)
    apart = (precise(output.crowding).sigmoid() - wanted) ** 2
    return (apart * weight).sum() / above_zero(weight.sum())


def crowding(logits: Tensor, truth: Truth, *, ignore_index: int = 255) -> tuple[Tensor, Tensor]:
    """Measure how near the next border is.

    Args:
        logits: [B, K, H, W], for their shape and type.
        ignore_index: the label of pixels that do not count.

    Returns: 0..1, high near borders, and 1 where a pixel counts, both [B, 1, H, W].
    """
    borders, counted = (
        part.amax(1, keepdim=True) for part in border(logits, truth, ignore_index=ignore_index, radius=1)
    )
    near, total, reach = borders, borders, 1
    for wider in REACHES[1:]:
        side, margin = 2 * (wider - reach) + 1, wider - reach
        near = F.max_pool2d(near, (1, side), 1, (0, margin))
        near = F.max_pool2d(near, (side, 1), 1, (margin, 0))
        total, reach = total + near, wider
    return total / len(REACHES), counted
