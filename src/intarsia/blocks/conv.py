"""A convolution with its norm and activation, and the layer that names each pixel."""

from math import gcd
from typing import Literal

from torch import Tensor, nn

Norm = Literal["batch", "group"]


def norm_layer(kind: Norm, channels: int) -> nn.Module:
    """Batch norm, or group norm with up to 32 groups of four channels or more: a group of one has nothing to compare."""
    return (
        nn.BatchNorm2d(channels)
        if kind == "batch"
        else nn.GroupNorm(gcd(32, max(1, channels // 4), channels), channels)
    )


class ConvNormAct(nn.Module):
    """Convolution without bias, norm, ReLU; the size stays at stride 1 and is divided, rounding up, by a larger one.

    Args:
        kernel: side of the kernel, odd.
        norm: what follows the convolution; None: nothing, and the convolution has a bias.
        groups: `in_channels` makes the convolution depthwise.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel: int = 3,
        *,
        stride: int = 1,
        dilation: int = 1,
        groups: int = 1,
        norm: Norm | None = "batch",
    ) -> None:
        super().__init__()
        padding, bias = dilation * (kernel // 2), norm is None
        self.conv = nn.Conv2d(
            in_channels, out_channels, kernel, stride, padding, dilation=dilation, groups=groups, bias=bias
        )
        self.norm = norm_layer(norm, out_channels) if norm else nn.Identity()
        self.act: nn.Module = nn.ReLU(inplace=True)
        nn.init.kaiming_normal_(self.conv.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        return self.act(self.norm(self.conv(x)))


class PixelClassifier(nn.Module):
    """Dropout and a convolution that gives every pixel of a feature map a score for each class.

    Args:
        dropout: share of the values set to zero in training, 0..1.
        kernel: side of the kernel, odd; 1 looks at the pixel alone.
        dilation: distance between the kernel's taps.
    """

    def __init__(
        self, in_channels: int, num_classes: int, *, dropout: float = 0.0, kernel: int = 1, dilation: int = 1
    ) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        padding = dilation * (kernel // 2)
        self.score = nn.Conv2d(in_channels, num_classes, kernel, padding=padding, dilation=dilation)
        # Small first scores: every class starts as likely as the next, whatever the width of the feature.
        nn.init.normal_(self.score.weight, std=0.01)
        nn.init.zeros_(self.score.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        return self.score(self.dropout(x))
