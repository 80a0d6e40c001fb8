"""Variants of networks as segmentation-models-pytorch builds them on encoders of any depth: U-Net, MA-Net, PAN, SegFormer.

An encoder that begins at stride 4, as ConvNeXt and Swin do, gets an empty feature of stride 2, so that decoders still climb
one step at a time.
"""

from collections.abc import Sequence
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ....blocks.conv import ConvNormAct, PixelClassifier
from ....encoders import Encoder, levels_of
from ....models.attention.manet import Fusion, MANet, PlaceAttention
from ....models.attention.pan import PAN, GlobalAttention, PyramidAttention
from ....models.attention.segformer import SegFormer
from ....models.resolution.unet import EncoderUNet
from .parts import corners_meet

Upsample = Literal["nearest", "bilinear"]


class Stepped(nn.Module):
    """An encoder, and before its features an empty one of stride 2.

    Args:
        encoder: whose finest feature has stride 4.
        width: how many channels of zeros the empty feature has.
    """

    def __init__(self, encoder: Encoder, width: int = 0) -> None:
        super().__init__()
        self.body, self.mean, self.std, self.width = encoder, encoder.mean, encoder.std, width
        self.channels, self.strides = (width, *encoder.channels), (2, *encoder.strides)

    def forward(self, image: Tensor) -> list[Tensor]:
        b, _, h, w = image.shape
        return [image.new_zeros(b, self.width, (h + 1) // 2, (w + 1) // 2), *self.body(image)]


class Attended(nn.Module):
    """Two convolutions, channels and places weighed before and behind them.

    Args:
        before: weigh what comes, too.
    """

    def __init__(self, layers: nn.Module, together: int, channels: int, before: bool) -> None:
        super().__init__()
        self.before = Weighed(together) if before else nn.Identity()
        self.layers, self.behind = layers, Weighed(channels)

    def forward(self, x: Tensor) -> Tensor:
        return self.behind(self.layers(self.before(x)))


class Weighed(nn.Module):
    """Concurrent squeeze and excitation: the map times a weight for each channel, plus the map times one for each place.

    Roy, Navab, Wachinger. MICCAI 2018. arXiv:1803.02579
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.shrink, self.widen = nn.Conv2d(channels, channels // 16, 1), nn.Conv2d(channels // 16, channels, 1)
        self.place = nn.Conv2d(channels, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        mean = x.mean(dim=(2, 3), keepdim=True)
        return x * self.widen(F.relu(self.shrink(mean))).sigmoid() + x * self.place(x).sigmoid()


class PairAttention(nn.Module):
    """Attention with one softmax over all pairs of places, whose answer is read in another order than it was written."""

    def __init__(self, paper: PlaceAttention) -> None:
        super().__init__()
        self.query, self.key, self.value, self.fuse = paper.query, paper.key, paper.value, paper.fuse

    def forward(self, x: Tensor) -> Tensor:
        query, key, value = (part(x).flatten(2).transpose(1, 2) for part in (self.query, self.key, self.value))
        pairs = query @ key.transpose(1, 2)
        weights = pairs.flatten(1).softmax(dim=1).view_as(pairs)
        return self.fuse(x + (weights @ value).reshape(x.shape))


def smp_unet(
    num_classes: int,
    *,
    encoder: str = "resnet34",
    in_channels: int = 3,
    channels: Sequence[int] = (16, 32, 64, 128, 256),
    depth: int = 5,
    upsample: Upsample = "nearest",
    center: bool = False,
    attention: bool = False,
    pretrained: bool = False,
) -> EncoderUNet:
    """U-Net as segmentation-models-pytorch has it on encoders that begin at stride 4, and with its other options.

    Args:
        channels: widths of the decoder, finest first.
        depth: of the encoder, 1 to 5: its coarsest feature has stride 2**depth.
        upsample: how maps are doubled; its `decoder_interpolation`.
        center: two convolutions more at the coarsest feature, as on a VGG.
        attention: its `decoder_attention_type="scse"`.
    """
    body = encoder_of(encoder, depth, in_channels, pretrained)
    network = EncoderUNet(num_classes, body, channels, upsample=upsample)
    if center:
        network.bridge = pair(body.channels[-1])  # type: ignore[assignment]
    if attention:
        blocks: list[Any] = list(network.decode)
        for n, block in enumerate(blocks):
            last = n == len(network.decode) - 1
            block.conv = Attended(block.conv, block.together, block.channels, before=not last)
    return network


def smp_manet(
    num_classes: int,
    *,
    encoder: str = "resnet34",
    in_channels: int = 3,
    channels: Sequence[int] = (16, 32, 64, 128, 256),
    attention: int = 64,
    depth: int = 5,
    upsample: Upsample = "nearest",
    pretrained: bool = False,
) -> MANet:
    """MA-Net as segmentation-models-pytorch has it: one softmax over all pairs of places.

    Args:
        channels: widths of the decoder, finest first.
        attention: width in which places are compared; its `decoder_pab_channels`.
        depth: of the encoder, 3 to 5.
        upsample: how maps are doubled; its `decoder_interpolation`.
    """
    body: Any = encoder_of(encoder, depth, in_channels, pretrained)
    with torch.device("meta"):  # every part is exchanged
        network = MANet(num_classes, encoder="resnet18", upsample=upsample)
    *skips, deepest = body.channels
    *widths, last = list(reversed(channels))[:depth]
    network.encoder, network.attend = body, PairAttention(PlaceAttention(deepest, attention))  # type: ignore[assignment]
    network.decode = nn.ModuleList(
        Fusion(before, skip, width, 16, upsample) if skip else Climb(before, width, upsample)
        for before, skip, width in zip([deepest, *widths[:-1]], reversed(skips), widths, strict=True)
    )
    network.finish = nn.Sequential(ConvNormAct(widths[-1], last), ConvNormAct(last, last))
    network.classify = PixelClassifier(last, num_classes, kernel=3)
    return network


class Climb(nn.Module):
    """A map in the size of an empty one, and two convolutions."""

    def __init__(self, in_channels: int, channels: int, upsample: Upsample) -> None:
        super().__init__()
        self.upsample, self.conv = (
            upsample,
            nn.Sequential(ConvNormAct(in_channels, channels), ConvNormAct(channels, channels)),
        )

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        return self.conv(F.interpolate(x, skip.shape[-2:], mode=self.upsample))


def smp_pan(
    num_classes: int,
    *,
    encoder: str = "resnet34",
    in_channels: int = 3,
    channels: int = 32,
    depth: int = 5,
    output_stride: Literal[16, 32] = 16,
    dilate_first: bool = True,
    upsample: Upsample = "bilinear",
    pretrained: bool = False,
) -> PAN:
    """PAN as segmentation-models-pytorch has it: maps are enlarged so that their corners meet.

    Args:
        channels: width of the decoder.
        depth: of the encoder, 3 to 5.
        output_stride: of the encoder; its `encoder_output_stride`.
        dilate_first: dilate the blocks that lost their stride as widely as the rest, as its own encoders do; those that it
            calls "tu-..." do not.
        upsample: how coarse maps are enlarged; its `decoder_interpolation`.
    """
    with torch.device("meta"):  # every part is exchanged
        network = PAN(num_classes, encoder="resnet18", channels=channels, output_stride=32)
    network.encoder = Encoder(
        encoder, levels=tuple(range(2, depth + 1)), output_stride=min(output_stride, 2**depth) if depth > 3 else 32,
        dilate_first=dilate_first, in_channels=in_channels, pretrained=pretrained,
    )  # fmt: skip
    *_, coarsest = network.encoder.channels
    network.attend = PyramidAttention(coarsest, channels)
    network.attend.shrink = Halved()  # type: ignore[assignment]
    network.climb = nn.ModuleList(GlobalAttention(c, channels) for c in reversed(network.encoder.channels[:-1]))
    network.classify = PixelClassifier(channels, num_classes, kernel=3)
    corners_meet(network)
    for climb in network.climb:
        climb.enlarge.mode = upsample  # type: ignore[assignment]
    return network


class Halved(nn.Module):
    """Pooling over 2x2 pixels that leaves an odd last row or column out, unless it is the only one."""

    def forward(self, x: Tensor) -> Tensor:
        return F.max_pool2d(x, 2, ceil_mode=min(x.shape[-2:]) < 2)


def smp_segformer(
    num_classes: int,
    *,
    encoder: str = "resnet34",
    in_channels: int = 3,
    channels: int = 256,
    depth: int = 5,
    pretrained: bool = False,
) -> SegFormer:
    """SegFormer as segmentation-models-pytorch has it: without dropout, and with a map of stride 2 where there is one.

    Args:
        channels: width of the decoder.
        depth: of the encoder, 3 to 5.
    """
    levels = [n for n in levels_of(encoder) if 1 <= n <= depth]
    network = SegFormer(
        num_classes, encoder=encoder, in_channels=in_channels, channels=channels, levels=levels, dropout=0.0,
        pretrained=pretrained,
    )  # fmt: skip
    return corners_meet_last(network)


def corners_meet_last(network: SegFormer) -> SegFormer:
    """The network, its last enlargement aligned at the corners' centers."""
    network.enlarge.align_corners = True
    return network


def encoder_of(encoder: str, depth: int, in_channels: int, pretrained: bool) -> Any:
    """The encoder with a feature of every stride from 2 to 2**depth, an empty one where it has none."""
    levels = tuple(n for n in levels_of(encoder) if 1 <= n <= depth)
    body = Encoder(encoder, levels=levels, in_channels=in_channels, pretrained=pretrained)
    return Stepped(body) if levels[0] == 2 else body


def pair(channels: int) -> nn.Sequential:
    """Two convolutions that keep the width."""
    return nn.Sequential(ConvNormAct(channels, channels), ConvNormAct(channels, channels))
