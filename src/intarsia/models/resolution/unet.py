"""U-Net: every feature map of the way down is laid beside its equal on the way up.

Ronneberger, Fischer, Brox. "U-Net: Convolutional Networks for Biomedical Image Segmentation." MICCAI 2015.
arXiv:1505.04597

Going down gathers what is in the image and loses where it is. U-Net copies each map, whole, across to the decoder, so
that a pixel is named by both. The plain network is deck 4's: 64 to 1024 channels, batch norm, 31,043,521 parameters for
three channels and one class. With `encoder`, the way down is a backbone that others have trained (deck 4's "change the
backbone"), and the way up doubles by repetition.

    image - encode1 ------------------------- decode1 - classify - logits
               ` pool - encode2 ----- decode2 - up '
                           ` pool ... up '
                                bridge '

Departures from the paper: convolutions are padded, so that the map keeps the image's size, and batch norm follows each
(both as in deck 4); pooling rounds up and the enlarged map is cropped to its partner, so that every size works.

Compared with milesial/Pytorch-UNet unet_model.py (the authors' is a Caffe network without norm): whole network;
difference 1e-5 (4.8); 31,044,691 : 31,038,803 (biases) (docs/faithfulness.md).
"""

from collections.abc import Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn

from ...blocks.conv import ConvNormAct, PixelClassifier
from ...blocks.resize import crop_like, resize_like
from ...encoders import Encoder, levels_of
from ...errors import ModelError
from ...structures import SemanticLogits


class UNet(nn.Module):
    """The plain network.

    Args:
        channels: widths, finest first; the last one is the bridge's.
    """

    def __init__(
        self, num_classes: int, *, in_channels: int = 3, channels: Sequence[int] = (64, 128, 256, 512, 1024)
    ) -> None:
        super().__init__()
        if len(channels) < 2:
            raise ModelError(f"unet takes at least two widths, finest first; channels is {list(channels)}")
        *widths, deepest = channels
        self.encode = nn.ModuleList(map(EncoderBlock, (in_channels, *widths[:-1]), widths))
        self.bridge = ConvBlock(widths[-1], deepest)
        self.decode = nn.ModuleList(map(DecoderBlock, reversed(channels[1:]), reversed(widths)))
        self.classify = nn.Conv2d(widths[0], num_classes, 1)

    def forward(self, image: Tensor) -> SemanticLogits:
        x, skips = image, []
        for encode in self.encode:
            h, w = x.shape[-2:]
            skip, x = encode(x)  # [B, encode.channels, h, w], [B, encode.channels, h/2, w/2]
            skips.append(skip)
        x = self.bridge(x)  # [B, 1024, H/16, W/16]
        for decode, skip in zip(self.decode, reversed(skips), strict=True):
            h, w = skip.shape[-2:]
            x = decode(x, skip)  # [B, decode.channels, h, w]
        return SemanticLogits(self.classify(x))  # [B, K, H, W]


class ConvBlock(nn.Module):
    """Twice: 3x3 convolution, batch norm, ReLU."""

    def __init__(self, in_channels: int, channels: int) -> None:
        super().__init__()
        self.channels = channels
        self.layers = nn.Sequential(
            *(nn.Conv2d(in_channels, channels, 3, padding=1), nn.BatchNorm2d(channels), nn.ReLU(inplace=True)),
            *(nn.Conv2d(channels, channels, 3, padding=1), nn.BatchNorm2d(channels), nn.ReLU(inplace=True)),
        )

    def forward(self, x: Tensor) -> Tensor:
        b, _, h, w = x.shape
        return self.layers(x)  # [b, channels, h, w]


class EncoderBlock(nn.Module):
    """A ConvBlock, whose map goes across, and its pooled half, which goes down."""

    def __init__(self, in_channels: int, channels: int) -> None:
        super().__init__()
        self.channels = channels
        self.conv = ConvBlock(in_channels, channels)
        self.pool = nn.MaxPool2d(2, ceil_mode=True)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        b, _, h, w = x.shape
        x = self.conv(x)  # [b, channels, h, w]
        return x, self.pool(x)  # [b, channels, h, w], [b, channels, h/2, w/2]


class DecoderBlock(nn.Module):
    """Twice the size, the map from across beside it, a ConvBlock."""

    def __init__(self, in_channels: int, channels: int) -> None:
        super().__init__()
        self.channels = channels
        self.up = nn.ConvTranspose2d(in_channels, channels, 2, stride=2)
        self.conv = ConvBlock(2 * channels, channels)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        b, _, h, w = skip.shape
        x = crop_like(self.up(x), skip)  # [b, channels, h, w]
        x = torch.cat([x, skip], dim=1)  # [b, 2*channels, h, w]
        return self.conv(x)  # [b, channels, h, w]


class EncoderUNet(nn.Module):
    """A backbone going down, and a decoder that goes all the way up to the image.

    Args:
        encoder: an `Encoder`, features finest first.
        channels: widths of the decoder, finest first; one more than the backbone has skips.
    """

    def __init__(
        self, num_classes: int, encoder: Any, channels: Sequence[int], *, upsample: Literal["nearest", "bilinear"]
    ) -> None:
        super().__init__()
        self.encoder = encoder
        *skips, deepest = encoder.channels
        levels = len(encoder.channels)
        if len(channels) < levels:
            raise ModelError(
                f"unet on this encoder takes {levels} decoder widths, finest first; channels is {list(channels)}"
            )
        widths = list(reversed(channels))[:levels]
        self.bridge = nn.Identity()  # a peer's variant convolves
        self.decode = nn.ModuleList(
            UpBlock(before, skip, width, upsample)
            for before, skip, width in zip([deepest, *widths[:-1]], [*reversed(skips), 0], widths, strict=True)
        )
        self.classify = PixelClassifier(widths[-1], num_classes, kernel=3)

    def forward(self, image: Tensor) -> SemanticLogits:
        *skips, x = self.encoder(image)  # [B, 64, H/2, W/2], ..., [B, 2048, H/32, W/32]
        x = self.bridge(x)
        for decode, skip in zip(self.decode, reversed(skips), strict=False):
            h, w = skip.shape[-2:]  # strides 16, 8, 4, 2
            x = decode(x, skip, skip)  # [B, decode.channels, h, w]
        x = self.decode[-1](x, image, None)  # [B, 16, H, W]
        return SemanticLogits(self.classify(x))  # [B, K, H, W]


class UpBlock(nn.Module):
    """Enlarge to the size of a reference, lay the skip beside it if there is one, and convolve twice."""

    def __init__(self, in_channels: int, skip_channels: int, channels: int, upsample: str) -> None:
        super().__init__()
        self.in_channels, self.channels, self.upsample = in_channels, channels, upsample
        self.together = in_channels + skip_channels
        self.conv = nn.Sequential(ConvNormAct(self.together, channels), ConvNormAct(channels, channels))

    def forward(self, x: Tensor, reference: Tensor, skip: Tensor | None) -> Tensor:
        b, _, h, w = reference.shape
        x = resize_like(x, reference, mode=self.upsample)  # [b, in_channels, h, w]
        x = x if skip is None else torch.cat([x, skip], dim=1)  # [b, together, h, w]
        return self.conv(x)  # [b, channels, h, w]


def unet(
    num_classes: int,
    *,
    encoder: str | None = None,
    in_channels: int = 3,
    channels: Sequence[int] | None = None,
    upsample: Literal["nearest", "bilinear"] = "nearest",
    pretrained: bool = False,
) -> UNet | EncoderUNet:
    """U-Net: deck 4's plain network, or one on any pretrained backbone.

    Args:
        encoder: null for the plain network, or the name of a timm backbone, such as "resnet34".
        channels: widths, finest first; null: 64, 128, 256, 512, 1024, or with an encoder those of its decoder, 16, 32,
            64, 128, 256.
        upsample: how the decoder on a backbone doubles; the plain network learns it.
        pretrained: start the backbone from ImageNet weights.

    Raises: ModelError, when the plain network is asked for pretrained weights.
    """
    if encoder is not None:
        levels = tuple(n for n in levels_of(encoder) if 1 <= n <= 5)
        body = Encoder(encoder, levels=levels, in_channels=in_channels, pretrained=pretrained)
        return EncoderUNet(num_classes, body, channels or (16, 32, 64, 128, 256), upsample=upsample)
    if pretrained:
        raise ModelError("the plain unet has no pretrained weights; name an encoder, such as encoder='resnet34'")
    if upsample != "nearest":
        raise ModelError("the plain unet learns how to enlarge; upsample goes with an encoder, such as 'resnet34'")
    return UNet(num_classes, in_channels=in_channels, channels=channels or (64, 128, 256, 512, 1024))
