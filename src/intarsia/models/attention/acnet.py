"""ACNet: pixels that resemble the scene's mean take more of it, and the others more of what lies around them.

Fu, Liu, Wang, Li, Bao, Tang, Lu. "Adaptive Context Network for Scene Parsing." ICCV 2019. arXiv:1911.01664

Not to be confused with the ACNets of asymmetric convolutions and of RGB-D. A wide road needs the scene to be named; a pole
needs its own neighborhood, which the scene would wash away. How much a pixel wants of the scene is measured by how alike
its feature and the mean of all features are; one minus that is how much it wants of its surroundings. An adaptive context
block adds both: the scene's feature by the first gate, and by the second what several 3x3 convolutions see, one
behind the other. Such blocks stand on a coarse map, and on finer ones that it is enlarged and added to.

    image - dilated encoder - c5 - 1x1 - block - x2 - + - block - x2 - + - block - classify - x4 - logits
                            | c4 - auxiliary head     |                |
                            | c3 - 1x1 ---------------'                |
                            ` c2 - 1x1 --------------------------------'

    block: x + alike * 1x1(mean) + (1 - alike) * (3x3 + 3x3 3x3 + ...),    alike = exp(-|x - mean|^2 / channels)

Departures from the paper: the authors' code is not public. From the paper are the demand for the scene, by the likeness of
pixel and mean, its reverse for the surroundings, the sum, and blocks on several levels; the form of the likeness, the
widths and how often the surroundings are looked at (`looks`) are ours. Built from a summary of the paper, whose own text
could not be read: numbers of sections, widths and sizes may be others there.

Not compared: no released code was found; a worked example of the gates stands in its tests (docs/faithfulness.md).
"""

from typing import Literal

import torch
from torch import Tensor, nn

from ...blocks.conv import ConvNormAct, PixelClassifier
from ...blocks.resize import Resize
from ...blocks.statistics import learns_batches, require_two_values
from ...encoders import Encoder
from ...structures import SemanticLogits


class ACNet(nn.Module):
    """Adaptive context network.

    Args:
        encoder: any dilatable one.
        channels: width of the decoder.
        looks: 3x3 convolutions of a block, one behind the other.
        output_stride: of the encoder.
        auxiliary: a second classifier, on c4, in training.
        dropout: before each classifier, 0..1.
    """

    def __init__(
        self,
        num_classes: int,
        *,
        encoder: str = "resnet101",
        in_channels: int = 3,
        channels: int = 256,
        looks: int = 2,
        output_stride: Literal[8, 16, 32] = 16,
        auxiliary: bool = True,
        dropout: float = 0.1,
        pretrained: bool = False,
    ) -> None:
        super().__init__()
        self.encoder = Encoder(
            encoder,
            levels=(2, 3, 4, 5) if auxiliary else (2, 3, 5),
            output_stride=output_stride,
            in_channels=in_channels,
            pretrained=pretrained,
        )
        c2, c3, *before, c5 = self.encoder.channels
        self.narrow = nn.ModuleList(ConvNormAct(c, channels, 1) for c in (c5, c3, c2))
        self.adapt = nn.ModuleList(AdaptiveBlock(channels, looks) for _ in range(3))
        self.classify = PixelClassifier(channels, num_classes, dropout=dropout)
        self.enlarge = Resize()
        self.auxiliary = None
        if auxiliary:
            (c4,) = before
            self.auxiliary = nn.Sequential(
                ConvNormAct(c4, c4 // 4), PixelClassifier(c4 // 4, num_classes, dropout=dropout)
            )

    def forward(self, image: Tensor) -> SemanticLogits:
        c2, c3, *before, c5 = self.encoder(image)  # [B, 256, H/4, W/4], [B, 512, H/8, W/8], ..., [B, 2048, H/16, W/16]
        coarse, middle, fine = (part(c) for part, c in zip(self.narrow, (c5, c3, c2), strict=True))
        x = self.adapt[0](coarse)  # [B, 256, H/16, W/16]
        x = self.adapt[1](middle + self.enlarge(x, middle))  # [B, 256, H/8, W/8]
        x = self.adapt[2](fine + self.enlarge(x, fine))  # [B, 256, H/4, W/4]
        x = self.classify(x)  # [B, K, H/4, W/4]
        logits = self.enlarge(x, image)  # [B, K, H, W]
        auxiliary = (self.auxiliary(*before),) if self.training and self.auxiliary else ()  # [B, K, H/16, W/16]
        return SemanticLogits(logits, auxiliary)


class AdaptiveBlock(nn.Module):
    """A map, the scene where a place resembles it, and the surroundings where it does not.

    Args:
        looks: 3x3 convolutions, one behind the other, whose outputs are added.
    """

    def __init__(self, channels: int, looks: int) -> None:
        super().__init__()
        self.channels = channels
        self.glance = ConvNormAct(channels, channels, 1)
        self.look = nn.ModuleList(ConvNormAct(channels, channels) for _ in range(looks))

    def forward(self, x: Tensor) -> Tensor:
        b, _, h, w = x.shape
        mean = x.mean(dim=(2, 3), keepdim=True)  # [b, channels, 1, 1]
        require_two_values(mean, learns_batches(self), "the mean feature of the image")
        alike = likeness(x, mean)  # [b, 1, h, w]
        around, seen = torch.zeros_like(x), x
        for look in self.look:
            seen = look(seen)
            around = around + seen
        return x + alike * self.glance(mean) + (1 - alike) * around


def likeness(x: Tensor, mean: Tensor) -> Tensor:
    """Say how alike each place [B, C, h, w] is to a feature [B, C, 1, 1]: [B, 1, h, w], 1 where equal, towards 0 else."""
    return (-(x - mean).square().mean(dim=1, keepdim=True)).exp()
