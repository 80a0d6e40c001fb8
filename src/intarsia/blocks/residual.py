"""What stands in front of a sum: a convolution with its norm and no activation."""

from torch import Tensor, nn


def conv_norm(
    in_channels: int, channels: int, kernel: int = 3, *, stride: int = 1, dilation: int = 1, groups: int = 1
) -> nn.Sequential:
    """Convolution without bias, and batch norm; the size stays at stride 1 and is divided, rounding up, by a larger one."""
    padding = dilation * (kernel // 2)
    conv = nn.Conv2d(in_channels, channels, kernel, stride, padding, dilation=dilation, groups=groups, bias=False)
    nn.init.kaiming_normal_(conv.weight, mode="fan_out", nonlinearity="relu")
    return nn.Sequential(conv, nn.BatchNorm2d(channels))


class Residual(nn.Module):
    """The sum of two ways; it is not activated."""

    def __init__(self, inside: nn.Module, around: nn.Module) -> None:
        super().__init__()
        self.inside, self.around = inside, around

    def forward(self, x: Tensor) -> Tensor:
        return self.inside(x) + self.around(x)
