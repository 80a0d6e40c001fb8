"""The feature pyramid: coarse maps know what, fine ones where; the coarse are handed down to the fine.

Lin, Dollar, Girshick, He, Hariharan, Belongie. "Feature Pyramid Networks for Object Detection." CVPR 2017.
arXiv:1612.03144
"""

from collections.abc import Callable, Sequence

import torch.nn.functional as F
from torch import Tensor, nn

from .conv import ConvNormAct, Norm
from .resize import Resize, resize_like


def hand_down(maps: Sequence[Tensor], enlarge: Callable[[Tensor, Tensor], Tensor]) -> list[Tensor]:
    """Add to each map the next coarser sum, enlarged.

    Args:
        maps: each [B, C, h, w], finest first, of the same channels.
        enlarge: (map, reference) -> the map at the reference's size.

    Returns: as many maps of the same sizes, finest first; the coarsest is as it was.
    """
    sums = [maps[-1]]
    for x in maps[-2::-1]:
        sums.append(x + enlarge(sums[-1], x))
    return sums[::-1]


def repeat(x: Tensor, reference: Tensor) -> Tensor:
    """Enlarge a map to the size of another by repeating its pixels, as the paper does."""
    return resize_like(x, reference, mode="nearest")


class FeaturePyramid(nn.Module):
    """The pyramid of an encoder's features, and one coarser level for the largest objects.

    Args:
        in_channels: of each feature, finest first.
        channels: of every level.
        norm: batch norm behind each convolution, in place of a bias.
    """

    def __init__(self, in_channels: Sequence[int], channels: int, *, norm: bool = False) -> None:
        super().__init__()

        def convolution(width: int, kernel: int) -> nn.Module:
            conv = nn.Conv2d(width, channels, kernel, padding=kernel // 2, bias=not norm)
            nn.init.kaiming_uniform_(conv.weight, a=1)
            if conv.bias is not None:
                nn.init.zeros_(conv.bias)
            return nn.Sequential(conv, nn.BatchNorm2d(channels)) if norm else conv

        self.lateral = nn.ModuleList(convolution(width, 1) for width in in_channels)
        self.smooth = nn.ModuleList(convolution(channels, 3) for _ in in_channels)

    def forward(self, features: Sequence[Tensor]) -> list[Tensor]:
        maps = [lateral(c) for lateral, c in zip(self.lateral, features, strict=True)]
        sums = hand_down(maps, repeat)
        levels = [smooth(p) for smooth, p in zip(self.smooth, sums, strict=True)]
        return [*levels, F.max_pool2d(levels[-1], 1, 2)]


class Branch(nn.Module):
    """One level's way to the finest one: convolve, enlarge to the next finer level, and again (Panoptic FPN's)."""

    def __init__(self, in_channels: int, channels: int, depth: int, norm: Norm) -> None:
        super().__init__()
        self.channels = channels
        widths = (in_channels, *(channels,) * (depth - 1))
        self.convolve = nn.ModuleList(ConvNormAct(width, channels, norm=norm) for width in widths)
        self.enlarge = Resize()

    def forward(self, pyramid: Sequence[Tensor]) -> Tensor:
        *finer, x = pyramid
        b, _, h, w = x.shape
        for n, convolve in enumerate(self.convolve):
            x = convolve(x)  # [b, channels, h, w]
            if finer:
                h, w = finer[-1 - n].shape[-2:]
                x = self.enlarge(x, finer[-1 - n])  # [b, channels, h, w]
        return x


class DeepPyramid(nn.Module):
    """A pyramid that detectors of one stage look at, with coarser levels that are convolutions of stride 2.

    Args:
        in_channels: of each feature, finest first.
        channels: of every level.
        coarser: levels beyond the features'.
        mode: how coarse maps are enlarged: "nearest" or "bilinear".
        act: every level of a feature ends in ReLU, as in YOLACT.
        act_between: a ReLU comes before all coarser levels but the first, as in RetinaNet.
        from_feature: the first coarser level sees the encoder's last feature, not the level made of it.
        average: a level is half of what is handed down and of what is beside it, not their sum.
    """

    def __init__(
        self,
        in_channels: Sequence[int],
        channels: int,
        *,
        coarser: int = 2,
        mode: str = "nearest",
        act: bool = False,
        act_between: bool = False,
        from_feature: bool = False,
        average: bool = False,
    ) -> None:
        super().__init__()
        self.mode, self.act, self.act_between = mode, act, act_between
        self.from_feature, self.share = from_feature, 0.5 if average else 1.0
        self.lateral = nn.ModuleList(nn.Conv2d(width, channels, 1) for width in in_channels)
        self.smooth = nn.ModuleList(nn.Conv2d(channels, channels, 3, padding=1) for _ in in_channels)
        self.coarsen = nn.ModuleList(
            nn.Conv2d(in_channels[-1] if from_feature and not n else channels, channels, 3, 2, 1)
            for n in range(coarser)
        )
        for conv in (*self.lateral, *self.smooth, *self.coarsen):
            nn.init.kaiming_uniform_(conv.weight, a=1)
            nn.init.zeros_(conv.bias)

    def forward(self, features: Sequence[Tensor]) -> list[Tensor]:
        maps = [lateral(c) for lateral, c in zip(self.lateral, features, strict=True)]
        sums = [maps[-1]]
        for x in maps[-2::-1]:
            sums.append((x + resize_like(sums[-1], x, mode=self.mode)) * self.share)
        levels = [smooth(p) for smooth, p in zip(self.smooth, sums[::-1], strict=True)]
        levels = [p.relu() for p in levels] if self.act else levels
        for n, coarsen in enumerate(self.coarsen):
            x = features[-1] if self.from_feature and not n else levels[-1]
            levels.append(coarsen(x.relu() if n and self.act_between else x))
        return levels
