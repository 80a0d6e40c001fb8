"""Wide ResNet-38: few residual units, each of them wide.

Wu, Shen, van den Hengel. "Wider or Deeper: Revisiting the ResNet Model for Visual Recognition." Pattern Recognition
2019. arXiv:1611.10080

A very deep ResNet behaves like many shallow ones side by side. So a shallow and wide one can do as well, and it leaves
room on the way: seven stages, of which the first keeps the image's size. Norm and ReLU stand in front of each
convolution, and nothing but sums lies on the way through (pre-activation).

    image - 3x3 - pool - 3 units - pool - 3 units - 6 units (stride 2) - 3 units - 1 unit - 1 unit - norm
    stage    1             2                3         4                   5         6        7
    width    64            128              256       512                 1024      2048     4096

This is model A2, the one for segmentation: stages 2 and 3 begin with a max pooling, later ones with a stride.
"""

from collections.abc import Sequence

from torch import Tensor, nn

from ..blocks.preactivation import NormActConv
from ..errors import EncoderError
from .classic import MEAN, STD
from .pyramid import spread

DILATIONS = {8: (1, 1, 1, 2, 4, 4), 16: (1, 1, 1, 1, 2, 2), 32: (1, 1, 1, 1, 1, 1)}  # of stages 2 .. 7


class WideResNet38(nn.Module):
    """The seven stages; there are no pretrained weights.

    Args:
        stages: which stages' maps to return, 1 .. 7, finest first; those behind the last one are not built.
        width: of stage 1; all others follow, up to 64 times as wide.
        output_stride: the coarsest stride: 8, 16 or 32; below 32 the last stages are dilated instead of strided.
        dropout: before the last convolution of stage 6 and of stage 7, 0..1.

    Attributes:
        channels, strides: of each returned feature, in the same order.
        mean, std: what an image of 0..1 is normalized with, one number per input channel.
        minimum, multiple: of the image's size, in pixels: 1, it takes any.

    Raises: EncoderError for stages or an output stride that there are not.
    """

    def __init__(
        self,
        *,
        stages: Sequence[int] = (7,),
        in_channels: int = 3,
        width: int = 64,
        output_stride: int = 8,
        dropout: tuple[float, float] = (0.3, 0.5),
    ) -> None:
        super().__init__()
        if not stages or list(stages) != sorted(set(stages)) or not 1 <= stages[0] <= stages[-1] <= 7:
            raise EncoderError(f"stages is {list(stages)}; list each once, finest first, from 1 to 7")
        if output_stride not in DILATIONS:
            raise EncoderError(f"output_stride is {output_stride}; choose from {', '.join(map(str, DILATIONS))}")
        one = nn.Conv2d(in_channels, width, 3, padding=1, bias=False)
        nn.init.kaiming_normal_(one.weight, mode="fan_out", nonlinearity="relu")
        self.stages = nn.ModuleList([one])
        before, stride, last = width, 1, stages[-1]
        self.strides: tuple[int, ...] = (1,)
        self.channels: tuple[int, ...] = (width,)
        widths: list[list[int]] = [
            *([n * width] * 2 for n in (2, 4, 8)),
            [8 * width, 16 * width],
            *([n * width, 2 * n * width, 4 * n * width] for n in (8, 16)),
        ]
        for n in range(2, last + 1):
            inner, dilation, units = widths[n - 2], DILATIONS[output_stride][n - 2], (3, 3, 6, 3, 1, 1)[n - 2]
            step = 2 if n < 7 and stride < output_stride else 1
            pooled = n < 4 and step == 2
            layers: list[nn.Module] = [nn.MaxPool2d(3, 2, padding=1)] if pooled else []
            entry = DILATIONS[output_stride][
                max(0, n - 3)
            ]  # the first convolution still works on the last stage's grid
            for m in range(units):
                first = m == 0
                layers.append(
                    Unit(
                        before,
                        inner,
                        stride=step if first and not pooled else 1,
                        dilations=(entry if first else dilation, dilation),
                        dropout=dropout[n - 6] if n > 5 else 0.0,
                    )
                )
                before = inner[-1]
            stride *= step
            self.stages.append(nn.Sequential(*layers))
            self.strides, self.channels = (*self.strides, stride), (*self.channels, before)
        self.finish = nn.Sequential(nn.BatchNorm2d(before), nn.ReLU(inplace=True)) if last == 7 else nn.Identity()
        self.wanted = tuple(stages)
        self.strides = tuple(self.strides[n - 1] for n in stages)
        self.channels = tuple(self.channels[n - 1] for n in stages)
        self.mean, self.std = spread(MEAN, in_channels), spread(STD, in_channels)
        self.minimum = self.multiple = 1

    def forward(self, image: Tensor) -> list[Tensor]:
        x, features = image, []
        for n, stage in enumerate(self.stages, 1):
            x = stage(x)
            if n in self.wanted:
                features.append(x)
        features[-1] = self.finish(features[-1])
        return features


class Unit(nn.Module):
    """A pre-activation residual unit: two 3x3 convolutions, or 1x1, 3x3, 1x1 where three widths are named.

    Args:
        channels: width of each convolution; where the last differs from `in_channels`, or at a stride, the way around
            is a 1x1 convolution.
        dilations: of the first 3x3 convolution and of a later one.
    """

    def __init__(
        self,
        in_channels: int,
        channels: Sequence[int],
        *,
        stride: int = 1,
        dilations: tuple[int, int] = (1, 1),
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.norm = nn.Sequential(nn.BatchNorm2d(in_channels), nn.ReLU(inplace=True))
        first, *_, last = channels
        kernel, dilation = (3, dilations[0]) if len(channels) == 2 else (1, 1)
        self.enter = nn.Conv2d(
            in_channels, first, kernel, stride, dilation * (kernel // 2), dilation=dilation, bias=False
        )
        middle = [NormActConv(first, channels[1], dilation=dilations[1])] if len(channels) == 3 else []
        kernel, dilation = (3, dilations[1]) if len(channels) == 2 else (1, 1)
        self.inside = nn.Sequential(
            *middle, NormActConv(channels[-2], last, kernel, dilation=dilation, dropout=dropout)
        )
        same = stride == 1 and in_channels == last
        self.around = None if same else nn.Conv2d(in_channels, last, 1, stride, bias=False)
        nn.init.kaiming_normal_(self.enter.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        ready = self.norm(x)
        around = x if self.around is None else self.around(ready)
        return around + self.inside(self.enter(ready))
