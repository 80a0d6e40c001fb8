"""FC-DenseNet: every layer sees all maps before it, in a network that goes down and up again.

Jegou, Drozdzal, Vazquez, Romero, Bengio. "The One Hundred Layers Tiramisu: Fully Convolutional DenseNets for Semantic
Segmentation." CVPR 2017 Workshops. arXiv:1611.09326

DenseNet's layers are thin, because each lays a few new maps on the stack of all former ones. Going up, such a stack
would grow beyond all memory. So only what the last block added is enlarged; what came before it is on the skip anyway.
A hundred layers fit into 9.4 million parameters, and train from scratch.

    image - start - dense - shrink - dense - shrink - ... - dense - shrink - bottleneck
                      | skip            | skip                | skip             | new maps
    logits - classify - dense ------- up - dense ------- up - ... - dense ------ up

Departures from the paper: pooling rounds up, so that every size works; convolutions have no bias, because all they feed
are batch norms and the classifier, which has one.

Compared with bfortuner/pytorch_tiramisu (SimJeg/FC-DenseNet was read): whole network; difference 0; FC-DenseNet103
9,320,131 : 9,324,147 (biases) (docs/faithfulness.md).
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ...blocks.conv import PixelClassifier
from ...blocks.resize import crop_like
from ...errors import ModelError
from ...structures import SemanticLogits


class FCDenseNet(nn.Module):
    """The tiramisu, in any number of layers: the functions below say which."""

    def __init__(
        self, num_classes: int, in_channels: int, layers: Sequence[int], growth: int, stem: int, dropout: float
    ) -> None:
        super().__init__()
        if len(layers) < 3 or len(layers) % 2 == 0 or min(layers) < 1:
            raise ModelError(
                f"layers is {list(layers)}; name the depths of an odd number of blocks: down, the bottleneck, up"
            )
        pools = len(layers) // 2
        self.start = nn.Conv2d(in_channels, stem, 3, padding=1, bias=False)
        nn.init.kaiming_uniform_(self.start.weight, nonlinearity="relu")
        self.down, self.shrink, width, skips = nn.ModuleList(), nn.ModuleList(), stem, []
        for depth in layers[:pools]:
            self.down.append(block := DenseBlock(width, depth, growth, dropout))
            self.shrink.append(
                nn.Sequential(_layer(block.channels, block.channels, 1, dropout), nn.MaxPool2d(2, ceil_mode=True))
            )
            width = block.channels
            skips.append(width)
        self.bottleneck = block = DenseBlock(width, layers[pools], growth, dropout)
        self.up, self.climb = nn.ModuleList(), nn.ModuleList()
        for depth, skip in zip(layers[pools + 1 :], reversed(skips), strict=True):
            self.up.append(nn.ConvTranspose2d(block.fresh, block.fresh, 3, stride=2, bias=False))
            nn.init.kaiming_uniform_(self.up[-1].weight, nonlinearity="relu")  # type: ignore[arg-type]
            self.climb.append(block := DenseBlock(block.fresh + skip, depth, growth, dropout))
        self.classify = PixelClassifier(block.channels, num_classes)

    def forward(self, image: Tensor) -> SemanticLogits:
        x, skips = self.start(image), []  # [B, 48, H, W]
        for block, shrink in zip(self.down, self.shrink, strict=True):
            h, w = x.shape[-2:]
            x, _ = block(x)  # [B, block.channels, h, w], [B, block.fresh, h, w]
            skips.append(x)
            x = shrink(x)  # [B, block.channels, h/2, w/2]
        h, w = x.shape[-2:]
        block = self.bottleneck
        _, new = block(x)  # [B, block.channels, h, w], [B, block.fresh, h, w]
        for up, block, skip in zip(self.up, self.climb, reversed(skips), strict=True):
            h, w = skip.shape[-2:]
            x = torch.cat([crop_like(up(new), skip), skip], dim=1)  # [B, block.in_channels, h, w]
            x, new = block(x)  # [B, block.channels, h, w], [B, block.fresh, h, w]
        return SemanticLogits(self.classify(x))  # [B, K, H, W]


class DenseBlock(nn.Module):
    """Layers of which each sees the block's input and the maps of all layers before it."""

    def __init__(self, in_channels: int, depth: int, growth: int, dropout: float) -> None:
        super().__init__()
        self.in_channels, self.growth, self.fresh = in_channels, growth, depth * growth
        self.channels = in_channels + self.fresh
        self.layers = nn.ModuleList(_layer(in_channels + n * growth, growth, 3, dropout) for n in range(depth))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        for layer in self.layers:
            b, c, h, w = x.shape
            x = torch.cat([x, layer(x)], dim=1)  # [b, c + growth, h, w]
        return x, x[:, self.in_channels :]  # [b, channels, h, w], [b, fresh, h, w]


def _layer(in_channels: int, channels: int, kernel: int, dropout: float) -> nn.Sequential:
    """Batch norm, ReLU, convolution, dropout."""
    conv = nn.Conv2d(in_channels, channels, kernel, padding=kernel // 2, bias=False)
    nn.init.kaiming_uniform_(conv.weight, nonlinearity="relu")
    return nn.Sequential(nn.BatchNorm2d(in_channels), nn.ReLU(inplace=True), conv, nn.Dropout(dropout))


def fc_densenet56(
    num_classes: int,
    *,
    in_channels: int = 3,
    layers: Sequence[int] = (4,) * 11,
    growth: int = 12,
    stem: int = 48,
    dropout: float = 0.2,
) -> FCDenseNet:
    """FC-DenseNet56: 4 layers in each block.

    Args:
        layers: of each dense block, an odd number of blocks: down, the bottleneck, up.
        growth: new maps of each layer.
        stem: width of the first convolution.
        dropout: after each convolution of blocks and `shrink`, 0..1.
    """
    return FCDenseNet(num_classes, in_channels, layers, growth, stem, dropout)


def fc_densenet67(
    num_classes: int,
    *,
    in_channels: int = 3,
    layers: Sequence[int] = (5,) * 11,
    growth: int = 16,
    stem: int = 48,
    dropout: float = 0.2,
) -> FCDenseNet:
    """FC-DenseNet67: 5 layers in each block.

    Args:
        layers: of each dense block, an odd number of blocks: down, the bottleneck, up.
        growth: new maps of each layer.
        stem: width of the first convolution.
        dropout: after each convolution of blocks and `shrink`, 0..1.
    """
    return FCDenseNet(num_classes, in_channels, layers, growth, stem, dropout)


def fc_densenet103(
    num_classes: int,
    *,
    in_channels: int = 3,
    layers: Sequence[int] = (4, 5, 7, 10, 12, 15, 12, 10, 7, 5, 4),
    growth: int = 16,
    stem: int = 48,
    dropout: float = 0.2,
) -> FCDenseNet:
    """FC-DenseNet103: more layers where the maps are small (Table 2).

    Args:
        layers: of each dense block, an odd number of blocks: down, the bottleneck, up.
        growth: new maps of each layer.
        stem: width of the first convolution.
        dropout: after each convolution of blocks and `shrink`, 0..1.
    """
    return FCDenseNet(num_classes, in_channels, layers, growth, stem, dropout)
