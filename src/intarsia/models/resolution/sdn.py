"""SDN: several shallow encoder-decoders in a row, each going over the map of the one before.

Fu, Liu, Wang, Zhou, Wang, Lu. "Stacked Deconvolutional Network for Semantic Segmentation." TIP 2019. arXiv:1708.04943

One decoder has to win back meaning and place in a single go. SDN lets a unit shrink the map only twice and enlarge it
again, and puts three such units in a row. Maps of equal size are laid beside each other throughout: of the layers before
in a block, of the unit before in the next one's way down, of the backbone in every way up. Each way up is supervised
at each size.

    image - DenseNet - c5 - up - up ---- down - down - up - up ---- down - down - up - up - score - x4 - logits
                            8    4        8      16    8    4        8      16    8    4      (stride)
                  links: c3, c2 of the DenseNet into every up; each unit's maps into the next one's down

The DenseNet ends at a sixteenth of the image: its last block is dilated instead of pooled. A score at an eighth is
enlarged and added to the one at a quarter; scores of all but the last size and unit are side outputs, for training.

Departures from the paper: widths and depths of the blocks follow public readings of it (48 channels a layer, two layers
a block, 768 and 1024, 576 and 768 behind them; deconvolutions of 2x2), for there is no released code; the paper's larger
variant is not here.

Read beside Xander-Hinrichsen/CityScapes-Segmentation sdn_architecture.py (no code of the authors): blocks, widths and
links read; difference layers of 48, blocks of 576, 768 and 1024, scores added from coarse to fine: as here
(docs/faithfulness.md).
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ...blocks.conv import PixelClassifier
from ...blocks.preactivation import NormActConv
from ...blocks.resize import crop_like, resize_like
from ...encoders import Encoder
from ...errors import ModelError
from ...structures import SemanticLogits


class SDN(nn.Module):
    """Stacked deconvolutional network.

    Args:
        encoder: a DenseNet of timm; "densenet161" is the paper's.
        units: encoder-decoders in a row, the first of which has the DenseNet as its encoder.
        growth: channels that each layer of a block adds, and of each link from the DenseNet.
        depth: layers of a block.
        channels: widths of the blocks at strides 4, 8 and 16.
    """

    def __init__(
        self,
        num_classes: int,
        *,
        encoder: str = "densenet161",
        in_channels: int = 3,
        units: int = 3,
        growth: int = 48,
        depth: int = 2,
        channels: Sequence[int] = (576, 768, 1024),
        pretrained: bool = False,
    ) -> None:
        super().__init__()
        if units < 1 or depth < 1 or len(channels) != 3:
            raise ModelError(
                f"sdn takes at least one unit, one layer a block and 3 widths; not units={units}, depth={depth}, "
                f"channels={list(channels)}"
            )
        self.encoder = Encoder(encoder, levels=(2, 3, 5), in_channels=in_channels, pretrained=pretrained)
        dilate_last_block(self.encoder, encoder)
        c2, c3, c5 = self.encoder.channels
        self.growth = growth
        self.link = nn.ModuleList([NormActConv(c2, growth), NormActConv(c3, growth)])
        self.down, self.up = nn.ModuleList(), nn.ModuleList()
        deepest = c5
        for n in range(units):
            if n > 0:
                self.down.append(Down(channels, deepest, growth, depth))
                deepest = channels[2]
            self.up.append(Up(channels, deepest, growth, depth, num_classes))

    def forward(self, image: Tensor) -> SemanticLogits:
        c2, c3, c5 = self.encoder(image)  # [B, 384, H/4, W/4], [B, 768, H/8, W/8], [B, 2208, H/16, W/16]
        c2, c3 = self.link[0](c2), self.link[1](c3)  # [B, growth, H/4, W/4], [B, growth, H/8, W/8]
        x8, x4, *scores = self.up[0](c5, c3, c2)  # [B, 768, H/8, W/8], ..., [B, K, H/4, W/4]
        x16 = c5
        for down, up in zip(self.down, self.up[1:], strict=True):
            x16 = down(x4, x8, x16)  # [B, 1024, H/16, W/16]
            x8, x4, *finer = up(x16, c3, c2)  # [B, 768, H/8, W/8], ..., [B, K, H/4, W/4]
            scores += finer
        sides = tuple(scores[:-1]) if self.training else ()
        return SemanticLogits(resize_like(scores[-1], image), sides)  # [B, K, H, W], ...


def dilate_last_block(encoder: Encoder, name: str) -> None:
    """Keep a DenseNet's map at a sixteenth of the image: the last pooling goes, and the block behind it looks wider.

    The other poolings round up, so that every size works.
    """
    body: Any = encoder.body
    if "features_denseblock4" not in body:
        raise ModelError(f"sdn dilates a DenseNet's last block; {name!r} has none: try 'densenet121'")
    for n in (1, 2):
        body[f"features_transition{n}"].pool = nn.AvgPool2d(2, ceil_mode=True, count_include_pad=False)
    body["features_transition3"].pool = nn.Identity()
    for layer in body["features_denseblock4"].values():
        layer.conv2.dilation = layer.conv2.padding = (2, 2)
    encoder.strides, encoder.minimum, encoder.multiple = (4, 8, 16), 1, 1


class Block(nn.Module):
    """Layers that each see all maps before them, then a compression."""

    def __init__(self, in_channels: int, growth: int, depth: int, channels: int) -> None:
        super().__init__()
        self.channels, self.growth = channels, growth
        self.layers = nn.ModuleList(NormActConv(in_channels + n * growth, growth) for n in range(depth))
        self.compress = NormActConv(in_channels + depth * growth, channels)

    def forward(self, x: Tensor) -> Tensor:
        b, c, h, w = x.shape
        for layer in self.layers:
            c += self.growth
            x = torch.cat([x, layer(x)], dim=1)  # [b, c, h, w]
        return self.compress(x)  # [b, channels, h, w]


class Down(nn.Module):
    """From a quarter to a sixteenth of the image, beside the maps of the unit before."""

    def __init__(self, channels: Sequence[int], deepest: int, growth: int, depth: int) -> None:
        super().__init__()
        four, eight, sixteen = channels
        self.pool = nn.MaxPool2d(2, ceil_mode=True)
        self.to8 = Block(four + eight, growth, depth, eight)
        self.to16 = Block(eight + deepest, growth, depth, sixteen)

    def forward(self, x: Tensor, before8: Tensor, before16: Tensor) -> Tensor:
        b, _, h, w = x.shape
        x = self.to8(torch.cat([crop_like(self.pool(x), before8), before8], dim=1))  # [b, 768, h/2, w/2]
        return self.to16(torch.cat([crop_like(self.pool(x), before16), before16], dim=1))  # [b, 1024, h/4, w/4]


class Up(nn.Module):
    """From a sixteenth to a quarter of the image, with a score map at either size."""

    def __init__(self, channels: Sequence[int], deepest: int, growth: int, depth: int, num_classes: int) -> None:
        super().__init__()
        four, eight, _ = channels
        self.enlarge8 = nn.ConvTranspose2d(deepest, deepest, 2, stride=2, bias=False)
        self.to8 = Block(deepest + growth, growth, depth, eight)
        self.score8 = PixelClassifier(eight, num_classes, kernel=3)
        self.enlarge4 = nn.ConvTranspose2d(eight, eight, 2, stride=2, bias=False)
        self.to4 = Block(eight + growth, growth, depth, four)
        self.score4 = PixelClassifier(four, num_classes, kernel=3)

    def forward(self, x: Tensor, c3: Tensor, c2: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        b, _, h, w = x.shape
        x8 = self.to8(torch.cat([crop_like(self.enlarge8(x), c3), c3], dim=1))  # [b, 768, 2*h, 2*w]
        x4 = self.to4(torch.cat([crop_like(self.enlarge4(x8), c2), c2], dim=1))  # [b, 576, 4*h, 4*w]
        score8 = self.score8(x8)  # [b, K, 2*h, 2*w]
        score4 = self.score4(x4) + resize_like(score8, x4)  # [b, K, 4*h, 4*w]
        return x8, x4, score8, score4
