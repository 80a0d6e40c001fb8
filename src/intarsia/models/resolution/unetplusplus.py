"""UNet++: a skip is no longer a copy but a row of small steps, each of which sees what the coarser row has seen.

Zhou, Siddiquee, Tajbakhsh, Liang. "UNet++: A Nested U-Net Architecture for Medical Image Segmentation." DLMIA 2018.
arXiv:1807.10165

U-Net lays an early map beside a late one, though they speak of different things. UNet++ fills the gap: node x[i][j] of
row i sees all nodes before it in its row and the node x[i + 1][j - 1] below, enlarged. Every x[0][j] ends a U-Net of
depth j and can be classified, which supervises all depths at once.

    x[0][0] - x[0][1] - x[0][2] - x[0][3] - x[0][4] - classify - logits
       |    /         /         /         /             x[0][1], x[0][2], x[0][3]: auxiliary heads (training only)
    x[1][0] - x[1][1] - x[1][2] - x[1][3]
       |    /         /         /              - every earlier node of the row lies beside the new one
    x[2][0] - x[2][1] - x[2][2]                / twice as large
       |    /         /                        | pooled; with `encoder`, the first column is a trained backbone
    x[3][0] - x[3][1]
       |    /
    x[4][0]

Departures from the paper: pooling rounds up and enlarged maps are cropped, so that every size works. The answer is
x[0][4]'s (the "fast mode" at full depth); the mean of the four heads and the pruning of columns are left out. The
authors' code drops half of the values after every convolution in training, which the paper does not say. On a
backbone rows start at stride 2, maps are repeated instead of deconvolved, batch norm follows each convolution, and one
more node without a skip reaches the image: segmentation-models-pytorch's network, which is the variant
"smp_unetplusplus", has no heads.

Compared with MrGiovanni/UNetPlusPlus keras: parameters; difference 9,041,601 : 9,041,601 (gray, one class)
(docs/faithfulness.md).
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ...blocks.conv import ConvNormAct, PixelClassifier
from ...blocks.resize import Resize, crop_like
from ...encoders import Encoder, levels_of
from ...errors import ModelError
from ...structures import SemanticLogits


class UNetPlusPlus(nn.Module):
    """Nested U-Net, plain or on a backbone.

    Args:
        encoder: null for the plain network, or the name of a timm backbone, such as "resnet34".
        channels: widths, finest first; null: 32, 64, 128, 256, 512 of the rows, or with an encoder those of the last
            nodes, 16, 32, 64, 128, 256.
        levels: of the backbone's features, finest first; null: all from stride 2 to 32.
        norm: batch norm after each convolution of the plain network; the paper has none.
        deep_supervision: heads on the shallower U-Nets.
        pretrained: start the backbone from ImageNet weights.

    Raises: ModelError, when the plain network is asked for pretrained weights.
    """

    def __init__(
        self,
        num_classes: int,
        *,
        encoder: str | None = None,
        in_channels: int = 3,
        channels: Sequence[int] | None = None,
        levels: Sequence[int] | None = None,
        norm: bool = False,
        deep_supervision: bool = True,
        pretrained: bool = False,
    ) -> None:
        super().__init__()
        if encoder is None:
            if pretrained:
                raise ModelError("the plain unetplusplus has no pretrained weights; name an encoder='resnet34'")
            rows = tuple(channels or (32, 64, 128, 256, 512))
            self.contract, ends = Contraction(in_channels, rows, norm), rows[:-1]
        else:
            chosen = tuple(levels or (n for n in levels_of(encoder) if 1 <= n <= 5))
            self.encoder = Encoder(encoder, levels=chosen, in_channels=in_channels, pretrained=pretrained)
            rows, norm = self.encoder.channels, True
            last, *others = tuple(channels or (16, 32, 64, 128, 256))[-len(rows) :]
            ends = tuple(others)
        depth = len(rows) - 1
        if depth < 1 or len(ends) != depth:
            raise ModelError(f"unetplusplus takes 2 or more widths, and one for each row; channels is {channels}")
        self.plain = encoder is None
        self.nodes = nn.ModuleList()  # column by column, each from the finest row down
        below = rows
        for j in range(1, depth + 1):
            widths = (*rows[: depth - j], ends[depth - j])
            column = [Node(below[i + 1], rows[i] * j, c, self.plain, norm) for i, c in enumerate(widths)]
            self.nodes.append(nn.ModuleList(column))
            below = widths
        self.finish = None if self.plain else Node(ends[0], 0, last, False, norm)
        shallow = depth - 1 if deep_supervision else 0
        self.heads = nn.ModuleList(PixelClassifier(rows[0], num_classes) for _ in range(shallow))
        self.classify = PixelClassifier(ends[0] if self.plain else last, num_classes, kernel=1 if self.plain else 3)

    def forward(self, image: Tensor) -> SemanticLogits:
        column = self.contract(image) if self.plain else self.encoder(image)  # [B, 32, H, W], ..., [B, 512, H/16, W/16]
        rows = [[x] for x in column]
        for nodes in self.nodes:
            for node, row, below in zip(nodes.children(), rows, rows[1:], strict=False):
                h, w = row[0].shape[-2:]
                x = node(below[-1], row[0], row)  # [B, node.channels, h, w]
                row.append(x)
        *shallow, x = rows[0][1:]
        auxiliary: tuple[Tensor, ...] = ()
        if self.training:
            auxiliary = tuple(head(s) for head, s in zip(self.heads, shallow, strict=False))  # [B, K, H, W] each
        if self.finish is not None:
            x = self.finish(x, image, [])
        return SemanticLogits(self.classify(x), auxiliary)  # [B, K, H, W] each


class Contraction(nn.Module):
    """The plain first column: two convolutions at each size, pooled between."""

    def __init__(self, in_channels: int, channels: Sequence[int], norm: bool) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(map(Pair, (in_channels, *channels[:-1]), channels, [norm] * len(channels)))
        self.pool = nn.MaxPool2d(2, ceil_mode=True)

    def forward(self, x: Tensor) -> list[Tensor]:
        column: list[Tensor] = []
        for block in self.blocks:
            b, _, h, w = x.shape
            column.append(block(x))
            x = self.pool(column[-1])  # [b, block.channels, h/2, w/2]
        return column


class Node(nn.Module):
    """x[i][j]: the node below, enlarged, beside all nodes before it in its row, and two convolutions.

    Args:
        below: width of the node below.
        row: of all nodes before it in its row, together.
        learned: enlarge by a transposed convolution to `channels`; else by repetition.
    """

    def __init__(self, below: int, row: int, channels: int, learned: bool, norm: bool) -> None:
        super().__init__()
        self.channels, self.enlarged = channels, channels if learned else below
        self.together = self.enlarged + row
        self.up = nn.ConvTranspose2d(below, channels, 2, stride=2) if learned else None
        self.repeat = Resize(mode="nearest")
        self.convolve = Pair(self.together, channels, norm)

    def forward(self, below: Tensor, size: Tensor, row: Sequence[Tensor]) -> Tensor:
        b, _, h, w = size.shape
        up = self.repeat(below, size) if self.up is None else self.up(below)  # [b, enlarged, h, w]
        x = torch.cat([crop_like(up, size), *reversed(row)], dim=1)  # [b, together, h, w]
        return self.convolve(x)  # [b, channels, h, w]


class Pair(nn.Module):
    """Twice: 3x3 convolution, batch norm if asked for, ReLU."""

    def __init__(self, in_channels: int, channels: int, norm: bool) -> None:
        super().__init__()
        self.channels = channels
        if norm:
            self.layers = nn.Sequential(ConvNormAct(in_channels, channels), ConvNormAct(channels, channels))
            return
        first, second = (nn.Conv2d(c, channels, 3, padding=1) for c in (in_channels, channels))
        for conv in (first, second):
            nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")
            nn.init.zeros_(conv.bias)  # type: ignore[arg-type]
        self.layers = nn.Sequential(first, nn.ReLU(inplace=True), second, nn.ReLU(inplace=True))

    def forward(self, x: Tensor) -> Tensor:
        b, _, h, w = x.shape
        return self.layers(x)  # [b, channels, h, w]
