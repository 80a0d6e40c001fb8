"""PSPNet: look at the whole scene before naming a pixel.

Zhao, Shi, Qi, Wang, Jia. "Pyramid Scene Parsing Network." CVPR 2017. arXiv:1612.01105

A boat on a river and a car on a road can look alike up close; the scene around them tells them apart. PSPNet averages
the last feature map over a 1x1, a 2x2, a 3x3 and a 6x6 grid, and lays the averages, enlarged again, beside the pixel's
own feature. A second classifier on an earlier map helps the gradient in training.

    image - dilated encoder - c4 - auxiliary head (training only)
                            ` c5 - pyramid pooling - 3x3 - classify - x8 - logits

Departures from the paper: none in the network; maps are enlarged with half-pixel centers (`align_corners=True` gives
the paper's). The paper's ResNet begins with three 3x3 convolutions, timm's "resnet101" with one 7x7; "resnet101d" comes
closest.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ...blocks.conv import ConvNormAct, PixelClassifier
from ...blocks.resize import resize_like
from ...blocks.statistics import require_two_values
from ...encoders import Encoder
from ...errors import ModelError
from ...structures import SemanticLogits


class PSPNet(nn.Module):
    """Pyramid Scene Parsing Network.

    Args:
        bins: side of each pooling grid.
        channels: width of the fused feature that is classified.
        output_stride: of the encoder: 8, or 16 for less work and memory.
        dropout: before each classifier, 0..1.
        align_corners: how maps are enlarged; true in the paper's code.
    """

    def __init__(
        self,
        num_classes: int,
        *,
        encoder: str = "resnet101",
        in_channels: int = 3,
        bins: Sequence[int] = (1, 2, 3, 6),
        channels: int = 512,
        output_stride: int = 8,
        dropout: float = 0.1,
        align_corners: bool = False,
        pretrained: bool = False,
    ) -> None:
        super().__init__()
        self.encoder = Encoder(
            encoder, levels=(4, 5), output_stride=output_stride, in_channels=in_channels, pretrained=pretrained
        )
        c4, c5 = self.encoder.channels
        self.align_corners = align_corners
        self.pool = PyramidPooling(c5, bins, align_corners)
        self.fuse = ConvNormAct(self.pool.out_channels, channels)
        self.classify = PixelClassifier(channels, num_classes, dropout=dropout)
        self.auxiliary = nn.Sequential(ConvNormAct(c4, c4 // 4), PixelClassifier(c4 // 4, num_classes, dropout=dropout))

    def forward(self, image: Tensor) -> SemanticLogits:
        c4, c5 = self.encoder(image)  # [B, 1024, H/8, W/8], [B, 2048, H/8, W/8]
        x = self.pool(c5)  # [B, 4096, H/8, W/8]
        x = self.fuse(x)  # [B, 512, H/8, W/8]
        x = self.classify(x)  # [B, K, H/8, W/8]
        logits = resize_like(x, image, align_corners=self.align_corners)  # [B, K, H, W]
        auxiliary = (self.auxiliary(c4),) if self.training else ()  # [B, K, H/8, W/8]
        return SemanticLogits(logits, auxiliary)


class PyramidPooling(nn.Module):
    """A feature map and, beside it, its averages over grids of several sizes (section 3.2).

    Args:
        bins: side of each grid; all grids together get as many channels as the map itself.
    """

    def __init__(self, channels: int, bins: Sequence[int], align_corners: bool = False) -> None:
        super().__init__()
        if not bins or min(bins) < 1:
            raise ModelError(f"bins is {list(bins)}; name the side of each pooling grid, such as [1, 2, 3, 6]")
        self.bins, self.align_corners = tuple(bins), align_corners
        self.channels, self.share = channels, channels // len(bins)
        self.out_channels = channels + self.share * len(bins)
        self.squeeze = nn.ModuleList(ConvNormAct(channels, self.share, 1) for _ in bins)

    def forward(self, x: Tensor) -> Tensor:
        b, _, h, w = x.shape
        maps = [x]
        for side, squeeze in zip(self.bins, self.squeeze, strict=True):
            pooled = average_grid(x, side)  # [b, channels, side, side]
            require_two_values(pooled, self.training, "the pooled feature of the whole image")
            pooled = squeeze(pooled)  # [b, share, side, side]
            pooled = resize_like(pooled, x, align_corners=self.align_corners)  # [b, share, h, w]
            maps.append(pooled)
        return torch.cat(maps, dim=1)  # [b, out_channels, h, w]


def average_grid(x: Tensor, side: int) -> Tensor:
    """The mean of `x` [B, C, h, w] over each cell of a grid of `side` x `side`: [B, C, side, side].

    Equals torch's adaptive_avg_pool2d, whose cells freeze at the traced size when it is exported to ONNX; as a product
    with two matrices made from the shape, it stays exact at every size.
    """
    _, c, h, w = x.shape
    rows, columns = averages(h, side, x), averages(w, side, x)  # [side, h], [side, w]
    return rows @ x @ columns.mT  # [B, c, side, side]


def averages(n: int, side: int, x: Tensor) -> Tensor:
    """[side, n], of the device and dtype of `x`: row i averages the pixels floor(i n / side) .. ceil((i + 1) n / side)."""
    cell = torch.arange(side, device=x.device)[:, None]  # [side, 1]
    pixel = torch.arange(n, device=x.device)[None]  # [1, n]
    # floor(a / b) <= p  <=>  a < (p + 1) b,  and  p < ceil(a / b)  <=>  p b < a
    inside = (cell * n < (pixel + 1) * side) & (pixel * side < (cell + 1) * n)  # [side, n]
    weight = inside.to(torch.promote_types(x.dtype, torch.float32))
    return (weight / weight.sum(dim=1, keepdim=True)).to(x.dtype)
