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


def anchors_spanning(x: Tensor, size: tuple[int, int], sides: Sequence[tuple[float, float]]) -> Tensor:
    """Lay anchors over a feature map that spans the image: their centers are the middles of its cells.

    Args:
        x: [B, C, h, w].
        size: (H, W) of the image.
        sides: R times (width, height) in pixels of the image.

    Returns: [h * w * R, 4], row after row, at each pixel all R shapes.
    """
    h, w = x.shape[-2:]
    down, across = (torch.arange(n, device=x.device, dtype=torch.float32) + 0.5 for n in (h, w))
    return _around(down * size[0] / h, across * size[1] / w, sides)


def anchors_at(x: Tensor, stride: int, sides: Sequence[tuple[float, float]], *, middle: bool = True) -> Tensor:
    """Lay anchors over a feature map, as far apart as its stride.

    Args:
        x: [B, C, h, w].
        stride: of the map, in pixels of the image.
        sides: R times (width, height) in pixels of the image.
        middle: centers are the middles of the cells; false: their upper left corners.

    Returns: [h * w * R, 4], row after row, at each pixel all R shapes.
    """
    down, across = ((torch.arange(n, device=x.device, dtype=torch.float32) + middle / 2) * stride for n in x.shape[-2:])
    return _around(down, across, sides)


def sides_of(stride: int, sizes: Sequence[float], ratios: Sequence[float]) -> list[tuple[float, float]]:
    """Give anchors of several sizes their shapes, as Fast R-CNN's code does: a cell's shape in whole pixels, enlarged.

    Args:
        stride: of the level, in pixels of the image.
        sizes: square root of the anchors' area, in pixels.
        ratios: height over width.

    Returns: (width, height) of every ratio with every size, ratio by ratio.

    >>> sides_of(8, (32,), (0.5, 1, 2))
    [(44.0, 24.0), (32.0, 32.0), (24.0, 48.0)]
    """
    sides = []
    for ratio in ratios:
        w = max(1, round(stride / ratio**0.5))
        h = max(1, round(w * ratio))
        sides += [(w * size / stride, h * size / stride) for size in sizes]
    return sides


def _around(down: Tensor, across: Tensor, sides: Sequence[tuple[float, float]]) -> Tensor:
    y, x = torch.meshgrid(down, across, indexing="ij")
    center = torch.stack([x, y], dim=2)[:, :, None]  # of each cell: x, y
    half = torch.tensor(list(sides), device=center.device, dtype=torch.float32) / 2
    return torch.cat([center - half, center + half], dim=3).flatten(0, 2)
