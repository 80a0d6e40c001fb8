"""Fast-SCNN: two branches, one for detail and one for the scene, that share their first layers.

Poudel, Liwicki, Cipolla. "Fast-SCNN: Fast Semantic Segmentation Network." BMVC 2019. arXiv:1902.04502

Two-branch networks see the image twice, large and shallow for the outlines, small and deep for the scene, and compute
the same early features twice. Fast-SCNN computes them once: three strided layers learn to shrink the image, then one
branch stops there and the other goes on in MobileNet's bottlenecks. Both meet in a sum.

    image - shrink ---------------------------------------- detail - + - refine - classify - x8 - logits
              ` extract (bottlenecks) - pool - x4 - spread - scene - '

Departures from the paper: the two auxiliary heads of training, after `shrink` and after `pool`, are a 3x3 convolution
and a score layer, a form the paper does not state.

Compared with Tramac/Fast-SCNN-pytorch (no code of the authors): whole network, once it is as the paper says; difference
2e-4 (382) (docs/faithfulness.md).
"""

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn

from ...blocks.conv import ConvNormAct, PixelClassifier
from ...blocks.pooling import PyramidPooling
from ...blocks.resize import resize_like
from ...errors import ModelError
from ...structures import SemanticLogits


class FastSCNN(nn.Module):
    """Fast segmentation convolutional neural network.

    Args:
        shrink: widths of the three layers that learn to downsample.
        channels: widths of the bottlenecks' three groups, three bottlenecks each; the last is that of all that follows.
        expand: how many times wider a bottleneck is inside.
        bins: side of each pooling grid.
        dropout: before each classifier, 0..1.
    """

    def __init__(
        self,
        num_classes: int,
        *,
        in_channels: int = 3,
        shrink: Sequence[int] = (32, 48, 64),
        channels: Sequence[int] = (64, 96, 128),
        expand: int = 6,
        bins: Sequence[int] = (1, 2, 3, 6),
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        if len(shrink) != 3 or len(channels) != 3:
            raise ModelError(
                f"fast_scnn takes three widths to shrink and three to extract, not {shrink} and {channels}"
            )
        a, b, detail = shrink
        self.shrink = nn.Sequential(ConvNormAct(in_channels, a, stride=2), Separable(a, b, 2), Separable(b, detail, 2))
        groups = zip((detail, *channels[:-1]), channels, (2, 2, 1), strict=True)
        self.extract = nn.Sequential(
            *(Bottleneck(i if n == 0 else c, c, expand, s if n == 0 else 1) for i, c, s in groups for n in range(3))
        )
        width = channels[-1]
        pool = PyramidPooling(width, bins)
        self.pool = nn.Sequential(pool, ConvNormAct(pool.out_channels, width, 1))
        self.spread = ConvNormAct(width, width, dilation=4, groups=width)
        self.scene = nn.Sequential(nn.Conv2d(width, width, 1, bias=False), nn.BatchNorm2d(width))
        self.detail = nn.Sequential(nn.Conv2d(detail, width, 1, bias=False), nn.BatchNorm2d(width))
        self.refine = nn.Sequential(Separable(width, width), Separable(width, width))
        self.classify = PixelClassifier(width, num_classes, dropout=dropout)
        self.auxiliary = nn.ModuleList(
            nn.Sequential(ConvNormAct(c, c // 2), PixelClassifier(c // 2, num_classes, dropout=dropout))
            for c in (detail, width)
        )

    def forward(self, image: Tensor) -> SemanticLogits:
        fine = self.shrink(image)  # [B, 64, H/8, W/8]
        deep = self.pool(self.extract(fine))  # [B, 128, H/32, W/32]
        x = self.spread(resize_like(deep, fine))  # [B, 128, H/8, W/8]
        x = F.relu(self.scene(x) + self.detail(fine))
        x = self.classify(self.refine(x))  # [B, K, H/8, W/8]
        logits = resize_like(x, image)  # [B, K, H, W]
        heads = self.auxiliary if self.training else ()
        auxiliary = tuple(
            head(c) for head, c in zip(heads, (fine, deep), strict=False)
        )  # [B, K, H/8, W/8], [B, K, H/32, W/32]
        return SemanticLogits(logits, auxiliary)


class Separable(nn.Module):
    """A 3x3 convolution of each channel by itself, then a 1x1 convolution across channels; no ReLU in between."""

    def __init__(self, in_channels: int, channels: int, stride: int = 1) -> None:
        super().__init__()
        self.channels, self.stride = channels, stride
        self.depthwise = nn.Conv2d(in_channels, in_channels, 3, stride, 1, groups=in_channels, bias=False)
        self.norm = nn.BatchNorm2d(in_channels)
        self.pointwise = ConvNormAct(in_channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        b, _, h, w = x.shape
        return self.pointwise(self.norm(self.depthwise(x)))  # [b, channels, h/stride, w/stride]


class Bottleneck(nn.Module):
    """MobileNet v2's: widen, convolve each channel by itself, narrow without ReLU; added where the shape stays."""

    def __init__(self, in_channels: int, channels: int, expand: int, stride: int) -> None:
        super().__init__()
        inner = expand * in_channels
        self.layers = nn.Sequential(
            *(ConvNormAct(in_channels, inner, 1), ConvNormAct(inner, inner, stride=stride, groups=inner)),
            *(nn.Conv2d(inner, channels, 1, bias=False), nn.BatchNorm2d(channels)),
        )
        self.adds = stride == 1 and in_channels == channels
        self.channels, self.stride = channels, stride

    def forward(self, x: Tensor) -> Tensor:
        b, _, h, w = x.shape
        return x + self.layers(x) if self.adds else self.layers(x)  # [b, channels, h/stride, w/stride]
