"""Ladder DenseNet: a thick, deep way down to 1/64 of the image, and a thin ladder back up.

Kreso, Krapac, Segvic. "Efficient Ladder-Style DenseNets for Semantic Segmentation of Large Images." T-ITS 2020.
arXiv:1905.05661
(the first version: Kreso, Segvic, Krapac. "Ladder-Style DenseNets for Semantic Segmentation of Large Natural Images."
ICCV Workshops 2017)

Telling classes apart takes many layers; drawing their outlines takes few. So the way down is a DenseNet, whose third
block is halved by one more pooling: the map shrinks to 1/64, which costs little and sees far. Each rung of the way up
enlarges, adds what the way down had at that size, and blends the sum with one narrow 3x3 convolution.

    image - DenseNet - c2 ------ c3 ------ c4 ------ c5 ------ c6       c4, c5: the halves of the third dense block
                       |         |         |         |         |
              logits - rung ---- rung ---- rung ---- rung ---- pool     a score map in front of each rung (training only)

Departures from the paper: pooling grids are square, as the authors have them for PASCAL VOC; for street scenes theirs
have the image's proportions. The stem pools 3x3 as DenseNet does, where the authors' code pools 2x2. Their code adds
the enlarged map once more behind the blend; the rungs here have the paper's one sum. Poolings round up; images below
65 pixels get a margin, so that the coarsest map is no single pixel.

Compared with ivankreso/LDN: whole network on DenseNet-121, with its "Upsample", a 3x3 pooling in its stem and square
grids; difference 8e-6 (12) (docs/faithfulness.md).
"""

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ...blocks.conv import PixelClassifier
from ...blocks.margin import at_least, without_margin
from ...blocks.pooling import average_grid
from ...blocks.preactivation import NormActConv
from ...blocks.resize import crop_like, resize_like
from ...blocks.statistics import learns_batches, require_two_values
from ...encoders import Encoder
from ...errors import ModelError
from ...structures import SemanticLogits


class LadderDenseNet(nn.Module):
    """DenseNet down, ladder up.

    Args:
        encoder: a DenseNet of timm: "densenet121", "densenet161", "densenet169" or "densenet201".
        grids: side of each pooling grid on the coarsest map.
        context: width of the pyramid pooling, in and out; each grid gets a quarter of it.
        channels: widths behind the rungs, coarsest first.
        bottleneck: width to which a wider sum is reduced before its 3x3 convolution.
    """

    def __init__(
        self,
        num_classes: int,
        *,
        encoder: str = "densenet169",
        in_channels: int = 3,
        grids: Sequence[int] = (8, 4, 2, 1),
        context: int = 512,
        channels: Sequence[int] = (256, 256, 128, 128),
        bottleneck: int = 128,
        pretrained: bool = False,
    ) -> None:
        super().__init__()
        if len(channels) != 4:
            raise ModelError(f"ladder_densenet has 4 rungs; channels is {list(channels)}")
        self.encoder = Encoder(encoder, in_channels=in_channels, pretrained=pretrained)
        self.encoder.body = body = SplitDenseNet(self.encoder.body, encoder)
        self.encoder.channels, self.encoder.strides = body.channels, (4, 8, 16, 32, 64)
        self.encoder.minimum = self.encoder.multiple = 1
        *skips, deepest = body.channels
        self.pool = SpatialPyramid(deepest, context, grids)
        before = (context, *channels[:-1])
        self.rungs = nn.ModuleList(
            Rung(width, skip, after, bottleneck)
            for width, skip, after in zip(before, reversed(skips), channels, strict=True)
        )
        self.auxiliary = nn.ModuleList(score(width, num_classes) for width in before)
        self.classify = score(channels[-1], num_classes)

    def forward(self, image: Tensor) -> SemanticLogits:
        whole = at_least(image, 65)  # the coarsest map has two pixels a side or more
        *skips, x = self.encoder(whole)  # [B, 256, H/4, W/4], ...
        h, w = x.shape[-2:]
        x = self.pool(x)  # [B, 512, h, w]
        sides = []
        for n, (rung, side, skip) in enumerate(zip(self.rungs, self.auxiliary, reversed(skips), strict=True)):
            if self.training:
                sides.append(without_margin(side(x), image, 64 >> n))
            h, w = skip.shape[-2:]
            x = rung(x, skip)  # [B, rung.channels, h, w]
        x = self.classify(x)  # [B, K, H/4, W/4]
        logits = crop_like(resize_like(x, whole), image)  # [B, K, H, W]
        return SemanticLogits(logits, tuple(sides))


def score(channels: int, num_classes: int) -> nn.Sequential:
    """Norm, ReLU and the classifier."""
    return nn.Sequential(nn.BatchNorm2d(channels), nn.ReLU(inplace=True), PixelClassifier(channels, num_classes))


class SplitDenseNet(nn.Module):
    """timm's DenseNet, its third block halved by a pooling: features of strides 4, 8, 16, 32 and 64."""

    def __init__(self, body: nn.Module, name: str) -> None:
        super().__init__()
        parts = {key.removeprefix("features_"): part for key, part in body.named_children()}
        if "denseblock4" not in parts:
            raise ModelError(f"ladder_densenet halves a block of a DenseNet; {name!r} is none: try 'densenet121'")
        third = list(parts["denseblock3"].children())
        half = len(third) // 2
        self.stem = nn.Sequential(*(parts[key] for key in list(parts)[: list(parts).index("denseblock1")]))
        one, two, four = (list(parts[f"denseblock{n}"].children()) for n in (1, 2, 4))
        self.blocks = nn.ModuleList(Dense(layers) for layers in (one, two, third[:half], third[half:], four))
        shrink = [nn.Sequential(*list(parts[f"transition{n}"].children())[:-1], halving()) for n in (1, 2, 3)]
        self.shrink = nn.ModuleList([*shrink[:2], halving(), shrink[2]])
        self.channels: tuple[int, ...] = tuple(block.channels for block in self.blocks)  # type: ignore[misc]

    def forward(self, image: Tensor) -> list[Tensor]:
        b, _, h, w = image.shape
        first, *blocks = self.blocks
        x = self.stem(image)  # [b, 64, h/4, w/4]
        features = [first(x)]  # [b, 256, h/4, w/4]
        h, w = h // 4, w // 4
        for shrink, block in zip(self.shrink, blocks, strict=True):
            h, w = (h + 1) // 2, (w + 1) // 2
            x = block(shrink(features[-1]))  # [b, block.channels, h, w]
            features.append(x)
        return features


def halving() -> nn.AvgPool2d:
    """The mean of each 2x2 window, rounding up: windows at the border hold what there is."""
    return nn.AvgPool2d(2, ceil_mode=True, count_include_pad=False)


class Dense(nn.Module):
    """Dense layers: each sees the outputs of all before it, side by side."""

    def __init__(self, layers: Iterable[nn.Module]) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)
        last: Any = self.layers[-1]
        self.growth = int(last.conv2.out_channels)
        self.channels = int(last.norm1.num_features) + self.growth

    def forward(self, x: Tensor) -> Tensor:
        b, c, h, w = x.shape
        for layer in self.layers:
            c += self.growth
            x = torch.cat([x, layer(x)], dim=1)  # [b, c, h, w]
        return x


class SpatialPyramid(nn.Module):
    """The map and its averages over several grids, fused."""

    def __init__(self, in_channels: int, channels: int, grids: Sequence[int]) -> None:
        super().__init__()
        if not grids or min(grids) < 1:
            raise ModelError(f"grids is {list(grids)}; name the side of each pooling grid, such as [8, 4, 2, 1]")
        self.channels, self.share, self.grids = channels, channels // 4, tuple(grids)
        self.together = channels + len(grids) * self.share
        self.reduce = NormActConv(in_channels, channels, 1)
        self.squeeze = nn.ModuleList(NormActConv(channels, self.share, 1) for _ in grids)
        self.fuse = NormActConv(self.together, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        b, _, h, w = x.shape
        x = self.reduce(x)  # [b, channels, h, w]
        maps = [x]
        for side, squeeze in zip(self.grids, self.squeeze, strict=True):
            pooled = average_grid(x, side)  # [b, channels, side, side]
            require_two_values(pooled, learns_batches(self), "the pooled feature of the whole image")
            pooled = squeeze(pooled)  # [b, share, side, side]
            pooled = resize_like(pooled, x)  # [b, share, h, w]
            maps.append(pooled)
        x = torch.cat(maps, dim=1)  # [b, together, h, w]
        return self.fuse(x)  # [b, channels, h, w]


class Rung(nn.Module):
    """Enlarge, add the map from across, blend."""

    def __init__(self, in_channels: int, skip: int, channels: int, bottleneck: int) -> None:
        super().__init__()
        self.in_channels, self.channels = in_channels, channels
        self.project = NormActConv(skip, in_channels, 1)
        narrow = min(in_channels, bottleneck)
        self.blend = nn.Sequential(
            NormActConv(in_channels, narrow, 1) if in_channels > narrow else nn.Identity(),
            NormActConv(narrow, channels),
        )

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        b, _, h, w = skip.shape
        x = resize_like(x, skip) + self.project(skip)  # [b, in_channels, h, w]
        return self.blend(x)  # [b, channels, h, w]
