"""Variants of networks that attend, as mmsegmentation builds them."""

from collections.abc import Sequence
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ....blocks.conv import ConvNormAct, PixelClassifier
from ....encoders import Encoder
from ....models.attention.apcnet import APCNet
from ....models.attention.ccnet import CCNet
from ....models.attention.danet import DANet
from ....models.attention.emanet import BasesAttention, EMANet
from ....models.attention.encnet import EncNet
from ....models.attention.psanet import PSANet
from .parts import corners_meet

Stride = Literal[8, 16]


def mmseg_encnet(
    num_classes: int,
    *,
    encoder: str = "resnet50c",
    in_channels: int = 3,
    channels: int = 512,
    codewords: int = 32,
    lateral: bool = False,
    presence: bool = True,
    output_stride: Stride = 8,
    auxiliary: int = 256,
    align_corners: bool = False,
    pretrained: bool = False,
) -> EncNet:
    """EncNet as mmsegmentation has it.

    Args:
        channels: width of the feature that is encoded and classified.
        codewords: size of the codebook.
        lateral: fuse c3 and c4 with c5 first; its `add_lateral`.
        presence: name the classes of the whole image, in training; its `use_se_loss`.
        output_stride: of the encoder.
        auxiliary: width of a second classifier on c4, in training only; 0: none.
        align_corners: maps are enlarged so that their corners meet.
    """
    network = EncNet(
        num_classes, encoder=encoder, in_channels=in_channels, channels=channels, codewords=codewords, lateral=lateral,
        presence=presence, output_stride=output_stride, auxiliary=bool(auxiliary), pretrained=pretrained,
    )  # fmt: skip
    return _finished(network, num_classes, auxiliary, align_corners)


def mmseg_apcnet(
    num_classes: int,
    *,
    encoder: str = "resnet50c",
    in_channels: int = 3,
    bins: Sequence[int] = (1, 2, 3, 6),
    channels: int = 512,
    output_stride: Stride = 8,
    auxiliary: int = 256,
    align_corners: bool = False,
    pretrained: bool = False,
) -> APCNet:
    """APCNet as mmsegmentation has it.

    Args:
        bins: side of each grid.
        channels: width of each module and of the classified feature.
        output_stride: of the encoder.
        auxiliary: width of a second classifier on c4, in training only; 0: none.
        align_corners: maps are enlarged so that their corners meet.
    """
    network = APCNet(
        num_classes, encoder=encoder, in_channels=in_channels, bins=bins, channels=channels, output_stride=output_stride,
        auxiliary=bool(auxiliary), pretrained=pretrained,
    )  # fmt: skip
    return _finished(network, num_classes, auxiliary, align_corners)


def mmseg_danet(
    num_classes: int,
    *,
    encoder: str = "resnet50c",
    in_channels: int = 3,
    channels: int = 512,
    narrow: int = 8,
    output_stride: Stride = 8,
    align_corners: bool = False,
    pretrained: bool = False,
) -> DANet:
    """DANet as mmsegmentation has it: 512 channels on any encoder, without the third head of training on c4.

    Args:
        channels: width of both branches.
        narrow: how many times fewer channels a query and a key have.
        output_stride: of the encoder.
        align_corners: maps are enlarged so that their corners meet.
    """
    network = DANet(
        num_classes, encoder=encoder, in_channels=in_channels, channels=channels, narrow=narrow, output_stride=output_stride,
        pretrained=pretrained,
    )  # fmt: skip
    return corners_meet(network) if align_corners else network


def mmseg_ccnet(
    num_classes: int,
    *,
    encoder: str = "resnet50c",
    in_channels: int = 3,
    channels: int = 512,
    passes: int = 2,
    output_stride: Stride = 8,
    auxiliary: int = 256,
    align_corners: bool = False,
    pretrained: bool = False,
) -> CCNet:
    """CCNet as mmsegmentation has it: the first block of a dilated stage keeps the rate before.

    Args:
        channels: width of the classified feature, and of the attention.
        passes: how often the attention is repeated; its `recurrence`.
        output_stride: of the encoder.
        auxiliary: width of a second classifier on c4, in training only; 0: none.
        align_corners: maps are enlarged so that their corners meet.
    """
    options: dict[str, Any] = {"channels": channels, "passes": passes, "output_stride": output_stride}
    network = CCNet(num_classes, encoder=encoder, in_channels=in_channels, auxiliary=bool(auxiliary), **options)
    network.encoder = _encoder(encoder, bool(auxiliary), output_stride, in_channels, pretrained)
    return _finished(network, num_classes, auxiliary, align_corners)


def mmseg_psanet(
    num_classes: int,
    *,
    encoder: str = "resnet50c",
    in_channels: int = 3,
    channels: int = 512,
    window: Sequence[int] = (97, 97),
    output_stride: Stride = 8,
    auxiliary: int = 256,
    align_corners: bool = False,
    pretrained: bool = False,
) -> PSANet:
    """PSANet as mmsegmentation has it: a border of zeros around what the attention gives, and another rule of halving.

    Args:
        channels: width of both branches and of the classified feature.
        window: rows and columns of the over-complete map; its `mask_size`.
        output_stride: of the encoder.
        auxiliary: width of a second classifier on c4, in training only; 0: none.
        align_corners: the scores are enlarged so that their corners meet.
    """
    options: dict[str, Any] = {"channels": channels, "window": window, "output_stride": output_stride}
    network = PSANet(num_classes, encoder=encoder, in_channels=in_channels, auxiliary=bool(auxiliary), **options)
    network.encoder = _encoder(encoder, bool(auxiliary), output_stride, in_channels, pretrained)
    network.project.conv.padding = (1, 1)
    _finished(network, num_classes, auxiliary, align_corners)
    network.halve = Halving()
    return network


class Halving(nn.Module):
    """A map at half its size, rounded up with meeting corners where both sides are odd, else down; and back by the same rule."""

    def forward(self, x: Tensor, reference: Tensor) -> Tensor:
        down = reference.shape[1] == 1  # the network tells a size by one channel; the way back is to its feature
        h, w = (x if down else reference).shape[-2:]
        odd = h % 2 == 1 and w % 2 == 1
        if down:
            h, w = ((h + 1) // 2, (w + 1) // 2) if odd else (max(1, h // 2), max(1, w // 2))
        return F.interpolate(x, (h, w), mode="bilinear", align_corners=odd)


def mmseg_emanet(
    num_classes: int,
    *,
    encoder: str = "resnet50c",
    in_channels: int = 3,
    channels: int = 512,
    width: int = 256,
    bases: int = 64,
    rounds: int = 3,
    output_stride: Stride = 8,
    align_corners: bool = False,
    pretrained: bool = False,
) -> EMANet:
    """EMANet as mmsegmentation has it: what came lies beside what the bases say, and a 3x3 convolution fuses both.

    Args:
        channels: width of the feature that the bases describe; its `ema_channels`.
        width: of the classified feature.
        bases: how many.
        rounds: of expectation and maximization; its `num_stages`.
        output_stride: of the encoder.
        align_corners: maps are enlarged so that their corners meet.
    """
    options: dict[str, Any] = {"channels": channels, "width": width, "bases": bases, "rounds": rounds}
    network = EMANet(
        num_classes, encoder=encoder, in_channels=in_channels, multi_grid=None, output_stride=output_stride,
        pretrained=pretrained, **options,
    )  # fmt: skip
    (c5,) = network.encoder.channels
    network.attend = Described(network.reduce, network.attend, network.smooth, c5, width)  # type: ignore[assignment]
    network.reduce = network.smooth = nn.Identity()  # type: ignore[assignment]
    return corners_meet(network) if align_corners else network


class Described(nn.Module):
    """A feature beside what a few bases say of it, fused."""

    def __init__(self, reduce: nn.Module, attend: BasesAttention, smooth: nn.Module, c5: int, width: int) -> None:
        super().__init__()
        self.reduce, self.attend, self.smooth, self.fuse = reduce, attend, smooth, ConvNormAct(c5 + width, width)

    def forward(self, x: Tensor) -> Tensor:
        return self.fuse(torch.cat([x, self.smooth(self.attend(self.reduce(x)))], dim=1))


def _encoder(name: str, auxiliary: bool, stride: int, in_channels: int, pretrained: bool) -> Encoder:
    levels = (4, 5) if auxiliary else (5,)
    return Encoder(name, levels=levels, output_stride=stride, in_channels=in_channels, pretrained=pretrained)


def _finished(network: Any, num_classes: int, auxiliary: int, align_corners: bool) -> Any:
    """The network, with a second classifier of that width on c4."""
    if auxiliary:
        c4 = network.encoder.channels[-2]
        network.auxiliary = nn.Sequential(
            ConvNormAct(c4, auxiliary), PixelClassifier(auxiliary, num_classes, dropout=0.1)
        )
    return corners_meet(network) if align_corners else network
