"""Variants of networks as mmsegmentation builds them: 512 channels behind the encoder, and a 3x3 convolution to fuse them."""

from collections.abc import Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn

from ....blocks.atrous import AtrousPyramid
from ....blocks.conv import ConvNormAct, PixelClassifier
from ....blocks.pooling import PyramidPooling
from ....blocks.resize import Resize
from ....encoders import Encoder, Exchange, dilate_stage
from ....models.attention.ocr import OCR
from ....models.context.deeplabv3 import DeepLabV3
from ....models.context.deeplabv3plus import DeepLabV3Plus
from ....models.context.fcn_resnet import FCNResNet
from ....models.context.pspnet import PSPNet
from ....models.context.upernet import UPerNet
from ....models.resolution.hrnet import HRNet
from .context import ChannelNorm
from .parts import corners_meet

RATES = (12, 24, 36)


class Beside(nn.Module):
    """Two convolutions, and a third on their answer beside what came."""

    def __init__(self, in_channels: int, channels: int) -> None:
        super().__init__()
        self.convolve = nn.Sequential(ConvNormAct(in_channels, channels), ConvNormAct(channels, channels))
        self.fuse = ConvNormAct(in_channels + channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        return self.fuse(torch.cat([x, self.convolve(x)], dim=1))


def mmseg_fcn(
    num_classes: int,
    *,
    encoder: str = "resnet50c",
    in_channels: int = 3,
    channels: int = 512,
    output_stride: Literal[8, 16] = 8,
    auxiliary: bool = False,
    pretrained: bool = False,
) -> FCNResNet:
    """FCN as mmsegmentation has it: two convolutions, their answer beside the feature, and a third.

    Args:
        channels: width of the convolutions.
        output_stride: of the encoder.
        auxiliary: a second classifier on c4, in training only.
    """
    network = FCNResNet(
        num_classes, encoder=encoder, in_channels=in_channels, channels=channels, output_stride=output_stride,
        auxiliary=auxiliary, pretrained=pretrained,
    )  # fmt: skip
    network.convolve = Beside(network.encoder.channels[-1], channels)  # type: ignore[assignment]
    return network


def mmseg_pspnet(
    num_classes: int,
    *,
    encoder: str = "resnet50c",
    in_channels: int = 3,
    channels: int = 512,
    output_stride: Literal[8, 16] = 8,
    auxiliary: bool = False,
    align_corners: bool = False,
    pretrained: bool = False,
) -> PSPNet:
    """PSPNet as mmsegmentation has it: the first block of a dilated stage keeps the rate before.

    Args:
        channels: width of each grid's averages and of the fused feature.
        output_stride: of the encoder.
        auxiliary: a second classifier on c4, in training only.
        align_corners: maps are enlarged so that their corners meet, as in all of its files for 769 pixels.
    """
    options: dict[str, Any] = {"auxiliary": auxiliary, "channels": channels, "output_stride": output_stride}
    network = PSPNet(num_classes, encoder=encoder, in_channels=in_channels, **options)
    network.encoder = _encoder(encoder, (4, 5) if auxiliary else (5,), output_stride, in_channels, pretrained)
    network.pool = PyramidPooling(network.encoder.channels[-1], (1, 2, 3, 6), share=channels)
    network.fuse = ConvNormAct(network.pool.out_channels, channels)
    return corners_meet(network) if align_corners else network


def mmseg_deeplabv3(
    num_classes: int,
    *,
    encoder: str = "resnet50c",
    in_channels: int = 3,
    channels: int = 512,
    output_stride: Literal[8, 16] = 8,
    rates: Sequence[int] = RATES,
    multi_grid: Sequence[int] | None = None,
    align_corners: bool = False,
    pretrained: bool = False,
) -> DeepLabV3:
    """DeepLab v3 as mmsegmentation has it: the branches of the pyramid are fused by a 3x3 convolution.

    Args:
        channels: width of the pyramid.
        output_stride: of the encoder.
        rates: of the pyramid.
        multi_grid: rates of the blocks of the encoder's last stage; (1, 2, 4) in "mg124"; null: the stage's own.
        align_corners: maps are enlarged so that their corners meet, as in all of its files for 769 pixels.
    """
    network = DeepLabV3(
        num_classes, encoder=encoder, in_channels=in_channels, output_stride=output_stride, rates=rates,
        channels=channels, multi_grid=None, pretrained=pretrained,
    )  # fmt: skip
    if multi_grid is not None:
        dilate_stage(network.encoder.body, 5, multi_grid)
    network.pyramid.fuse[0] = ConvNormAct(network.pyramid.together, channels)
    return corners_meet(network) if align_corners else network


def mmseg_deeplabv3plus(
    num_classes: int,
    *,
    encoder: str = "resnet50c",
    in_channels: int = 3,
    channels: int = 512,
    detail: int = 48,
    output_stride: Literal[8, 16] = 8,
    rates: Sequence[int] = RATES,
    align_corners: bool = False,
    pretrained: bool = False,
) -> DeepLabV3Plus:
    """DeepLab v3+ as mmsegmentation has it: the branches of the pyramid are fused by a 3x3 convolution.

    Args:
        channels: width of the pyramid and of the decoder.
        detail: width to which the fine feature is reduced.
        output_stride: of the encoder.
        rates: of the pyramid.
        align_corners: maps are enlarged so that their corners meet, as in all of its files for 769 pixels.
    """
    network = DeepLabV3Plus(
        num_classes, encoder=encoder, in_channels=in_channels, output_stride=32, rates=rates, channels=channels,
        detail=detail,
    )  # fmt: skip
    network.encoder = _encoder(encoder, (2, 5), output_stride, in_channels, pretrained)
    pyramid: AtrousPyramid = network.pyramid
    pyramid.fuse[0] = ConvNormAct(pyramid.together, channels)
    return corners_meet(network) if align_corners else network


def mmseg_upernet(
    num_classes: int,
    *,
    encoder: str = "resnet50c",
    in_channels: int = 3,
    channels: int = 512,
    auxiliary: int = 0,
    norm: bool = False,
    pretrained: bool = False,
) -> UPerNet:
    """UPerNet as mmsegmentation and transformers have it: averages are narrowed before they are enlarged.

    Args:
        channels: width of the pyramid and of each grid's averages.
        auxiliary: width of a second classifier on c4, in training only; 0: none.
        norm: layer norm on each feature, as on ConvNeXt.
    """
    options: dict[str, Any] = {"auxiliary": False, "channels": channels, "pretrained": pretrained}
    network = UPerNet(num_classes, encoder=encoder, in_channels=in_channels, **options)
    widths = network.encoder.channels
    network.scene[0] = PyramidPooling(widths[-1], (1, 2, 3, 6), share=channels)
    if norm:
        network.norm = nn.ModuleList(ChannelNorm(c) for c in widths)
    if auxiliary:
        network.auxiliary = nn.Sequential(ConvNormAct(widths[2], auxiliary), PixelClassifier(auxiliary, num_classes))
    return network


def interpolated_hrnet(
    num_classes: int,
    *,
    encoder: str = "hrnet_w48",
    in_channels: int = 3,
    align_corners: bool = False,
    doubled: bool = False,
    pretrained: bool = False,
) -> HRNet:
    """HRNet as its authors and mmsegmentation have it: coarse branches are interpolated when they advise finer ones.

    Args:
        align_corners: maps are enlarged so that their corners meet.
        doubled: inside, maps are doubled before they take the size of a finer branch, and their corners never meet, as
            mmsegmentation has it; it matters where 32 does not divide the image's sides.
    """
    network = HRNet(
        num_classes, encoder=encoder, in_channels=in_channels, align_corners=align_corners, pretrained=pretrained
    )
    interpolate(network.encoder, align_corners, doubled)
    return network


def interpolated_ocr(
    num_classes: int,
    *,
    encoder: str = "hrnet_w48",
    in_channels: int = 3,
    channels: int = 512,
    width: int = 256,
    align_corners: bool = False,
    doubled: bool = False,
    pretrained: bool = False,
) -> OCR:
    """OCR on an HRNet as its authors and mmsegmentation have it: coarse branches are interpolated inside.

    Args:
        channels: width of the pixels' features.
        width: of queries, keys and values.
        align_corners: maps are enlarged so that their corners meet.
        doubled: as for `interpolated_hrnet`.
    """
    network = OCR(
        num_classes, encoder=encoder, in_channels=in_channels, channels=channels, width=width, pretrained=pretrained
    )
    network = corners_meet(network) if align_corners else network
    interpolate(network.encoder, align_corners, doubled)
    return network


def interpolate(encoder: nn.Module, align_corners: bool, doubled: bool = False) -> None:
    """Let an HRNet's branches be enlarged bilinearly where timm repeats pixels."""
    for module in encoder.modules():
        if isinstance(module, Exchange):
            module.enlarge = Resize(align_corners=align_corners and not doubled)
            module.doubled = "bilinear" if doubled else ""


def _encoder(name: str, levels: tuple[int, ...], stride: int, in_channels: int, pretrained: bool) -> Encoder:
    return Encoder(name, levels=levels, output_stride=stride, in_channels=in_channels, pretrained=pretrained)
