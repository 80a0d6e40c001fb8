"""A margin around small images, for networks whose coarsest map would be a single pixel.

torch.export takes a side of one for a constant, and the graph then refuses all other sizes.
"""

import torch
import torch.nn.functional as F
from torch import Tensor


def at_least(image: Tensor, size: int) -> Tensor:
    """`image` [B, C, h, w], its last row and column repeated until each side has `size` pixels."""
    h, w = image.shape[-2:]
    wide: int = torch.sym_max(w, size)  # type: ignore[assignment]
    high: int = torch.sym_max(h, size)  # type: ignore[assignment]
    return F.pad(image, (0, wide - w, 0, high - h), mode="replicate")


def without_margin(x: Tensor, image: Tensor, stride: int) -> Tensor:
    """The part of a map `x` of the given stride that belongs to `image` without its margin, rounding up."""
    h, w = image.shape[-2:]
    return x[..., : (h + stride - 1) // stride, : (w + stride - 1) // stride]
