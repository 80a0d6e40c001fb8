"""RPCNet: classes and their borders are drawn by two streams, each of which asks the other, again and again.

Zhen, Wang, Zhou, Li, Shen, Shang, Fang, Quan. "Joint Semantic Segmentation and Boundary Detection using Iterative Pyramid
Contexts." CVPR 2020. arXiv:2004.07684

A border lies where classes meet, and a class ends at its border, so that either task knows what the other one needs. One
stream draws classes, one the border of each class. What a stream knows is pooled over grids of several sizes, to a small set
of context vectors; each pixel of the other stream takes from them what it resembles, and adds it (pyramid context module).
They take turns several times with the same module. In the end the gradient of the class map joins the border map, class by
class (spatial gradient fusion).

    image - dilated encoder - c5 - 3x3 - classes - + ---- ask ---- + ... - classify -, x8 - logits
                                 ` 3x3 - borders ------ + ask ------ ... - classify - beside its gradient - 1x1 - edges

Departures from the paper: no code of the authors was found; the grids are PSPNet's, the widths ours. The losses are the
recipe's: with "dual_task" the class map's own borders are compared with the true ones as well, which is the paper's duality
loss. Built from a summary of the paper, whose own text could not be read: numbers of sections, widths and sizes may be
others there.

Not compared: no released code was found (docs/faithfulness.md).
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...blocks.conv import ConvNormAct, PixelClassifier
from ...blocks.object_context import relation
from ...blocks.pooling import average_grid
from ...blocks.resize import Resize
from ...encoders import Encoder
from ...errors import ModelError
from ...structures import SemanticLogits


class RPCNet(nn.Module):
    """Iterative pyramid contexts.

    Args:
        channels: width of either stream.
        width: of queries and keys.
        bins: side of each grid that a stream is pooled over.
        rounds: how often either stream asks the other.
        output_stride: of the encoder: 8, or 16 for less work.
        dropout: before each classifier, 0..1.
    """

    def __init__(
        self,
        num_classes: int,
        *,
        encoder: str = "resnet101",
        in_channels: int = 3,
        channels: int = 512,
        width: int = 128,
        bins: Sequence[int] = (1, 2, 3, 6),
        rounds: int = 3,
        output_stride: int = 8,
        dropout: float = 0.1,
        pretrained: bool = False,
    ) -> None:
        super().__init__()
        if not bins or min(bins) < 1:
            raise ModelError(f"bins is {list(bins)}; name the side of each pooling grid, such as [1, 2, 3, 6]")
        if rounds < 1:
            raise ModelError(f"rounds is {rounds}; the streams ask each other at least once")
        self.encoder = Encoder(
            encoder, levels=(5,), output_stride=output_stride, in_channels=in_channels, pretrained=pretrained
        )
        (c5,) = self.encoder.channels
        self.classes, self.borders = ConvNormAct(c5, channels), ConvNormAct(c5, channels)
        self.ask_borders, self.ask_classes = (
            PyramidContext(channels, width, bins),
            PyramidContext(channels, width, bins),
        )
        self.rounds = rounds
        self.classify = PixelClassifier(channels, num_classes, dropout=dropout)
        self.draw = PixelClassifier(channels, num_classes, dropout=dropout)
        self.fuse = nn.Conv2d(2 * num_classes, num_classes, 1, groups=num_classes)
        self.enlarge = Resize()

    def forward(self, image: Tensor) -> SemanticLogits:
        (c5,) = self.encoder(image)  # [B, 2048, H/8, W/8]
        classes, borders = self.classes(c5), self.borders(c5)  # [B, 512, H/8, W/8], [B, 512, H/8, W/8]
        for _ in range(self.rounds):
            classes = self.ask_borders(classes, borders)
            borders = self.ask_classes(borders, classes)
        scores = self.classify(classes)  # [B, K, H/8, W/8]
        logits = self.enlarge(scores, image)  # [B, K, H, W]
        return SemanticLogits(logits, edges=self._edges(scores, borders) if self.training else None)

    def _edges(self, scores: Tensor, borders: Tensor) -> Tensor:
        _, k, h, w = scores.shape
        slopes, drawn = spatial_gradient(scores), self.draw(borders)
        pairs = torch.stack([slopes, drawn], dim=2).flatten(1, 2)
        return self.fuse(pairs)


class PyramidContext(nn.Module):
    """What each pixel of one stream takes from another, pooled over grids, beside what it has (section 3.2)."""

    def __init__(self, channels: int, width: int, bins: Sequence[int]) -> None:
        super().__init__()
        self.bins, self.width, self.count = tuple(bins), width, sum(side**2 for side in bins)
        self.query, self.key = nn.Conv2d(channels, width, 1), nn.Conv2d(channels, width, 1)
        self.value = nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor, other: Tensor) -> Tensor:
        """Add to `x` [B, C, h, w] what its pixels take from the pooled `other` [B, C, h, w]."""
        b, c, h, w = x.shape
        pooled = torch.cat([average_grid(other, side).flatten(2) for side in self.bins], dim=2)[
            ..., None
        ]  # [b, c, count, 1]
        key, value = self.key(pooled).flatten(2), self.value(pooled).flatten(2)  # [b, width, count], [b, c, count]
        weights = relation(self.query(x).flatten(2), key)  # [b, h*w, count]
        return x + (value @ weights.transpose(1, 2)).unflatten(2, (h, w))  # [b, c, h, w]


def spatial_gradient(scores: Tensor) -> Tensor:
    """How much the probability of each class differs from its mean over 3x3 pixels: [B, K, h, w] in 0..1.

    Args:
        scores: [B, K, h, w]; a softmax over classes makes them probabilities, or a sigmoid where there is one map.
    """
    probability = scores.softmax(dim=1) if scores.shape[1] > 1 else scores.sigmoid()
    around = F.pad(probability, (1, 1, 1, 1), mode="replicate")
    return (probability - F.avg_pool2d(around, 3, 1)).abs()
