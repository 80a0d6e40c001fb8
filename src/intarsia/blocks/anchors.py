"""Anchors: boxes of a few sizes and shapes around each pixel of a feature map, which a detector moves onto objects."""

from collections.abc import Sequence

import torch
from torch import Tensor


def anchors_around(size: float, ratios: Sequence[float]) -> Tensor:
    """Draw one anchor of each shape around the point (0, 0), rounded to whole pixels.

    Args:
        size: square root of the anchors' area, in pixels.
        ratios: height over width.

    Returns: [R, 4].

    >>> anchors_around(32, (0.5, 1, 2)).tolist()
    [[-23.0, -11.0, 23.0, 11.0], [-16.0, -16.0, 16.0, 16.0], [-11.0, -23.0, 11.0, 23.0]]
    """
    high = torch.tensor(list(ratios), dtype=torch.float32).sqrt()
    w, h = size / high, size * high
    return (torch.stack([-w, -h, w, h], dim=1) / 2).round()


def anchors_of(x: Tensor, stride: int, size: float, ratios: Sequence[float]) -> Tensor:
    """Lay anchors over a feature map.

    Args:
        x: [B, C, h, w].
        stride: of the map, in pixels of the image.
        size, ratios: as for `anchors_around`.

    Returns: [h * w * R, 4], row after row, at each pixel all R shapes.
    """
    h, w = x.shape[-2:]
    down, across = (torch.arange(n, device=x.device, dtype=torch.float32) * stride for n in (h, w))
    y, x0 = torch.meshgrid(down, across, indexing="ij")
    corner = torch.stack([x0, y, x0, y], dim=2)  # [h, w, 4]
    return (corner[:, :, None] + anchors_around(size, ratios).to(x.device)).flatten(0, 2)
