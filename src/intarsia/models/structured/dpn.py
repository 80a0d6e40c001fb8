"""DPN: one step of mean field in a random field of high order, as four layers behind a classifier.

Liu, Li, Luo, Loy, Tang. "Semantic Image Segmentation via Deep Parsing Network." ICCV 2015. arXiv:1509.02634

A random field makes a network's scores agree with each other, at the price of many iterations for each image. The deep parsing
network writes one iteration in layers that a network has anyway, and learns its terms with the rest. Two pixels of a pair
are not compared alone: the neighbors of the second one, weighted by how far they are in color and place, must bear it out
(triple penalty). And how two labels go together depends on where one lies from the other, in several kinds of scenes of which
the one that fits best counts (mixture of label contexts).

    image - VGG-16, stride 8 - fc6, fc7 - score - x8 - q -- b12: neighbors by distance -- b13: 9x9, K -> 5 K -- b14: least
              (unary term)                             |                                                       of each 5
                                                       ` ------------------------------------------- b15: minus ----'  - logits

Departures from the paper: windows of b12 have a middle (51 pixels for 50) and are averages. Its distances are sums of three
boxed means, so that the window costs little; both their weights are learned. The stages of the paper's training are one.

Not compared: no released code was found. Built from a summary of the paper, so that numbers of sections, widths and sizes may
be others there (docs/faithfulness.md).
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...blocks.atrous import atrous_classifier
from ...blocks.resize import resize_like
from ...encoders import AtrousVGG16
from ...errors import ModelError
from ...structures import SemanticLogits


class DPN(nn.Module):
    """Deep parsing network.

    Args:
        channels: VGG-16's widths, six numbers: five stages, then fc6 and fc7.
        window: side of the neighborhood of the triple penalty, in pixels, odd.
        context: side of the kernels that hold how labels go together, in pixels, odd.
        mixtures: how many contexts a label has; the least penalty counts.
        dropout: after fc6 and after fc7, 0..1.
        pretrained: start from VGG-16's ImageNet weights.
    """

    def __init__(
        self,
        num_classes: int,
        *,
        in_channels: int = 3,
        channels: Sequence[int] = (64, 128, 256, 512, 512, 4096),
        window: int = 51,
        context: int = 9,
        mixtures: int = 5,
        dropout: float = 0.5,
        pretrained: bool = False,
    ) -> None:
        super().__init__()
        if len(channels) != 6:
            raise ModelError(f"channels has {len(channels)} widths; VGG-16 takes 6: five stages, then fc6 and fc7")
        if window % 2 == 0 or context % 2 == 0 or min(window, context) < 1:
            raise ModelError(f"window and context are odd sides of a square around a pixel, not {window} and {context}")
        if mixtures < 1:
            raise ModelError(f"mixtures is {mixtures}; give how many contexts a label has, 1 or more")
        *widths, wide = channels
        self.encoder = AtrousVGG16(in_channels=in_channels, channels=widths, pretrained=pretrained)
        self.classify = atrous_classifier(self.encoder.channels[0], num_classes, wide, 4, kernel=7, dropout=dropout)
        self.neighbors = TriplePenalty(window)
        self.num_classes, self.mixtures = num_classes, mixtures
        self.context = nn.Conv2d(num_classes, mixtures * num_classes, context, padding=context // 2, bias=False)
        nn.init.normal_(self.context.weight, std=0.01)

    def forward(self, image: Tensor) -> SemanticLogits:
        (c5,) = self.encoder(image)  # [B, 512, H/8, W/8]
        unary = resize_like(self.classify(c5), image)  # [B, K, H, W]
        q = unary.softmax(dim=1) if self.num_classes > 1 else unary.sigmoid()
        borne_out = self.neighbors(q, image)
        penalties = self.context(borne_out).unflatten(1, (self.num_classes, self.mixtures))  # [B, K, 5, H, W]
        return SemanticLogits(unary - penalties.amin(dim=2))  # [B, K, H, W]


class TriplePenalty(nn.Module):
    """What a pixel's label costs among its neighbors: q of the pixel times the mean of their distance-weighted q (Eq. 6).

    The distance of two pixels is a weighted sum of the squared differences of their colors and of their places:

        mean over z of |I_j - I_z|^2 q_z = |I_j|^2 mean(q) - 2 I_j mean(I q) + mean(|I|^2 q)

    Args:
        window: side of the neighborhood, odd.

    Attributes:
        weights: of the distance in color, in units of the image as the network gets it, and in place, in half windows.
    """

    box: Tensor
    square: Tensor

    def __init__(self, window: int) -> None:
        super().__init__()
        half = window // 2
        self.weights = nn.Parameter(torch.ones(2))
        place = torch.linspace(-1, 1, window) if half else torch.zeros(1)
        self.register_buffer("box", torch.full((window,), 1 / window), persistent=False)
        self.register_buffer("square", place**2 / window, persistent=False)

    def forward(self, q: Tensor, image: Tensor) -> Tensor:
        """[B, K, H, W], of `q` [B, K, H, W] and `image` [B, C, H, W]."""
        near = self.box_mean(q)
        bright = image.square().sum(dim=1, keepdim=True)  # [B, 1, H, W]
        color = bright * near + self.box_mean(bright * q)
        for channel in image.split(1, dim=1):
            color = color - 2 * channel * self.box_mean(channel * q)
        place = along(along(q, self.square, 2), self.box, 3) + along(along(q, self.box, 2), self.square, 3)
        return q * (self.weights[0] * color + self.weights[1] * place)

    def box_mean(self, x: Tensor) -> Tensor:
        """The mean over the window around each pixel, zeros beyond the border: as `x` [B, K, H, W]."""
        return along(along(x, self.box, 2), self.box, 3)


def along(x: Tensor, kernel: Tensor, dim: int) -> Tensor:
    """`x` [B, C, H, W], each map convolved with a row of numbers along one dimension, 2 or 3; the size stays."""
    b, c, h, w = x.shape
    n = kernel.numel()
    shape, padding = ((1, 1, n, 1), (n // 2, 0)) if dim == 2 else ((1, 1, 1, n), (0, n // 2))
    maps = F.conv2d(x.reshape(b * c, 1, h, w), kernel.reshape(shape).to(x.dtype), padding=padding)
    return maps.reshape(b, c, h, w)
