"""ShuffleNet: 1x1 convolutions in groups, and a shuffle of the channels, so that the groups hear of each other.

Zhang, Zhou, Lin, Sun. "ShuffleNet: An Extremely Efficient Convolutional Neural Network for Mobile Devices." CVPR 2018.
arXiv:1707.01083

In a thin network nearly all work is done by 1x1 convolutions. In groups they cost a third (of three groups), but each
group then sees its own channels only. Dealing the channels out like cards, one of each group in turn, mends that for
nothing.

    unit:    x ----------------------------------------------- + - ReLU
             ` 1x1 in groups - shuffle - depthwise 3x3 - 1x1 '
    strided: x - 3x3 average, every second -------------------- beside each other
             ` 1x1 in groups - shuffle - depthwise 3x3, every second - 1x1 - ReLU '
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ..blocks.conv import ConvNormAct
from ..errors import EncoderError
from .classic import MEAN, STD
from .pyramid import OUTPUT_STRIDES, spread

DEPTHS = (4, 8, 4)  # units of stages 2, 3 and 4


class ShuffleNet(nn.Module):
    """Version 1, of 24, 240, 480 and 960 channels in three groups ("1x, g = 3", 137 million multiply-adds at 224x224).

    Args:
        levels: which features to return, finest first: 1 is the first convolution's, 2 its maxima, 3 to 5 the stages'.
        output_stride: 32, or 16 or 8: then the last stages are dilated instead of strided, and do not average.
        channels: widths of the first convolution and of the three stages; the stages' are multiples of 4 * `groups`.
        groups: of every 1x1 convolution but the first, which sees too few channels.
        pretrained: there are no weights of this network in timm; True is refused.

    Attributes are those of `Encoder`.

    Raises: EncoderError.
    """

    def __init__(
        self,
        *,
        levels: tuple[int, ...] = (2, 3, 4, 5),
        output_stride: int = 32,
        in_channels: int = 3,
        channels: Sequence[int] = (24, 240, 480, 960),
        groups: int = 3,
        pretrained: bool = False,
    ) -> None:
        super().__init__()
        if pretrained:
            raise EncoderError("timm has no weights of ShuffleNet v1; use pretrained=False, or 'mobilenetv1_100'")
        if not levels or list(levels) != sorted({*levels}) or not {*levels} <= {1, 2, 3, 4, 5}:
            raise EncoderError(f"levels is {levels}; shufflenet yields c1 to c5: list each once, finest first")
        if output_stride not in OUTPUT_STRIDES:
            raise EncoderError(f"output_stride is {output_stride}; choose from {', '.join(map(str, OUTPUT_STRIDES))}")
        odd = any(c % (4 * groups) for c in channels[1:]) or channels[0] % groups
        if len(channels) != 4 or list(channels) != sorted({*channels}) or odd:
            raise EncoderError(
                f"channels is {list(channels)}; give four growing widths, the first a multiple of {groups}, the others "
                f"of {4 * groups}"
            )
        self.levels = levels
        self.start = ConvNormAct(in_channels, channels[0], stride=2)
        self.pool = nn.MaxPool2d(3, 2, padding=1)
        self.stages = nn.ModuleList()
        stride, dilation = 4, 1
        for stage in range(1, max(levels) - 1):
            step = 2 if stride < output_stride else 1
            stride, dilation = stride * step, dilation * 2 // step
            units = [Unit(channels[stage - 1], channels[stage], groups, step, dilation, dense=stage == 1)]
            more = [Unit(channels[stage], channels[stage], groups, 1, dilation) for _ in range(DEPTHS[stage - 1] - 1)]
            self.stages.append(nn.Sequential(*units, *more))
        self.channels = tuple((channels[0], *channels)[n - 1] for n in levels)
        self.strides = tuple(min(2**n, output_stride) for n in levels)
        self.mean, self.std = spread(MEAN, in_channels), spread(STD, in_channels)
        self.minimum = self.multiple = 1

    def forward(self, image: Tensor) -> list[Tensor]:
        features = [self.start(image)]
        features.append(self.pool(features[0]))
        for stage in self.stages:
            features.append(stage(features[-1]))
        return [features[n - 1] for n in self.levels]


class Unit(nn.Module):
    """The residual unit; where the width changes, what comes in is laid beside the result instead of added.

    Args:
        stride: 2, or 1; the width may change at either.
        dense: the first convolution is not in groups.
    """

    def __init__(
        self, in_channels: int, channels: int, groups: int, stride: int, dilation: int, *, dense: bool = False
    ) -> None:
        super().__init__()
        inner, self.beside = channels // 4, in_channels != channels
        self.groups = groups
        self.squeeze = ConvNormAct(in_channels, inner, 1, groups=1 if dense else groups)
        self.look = nn.Sequential(
            nn.Conv2d(inner, inner, 3, stride, dilation, dilation=dilation, groups=inner, bias=False),
            nn.BatchNorm2d(inner),
        )
        out = channels - in_channels if self.beside else channels
        self.widen = nn.Sequential(nn.Conv2d(inner, out, 1, groups=groups, bias=False), nn.BatchNorm2d(out))
        self.pool = nn.AvgPool2d(3, 2, padding=1) if stride == 2 else nn.Identity()
        self.act = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        y = self.widen(self.look(shuffle(self.squeeze(x), self.groups)))
        if self.beside:
            return torch.cat([self.pool(x), self.act(y)], dim=1)
        return self.act(x + y)


def shuffle(x: Tensor, groups: int) -> Tensor:
    """Deal the channels of `x` [B, C, h, w] out: the first of each group, then the second of each group, and so on."""
    return x.unflatten(1, (groups, -1)).transpose(1, 2).flatten(1, 2)
