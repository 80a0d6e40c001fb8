"""Variants of networks that look at a pixel's surroundings: PSPNet, DeepLab v3 and v3+, UPerNet."""

from collections.abc import Sequence
from typing import Any, Literal

from torch import Tensor, nn

from ....blocks.atrous import AtrousPyramid, SeparableConv
from ....blocks.conv import ConvNormAct, PixelClassifier
from ....blocks.pooling import PyramidPooling
from ....blocks.resize import Resize
from ....encoders import Encoder, is_resnet
from ....models.context.deeplabv3 import DeepLabV3
from ....models.context.deeplabv3plus import DeepLabV3Plus
from ....models.context.fcn_resnet import FCNResNet
from ....models.context.pspnet import PSPNet
from ....models.context.upernet import UPerNet
from .parts import corners_meet, exchange

RATES = (12, 24, 36)  # of both libraries' DeepLabs, at whatever output stride


def torchvision_deeplabv3(
    num_classes: int,
    *,
    encoder: str = "resnet101",
    in_channels: int = 3,
    rates: Sequence[int] = RATES,
    channels: int = 256,
    auxiliary: bool = False,
    dropout: float = 0.5,
    pretrained: bool = False,
) -> DeepLabV3:
    """DeepLab v3 as torchvision has it: no multi-grid, a 3x3 convolution before the classifier, a second head on c4.

    Args:
        encoder: a ResNet, at output stride 8, or a MobileNet, at 16, whose block that lost its stride is dilated, too.
        rates: of the pyramid.
        channels: width of the pyramid.
        auxiliary: a second classifier on c4, in training only.
        dropout: after the pyramid, 0..1.
    """
    options: dict[str, Any] = {"rates": rates, "channels": channels, "dropout": dropout}
    network = DeepLabV3(num_classes, encoder=encoder, in_channels=in_channels, multi_grid=None, **options)
    dense = is_resnet(network.encoder.body)
    network.encoder = Encoder(
        encoder,
        levels=(4, 5) if auxiliary else (5,),
        output_stride=8 if dense else 16,
        dilate_first=not dense,
        in_channels=in_channels,
        pretrained=pretrained,
    )
    exchange(network, classify=nn.Sequential(ConvNormAct(channels, channels), network.classify))
    if auxiliary:
        c4 = network.encoder.channels[0]
        head = PixelClassifier(c4 // 4, num_classes, dropout=0.1)
        network.auxiliary.append(nn.Sequential(ConvNormAct(c4, c4 // 4), head))
    return network


def imgclsmob_deeplabv3(
    num_classes: int,
    *,
    encoder: str = "resnet50s",
    in_channels: int = 3,
    rates: Sequence[int] = RATES,
    channels: int = 256,
    auxiliary: bool = False,
    align_corners: bool = True,
    pretrained: bool = False,
) -> DeepLabV3:
    """DeepLab v3 as imgclsmob has it: as torchvision's, with maps enlarged so that their corners meet.

    Args:
        rates: of the pyramid.
        channels: width of the pyramid.
        auxiliary: a second classifier on c4, in training only.
        align_corners: maps are enlarged so that their corners meet.
    """
    network = torchvision_deeplabv3(
        num_classes, encoder=encoder, in_channels=in_channels, rates=rates, channels=channels, auxiliary=auxiliary,
        pretrained=pretrained,
    )  # fmt: skip
    return corners_meet(network) if align_corners else network


def imgclsmob_fcn(
    num_classes: int,
    *,
    encoder: str = "resnet50s",
    in_channels: int = 3,
    channels: int = 512,
    auxiliary: bool = False,
    align_corners: bool = True,
    pretrained: bool = False,
) -> FCNResNet:
    """FCN's head on a dilated ResNet as imgclsmob has it ("FCN8sd"): maps are enlarged so that their corners meet.

    Args:
        channels: width of the feature that is classified.
        auxiliary: a second classifier on c4, in training only.
        align_corners: maps are enlarged so that their corners meet.
    """
    network = FCNResNet(
        num_classes,
        encoder=encoder,
        in_channels=in_channels,
        channels=channels,
        auxiliary=auxiliary,
        pretrained=pretrained,
    )
    return corners_meet(network) if align_corners else network


def smp_pspnet(
    num_classes: int,
    *,
    encoder: str = "resnet34",
    in_channels: int = 3,
    level: Literal[3, 4, 5] = 3,
    channels: int = 512,
    dropout: float = 0.2,
    pretrained: bool = False,
) -> PSPNet:
    """PSPNet as segmentation-models-pytorch has it: a shallow encoder without holes, a 1x1 fusion, a 3x3 classifier.

    Args:
        level: of the encoder's feature that is pooled, of stride 8, 16 or 32; its `encoder_depth`.
        channels: width of the fused feature.
        dropout: before the classifier, 0..1.
    """
    options: dict[str, Any] = {"auxiliary": False, "channels": channels, "dropout": dropout}
    network = PSPNet(num_classes, encoder=encoder, in_channels=in_channels, output_stride=32, **options)
    network.encoder = Encoder(
        encoder, levels=(level,), output_stride=2**level, in_channels=in_channels, pretrained=pretrained
    )
    (deepest,) = network.encoder.channels
    network.pool = PyramidPooling(deepest, (1, 2, 3, 6), lone_norm=False)
    network.fuse = ConvNormAct(network.pool.out_channels, channels, 1)
    network.classify = PixelClassifier(channels, num_classes, dropout=dropout, kernel=3)
    return corners_meet(network)


def smp_deeplabv3(
    num_classes: int,
    *,
    encoder: str = "resnet34",
    in_channels: int = 3,
    output_stride: Literal[8, 16] = 8,
    rates: Sequence[int] = RATES,
    channels: int = 256,
    dropout: float = 0.5,
    dilate_first: bool = True,
    level: Literal[3, 4, 5] = 5,
    pretrained: bool = False,
) -> DeepLabV3:
    """DeepLab v3 as segmentation-models-pytorch has it: no multi-grid, and a 3x3 convolution before the classifier.

    Args:
        output_stride: of the encoder; its `encoder_output_stride`.
        rates: of the pyramid; its `decoder_atrous_rates`.
        channels: width of the pyramid.
        dropout: after the pyramid, 0..1.
        dilate_first: dilate the blocks that lost their stride as widely as the rest, as its own encoders do; those that it
            calls "tu-..." do not.
        level: of the encoder's feature that the pyramid sees; its `encoder_depth`.
    """
    options: dict[str, Any] = {"rates": rates, "channels": channels, "dropout": dropout, "multi_grid": None}
    network = DeepLabV3(num_classes, encoder=encoder, in_channels=in_channels, **options)
    network.encoder = _dilated(encoder, (level,), output_stride, dilate_first, in_channels, pretrained)
    if level < 5:
        network.pyramid = AtrousPyramid(network.encoder.channels[0], channels, rates, separable=False, dropout=dropout)
    exchange(network, classify=nn.Sequential(ConvNormAct(channels, channels), network.classify))
    return corners_meet(network)


def smp_deeplabv3plus(
    num_classes: int,
    *,
    encoder: str = "resnet34",
    in_channels: int = 3,
    output_stride: Literal[8, 16] = 16,
    rates: Sequence[int] = RATES,
    channels: int = 256,
    detail: int = 48,
    dropout: float = 0.5,
    dilate_first: bool = True,
    level: Literal[3, 4, 5] = 5,
    pretrained: bool = False,
) -> DeepLabV3Plus:
    """DeepLab v3+ as segmentation-models-pytorch has it: one convolution after the pyramid, one after the fine feature.

    Between the two halves of a separable convolution it has neither norm nor ReLU.

    Args:
        output_stride: of the encoder; its `encoder_output_stride`.
        rates: of the pyramid; its `decoder_atrous_rates`.
        channels: width of the pyramid and of the decoder.
        detail: width to which the fine feature is reduced.
        dropout: after the pyramid, 0..1.
        dilate_first: dilate the blocks that lost their stride as widely as the rest, as its own encoders do; those that it
            calls "tu-..." do not.
        level: of the encoder's feature that the pyramid sees; its `encoder_depth`.
    """
    options: dict[str, Any] = {"channels": channels, "detail": detail, "refinements": 1}
    network = DeepLabV3Plus(num_classes, encoder=encoder, in_channels=in_channels, **options)
    network.encoder = _dilated(encoder, (2, level), output_stride, dilate_first, in_channels, pretrained)
    c5 = network.encoder.channels[-1]
    pyramid = AtrousPyramid(c5, channels, rates, between=False, dropout=dropout)
    exchange(
        network,
        pyramid=nn.Sequential(pyramid, SeparableConv(channels, channels, between=False)),
        refine=nn.Sequential(SeparableConv(channels + detail, channels, between=False)),
    )
    return corners_meet(network)


def smp_upernet(
    num_classes: int,
    *,
    encoder: str = "resnet34",
    in_channels: int = 3,
    channels: int = 256,
    pretrained: bool = False,
) -> UPerNet:
    """UPerNet as segmentation-models-pytorch has it: layer norm on each feature, averages narrowed before the enlargement.

    Args:
        channels: width of the pyramid and of each grid's averages.
    """
    options: dict[str, Any] = {"auxiliary": False, "pretrained": pretrained}
    network = UPerNet(num_classes, encoder=encoder, in_channels=in_channels, channels=channels, **options)
    widths = network.encoder.channels
    network.norm = nn.ModuleList(ChannelNorm(c) for c in widths)
    network.scene[0] = PyramidPooling(widths[-1], (1, 2, 3, 6), share=channels)
    network.enlarge = Resize(align_corners=True)  # inside, it has half-pixel centers
    return network


def semseg_pspnet(
    num_classes: int,
    *,
    encoder: str = "resnet50s",
    in_channels: int = 3,
    pretrained: bool = False,
) -> PSPNet:
    """PSPNet as its authors' PyTorch code has it: maps are enlarged so that their corners meet."""
    return corners_meet(PSPNet(num_classes, encoder=encoder, in_channels=in_channels, pretrained=pretrained))


def slim_deeplabv3(
    num_classes: int,
    *,
    encoder: str = "resnet101s",
    in_channels: int = 3,
    output_stride: Literal[8, 16] = 16,
    pretrained: bool = False,
) -> DeepLabV3:
    """DeepLab v3 as its authors' code has it: maps are enlarged so that their corners meet.

    Args:
        output_stride: of the encoder.
    """
    options: dict[str, Any] = {"output_stride": output_stride, "pretrained": pretrained}
    return corners_meet(DeepLabV3(num_classes, encoder=encoder, in_channels=in_channels, **options))


def slim_deeplabv3plus(
    num_classes: int,
    *,
    encoder: str = "xception65",
    in_channels: int = 3,
    output_stride: Literal[8, 16] = 16,
    pretrained: bool = False,
) -> DeepLabV3Plus:
    """DeepLab v3+ as its authors' code has it: maps are enlarged so that their corners meet.

    Args:
        output_stride: of the encoder.
    """
    options: dict[str, Any] = {"output_stride": output_stride, "pretrained": pretrained}
    return corners_meet(DeepLabV3Plus(num_classes, encoder=encoder, in_channels=in_channels, **options))


class ChannelNorm(nn.Module):
    """Layer norm over the channels of each pixel."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.layer = nn.LayerNorm(channels, eps=1e-6)

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


def _dilated(
    name: str, levels: tuple[int, ...], stride: int, first: bool, in_channels: int, pretrained: bool
) -> Encoder:
    return Encoder(
        name,
        levels=levels,
        output_stride=stride,
        dilate_first=first,
        in_channels=in_channels,
        pretrained=pretrained,
    )
