"""Variants of networks that find objects: torchvision's Mask R-CNN and Faster R-CNN, versions 1 and 2."""

from typing import Any

from torch import nn

from ....blocks.box_head import BoxHead
from ....blocks.conv import ConvNormAct
from ....blocks.feature_pyramid import FeaturePyramid
from ....blocks.proposals import RegionProposals
from ....models.instances.maskrcnn import STRIDES, MaskRCNN
from .parts import exchange


def torchvision_maskrcnn(
    num_classes: int,
    *,
    encoder: str = "resnet50",
    in_channels: int = 3,
    masks: bool = True,
    score: float = 0.05,
    overlap: float = 0.5,
    limit: int = 100,
    frozen_norm: bool = True,
    epsilon: float = 1e-5,
    pretrained: bool = False,
) -> MaskRCNN:
    """Mask R-CNN as torchvision has it: RoIAlign as first released, half a pixel off.

    Args:
        masks: draw masks; without them the network is Faster R-CNN.
        score: objects that are less probable are left out, 0..1.
        overlap: IoU above which the worse of two objects of a class goes.
        limit: objects of an image at most.
        frozen_norm: batch norm of the encoder keeps its statistics and weights.
        epsilon: what the encoder's batch norm adds to each variance; 0 in the weights that torchvision released.
    """
    options: dict[str, Any] = {"score": score, "overlap": overlap, "limit": limit, "frozen_norm": frozen_norm}
    network = MaskRCNN(
        num_classes, encoder=encoder, in_channels=in_channels, masks=masks, pretrained=pretrained, **options
    )
    network.cut.aligned = network.cut_finer.aligned = False
    for module in network.encoder.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eps = epsilon
    return network


def torchvision_maskrcnn_v2(
    num_classes: int,
    *,
    encoder: str = "resnet50",
    in_channels: int = 3,
    masks: bool = True,
    score: float = 0.05,
    overlap: float = 0.5,
    limit: int = 100,
    frozen_norm: bool = False,
    pretrained: bool = False,
) -> MaskRCNN:
    """Mask R-CNN as torchvision's version 2 has it: batch norm everywhere, deeper heads.

    Li, Xie, Chen, Dollar, He, Girshick. "Benchmarking Detection Transfer Learning with Vision Transformers." 2021.
    arXiv:2111.11429

    Args:
        masks, score, overlap, limit, frozen_norm: as for `torchvision_maskrcnn`.
    """
    options: dict[str, Any] = {"score": score, "overlap": overlap, "limit": limit, "frozen_norm": frozen_norm}
    network = torchvision_maskrcnn(
        num_classes, encoder=encoder, in_channels=in_channels, masks=masks, pretrained=pretrained, **options
    )
    exchange(
        network,
        pyramid=FeaturePyramid(network.encoder.channels, 256, norm=True),
        propose=RegionProposals(256, strides=STRIDES, sizes=(32, 64, 128, 256, 512), depth=2),
        judge=BoxHead(256, num_classes, cells=7, width=1024, convolutions=4),
    )
    if network.draw is not None:
        network.draw.convolve = nn.Sequential(*(ConvNormAct(256, 256) for _ in range(4)))
    return network
