"""LeNet-5, the convolutional network that the lectures draw first, with its last layers as convolutions.

LeCun, Bottou, Bengio, Haffner. "Gradient-Based Learning Applied to Document Recognition." Proceedings of the IEEE 1998.
doi:10.1109/5.726791

    32x32 image - C1 5x5 - S2 average - C3 5x5 - S4 average - C5 5x5 - F6 1x1 - 84 numbers
                 6@28x28    6@14x14    16@10x10    16@5x5     120@1x1

The paper already calls C5 a convolution, because on a larger image its map would be larger than 1x1: the idea that FCN
applied to every classifier seventeen years later.

Departures from the paper: with `same`, maps are padded and averages round up, so that every size works; the layer of
radial basis functions that names digits is left to whoever uses the features.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..errors import EncoderError
from .classic import MEAN, STD
from .pyramid import spread

# Table I: which of S2's six maps each of C3's sixteen sees.
SEES = (
    *((0, 1, 2), (1, 2, 3), (2, 3, 4), (3, 4, 5), (0, 4, 5), (0, 1, 5)),
    *((0, 1, 2, 3), (1, 2, 3, 4), (2, 3, 4, 5), (0, 3, 4, 5), (0, 1, 4, 5), (0, 1, 2, 5)),
    *((0, 1, 3, 4), (1, 2, 4, 5), (0, 2, 3, 5), (0, 1, 2, 3, 4, 5)),
)


class LeNet5(nn.Module):
    """Two convolutions, each averaged; then C5 and F6 as convolutions. 60,000 parameters for one channel.

    Args:
        levels: which features to return, finest first: 1 is S2 of stride 2, 2 is F6 of stride 4.
        same: pad so that any image size works and a feature has the size ceil(H / stride); without, the network is the
            classifier, which needs at least 32 pixels.
        pretrained: there are no weights of this network in timm; True is refused.

    Raises: EncoderError.
    """

    def __init__(
        self, *, levels: tuple[int, ...] = (1, 2), in_channels: int = 1, same: bool = True, pretrained: bool = False
    ) -> None:
        super().__init__()
        if pretrained:
            raise EncoderError("there are no weights of LeNet-5; use pretrained=False")
        if levels not in ((1,), (2,), (1, 2)):
            raise EncoderError(f"levels is {levels}; LeNet-5 yields c1 and c2: list each once, finest first")
        padding = 2 if same else 0
        self.levels = levels
        self.c1, self.s2 = nn.Conv2d(in_channels, 6, 5, padding=padding), Subsample(6)
        self.c3 = nn.ModuleList(nn.Conv2d(len(maps), 1, 5, padding=padding) for maps in SEES)
        self.s4 = Subsample(16)
        self.c5, self.f6 = nn.Conv2d(16, 120, 5, padding=padding), nn.Conv2d(120, 84, 1)
        self.channels = tuple((6, 84)[n - 1] for n in levels)
        self.strides = tuple(2**n for n in levels)
        self.mean, self.std = spread(MEAN, in_channels), spread(STD, in_channels)
        self.minimum, self.multiple = 1 if same else 32, 1

    def forward(self, image: Tensor) -> list[Tensor]:
        fine = self.s2(squash(self.c1(image)))
        seen = [conv(fine[:, list(maps)]) for conv, maps in zip(self.c3, SEES, strict=True)]
        x = self.s4(squash(torch.cat(seen, dim=1)))
        x = squash(self.f6(squash(self.c5(x))))
        return [(fine, x)[n - 1] for n in self.levels]


class Subsample(nn.Module):
    """The mean of each 2x2 window, times a weight and plus a bias of its channel, squashed."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.ones(channels, 1, 1)), nn.Parameter(torch.zeros(channels, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        return squash(self.weight * F.avg_pool2d(x, 2, ceil_mode=True) + self.bias)


def squash(x: Tensor) -> Tensor:
    """The paper's sigmoid (appendix A): an odd function of -1.7159..1.7159 that takes 1 to 1 and -1 to -1."""
    return 1.7159 * torch.tanh(2 / 3 * x)
