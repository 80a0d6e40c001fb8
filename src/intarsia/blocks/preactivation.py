"""Norm and activation before the convolution, as in the second ResNet and in DenseNet."""

from torch import Tensor, nn


class NormActConv(nn.Module):
    """Batch norm, ReLU, convolution without bias; the size stays at stride 1 and is divided, rounding up, by a larger one.

    Args:
        kernel: side of the kernel, odd.
        dropout: share of the values set to zero in training just before the convolution, 0..1.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel: int = 3,
        *,
        stride: int = 1,
        dilation: int = 1,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(in_channels)
        self.act = nn.ReLU(inplace=True)
        self.dropout = nn.Dropout(dropout)
        padding = dilation * (kernel // 2)
        self.conv = nn.Conv2d(in_channels, out_channels, kernel, stride, padding, dilation=dilation, bias=False)
        nn.init.kaiming_normal_(self.conv.weight, nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(self.dropout(self.act(self.norm(x))))
