"""Variants of networks that attend: OCR, SegFormer."""

from torch import nn

from ....blocks.conv import ConvNormAct
from ....models.attention.ocr import OCR
from ....models.attention.segformer import SegFormer
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
