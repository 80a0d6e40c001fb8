"""Attention U-Net: a gate on each skip lets through what the coarser map says is worth looking at.

Oktay, Schlemper, Le Folgoc, Lee, Heinrich, Misawa, Mori, McDonagh, Hammerla, Kainz, Glocker, Rueckert. "Attention
U-Net: Learning Where to Look for the Pancreas." MIDL 2018. arXiv:1804.03999

A small organ in a large image was first cropped by a second network. Here the U-Net looks for itself: the coarser map,
which knows what is where, gates the finer one from across. Both are brought to a common width and added, and one number
for each place, between 0 and 1, says how much of the skip passes. It costs little and needs no labels of its own.

    image - encode1 ----------------------------------- decode1 - classify - logits
               ` pool - encode2 ------ gate --- decode2 '- x2 '   (decode2, decode3, ...: auxiliary heads, training only)
                           |             '- decode3 '- x2 '
                           ` pool ...    bridge

    gate: sigmoid(psi(relu(theta(skip) + phi(coarse)))), enlarged, times the skip

Departures from the paper: it is three-dimensional, this is the same network for images; the widths are U-Net's. As in
the released code, the gate works at the coarser map's size and the finest skip has none. An open gate is the start (a
bias of 3), as in the code's gate for classifiers; its U-Net starts at 0. That U-Net has more than the paper: a 1x1
convolution with norm (and ReLU) behind each gate and before the first coarse map, which are not here. Deep supervision
gives auxiliary outputs instead of maps that are merged before the last layer.

Compared with ozan-oktay/Attention-Gated-Networks grid_attention_layer.py: the gate alone, in 2D; difference 0
(docs/faithfulness.md).
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...blocks.conv import ConvNormAct, PixelClassifier
from ...blocks.resize import resize_like
from ...errors import ModelError
from ...structures import SemanticLogits


class AttentionUNet(nn.Module):
    """U-Net with additive attention gates.

    Args:
        channels: widths, finest first; the last one is the bridge's.
        deep_supervision: an auxiliary head on each gated map of the decoder.
    """

    def __init__(
        self,
        num_classes: int,
        *,
        in_channels: int = 3,
        channels: Sequence[int] = (64, 128, 256, 512, 1024),
        deep_supervision: bool = True,
    ) -> None:
        super().__init__()
        if len(channels) < 2:
            raise ModelError(f"attention_unet takes at least two widths, finest first; channels is {list(channels)}")
        *widths, deepest = channels
        self.encode = nn.ModuleList(map(Block, (in_channels, *widths[:-1]), widths))
        self.pool = nn.MaxPool2d(2, ceil_mode=True)
        self.bridge = Block(widths[-1], deepest)
        self.gate = nn.ModuleList(map(Gate, reversed(widths[1:]), reversed(channels[2:])))
        self.gate.append(Open())
        self.decode = nn.ModuleList(
            Block(skip + coarse, skip) for skip, coarse in zip(reversed(widths), reversed(channels[1:]), strict=True)
        )
        gated = reversed(widths[1:]) if deep_supervision else ()
        self.heads = nn.ModuleList(PixelClassifier(width, num_classes) for width in gated)
        self.classify = PixelClassifier(widths[0], num_classes)

    def forward(self, image: Tensor) -> SemanticLogits:
        x, skips = image, []
        for encode in self.encode:
            h, w = x.shape[-2:]
            x = encode(x)  # [B, encode.channels, h, w]
            skips.append(x)
            x = self.pool(x)  # [B, encode.channels, h/2, w/2]
        x = self.bridge(x)  # [B, 1024, H/16, W/16]
        maps = []
        for gate, decode, skip in zip(self.gate, self.decode, reversed(skips), strict=True):
            h, w = skip.shape[-2:]
            passed = gate(skip, x)
            x = torch.cat([passed, resize_like(x, skip)], dim=1)  # [B, decode.in_channels, h, w]
            x = decode(x)  # [B, decode.channels, h, w]
            maps.append(x)
        auxiliary: tuple[Tensor, ...] = ()
        if self.training:
            auxiliary = tuple(head(m) for head, m in zip(self.heads, maps, strict=False))  # [B, K, H/8, W/8], ...
        return SemanticLogits(self.classify(x), auxiliary)  # [B, K, H, W], ...


class Gate(nn.Module):
    """An additive attention gate: the coarser map decides how much of each place of the skip passes.

    Args:
        channels: of the skip; the common width, too.
        coarse: channels of the coarser map, half the size of the skip.
    """

    def __init__(self, channels: int, coarse: int) -> None:
        super().__init__()
        self.channels = channels
        self.theta = nn.Conv2d(channels, channels, 2, stride=2, bias=False)
        self.phi = nn.Conv2d(coarse, channels, 1)
        self.psi = nn.Conv2d(channels, 1, 1)
        nn.init.constant_(self.psi.bias, 3.0)  # type: ignore[arg-type]

    def forward(self, skip: Tensor, coarse: Tensor) -> Tensor:
        return skip * self.weigh(skip, coarse)

    def weigh(self, skip: Tensor, coarse: Tensor) -> Tensor:
        """How much of each place of the skip passes, 0..1: [b, 1, h, w]."""
        b, c, h, w = skip.shape
        x = F.pad(skip, (0, 1, 0, 1), mode="replicate")  # [b, c, h + 1, w + 1]
        x = F.relu(self.theta(x) + self.phi(coarse))  # [b, channels, h/2, w/2]
        x = torch.sigmoid(self.psi(x))  # [b, 1, h/2, w/2]
        return resize_like(x, skip)  # [b, 1, h, w]


class Open(nn.Module):
    """No gate: the finest skip, whose map knows too little to be judged."""

    def forward(self, skip: Tensor, coarse: Tensor) -> Tensor:
        return skip


class Block(nn.Module):
    """Twice: 3x3 convolution, batch norm, ReLU."""

    def __init__(self, in_channels: int, channels: int) -> None:
        super().__init__()
        self.in_channels, self.channels = in_channels, channels
        self.layers = nn.Sequential(ConvNormAct(in_channels, channels), ConvNormAct(channels, channels))

    def forward(self, x: Tensor) -> Tensor:
        b, _, h, w = x.shape
        return self.layers(x)  # [b, channels, h, w]
