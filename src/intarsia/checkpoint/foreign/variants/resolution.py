"""Variants of networks that win back resolution: FPN, LinkNet, UNet++, RefineNet, FC-DenseNet and SegNet."""

from collections.abc import Sequence
from itertools import pairwise
from math import gcd
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ....blocks.conv import ConvNormAct, PixelClassifier
from ....blocks.feature_pyramid import Branch
from ....blocks.resize import Resize
from ....encoders import Encoder
from ....models.resolution.fc_densenet import FCDenseNet, fc_densenet103
from ....models.resolution.fpn import FPN
from ....models.resolution.linknet import Decoder, LinkNet
from ....models.resolution.refinenet import RefineNet
from ....models.resolution.segnet import SegNet, Stage
from ....models.resolution.unetplusplus import Node, UNetPlusPlus
from .parts import corners_meet, exchange
from .smp import Attended, Stepped, Upsample, encoder_of


def smp_fpn(
    num_classes: int,
    *,
    encoder: str = "resnet34",
    in_channels: int = 3,
    channels: int = 256,
    branch: int = 128,
    upsample: Upsample = "nearest",
    merge: Literal["add", "cat"] = "add",
    depth: int = 5,
    dropout: float = 0.2,
    pretrained: bool = False,
) -> FPN:
    """FPN as segmentation-models-pytorch has it: the summed maps are not smoothed.

    Args:
        channels: width of the pyramid.
        branch: width of the semantic branch.
        upsample: how coarse maps are enlarged in the pyramid; its `decoder_interpolation`.
        merge: the branches are added, or lie side by side; its `decoder_merge_policy`.
        depth: of the encoder, 4 or 5: the pyramid begins at stride 2 or 4.
        dropout: before the classifier, 0..1.
    """
    options: dict[str, Any] = {"smooth": False, "dropout": dropout}
    with torch.device("meta"):  # every part is exchanged
        network = FPN(num_classes, encoder="resnet18", channels=channels, branch=branch, **options)
    network.encoder = Encoder(
        encoder, levels=tuple(range(depth - 3, depth + 1)), in_channels=in_channels, pretrained=pretrained
    )
    network.lateral = nn.ModuleList(nn.Conv2d(c, channels, 1) for c in network.encoder.channels)
    network.branches = nn.ModuleList(Branch(channels, branch, max(1, n), "batch") for n in range(4))
    for layer in network.branches.modules():
        if isinstance(layer, ConvNormAct):
            layer.norm = nn.GroupNorm(gcd(32, branch), branch)
    if merge == "cat":  # its first is the coarsest
        network.branches = nn.ModuleList(
            Slotted(b, (3 - n) * branch, n * branch) for n, b in enumerate(network.branches)
        )
    network.classify = PixelClassifier(4 * branch if merge == "cat" else branch, num_classes, dropout=dropout)
    corners_meet(network).descend = Resize(mode=upsample)
    return network


class Slotted(nn.Module):
    """A branch whose map stands among channels of zeros, so that the sum of all branches has them side by side."""

    def __init__(self, branch: nn.Module, before: int, behind: int) -> None:
        super().__init__()
        self.branch, self.before, self.behind = branch, before, behind

    def forward(self, pyramid: Sequence[Tensor]) -> Tensor:
        return F.pad(self.branch(pyramid), (0, 0, 0, 0, self.before, self.behind))


def smp_linknet(
    num_classes: int,
    *,
    encoder: str = "resnet34",
    in_channels: int = 3,
    channels: int = 32,
    depth: int = 5,
    stepped: bool = False,
    pretrained: bool = False,
) -> LinkNet:
    """LinkNet as segmentation-models-pytorch has it: the outputs of the stages are linked, and a fifth block ends it.

    Args:
        channels: width of the last maps before the classifier.
        depth: of the encoder, 3 to 5.
        stepped: the encoder begins at stride 4, and a block without a link leads through stride 2.
    """
    with torch.device("meta"):  # every part is exchanged
        network = LinkNet(num_classes, channels=channels)
    body = encoder_of(encoder, depth, in_channels, pretrained)
    if stepped:
        body = Stepped(body.body, body.channels[1])
    widths = body.channels
    exchange(
        network,
        encoder=body,
        pool=nn.Identity(),
        decode=nn.ModuleList(Decoder(a, b, 4, 2) for a, b in pairwise(reversed(widths))),
        enlarge=nn.Identity(),
        refine=Decoder(widths[0], channels, 4, 2),
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
    depth: int = 5,
    attention: bool = False,
    pretrained: bool = False,
) -> UNetPlusPlus:
    """UNet++ as segmentation-models-pytorch has it: one head.

    Args:
        channels: widths of the last nodes, finest first.
        upsample: how maps are doubled; its `decoder_interpolation`.
        depth: of the encoder, 3 to 5.
        attention: its `decoder_attention_type="scse"`.
    """
    options: dict[str, Any] = {
        "deep_supervision": False,
        "pretrained": pretrained,
        "levels": tuple(range(1, depth + 1)),
    }
    network = UNetPlusPlus(num_classes, encoder=encoder, in_channels=in_channels, channels=channels, **options)
    for node in network.modules():
        if isinstance(node, Node):
            node.repeat = Resize(mode=upsample)
            if attention:
                first = node is not network.finish
                node.convolve = Attended(node.convolve, node.together, node.channels, before=first)  # type: ignore[assignment]
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


def tiramisu_fc_densenet(
    num_classes: int,
    *,
    in_channels: int = 3,
    layers: Sequence[int] = (4, 5, 7, 10, 12, 15, 12, 10, 7, 5, 4),
    growth: int = 16,
    stem: int = 48,
    dropout: float = 0.2,
) -> FCDenseNet:
    """FC-DenseNet as bfortuner's code has it: each convolution has a bias, pooling rounds down, whole maps are dropped.

    Args:
        layers: of each dense block, an odd number of blocks: down, the bottleneck, up.
        growth: new maps of each layer.
        stem: width of the first convolution.
        dropout: of whole maps, after each convolution of blocks and between them, 0..1.
    """
    network = fc_densenet103(
        num_classes, in_channels=in_channels, layers=layers, growth=growth, stem=stem, dropout=dropout
    )
    for module in list(network.modules()):
        if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)) and module.bias is None:
            module.bias = nn.Parameter(torch.zeros(module.out_channels))
        elif isinstance(module, nn.MaxPool2d):
            module.ceil_mode = False
        elif isinstance(module, nn.Sequential) and isinstance(module[-1], nn.Dropout):
            module[-1] = nn.Dropout2d(dropout)
    return network


class WholeWindows(nn.Module):
    """Maxima of 2x2 windows and their places; an odd last row or column is left out, unless it is the only one."""

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return F.max_pool2d(x, 2, ceil_mode=min(x.shape[-2:]) < 2, return_indices=True)


def whole_windows_segnet(
    num_classes: int,
    *,
    in_channels: int = 3,
    channels: Sequence[int] = (64, 128, 256, 512, 512),
    depths: Sequence[int] = (2, 2, 3, 3, 3),
    up: Sequence[int] | None = None,
) -> SegNet:
    """SegNet as PyTorch and Paddle pool by default: an odd last row or column is left out, and comes back as zeros.

    Args:
        channels: widths of the five stages, finest first.
        depths: convolutions of each stage.
        up: convolutions of each stage of the decoder, the finest's classifier among them; null: as many as the encoder's.
    """
    network = SegNet(num_classes, in_channels=in_channels, channels=channels, depths=depths)
    network.pool = WholeWindows()
    for n, depth in enumerate(up or ()):
        network.decode[n] = Stage((*(channels[n],) * depth, *(channels[n - 1 : n] if n else ())))
    return network
