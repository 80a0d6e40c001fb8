"""DenseDepth: a good encoder, and a plain decoder that doubles and looks at the finer feature, is enough for depth.

Alhashim, Wonka. "High Quality Monocular Depth Estimation via Transfer Learning." 2018. arXiv:1812.11941

Networks of depth had become elaborate: several stages, several networks, losses of their own. This one takes an encoder
that was trained on ImageNet, and a decoder of four pairs of convolutions whose outlines are sharp because each pair looks
at the encoder's feature of its size.

    image - encoder - c1  c2  c3  c4  c5
                      |   |   |   |   ` squeeze (1x1)
                      |   |   |   ` -- x2, beside, 3x3, 3x3
                      |   |   ` ------ x2, beside, 3x3, 3x3
                      |   ` ---------- x2, beside, 3x3, 3x3
                      ` -------------- x2, beside, 3x3, 3x3 - 3x3 - enlarge - meters

Departures from the paper: "x2" means to the size of the next finer feature, and an encoder that has no c1 gives what it
has; batch norm after each convolution, without which it trains slowly from scratch; the paper predicts 10 m divided by
the depth, unbounded, where a sigmoid between two bounds, even in the logarithm, cannot leave the meters there are.

Compared with ialhashim/DenseDepth model.py (Keras): read: order of the decoder's layers, widths that halve and leaky ReLU
of 0.2 as here; by default it starts at half of the paper's width (docs/faithfulness.md).
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...blocks.resize import resize_like
from ...encoders import Encoder, levels_of
from ...errors import ModelError
from ...structures import DepthMap


class DenseDepth(nn.Module):
    """An encoder and a decoder with skips, whose one map is the depth of each pixel in meters.

    Args:
        num_classes: not used: depth has no classes.
        channels: width of the decoder at the coarsest feature, halved at each finer one; null: the encoder's own.
        nearest, farthest: bounds of the answer in meters; every answer lies between them.
    """

    def __init__(
        self,
        num_classes: int,
        *,
        encoder: str = "densenet169",
        in_channels: int = 3,
        channels: int | None = None,
        nearest: float = 0.1,
        farthest: float = 100.0,
        pretrained: bool = False,
    ) -> None:
        super().__init__()
        if not 0 < nearest < farthest:
            raise ModelError(f"nearest is {nearest} and farthest {farthest}; give meters above 0, the nearer one first")
        self.nearest, self.farthest = nearest, farthest
        self.encoder = Encoder(encoder, levels=levels_of(encoder), in_channels=in_channels, pretrained=pretrained)
        *finer, deepest = self.encoder.channels
        width = channels or deepest
        self.squeeze = nn.Conv2d(deepest, width, 1)
        self.climb = nn.ModuleList()
        for skip in reversed(finer):
            half = max(width // 2, 8)
            self.climb.append(Climb(width + skip, half))
            width = half
        self.measure = nn.Conv2d(width, 1, 3, padding=1)
        nn.init.normal_(self.measure.weight, std=0.01)
        nn.init.zeros_(self.measure.bias)  # type: ignore[arg-type]

    def forward(self, image: Tensor) -> DepthMap:
        *finer, deepest = self.encoder(image)  # ..., [B, 1664, H/32, W/32]
        x = self.squeeze(deepest)  # [B, 1664, H/32, W/32]
        for climb, skip in zip(self.climb, reversed(finer), strict=True):
            h, w = skip.shape[-2:]
            x = climb(x, skip)  # [B, climb.channels, h, w]
        x = resize_like(self.measure(x), image)  # [B, 1, H, W]
        span = math.log(self.farthest / self.nearest)
        return DepthMap(self.nearest * torch.exp(span * x.float().sigmoid()))  # [B, 1, H, W]


class Climb(nn.Module):
    """Enlarge to the size of the finer feature, put the two beside each other, and convolve twice."""

    def __init__(self, in_channels: int, channels: int) -> None:
        super().__init__()
        self.channels, self.in_channels = channels, in_channels
        widths = (in_channels, channels)
        self.convolve = nn.ModuleList(nn.Conv2d(width, channels, 3, padding=1, bias=False) for width in widths)
        self.norm = nn.ModuleList(nn.BatchNorm2d(channels) for _ in widths)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        b, _, h, w = skip.shape
        x = torch.cat([resize_like(x, skip), skip], dim=1)  # [b, in_channels, h, w]
        for convolve, norm in zip(self.convolve, self.norm, strict=True):
            x = F.leaky_relu(norm(convolve(x)), 0.2)  # [b, channels, h, w]
        return x
