"""A margin around small images, for networks whose coarsest map would be a single pixel.

torch.export takes a side of one for a constant, and the graph then refuses all other sizes.
"""

import torch.nn.functional as F
from torch import Tensor

from .sizes import larger


def at_least(image: Tensor, size: int) -> Tensor:
    """`image` [B, C, h, w], its last row and column repeated until each side has `size` pixels."""
    h, w = image.shape[-2:]
    return F.pad(image, (0, larger(w, size) - w, 0, larger(h, size) - h), mode="replicate")


def without_margin(x: Tensor, image: Tensor, stride: int) -> Tensor:
    """The part of a map `x` of the given stride that belongs to `image` without its margin, rounding up."""
    h, w = image.shape[-2:]
    return x[..., : (h + stride - 1) // stride, : (w + stride - 1) // stride]
