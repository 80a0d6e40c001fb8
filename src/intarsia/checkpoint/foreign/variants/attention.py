"""Variants of networks that attend: OCR, hierarchical attention, SegFormer, DPT."""

from collections.abc import Sequence

from torch import nn

from ....blocks.conv import ConvNormAct
from ....blocks.resize import Resize
from ....models.attention.dpt import DPT, Readout, ResidualUnit
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


def smp_dpt(
    num_classes: int,
    *,
    encoder: str = "vit_base_patch16_224",
    in_channels: int = 3,
    channels: int = 256,
    widths: Sequence[int] = (256, 512, 1024, 1024),
    blocks: Sequence[int] | None = None,
    side: int | None = None,
    readout: Readout = "project",
    dropout: float = 0.1,
    pretrained: bool = False,
) -> DPT:
    """DPT as segmentation-models-pytorch has it: corners meet, the coarsest map has a unit more, and training one head.

    Args:
        encoder: a plain vision transformer of timm; codes of places are resampled as timm does.
        channels: width of the decoder; its `decoder_fusion_channels`.
        widths: of the maps before they are fused, finest first; its `decoder_intermediate_channels`.
        blocks: of the encoder, whose tokens are taken; its `encoder_output_indices`.
        side: of the square image in pixels that the encoder's codes of places are for; its `img_size`.
        readout: what becomes of the class token; its `decoder_readout`, where "cat" is "project".
        dropout: before the classifier, 0..1.
    """
    network = DPT(
        num_classes, encoder=encoder, in_channels=in_channels, channels=channels, widths=widths, blocks=blocks, side=side,
        readout=readout, dropout=dropout, pretrained=pretrained,
    )  # fmt: skip
    network.encoder.resample, network.guide = "bicubic", None
    network.fuse[-1].adapt = ResidualUnit(channels)
    return corners_meet(network)


def transformers_dpt(
    num_classes: int,
    *,
    encoder: str = "vit_large_patch16_384",
    in_channels: int = 3,
    channels: int = 256,
    widths: Sequence[int] = (256, 512, 1024, 1024),
    blocks: Sequence[int] | None = None,
    side: int | None = 384,
    readout: Readout = "project",
    dropout: float = 0.1,
    pretrained: bool = False,
) -> DPT:
    """DPT as its authors' code and transformers have it: maps are enlarged so that their corners meet.

    Args:
        encoder: a plain vision transformer of timm.
        channels: width of the decoder.
        widths: of the maps before they are fused, finest first.
        blocks: of the encoder, whose tokens are taken, counted from 0.
        side: of the square image in pixels that the encoder's codes of places are for.
        readout: what becomes of the class token.
        dropout: before the classifiers, 0..1.
    """
    network = DPT(
        num_classes, encoder=encoder, in_channels=in_channels, channels=channels, widths=widths, blocks=blocks, side=side,
        readout=readout, dropout=dropout, pretrained=pretrained,
    )  # fmt: skip
    return corners_meet(network)
