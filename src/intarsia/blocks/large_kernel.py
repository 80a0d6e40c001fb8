"""Kernels as large as the feature map, at the price of two thin ones, and the refinement that follows them."""

from torch import Tensor, nn

from ..errors import ModelError


class LargeKernel(nn.Module):
    """A `kernel` x `kernel` convolution as the sum of two paths: a column after a row, and a row after a column.

    It sees as far as the dense kernel, whose weights are the sum of two products, with 2 / `kernel` of the weights
    (GCN, section 3.1). No norm and no activation between: the whole is linear.

    Args:
        kernel: side of the kernel, odd.

    Raises: ModelError for an even kernel, which has no center.
    """

    def __init__(self, in_channels: int, out_channels: int, kernel: int) -> None:
        super().__init__()
        if kernel < 1 or kernel % 2 == 0:
            raise ModelError(f"kernel is {kernel}; a large kernel has an odd side, such as 7 or 15")
        self.channels = out_channels
        row, column, pad = (1, kernel), (kernel, 1), kernel // 2
        self.down_across = nn.Sequential(
            nn.Conv2d(in_channels, out_channels, column, padding=(pad, 0)),
            nn.Conv2d(out_channels, out_channels, row, padding=(0, pad)),
        )
        self.across_down = nn.Sequential(
            nn.Conv2d(in_channels, out_channels, row, padding=(0, pad)),
            nn.Conv2d(out_channels, out_channels, column, padding=(pad, 0)),
        )

    def forward(self, x: Tensor) -> Tensor:
        b, _, h, w = x.shape
        return self.down_across(x) + self.across_down(x)  # [b, channels, h, w]


class BoundaryRefinement(nn.Module):
    """A residual of two 3x3 convolutions, ReLU between, that moves scores near outlines (GCN, section 3.2)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.correct = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(channels, channels, 3, padding=1),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.correct(x)
