"""Coordinate convolution: tell each pixel where it stands, because a convolution alone cannot know.

Liu, Lehman, Molino, Such, Frank, Sergeev, Yosinski. "An Intriguing Failing of Convolutional Neural Networks and the
CoordConv Solution." NeurIPS 2018. arXiv:1807.03247

    x - add_coordinates - [x, across, down] - convolve
"""

import torch
from torch import Tensor, nn

from ..errors import ModelError


class CoordinateConv(nn.Module):
    """A convolution that also reads two channels with the position of each pixel.

    Args:
        kernel: side of the kernel, odd: the size stays.
    """

    def __init__(self, in_channels: int, channels: int, kernel: int = 1) -> None:
        super().__init__()
        if kernel % 2 == 0:
            raise ModelError(f"a kernel of {kernel}x{kernel} has no center pixel; take an odd side, such as 1 or 3")
        self.convolve = nn.Conv2d(in_channels + 2, channels, kernel, padding=kernel // 2)

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, h, w] to [B, channels, h, w]."""
        return self.convolve(add_coordinates(x))


def add_coordinates(x: Tensor) -> Tensor:
    """A map [B, C, h, w] and two more channels: across, then down, from -1 at the first pixel to 1 at the last.

    Returns: [B, C + 2, h, w]; along a side of one pixel the coordinate is 0.

    >>> add_coordinates(torch.zeros(1, 1, 2, 3))[0, 1:].tolist()
    [[[-1.0, 0.0, 1.0], [-1.0, 0.0, 1.0]], [[-1.0, -1.0, -1.0], [1.0, 1.0, 1.0]]]
    """
    if x.ndim != 4:
        raise ModelError(f"coordinates are added to maps [B, C, h, w], not to {list(x.shape)}")
    b, _, h, w = x.shape
    across = _ramp(w, x).expand(b, 1, h, w)
    down = _ramp(h, x)[:, None].expand(b, 1, h, w)
    return torch.cat([x, across, down], dim=1)


def _ramp(n: int, x: Tensor) -> Tensor:
    """-1 .. 1 in n steps, [n], without asking whether n is 1: an exported graph keeps every size."""
    place = torch.arange(n, device=x.device, dtype=torch.promote_types(x.dtype, torch.float32))
    last = place.amax(dim=0)  # ONNX knows no maximum over all axes
    return ((2 * place - last) / last.clamp(min=1)).to(x.dtype)
