"""Variants of networks that attend: OCR, hierarchical attention, SegFormer."""

from collections.abc import Sequence

from torch import nn

from ....blocks.conv import ConvNormAct
from ....blocks.resize import Resize
from ....models.attention.hierarchical import Hierarchical
from ....models.attention.ocr import OCR
from ....models.attention.segformer import SegFormer
from .mmseg import interpolate
from .parts import corners_meet


def hrnet_ocr(
    num_classes: int,
    *,
    encoder: str = "hrnet_w48",
    in_channels: int = 3,
    pretrained: bool = False,
) -> OCR:
    """OCR as HRNet's code has it: maps are enlarged so that their corners meet.

    Args:
        encoder: an HRNet; inside, timm's repeats pixels where theirs interpolates.
    """
    return corners_meet(OCR(num_classes, encoder=encoder, in_channels=in_channels, pretrained=pretrained))


def nvidia_hierarchical(
    num_classes: int,
    *,
    encoder: str = "hrnet_w48",
    in_channels: int = 3,
    scales: Sequence[float] = (0.5, 1.0, 2.0),
    channels: int = 512,
    width: int = 256,
    attention: int = 256,
    dropout: float = 0.05,
    pretrained: bool = False,
) -> Hierarchical:
    """Hierarchical attention as NVIDIA's code has it: each scale's scores are enlarged to its image, then combined.

    The answer is that code's where each scale's image has sides that are multiples of 32, and of 64 at least.

    Args:
        encoder: an HRNet, whose coarse branches are interpolated inside.
        scales: sizes of the image in evaluation, 1 among them.
        channels: width of the pixels' features.
        width: of the object context's queries, keys and values.
        attention: width of the attention head, whose last convolution has no bias.
        dropout: of whole maps, after the object context, 0..1.
    """
    network = Hierarchical(
        num_classes, encoder=encoder, in_channels=in_channels, scales=scales, channels=channels, width=width,
        attention=attention, dropout=dropout, pretrained=pretrained,
    )  # fmt: skip
    interpolate(network.encoder, align_corners=False)
    network.enlarge = Resize()
    network.context.fuse[1] = nn.Dropout2d(dropout)
    network.attend[2].score = nn.Conv2d(attention, 1, 1, bias=False)
    return network


def transformers_segformer(
    num_classes: int,
    *,
    encoder: str = "mit_b5",
    in_channels: int = 3,
    channels: int = 768,
    dropout: float = 0.1,
    pretrained: bool = False,
) -> SegFormer:
    """SegFormer as transformers has it: each layer norm of the encoder adds 1e-5 to the variance.

    Args:
        encoder: "mit_b0" to "mit_b5".
        channels: width of the decoder; 256 with MiT-B0 and B1.
        dropout: before the classifier, 0..1.
    """
    network = SegFormer(
        num_classes, encoder=encoder, in_channels=in_channels, channels=channels, dropout=dropout, pretrained=pretrained
    )
    return adding(network, 1e-5)


def mmseg_segformer(
    num_classes: int,
    *,
    encoder: str = "mit_b5",
    in_channels: int = 3,
    channels: int = 256,
    dropout: float = 0.1,
    pretrained: bool = False,
) -> SegFormer:
    """SegFormer as mmsegmentation has it: each map is brought to one width by a convolution with norm and ReLU.

    Args:
        encoder: "mit_b0" to "mit_b5".
        channels: width of the decoder.
        dropout: before the classifier, 0..1.
    """
    network = SegFormer(
        num_classes, encoder=encoder, in_channels=in_channels, channels=channels, dropout=dropout, pretrained=pretrained
    )
    network.project = nn.ModuleList(ConvNormAct(c, channels, 1) for c in network.encoder.channels)
    return adding(network, 1e-6)


def adding(network: SegFormer, epsilon: float) -> SegFormer:
    """The network, each layer norm of which adds that much to the variance."""
    for module in network.encoder.modules():
        if isinstance(module, nn.LayerNorm):
            module.eps = epsilon
    return network
