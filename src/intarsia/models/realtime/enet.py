"""ENet: shrink early, stay thin, and let most layers work on a map an eighth of the image.

Paszke, Chaurasia, Kim, Culurciello. "ENet: A Deep Neural Network Architecture for Real-Time Semantic Segmentation."
2016. arXiv:1606.02147

SegNet spends most of its time on maps as large as the image, and its decoder is as heavy as its encoder. ENet halves
the image in its first layer and twice more soon after, works there in thin residual bottlenecks (plain, dilated, or a
column and a row of five), and comes back up in a decoder that only tidies the outlines. Like SegNet, it remembers where
each maximum was pooled from.

    image - start - down - 4 plain - down - 2 x (plain, dilated 2, 5x1 and 1x5, dilated 4, plain, dilated 8, ...)
                     | places          | places                                                           |
    logits - enlarge - 1 plain - up - 2 plain - up ------------------------------------------------------ '

Departures from the paper: convolutions before batch norm have no bias, which they would not need; pooling rounds up and
enlarged maps are cropped, so that every size works. The decoder has ReLU and no dropout, as in the released code.

Compared with e-lab/ENet-training (Lua): transcribed, whole network; difference 5e-3 (3390); 363,618 : 364,311
(docs/faithfulness.md).
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...blocks.resize import crop_like
from ...blocks.unpool import max_pool, max_unpool
from ...errors import ModelError
from ...structures import SemanticLogits

# One round of stages 2 and 3: kernel and dilation of each bottleneck; (5, 1) is a column and a row.
ROUND = ((3, 1), (3, 2), (5, 1), (3, 4), (3, 1), (3, 8), (5, 1), (3, 16))


class ENet(nn.Module):
    """Efficient neural network.

    Args:
        channels: widths at strides 2, 4 and 8.
        dropout: share of maps set to zero in training, in stage 1 and in stages 2 and 3.
    """

    def __init__(
        self,
        num_classes: int,
        *,
        in_channels: int = 3,
        channels: Sequence[int] = (16, 64, 128),
        dropout: Sequence[float] = (0.01, 0.1),
    ) -> None:
        super().__init__()
        if len(channels) != 3 or channels[0] <= in_channels or any(c % 4 for c in channels) or len(dropout) != 2:
            raise ModelError(
                f"enet takes three widths, multiples of 4, the first above the image's {in_channels} channels, and two "
                f"dropout rates, not {list(channels)} and {list(dropout)}"
            )
        a, b, c = channels
        early, late = dropout
        self.start = Start(in_channels, a)
        self.down1 = Down(a, b, early)
        self.stage1 = nn.Sequential(*(Bottleneck(b, 3, 1, early) for _ in range(4)))
        self.down2 = Down(b, c, late)
        self.stage23 = nn.Sequential(*(Bottleneck(c, kernel, dilation, late) for kernel, dilation in 2 * ROUND))
        self.up4 = Up(c, b)
        self.stage4 = nn.Sequential(*(Bottleneck(b, 3, 1, decoder=True) for _ in range(2)))
        self.up5 = Up(b, a)
        self.stage5 = Bottleneck(a, 3, 1, decoder=True)
        self.enlarge = nn.ConvTranspose2d(a, num_classes, 2, stride=2)

    def forward(self, image: Tensor) -> SemanticLogits:
        fine = self.start(image)  # [B, 16, H/2, W/2]
        x, places1 = self.down1(fine)  # [B, 64, H/4, W/4], [B, 16, H/4, W/4]
        middle = self.stage1(x)
        x, places2 = self.down2(middle)  # [B, 128, H/8, W/8], [B, 64, H/8, W/8]
        x = self.stage23(x)
        x = self.stage4(self.up4(x, places2, middle))  # [B, 64, H/4, W/4]
        x = self.stage5(self.up5(x, places1, fine))  # [B, 16, H/2, W/2]
        return SemanticLogits(crop_like(self.enlarge(x), image))  # [B, K, H, W]


class Start(nn.Module):
    """Half the size: a convolution, and beside it the maxima of the image itself."""

    def __init__(self, in_channels: int, channels: int) -> None:
        super().__init__()
        self.channels = channels
        self.conv = nn.Conv2d(in_channels, channels - in_channels, 3, stride=2, padding=1, bias=False)
        self.pool = nn.MaxPool2d(2, ceil_mode=True)
        self.norm = nn.Sequential(nn.BatchNorm2d(channels, eps=1e-3), nn.PReLU(channels))

    def forward(self, x: Tensor) -> Tensor:
        b, _, h, w = x.shape
        x = torch.cat([self.conv(x), self.pool(x)], dim=1)  # [b, channels, h/2, w/2]
        return self.norm(x)  # [b, channels, h/2, w/2]


class Bottleneck(nn.Module):
    """A quarter of the channels, a convolution there, all channels again; added to what came in.

    Args:
        kernel: 3, or 5 for a column and a row.
        decoder: ReLU instead of the learned PReLU.
    """

    def __init__(
        self, channels: int, kernel: int, dilation: int, dropout: float = 0.0, *, decoder: bool = False
    ) -> None:
        super().__init__()
        inner = channels // 4
        if kernel == 3:
            look: list[nn.Module] = [nn.Conv2d(inner, inner, 3, padding=dilation, dilation=dilation, bias=False)]
        else:
            reach = kernel // 2
            look = [
                nn.Conv2d(inner, inner, (kernel, 1), padding=(reach, 0), bias=False),
                nn.Conv2d(inner, inner, (1, kernel), padding=(0, reach), bias=False),
            ]
        self.branch = branch(nn.Conv2d(channels, inner, 1, bias=False), look, inner, channels, dropout, decoder)
        self.act = activation(channels, decoder)

    def forward(self, x: Tensor) -> Tensor:
        return self.act(x + self.branch(x))


class Down(nn.Module):
    """Half the size: maxima, channels of zeros beside them, and a bottleneck; also where the maxima stood."""

    def __init__(self, in_channels: int, channels: int, dropout: float) -> None:
        super().__init__()
        self.in_channels, self.channels, self.more = in_channels, channels, channels - in_channels
        inner = channels // 4
        halve = nn.Sequential(nn.ZeroPad2d((0, 1, 0, 1)), nn.Conv2d(in_channels, inner, 2, stride=2, bias=False))
        look = [nn.Conv2d(inner, inner, 3, padding=1, bias=False)]
        self.branch = branch(halve, look, inner, channels, dropout, decoder=False)
        self.act = nn.PReLU(channels)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        b, _, h, w = x.shape
        maxima, places = max_pool(x)  # [b, in_channels, h/2, w/2], [b, in_channels, h/2, w/2]
        maxima = F.pad(maxima, (0, 0, 0, 0, 0, self.more))  # [b, channels, h/2, w/2]
        return self.act(maxima + self.branch(x)), places  # [b, channels, h/2, w/2], [b, in_channels, h/2, w/2]


class Up(nn.Module):
    """Twice the size: values go back to where the maxima stood, and a bottleneck fills in between."""

    def __init__(self, in_channels: int, channels: int) -> None:
        super().__init__()
        self.channels = channels
        self.narrow = nn.Sequential(nn.Conv2d(in_channels, channels, 1, bias=False), nn.BatchNorm2d(channels, eps=1e-3))
        inner = channels // 4
        look = [nn.ConvTranspose2d(inner, inner, 3, stride=2, padding=1, output_padding=1, bias=False)]
        first = nn.Conv2d(in_channels, inner, 1, bias=False)
        self.branch = branch(first, look, inner, channels, 0.0, decoder=True)

    def forward(self, x: Tensor, places: Tensor, reference: Tensor) -> Tensor:
        b, _, h, w = reference.shape
        sparse = max_unpool(self.narrow(x), places, h, w)  # [b, channels, h, w]
        return F.relu(sparse + crop_like(self.branch(x), reference))  # [b, channels, h, w]


def branch(
    first: nn.Module, look: Sequence[nn.Module], inner: int, channels: int, dropout: float, decoder: bool
) -> nn.Sequential:
    """The bottleneck's three convolutions, each with batch norm, and dropout of whole maps."""
    return nn.Sequential(
        *(first, nn.BatchNorm2d(inner, eps=1e-3), activation(inner, decoder)),
        *(*look, nn.BatchNorm2d(inner, eps=1e-3), activation(inner, decoder)),
        *(nn.Conv2d(inner, channels, 1, bias=False), nn.BatchNorm2d(channels, eps=1e-3), nn.Dropout2d(dropout)),
    )


def activation(channels: int, decoder: bool) -> nn.Module:
    """PReLU, one slope a channel, in the encoder; ReLU in the decoder."""
    return nn.ReLU(inplace=True) if decoder else nn.PReLU(channels)
