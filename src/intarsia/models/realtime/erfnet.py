"""ERFNet: residual layers whose 3x3 convolutions are a column and a row each.

Romera, Alvarez, Bergasa, Arroyo. "ERFNet: Efficient Residual Factorized ConvNet for Real-time Semantic Segmentation."
IEEE Transactions on Intelligent Transportation Systems 2018. doi:10.1109/TITS.2017.2750080

ENet's bottlenecks are fast because they are thin, and lose accuracy for it. ERFNet keeps all channels and makes the
convolution itself cheap: a 3x1 and a 1x3 have two thirds of the weights of a 3x3, and a ReLU in between. Seventeen such
layers, eight of them dilated up to 16, stand on maps of a quarter and an eighth of the image.

    image - down - down - 5 factorized - down - 2 x factorized (dilated 2, 4, 8, 16)
                                                                                |
    logits - enlarge - 2 factorized - up ---------- 2 factorized - up --------- '

Departures from the paper: convolutions before batch norm have no bias, which they would not need; pooling rounds up and
enlarged maps are cropped, so that every size works. The encoder is not trained on ImageNet first.

Compared with Eromera/erfnet_pytorch train/erfnet.py: whole network; difference 0; 2,060,978 : 2,066,642 (biases, the
encoder's head) (docs/faithfulness.md).
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...blocks.resize import crop_like
from ...errors import ModelError
from ...structures import SemanticLogits


class ERFNet(nn.Module):
    """Efficient residual factorized network.

    Args:
        channels: widths at strides 2, 4 and 8.
        dropout: share of maps set to zero in training, at strides 4 and 8.
    """

    def __init__(
        self,
        num_classes: int,
        *,
        in_channels: int = 3,
        channels: Sequence[int] = (16, 64, 128),
        dropout: Sequence[float] = (0.03, 0.3),
    ) -> None:
        super().__init__()
        if (
            len(channels) != 3
            or len(dropout) != 2
            or list(channels) != sorted({*channels})
            or channels[0] <= in_channels
        ):
            raise ModelError(
                f"erfnet takes three widths that grow, the first above the image's {in_channels} channels, and two "
                f"dropout rates, not {list(channels)} and {list(dropout)}"
            )
        a, b, c = channels
        early, late = dropout
        self.down1, self.down2, self.down3 = Down(in_channels, a), Down(a, b), Down(b, c)
        self.stage2 = nn.Sequential(*(Factorized(b, 1, early) for _ in range(5)))
        self.stage3 = nn.Sequential(*(Factorized(c, dilation, late) for dilation in 2 * (2, 4, 8, 16)))
        self.up2, self.up1 = Up(c, b), Up(b, a)
        self.tidy2 = nn.Sequential(Factorized(b, 1), Factorized(b, 1))
        self.tidy1 = nn.Sequential(Factorized(a, 1), Factorized(a, 1))
        self.enlarge = nn.ConvTranspose2d(a, num_classes, 2, stride=2)

    def forward(self, image: Tensor) -> SemanticLogits:
        fine = self.down1(image)  # [B, 16, H/2, W/2]
        middle = self.down2(fine)  # [B, 64, H/4, W/4]
        x = self.stage3(self.down3(self.stage2(middle)))  # [B, 128, H/8, W/8]
        x = self.tidy2(self.up2(x, middle))  # [B, 64, H/4, W/4]
        x = self.tidy1(self.up1(x, fine))  # [B, 16, H/2, W/2]
        return SemanticLogits(crop_like(self.enlarge(x), image))  # [B, K, H, W]


class Down(nn.Module):
    """Half the size: a convolution, and beside it the maxima of what came in."""

    def __init__(self, in_channels: int, channels: int) -> None:
        super().__init__()
        self.channels = channels
        self.conv = nn.Conv2d(in_channels, channels - in_channels, 3, stride=2, padding=1, bias=False)
        self.pool = nn.MaxPool2d(2, ceil_mode=True)
        self.norm = nn.BatchNorm2d(channels, eps=1e-3)

    def forward(self, x: Tensor) -> Tensor:
        b, _, h, w = x.shape
        x = torch.cat([self.conv(x), self.pool(x)], dim=1)  # [b, channels, h/2, w/2]
        return F.relu(self.norm(x))  # [b, channels, h/2, w/2]


class Factorized(nn.Module):
    """Column, row, dilated column, dilated row, with a ReLU after each; added to what came in ("non-bottleneck-1D")."""

    def __init__(self, channels: int, dilation: int, dropout: float = 0.0) -> None:
        super().__init__()
        d = dilation
        self.layers = nn.Sequential(
            *(nn.Conv2d(channels, channels, (3, 1), padding=(1, 0)), nn.ReLU(inplace=True)),
            *(nn.Conv2d(channels, channels, (1, 3), padding=(0, 1), bias=False), nn.BatchNorm2d(channels, eps=1e-3)),
            nn.ReLU(inplace=True),
            *(nn.Conv2d(channels, channels, (3, 1), padding=(d, 0), dilation=(d, 1)), nn.ReLU(inplace=True)),
            nn.Conv2d(channels, channels, (1, 3), padding=(0, d), dilation=(1, d), bias=False),
            *(nn.BatchNorm2d(channels, eps=1e-3), nn.Dropout2d(dropout)),
        )

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(x + self.layers(x))


class Up(nn.Module):
    """Twice the size by a transposed convolution, cut to the size of a reference."""

    def __init__(self, in_channels: int, channels: int) -> None:
        super().__init__()
        self.channels = channels
        self.conv = nn.ConvTranspose2d(in_channels, channels, 3, stride=2, padding=1, output_padding=1, bias=False)
        self.norm = nn.BatchNorm2d(channels, eps=1e-3)

    def forward(self, x: Tensor, reference: Tensor) -> Tensor:
        b, _, h, w = reference.shape
        return F.relu(self.norm(crop_like(self.conv(x), reference)))  # [b, channels, h, w]
