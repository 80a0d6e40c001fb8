"""Masks out of prototypes: a few maps of the whole picture, added up for each object by coefficients of its own.

Bolya, Zhou, Xiao, Lee. "YOLACT: Real-Time Instance Segmentation." ICCV 2019. arXiv:1904.02689, section 3.1
"""

from typing import NamedTuple

import torch
from torch import Tensor

from .boxes import in_full


class Prototyped(NamedTuple):
    """What YOLACT says of every anchor and of the picture in training; only its loss reads it."""

    logits: Tensor  # B x A x (K + 1); the last class is "no object"
    codes: Tensor  # B x A x 4: how to move each anchor, weighted by 10, 10, 5, 5
    anchors: Tensor  # A x 4 pixels
    coefficients: Tensor  # B x A x P, -1..1
    prototypes: Tensor  # B x P x h x w, 0 and above
    semantic: Tensor  # B x K x h' x w' logits, each class by itself


def assembled(prototypes: Tensor, coefficients: Tensor) -> Tensor:
    """Add up prototypes [B, P, h, w] by coefficients [B, N, P]: logits [B, N, h, w]."""
    return in_full(coefficients @ prototypes.flatten(2)).unflatten(2, prototypes.shape[-2:])


def inside(boxes: Tensor, size: tuple[int, int], shape: tuple[int, int]) -> Tensor:
    """Mark the pixels of a small map of a picture that lie in boxes, and one more on each side.

    Args:
        boxes: [..., 4] in pixels of the picture.
        size: (H, W) of the picture.
        shape: (h, w) of the map, which spans it.

    Returns: [..., h, w] bool.
    """
    (height, width), (h, w) = size, shape
    x0, y0, x1, y1 = boxes.unbind(-1)
    across, down = (torch.arange(n, device=boxes.device, dtype=boxes.dtype) for n in (w, h))
    columns = (across >= (x0 * w / width - 1)[..., None]) & (across < (x1 * w / width + 1)[..., None])
    rows = (down >= (y0 * h / height - 1)[..., None]) & (down < (y1 * h / height + 1)[..., None])
    return rows[..., :, None] & columns[..., None, :]
