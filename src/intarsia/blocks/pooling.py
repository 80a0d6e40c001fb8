"""Averages of a feature map over grids of cells."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ..errors import ModelError
from .conv import ConvNormAct
from .resize import Resize
from .statistics import learns_batches, require_two_values


class PyramidPooling(nn.Module):
    """A feature map and, beside it, its averages over grids of several sizes (section 3.2).

    Args:
        bins: side of each grid.
        share: channels that each grid gets; null: all grids together as many as the map itself.
        lone_norm: a norm on the 1x1 grid as well; without it that grid's convolution has a bias instead.
        squeeze_last: enlarge the averages first and narrow them then, as UPerNet does; PSPNet narrows first. The ReLU
            in between makes the difference.
    """

    def __init__(
        self,
        channels: int,
        bins: Sequence[int],
        align_corners: bool = False,
        *,
        share: int | None = None,
        lone_norm: bool = True,
        squeeze_last: bool = False,
    ) -> None:
        super().__init__()
        if not bins or min(bins) < 1:
            raise ModelError(f"bins is {list(bins)}; name the side of each pooling grid, such as [1, 2, 3, 6]")
        self.bins, self.enlarge = tuple(bins), Resize(align_corners=align_corners)
        self.lone_norm, self.squeeze_last = lone_norm, squeeze_last
        self.channels, self.share = channels, share or channels // len(bins)
        self.out_channels = channels + self.share * len(bins)
        self.squeeze = nn.ModuleList(
            ConvNormAct(channels, self.share, 1, norm="batch" if lone_norm or side > 1 else None) for side in bins
        )

    def forward(self, x: Tensor) -> Tensor:
        b, _, h, w = x.shape
        maps = [x]
        for side, squeeze in zip(self.bins, self.squeeze, strict=True):
            pooled = average_grid(x, side)  # [b, channels, side, side]
            if self.squeeze_last:
                enlarged = self.enlarge(pooled, x)  # [b, channels, h, w]
                maps.append(squeeze(enlarged))
                continue
            if side > 1 or self.lone_norm:
                require_two_values(pooled, learns_batches(self), "the pooled feature of the whole image")
            pooled = squeeze(pooled)  # [b, share, side, side]
            pooled = self.enlarge(pooled, x)  # [b, share, h, w]
            maps.append(pooled)
        return torch.cat(maps, dim=1)  # [b, out_channels, h, w]


def average_grid(x: Tensor, side: int) -> Tensor:
    """The mean of `x` [B, C, h, w] over each cell of a grid of `side` x `side`: [B, C, side, side].

    Equals torch's adaptive_avg_pool2d, whose cells freeze at the traced size when it is exported to ONNX; as a product
    with two matrices made from the shape, it stays exact at every size.
    """
    _, c, h, w = x.shape
    rows, columns = averages(h, side, x), averages(w, side, x)  # [side, h], [side, w]
    return rows @ x @ columns.transpose(-2, -1)  # [B, c, side, side]


def averages(n: int, side: int, x: Tensor) -> Tensor:
    """[side, n], of the device and dtype of `x`: row i averages the pixels floor(i n / side) .. ceil((i + 1) n / side)."""
    cell = torch.arange(side, device=x.device)[:, None]  # [side, 1]
    pixel = torch.arange(n, device=x.device)[None]  # [1, n]
    # floor(a / b) <= p  <=>  a < (p + 1) b,  and  p < ceil(a / b)  <=>  p b < a
    inside = (cell * n < (pixel + 1) * side) & (pixel * side < (cell + 1) * n)  # [side, n]
    weight = inside.to(torch.promote_types(x.dtype, torch.float32))
    return (weight / weight.sum(dim=1, keepdim=True)).to(x.dtype)
