"""Variants of networks that win back resolution: FPN, LinkNet, UNet++ and RefineNet."""

from collections.abc import Sequence
from typing import Any, Literal

from torch import nn

from ....blocks.resize import Resize
from ....models.resolution.fpn import FPN
from ....models.resolution.linknet import Decoder, LinkNet
from ....models.resolution.refinenet import RefineNet
from ....models.resolution.unetplusplus import Node, UNetPlusPlus
from .parts import corners_meet, exchange

Upsample = Literal["nearest", "bilinear"]


def smp_fpn(
    num_classes: int,
    *,
    encoder: str = "resnet34",
    in_channels: int = 3,
    channels: int = 256,
    branch: int = 128,
    upsample: Upsample = "nearest",
    dropout: float = 0.2,
    pretrained: bool = False,
) -> FPN:
    """FPN as segmentation-models-pytorch has it: the summed maps are not smoothed.

    Args:
        channels: width of the pyramid.
        branch: width of the semantic branch.
        upsample: how coarse maps are enlarged in the pyramid; its `decoder_interpolation`.
        dropout: before the classifier, 0..1.
    """
    options: dict[str, Any] = {"smooth": False, "dropout": dropout, "pretrained": pretrained}
    network = FPN(num_classes, encoder=encoder, in_channels=in_channels, channels=channels, branch=branch, **options)
    corners_meet(network).descend = Resize(mode=upsample)
    return network


def smp_linknet(
    num_classes: int,
    *,
    encoder: str = "resnet34",
    in_channels: int = 3,
    channels: int = 32,
    pretrained: bool = False,
) -> LinkNet:
    """LinkNet as segmentation-models-pytorch has it: the outputs of the stages are linked, and a fifth block ends it.

    Args:
        channels: width of the last maps before the classifier.
    """
    network = LinkNet(num_classes, encoder=encoder, in_channels=in_channels, channels=channels, pretrained=pretrained)
    c1, c2, c3, c4, c5 = network.encoder.channels
    exchange(
        network,
        pool=nn.Identity(),
        decode=nn.ModuleList(Decoder(a, b, 4, 2) for a, b in ((c5, c4), (c4, c3), (c3, c2), (c2, c1))),
        enlarge=nn.Identity(),
        refine=Decoder(c1, channels, 4, 2),
        classify=nn.Conv2d(channels, num_classes, 1),
    )
    return network


def smp_unetplusplus(
    num_classes: int,
    *,
    encoder: str = "resnet34",
    in_channels: int = 3,
    channels: Sequence[int] = (16, 32, 64, 128, 256),
    upsample: Upsample = "nearest",
    pretrained: bool = False,
) -> UNetPlusPlus:
    """UNet++ as segmentation-models-pytorch has it: one head.

    Args:
        channels: widths of the last nodes, finest first.
        upsample: how maps are doubled; its `decoder_interpolation`.
    """
    options: dict[str, Any] = {"deep_supervision": False, "pretrained": pretrained}
    network = UNetPlusPlus(num_classes, encoder=encoder, in_channels=in_channels, channels=channels, **options)
    for node in network.modules():
        if isinstance(node, Node):
            node.repeat = Resize(mode=upsample)
    return network


def matlab_refinenet(
    num_classes: int,
    *,
    encoder: str = "resnet101",
    in_channels: int = 3,
    pretrained: bool = False,
) -> RefineNet:
    """RefineNet as its authors' code has it: four poolings in a chain, and enlargements whose corners meet."""
    options: dict[str, Any] = {"pools": 4, "pretrained": pretrained}
    return corners_meet(RefineNet(num_classes, encoder=encoder, in_channels=in_channels, **options))
