"""Convolutions with holes (atrous, dilated): far sight at full resolution, alone, separable, and several side by side.

y[i] = sum over k of x[i + r k] w[k]        rate r: the distance between two taps; 1 is a plain convolution

rate 1  x x x       rate 2  x . x . x       rate 3  x . . x . . x
"""

from collections.abc import Iterable, Sequence
from itertools import product
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..errors import ModelError
from .conv import ConvNormAct, PixelClassifier
from .statistics import learns_batches, require_two_values


class AtrousPyramid(nn.Module):
    """Side by side: the pixel itself, its surroundings at several rates, and the mean of the image (ASPP).

    Args:
        rates: distance, in pixels of the feature map, between the taps of each 3x3 kernel.
        separable: as in DeepLab v3+; false gives DeepLab v3's.
        between: norm and ReLU between the depthwise and the pointwise half, as in the released code; peers differ.
    """

    def __init__(
        self,
        in_channels: int,
        channels: int,
        rates: Sequence[int],
        *,
        separable: bool = True,
        between: bool = True,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        if not rates or min(rates) < 1:
            raise ModelError(f"rates is {list(rates)}; name the distances between taps, such as [6, 12, 18]")
        self.channels, self.together = channels, (len(rates) + 2) * channels
        self.look = nn.ModuleList([ConvNormAct(in_channels, channels, 1)])
        for rate in rates:
            self.look.append(
                SeparableConv(in_channels, channels, dilation=rate, between=between)
                if separable
                else ConvNormAct(in_channels, channels, dilation=rate)
            )
        self.glance = ConvNormAct(in_channels, channels, 1)
        self.fuse = nn.Sequential(ConvNormAct(self.together, channels, 1), nn.Dropout(dropout))

    def forward(self, x: Tensor) -> Tensor:
        b, _, h, w = x.shape
        return self.fuse(self.maps(x))  # [b, channels, h, w]

    def maps(self, x: Tensor) -> Tensor:
        """Lay the looks at `x` side by side, which `fuse` mixes."""
        b, c, h, w = x.shape
        mean = x.mean(dim=(2, 3), keepdim=True)  # [b, c, 1, 1]
        require_two_values(mean, learns_batches(self), "the mean feature of the image")
        mean = self.glance(mean)  # [b, channels, 1, 1]
        maps = [look(x) for look in self.look] + [mean.expand(-1, -1, h, w)]  # [b, channels, h, w] each
        return torch.cat(maps, dim=1)  # [b, together, h, w]


class SeparableConv(nn.Module):
    """A 3x3 convolution of each channel by itself, then a 1x1 convolution across channels, each with norm and ReLU.

    Args:
        kernel: side of the first, odd.
        between: whether norm and ReLU follow the first as well.
    """

    def __init__(
        self, in_channels: int, channels: int, kernel: int = 3, *, dilation: int = 1, between: bool = True
    ) -> None:
        super().__init__()
        self.depthwise: nn.Module = ConvNormAct(in_channels, in_channels, kernel, dilation=dilation, groups=in_channels)
        if not between:
            padding = dilation * (kernel // 2)
            self.depthwise = nn.Conv2d(
                in_channels, in_channels, kernel, padding=padding, dilation=dilation, groups=in_channels, bias=False
            )
        self.pointwise = ConvNormAct(in_channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.pointwise(self.depthwise(x))


def atrous_convolution(x: Tensor, kernel: Tensor, rate: int = 1, *, same: bool = False) -> Tensor:
    """The sum of the input, shifted by `rate` for each tap and weighted: y[i] = sum over k of x[i + rate k] w[k].

    For reading: torch's conv1d and conv2d with `dilation` give the same numbers, faster.

    Args:
        x: [B, C, n] or [B, C, h, w].
        kernel: [C', C, k] or [C', C, k, l].
        same: lay zeros around the input, so that the size stays and the kernel's center tap looks at the pixel
            itself; its sides must be odd. Otherwise a side of n becomes n - (k - 1) rate.

    >>> x, kernel = torch.arange(7.0).view(1, 1, 7), torch.tensor([[[1.0, 10.0, 100.0]]])
    >>> atrous_convolution(x, kernel, 2).tolist()
    [[[420.0, 531.0, 642.0]]]
    """
    if kernel.ndim not in (3, 4) or x.ndim != kernel.ndim or x.shape[1] != kernel.shape[1]:
        raise ModelError(
            "atrous_convolution takes [B, C, n] with a kernel [C', C, k], or [B, C, h, w] with [C', C, k, l]; "
            f"these are {list(x.shape)} and {list(kernel.shape)}"
        )
    sides = kernel.shape[2:]
    seen = [receptive_field(k, rate) for k in sides]
    if same:
        if any(k % 2 == 0 for k in sides):
            raise ModelError(f"a kernel of {list(sides)} has no center tap; take odd sides, or leave out same=True")
        x = F.pad(x, [margin for side in reversed(seen) for margin in (side // 2, side // 2)])
    left = [n - side + 1 for n, side in zip(x.shape[2:], seen, strict=True)]
    if min(left) < 1:
        raise ModelError(
            f"at rate {rate} the kernel covers {seen} and the input has {list(x.shape[2:])}; use same=True"
        )
    y = x.new_zeros(x.shape[0], kernel.shape[0], *left)
    for tap in product(*map(range, sides)):
        shifted: tuple[Any, ...] = (..., *(slice(rate * t, rate * t + n) for t, n in zip(tap, left, strict=True)))
        weights: tuple[Any, ...] = (..., *tap)
        y += torch.einsum("bc...,dc->bd...", x[shifted], kernel[weights])
    return y


def receptive_field(kernel: int, rate: int = 1) -> int:
    """How many pixels wide a kernel of side k sees at rate r: k + (k - 1)(r - 1).

    >>> [receptive_field(3, rate) for rate in (1, 2, 3, 6, 12, 18)]
    [3, 5, 7, 13, 25, 37]
    """
    if kernel < 1:
        raise ModelError(f"a kernel of side {kernel} has no taps; take 1 or more")
    if rate < 1:
        raise ModelError(f"rate is {rate}; it is the distance between two taps in pixels, 1 or more")
    return kernel + (kernel - 1) * (rate - 1)


def chained_field(layers: Iterable[tuple[int, int, int]]) -> int:
    """How many pixels wide one output of several layers, one after the other, sees.

    Each layer adds what it sees beyond one pixel, times the strides of all before it.

    Args:
        layers: (kernel, stride, rate) of each convolution or pooling, first layer first.

    >>> chained_field([(3, 1, 1), (3, 1, 2), (3, 1, 4)])
    15
    """
    field, step = 1, 1
    for kernel, stride, rate in layers:
        if stride < 1:
            raise ModelError(f"stride is {stride}; it is the distance between two outputs in pixels, 1 or more")
        field += (receptive_field(kernel, rate) - 1) * step
        step *= stride
    return field


def atrous_classifier(
    in_channels: int, num_classes: int, channels: int, rate: int, *, kernel: int = 3, dropout: float = 0.5
) -> nn.Sequential:
    """VGG-16's fully connected layers fc6 and fc7 and its scores as convolutions, fc6 with holes: the size stays.

    Args:
        channels: width of fc6 and fc7.
        rate, kernel: distance between fc6's taps, and how many stand side by side.
        dropout: after fc6 and after fc7, 0..1.
    """
    if rate < 1 or kernel < 1 or rate * (kernel - 1) % 2:
        raise ModelError(
            f"a kernel of {kernel} at rate {rate} has no pixel in its middle; use an odd kernel, or an even rate"
        )
    fc6 = nn.Conv2d(in_channels, channels, kernel, padding=rate * (kernel - 1) // 2, dilation=rate)
    fc7 = nn.Conv2d(channels, channels, 1)
    for conv in (fc6, fc7):
        nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")
        nn.init.zeros_(conv.bias)  # type: ignore[arg-type]
    return nn.Sequential(
        fc6,
        nn.ReLU(inplace=True),
        nn.Dropout(dropout),
        fc7,
        nn.ReLU(inplace=True),
        PixelClassifier(channels, num_classes, dropout=dropout),
    )
