"""RTSeg: any light encoder under any of three decoders, to see which pair is worth its arithmetic.

Siam, Gamal, Abdel-Razek, Yogamani, Jagersand. "RTSeg: Real-time Semantic Segmentation Comparative Study." ICIP 2018.
arXiv:1803.02758

Fast networks were proposed whole, so nobody could say whether the encoder or the decoder made them fast. This study
takes them apart: VGG-16, ResNet-18, MobileNet and ShuffleNet, each below a decoder that adds scores (SkipNet, as
FCN-8s does), one that adds features at every level (U-Net), and one that never shrinks below an eighth (dilation).

    skipnet                      unet                                      dilation
    c5 - score - x2 -,           c5 - narrow - x2 -,                       image - encoder of stride 8 - score - x8
    c4 - score ----- + - x2 -,   c4 -------------- + - mix ... x2 -,
    c3 - score ------------- + - x8                c1 ------------ + - mix - x2 - finish - score

Departures from the paper: every layer of U-Net's decoder has batch norm and ReLU, where the released code has no ReLU.
SkipNet's score layers and enlargements have no norm, where the code has batch norm behind all but the last. MobileNet is
dilated as published elsewhere, in its depthwise convolutions; the code's first version makes two of them full. ShuffleNet
is dilated in all units of its last two stages, in the code in the first of each only. VGG-16 in U-Net gets the decoder of
the other three, not the code's wider one.

Compared with MSiam/TFSegmentation models/: all three decoders on ShuffleNet; ShuffleNet itself with jaxony/ShuffleNet; the
other encoders were read; difference 0 (docs/faithfulness.md).
"""

from typing import Any

from torch import Tensor, nn

from ...blocks.conv import ConvNormAct, PixelClassifier
from ...blocks.resize import crop_like
from ...encoders import VGG16, Encoder, ShuffleNet, levels_of
from ...structures import SemanticLogits


class SkipNet(nn.Module):
    """Scores of three levels, summed on the way up.

    Args:
        encoder: "shufflenet", "vgg16" (with fc6 and fc7), or a timm backbone such as "mobilenetv1_100", "resnet18".
    """

    def __init__(
        self, num_classes: int, *, encoder: str = "shufflenet", in_channels: int = 3, pretrained: bool = False
    ) -> None:
        super().__init__()
        options: dict[str, Any] = {"levels": (3, 4, 5), "in_channels": in_channels, "pretrained": pretrained}
        self.encoder = VGG16(**options) if encoder == "vgg16" else pyramid(encoder, **options)
        self.score = nn.ModuleList(PixelClassifier(c, num_classes) for c in self.encoder.channels)
        self.climb = nn.ModuleList(enlarge(num_classes, 2) for _ in range(2))
        self.enlarge = enlarge(num_classes, 8)

    def forward(self, image: Tensor) -> SemanticLogits:
        c3, c4, c5 = self.encoder(image)  # [B, 240, H/8, W/8], [B, 480, H/16, W/16], [B, 960, H/32, W/32]
        x = self.score[2](c5)  # [B, K, H/32, W/32]
        x = self.score[1](c4) + crop_like(self.climb[1](x), c4)  # [B, K, H/16, W/16]
        x = self.score[0](c3) + crop_like(self.climb[0](x), c3)  # [B, K, H/8, W/8]
        return SemanticLogits(crop_like(self.enlarge(x), image))  # [B, K, H, W]


class UNet(nn.Module):
    """Features of every level, added on the way up.

    Args:
        encoder: "shufflenet", or a timm backbone such as "vgg16", "mobilenetv1_100", "resnet18".
        dropout: before the classifier, 0..1.
    """

    def __init__(
        self,
        num_classes: int,
        *,
        encoder: str = "shufflenet",
        in_channels: int = 3,
        dropout: float = 0.5,
        pretrained: bool = False,
    ) -> None:
        super().__init__()
        levels = (1, 2, 3, 4, 5) if encoder == "shufflenet" else levels_of(encoder)[:5]  # VGG: from 0 to conv5_3
        self.encoder = pyramid(encoder, levels=levels, in_channels=in_channels, pretrained=pretrained)
        *skips, deepest = self.encoder.channels
        self.up = nn.ModuleList(map(Up, (*skips[1:], deepest), skips))
        doublings = self.encoder.strides[0].bit_length() - 1  # of a stride of 1, 2 or 4
        self.last = nn.Sequential(*(grown(skips[0]) for _ in range(doublings)))
        self.finish = ConvNormAct(skips[0], skips[0], 1)
        self.score = PixelClassifier(skips[0], num_classes, dropout=dropout)

    def forward(self, image: Tensor) -> SemanticLogits:
        *skips, x = self.encoder(image)  # [B, 24, H/2, W/2], ..., [B, 960, H/32, W/32]
        for up, skip in zip(reversed(self.up), reversed(skips), strict=True):
            h, w = skip.shape[-2:]
            x = up(x, skip)  # [B, up.channels, h, w]
        x = self.finish(crop_like(self.last(x), image))  # [B, 24, H, W]
        return SemanticLogits(self.score(x))  # [B, K, H, W]


class Dilation(nn.Module):
    """An encoder whose last stages look further instead of shrinking, and one score layer.

    Args:
        encoder: "shufflenet", "vgg16", or a timm backbone that can be dilated, such as "mobilenetv1_100", "resnet18".
    """

    def __init__(
        self, num_classes: int, *, encoder: str = "shufflenet", in_channels: int = 3, pretrained: bool = False
    ) -> None:
        super().__init__()
        options: dict[str, Any] = {"in_channels": in_channels, "pretrained": pretrained}
        deep: list[nn.Module] = []
        if encoder == "vgg16":
            self.encoder = pyramid(encoder, levels=(3,), **options)
            deep = fc_at_stride_8(self.encoder.channels[0])
        else:
            self.encoder = pyramid(encoder, levels=(5,), output_stride=8, **options)
        self.score = nn.Sequential(*deep, PixelClassifier(1024 if deep else self.encoder.channels[0], num_classes))
        self.enlarge = enlarge(num_classes, 8)

    def forward(self, image: Tensor) -> SemanticLogits:
        (c5,) = self.encoder(image)  # [B, 960, H/8, W/8]
        x = self.score(c5)  # [B, K, H/8, W/8]
        return SemanticLogits(crop_like(self.enlarge(x), image))  # [B, K, H, W]


class Up(nn.Module):
    """Narrow to the skip's width, double, add the skip, mix the channels."""

    def __init__(self, in_channels: int, channels: int) -> None:
        super().__init__()
        self.channels = channels
        self.narrow, self.mix = ConvNormAct(in_channels, channels, 1), ConvNormAct(channels, channels, 1)
        self.grow = grown(channels)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        b, _, h, w = skip.shape
        x = crop_like(self.grow(self.narrow(x)), skip)  # [b, channels, h, w]
        return self.mix(x + skip)  # [b, channels, h, w]


def pyramid(name: str, **options: Any) -> Encoder | ShuffleNet:
    """ShuffleNet, or any timm backbone."""
    return ShuffleNet(**options) if name == "shufflenet" else Encoder(name, **options)


def enlarge(channels: int, factor: int) -> nn.ConvTranspose2d:
    """A transposed convolution that makes a map `factor` times as large; its kernel is twice that."""
    return nn.ConvTranspose2d(channels, channels, 2 * factor, stride=factor, padding=factor // 2)


def grown(channels: int) -> nn.Sequential:
    """Twice the size, norm, ReLU."""
    conv = nn.ConvTranspose2d(channels, channels, 4, stride=2, padding=1, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(channels), nn.ReLU(inplace=True))


def fc_at_stride_8(channels: int) -> list[nn.Module]:
    """VGG-16's fifth stage and its fc6 and fc7, without the two poolings before them."""
    layers: list[nn.Module] = []
    for width, kernel, dilation in ((channels, 3, 2), (channels, 3, 2), (channels, 3, 2), (1024, 7, 4), (1024, 1, 1)):
        conv = nn.Conv2d(channels, width, kernel, padding=dilation * (kernel // 2), dilation=dilation)
        nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")
        layers += [conv, nn.ReLU(inplace=True)]
        channels = width
    return layers
