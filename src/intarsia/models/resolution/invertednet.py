"""InvertedNet: a U-Net turned round, whose finest maps are the many and whose coarsest are the few.

Novikov, Lenis, Major, Hladuvka, Wimmer, Buhler. "Fully Convolutional Architectures for Multi-Class Segmentation in Chest
Radiographs." TMI 2018. arXiv:1701.08816

Lungs, clavicles and heart look alike in every radiograph: there is little to learn at coarse scales, and much where the
outlines run. InvertedNet starts with 256 maps and halves their number whenever it halves the image: a tenth of U-Net's
parameters. Pooling slides by one pixel, and the next convolution by two, so that less is thrown away at once. ELU
instead of ReLU, Gaussian noise behind every convolution, and no batch norm.

    image - 2 x 3x3, 256 ------------------------------------------ beside - 2 x 3x3 - classify - logits
              ` pool - 2 x 3x3, 128 ----------------- beside - 2 x 3x3 - up '
                         ` pool ... 16 channels ... up '

`downsample` names the paper's three networks: "delayed" is InvertedNet; "pool", with channels (64, 128, 256, 512, 1024),
is All-Dropout; "convolution", with these channels, is All-Conv. The paper's images are gray (in_channels=1) and its
classes overlap: K sigmoid maps, which is the loss's matter.

Departures from the paper: strides round up and enlarged maps take their partner's size, so that every size works.

Read beside bcabgil/DD2424-Semantic-Segmentation-For-XRay-Images (no code of the authors): layers read; parameters
against the paper's; difference 3,140,771 : 3,140,771 in the paper (3 classes, gray) (docs/faithfulness.md).
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...blocks.resize import resize_like
from ...errors import ModelError
from ...structures import SemanticLogits

Downsample = Literal["delayed", "pool", "convolution"]


class InvertedNet(nn.Module):
    """InvertedNet and its sisters.

    Args:
        channels: widths, finest first.
        downsample: "delayed" pools at stride 1 and lets the next convolution stride; "pool" is U-Net's 2x2 pooling;
            "convolution" puts a strided convolution of its own in the pooling's place.
        dropout: rate of the Gaussian dropout behind each convolution, 0..1 (exclusive).
    """

    def __init__(
        self,
        num_classes: int,
        *,
        in_channels: int = 3,
        channels: Sequence[int] = (256, 128, 64, 32, 16),
        downsample: Downsample = "delayed",
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        if len(channels) < 2:
            raise ModelError(f"invertednet takes at least two widths, finest first; channels is {list(channels)}")
        if downsample not in ("delayed", "pool", "convolution"):
            raise ModelError(f"downsample is {downsample!r}; choose from 'delayed', 'pool', 'convolution'")
        if not 0 <= dropout < 1:
            raise ModelError(f"dropout is {dropout}; give a rate of at least 0 and below 1")
        stride = 2 if downsample == "delayed" else 1
        self.begin = Stage(in_channels, channels[0], dropout)
        self.shrink = nn.ModuleList(shrinker(downsample, width, dropout) for width in channels[:-1])
        self.encode = nn.ModuleList(Stage(a, b, dropout, stride=stride) for a, b in pairwise(channels))
        coarser = list(reversed(channels))
        self.decode = nn.ModuleList(Up(a, b, dropout) for a, b in pairwise(coarser))
        self.classify = nn.Conv2d(channels[0], num_classes, 1)

    def forward(self, image: Tensor) -> SemanticLogits:
        h, w = image.shape[-2:]
        x = self.begin(image)  # [B, 256, H, W]
        skips = []
        for shrink, encode in zip(self.shrink, self.encode, strict=True):
            skips.append(x)
            h, w = h // 2, w // 2
            x = encode(shrink(x))  # [B, encode.channels, h, w]
        for decode, skip in zip(self.decode, reversed(skips), strict=True):
            h, w = skip.shape[-2:]
            x = decode(x, skip)  # [B, decode.channels, h, w]
        return SemanticLogits(self.classify(x))  # [B, K, H, W]


def shrinker(kind: Downsample, channels: int, dropout: float) -> nn.Module:
    """What stands between two stages of the way down."""
    if kind == "convolution":
        return noisy_conv(channels, channels, dropout, stride=2)
    return SlidingPool() if kind == "delayed" else nn.MaxPool2d(2, ceil_mode=True)


class SlidingPool(nn.Module):
    """The maximum of each 2x2 window, one window a pixel: the size stays, the stride is left to what follows."""

    def forward(self, x: Tensor) -> Tensor:
        return F.max_pool2d(F.pad(x, (0, 1, 0, 1), mode="replicate"), 2, stride=1)


class GaussianDropout(nn.Module):
    """Noise with the mean 1 and the variance p / (1 - p), multiplied on in training: dropout's first two moments."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.deviation = (rate / (1 - rate)) ** 0.5

    def forward(self, x: Tensor) -> Tensor:
        return x * (1 + self.deviation * torch.randn_like(x)) if self.training else x


def noisy_conv(in_channels: int, channels: int, dropout: float, *, stride: int = 1) -> nn.Sequential:
    """3x3 convolution, ELU, noise."""
    conv = nn.Conv2d(in_channels, channels, 3, stride, padding=1)
    nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")
    nn.init.zeros_(conv.bias)  # type: ignore[arg-type]
    return nn.Sequential(conv, nn.ELU(inplace=True), GaussianDropout(dropout))


class Stage(nn.Module):
    """Two convolutions, the first one strided if it must."""

    def __init__(self, in_channels: int, channels: int, dropout: float, *, stride: int = 1) -> None:
        super().__init__()
        self.channels = channels
        self.layers = nn.Sequential(
            noisy_conv(in_channels, channels, dropout, stride=stride), noisy_conv(channels, channels, dropout)
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)


class Up(nn.Module):
    """Repeat each pixel to the size of the map from across, lay that beside, convolve twice."""

    def __init__(self, in_channels: int, channels: int, dropout: float) -> None:
        super().__init__()
        self.in_channels, self.channels = in_channels, channels
        self.conv = Stage(in_channels + channels, channels, dropout)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        b, _, h, w = skip.shape
        x = resize_like(x, skip, mode="nearest")  # [b, in_channels, h, w]
        return self.conv(torch.cat([x, skip], dim=1))  # [b, channels, h, w]
