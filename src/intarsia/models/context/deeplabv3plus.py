"""DeepLab v3+: look at each place through holes of several sizes, then sharpen the outline with an early feature.

Chen, Zhu, Papandreou, Schroff, Adam. "Encoder-Decoder with Atrous Separable Convolution for Semantic Image
Segmentation." ECCV 2018. arXiv:1802.02611

A convolution with holes (atrous) sees far without shrinking the map. Several of them side by side, at rates 6, 12 and
18, and the mean of the image see objects of every size. DeepLab v3 enlarged that answer 8 or 16 times at once and
blurred the outlines; v3+ stops halfway, adds a feature of stride 4, and refines.

    image - dilated encoder - c2 - 1x1 --------------------------,
                            ` c5 - atrous pyramid - x4 or x2 - beside - 3x3 - 3x3 - classify - x4 - logits

Departures from the paper: the encoder is any dilatable backbone of timm ("xception65" and "xception71" are the paper's,
"resnet101" its baseline); dropout in the atrous pyramid and none elsewhere, as in the released code.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ...blocks.conv import ConvNormAct, PixelClassifier
from ...blocks.resize import resize_like
from ...blocks.statistics import require_two_values
from ...encoders import Encoder
from ...errors import ModelError
from ...structures import SemanticLogits


class DeepLabV3Plus(nn.Module):
    """DeepLab v3+.

    Args:
        output_stride: of the encoder, 16, or 8 for denser features at four times the work.
        rates: of the atrous pyramid; null: 6, 12 and 18, doubled at output stride 8 (section 3.1).
        channels: width of the pyramid and of the decoder.
        detail: width to which the fine feature is reduced, so that it does not outweigh the pyramid.
        separable: depthwise separable convolutions; false for DeepLab v3's full ones.
        dropout: after the atrous pyramid, 0..1.
    """

    def __init__(
        self,
        num_classes: int,
        *,
        encoder: str = "xception65",
        in_channels: int = 3,
        output_stride: int = 16,
        rates: Sequence[int] | None = None,
        channels: int = 256,
        detail: int = 48,
        separable: bool = True,
        dropout: float = 0.1,
        pretrained: bool = False,
    ) -> None:
        super().__init__()
        self.encoder = Encoder(
            encoder, levels=(2, 5), output_stride=output_stride, in_channels=in_channels, pretrained=pretrained
        )
        c2, c5 = self.encoder.channels
        rates = rates or ((12, 24, 36) if output_stride == 8 else (6, 12, 18))
        self.pyramid = AtrousPyramid(c5, channels, rates, separable=separable, dropout=dropout)
        self.reduce = ConvNormAct(c2, detail, 1)
        conv = SeparableConv if separable else ConvNormAct
        self.refine = nn.Sequential(conv(channels + detail, channels), conv(channels, channels))
        self.classify = PixelClassifier(channels, num_classes)

    def forward(self, image: Tensor) -> SemanticLogits:
        c2, c5 = self.encoder(image)  # [B, 256, H/4, W/4], [B, 2048, H/16, W/16]
        x = self.pyramid(c5)  # [B, 256, H/16, W/16]
        x = resize_like(x, c2)  # [B, 256, H/4, W/4]
        x = torch.cat([x, self.reduce(c2)], dim=1)  # [B, 304, H/4, W/4]
        x = self.classify(self.refine(x))  # [B, K, H/4, W/4]
        return SemanticLogits(resize_like(x, image))  # [B, K, H, W]


class AtrousPyramid(nn.Module):
    """Side by side: the pixel itself, its surroundings at several rates, and the mean of the image (ASPP).

    Args:
        rates: distance, in pixels of the feature map, between the taps of each 3x3 kernel.
        separable: as in DeepLab v3+; false gives DeepLab v3's.
        between: norm and ReLU between the depthwise and the pointwise half, as in the released code; peers differ.
    """

    def __init__(
        self,
        in_channels: int,
        channels: int,
        rates: Sequence[int],
        *,
        separable: bool = True,
        between: bool = True,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        if not rates or min(rates) < 1:
            raise ModelError(f"rates is {list(rates)}; name the distances between taps, such as [6, 12, 18]")
        self.channels, self.together = channels, (len(rates) + 2) * channels
        self.look = nn.ModuleList([ConvNormAct(in_channels, channels, 1)])
        for rate in rates:
            self.look.append(
                SeparableConv(in_channels, channels, dilation=rate, between=between)
                if separable
                else ConvNormAct(in_channels, channels, dilation=rate)
            )
        self.glance = ConvNormAct(in_channels, channels, 1)
        self.fuse = nn.Sequential(ConvNormAct(self.together, channels, 1), nn.Dropout(dropout))

    def forward(self, x: Tensor) -> Tensor:
        b, c, h, w = x.shape
        mean = x.mean(dim=(2, 3), keepdim=True)  # [b, c, 1, 1]
        require_two_values(mean, self.training, "the mean feature of the image")
        mean = self.glance(mean)  # [b, channels, 1, 1]
        maps = [look(x) for look in self.look] + [mean.expand(-1, -1, h, w)]  # [b, channels, h, w] each
        x = torch.cat(maps, dim=1)  # [b, together, h, w]
        return self.fuse(x)  # [b, channels, h, w]


class SeparableConv(nn.Module):
    """A 3x3 convolution of each channel by itself, then a 1x1 convolution across channels, each with norm and ReLU.

    Args:
        between: whether norm and ReLU follow the first as well.
    """

    def __init__(self, in_channels: int, channels: int, *, dilation: int = 1, between: bool = True) -> None:
        super().__init__()
        self.depthwise: nn.Module = ConvNormAct(in_channels, in_channels, dilation=dilation, groups=in_channels)
        if not between:
            self.depthwise = nn.Conv2d(
                in_channels, in_channels, 3, padding=dilation, dilation=dilation, groups=in_channels, bias=False
            )
        self.pointwise = ConvNormAct(in_channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.pointwise(self.depthwise(x))
