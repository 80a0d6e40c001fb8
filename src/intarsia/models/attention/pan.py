"""PAN: a small pyramid says where the coarsest map matters, and each finer map is weighed by the coarser one.

Li, Xiong, An, Wang. "Pyramid Attention Network for Semantic Segmentation." BMVC 2018. arXiv:1805.10180

Pyramids of pooled or dilated convolutions see far, but blur places or leave a grid. Here the far view is only a map of
weights: three sizes of the coarsest feature, seen by kernels of 7, 5 and 3, sum up to one number a place, which multiplies
that feature. On the way up a coarse map, squeezed to one number a channel, chooses among the channels of the finer one.

    c5 - 1x1 ------------------------------------------------ x ---- + - x16
       | half - 7x7 - half - 5x5 - half - 3x3 - 3x3 -,        |      |
       |         |             `- 5x5 -------------- + -,     |      |
       |         `- 7x7 -------------------------------- + - '       |
       ` mean - 1x1 ------------------------------------------------'
    c4 - 3x3 - x (mean of x16, 1x1, sigmoid) - + enlarged x16 - x16 ...  and so with c3, c2 - classify - x4 - logits

Departures from the paper: "half" rounds up; enlargements have half-pixel centers, where
segmentation-models-pytorch's corners meet (variant "smp_pan"); the pyramid draws one channel, as that code does, for the
paper does not say how many.

Compared with segmentation-models-pytorch PAN (no code of the authors): whole network, as the variant "smp_pan", by a test;
difference 1e-4 of the spread (docs/faithfulness.md).
"""

from typing import Literal

from torch import Tensor, nn

from ...blocks.conv import ConvNormAct, PixelClassifier
from ...blocks.resize import Resize
from ...blocks.statistics import require_two_values
from ...encoders import Encoder
from ...structures import SemanticLogits


class PAN(nn.Module):
    """Pyramid attention network.

    Args:
        channels: width of the decoder.
        output_stride: of the encoder.
    """

    def __init__(
        self,
        num_classes: int,
        *,
        encoder: str = "resnet101",
        in_channels: int = 3,
        channels: int = 32,
        output_stride: Literal[16, 32] = 16,
        pretrained: bool = False,
    ) -> None:
        super().__init__()
        self.encoder = Encoder(encoder, output_stride=output_stride, in_channels=in_channels, pretrained=pretrained)
        *finer, coarsest = self.encoder.channels
        self.attend = PyramidAttention(coarsest, channels)
        self.climb = nn.ModuleList(GlobalAttention(c, channels) for c in reversed(finer))
        self.classify = PixelClassifier(channels, num_classes, kernel=3)
        self.enlarge = Resize()

    def forward(self, image: Tensor) -> SemanticLogits:
        *finer, x = self.encoder(image)  # [B, 256, H/4, W/4], ..., [B, 2048, H/16, W/16]
        x = self.attend(x)  # [B, 32, H/16, W/16]
        for climb, fine in zip(self.climb, reversed(finer), strict=True):
            h, w = fine.shape[-2:]
            x = climb(fine, x)  # [B, climb.channels, h, w]
        x = self.classify(x)  # [B, K, H/4, W/4]
        return SemanticLogits(self.enlarge(x, image))  # [B, K, H, W]


class PyramidAttention(nn.Module):
    """The map, multiplied by a pyramid's weights, and its mean (the paper's FPA)."""

    def __init__(self, in_channels: int, channels: int) -> None:
        super().__init__()
        self.channels = channels
        self.glance, self.project = ConvNormAct(in_channels, channels, 1), ConvNormAct(in_channels, channels, 1)
        self.shrink = nn.MaxPool2d(2, ceil_mode=True)
        self.look7, self.look5 = ConvNormAct(in_channels, 1, 7), ConvNormAct(1, 1, 5)
        self.look3 = nn.Sequential(ConvNormAct(1, 1, 3), ConvNormAct(1, 1, 3))
        self.again7, self.again5 = ConvNormAct(1, 1, 7), ConvNormAct(1, 1, 5)
        self.enlarge = Resize()

    def forward(self, x: Tensor) -> Tensor:
        b, c, h, w = x.shape
        mean = x.mean(dim=(2, 3), keepdim=True)  # [b, c, 1, 1]
        require_two_values(mean, self.training, "the mean feature of the image")
        first = self.look7(self.shrink(x))  # [b, 1, ceil(h/2), ceil(w/2)]
        second = self.look5(self.shrink(first))  # [b, 1, ceil(h/4), ceil(w/4)]
        third = self.shrink(second)  # [b, 1, ceil(h/8), ceil(w/8)]
        require_two_values(third, self.training, "the coarsest map of the pyramid")
        weights = self.enlarge(self.look3(third), second) + self.again5(second)
        weights = self.enlarge(weights, first) + self.again7(first)
        weights = self.enlarge(weights, x)  # [b, 1, h, w]
        return self.project(x) * weights + self.glance(mean)  # [b, channels, h, w]


class GlobalAttention(nn.Module):
    """A finer map, its channels chosen by the mean of the coarser one, and that one, enlarged (the paper's GAU)."""

    def __init__(self, in_channels: int, channels: int) -> None:
        super().__init__()
        self.channels = channels
        self.reduce = ConvNormAct(in_channels, channels)
        self.choose = ConvNormAct(channels, channels, 1)
        self.choose.act = nn.Sigmoid()
        self.enlarge = Resize()

    def forward(self, fine: Tensor, x: Tensor) -> Tensor:
        b, _, h, w = fine.shape
        mean = x.mean(dim=(2, 3), keepdim=True)  # [b, channels, 1, 1]
        require_two_values(mean, self.training, "the mean of the coarser map")
        fine = self.reduce(fine)  # [b, channels, h, w]
        return self.enlarge(x, fine) + fine * self.choose(mean)  # [b, channels, h, w]
