"""Piecewise: a random field whose pairs of places have networks of their own, each potential learned by itself.

Lin, Shen, van den Hengel, Reid. "Efficient Piecewise Training of Deep Structured Models for Semantic Segmentation." CVPR
2016. arXiv:1504.01013

A classifier of places knows what each looks like, and not that a car stands on a road. Here every pair of places of the coarse
map that are near each other, or of which one lies above the other, has K x K scores, for each label of the one with each of
the other, from a network that sees both features. To train that through inference would cost hours a step. Piecewise training
takes each potential for a classifier of its own, K-way of a place or K^2-way of a pair, and needs no inference at all.

    image at 1.2, 0.8, 0.4 - encoder 1/16 - 3x3 - side by side - maxima of 5x5, 9x9 beside it -- unary: K scores a place ---,
                                                                                              ` pairs: K x K scores a pair -+
                                              logits - enlarge - 3 steps of mean field (in evaluation) ---------------------'

In training `logits` are the unary scores, and `pairs` has those of the pairs with their loss (term "pairs").

Departures from the paper: neighborhoods have a fixed number of places (`reach` on each side) where the paper's have 0.4 of
the map's shorter side; both relations stand on one feature map. The first layer of a pair's network is the sum of one layer
for each place, which is the same. The dense CRF that sharpens the answer is postprocessing (`--crf`).

Not compared: no released code was found. Built from a summary of the paper, so that numbers of sections, widths and sizes may
be others there (docs/faithfulness.md).
"""

from collections.abc import Sequence
from fractions import Fraction

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...blocks.conv import ConvNormAct, PixelClassifier
from ...blocks.resize import resize_like
from ...blocks.shift import shifted
from ...encoders import Encoder
from ...errors import ModelError
from ...structures import PairLogits, SemanticLogits

POOLS = (5, 9)  # sides of the sliding maxima


class Piecewise(nn.Module):
    """Contextual deep structured model.

    Args:
        scales: of the image; features of the others are enlarged or reduced to the first one's map.
        channels: width of each scale's feature.
        hidden: width inside the networks of places and of pairs.
        reach: how many places a neighborhood reaches to each side; 6 is 0.4 of the map of a 512-pixel image.
        iterations: of mean field, in evaluation.
    """

    def __init__(
        self,
        num_classes: int,
        *,
        encoder: str = "vgg16",
        in_channels: int = 3,
        scales: Sequence[float] = (1.2, 0.8, 0.4),
        channels: int = 512,
        hidden: int = 512,
        reach: int = 6,
        iterations: int = 3,
        pretrained: bool = False,
    ) -> None:
        super().__init__()
        if not scales or min(scales) <= 0 or reach < 1 or iterations < 1:
            raise ModelError(
                f"piecewise takes scales above 0, and reach and iterations of 1 or more, not {list(scales)}, {reach}, {iterations}"
            )
        self.scales, self.iterations, self.num_classes = tuple(scales), iterations, num_classes
        self.states = max(2, num_classes)  # one map under a sigmoid decides between two
        self.encoder = Encoder(encoder, levels=(4,), in_channels=in_channels, pretrained=pretrained)
        self.top = nn.ModuleList(
            nn.Sequential(ConvNormAct(self.encoder.channels[0], channels), ConvNormAct(channels, channels))
            for _ in scales
        )
        features = channels * len(scales) * (1 + len(POOLS))
        self.unary = nn.Sequential(ConvNormAct(features, hidden, 1, norm=None), PixelClassifier(hidden, num_classes))
        around = [(dy, dx) for dy in range(-reach, reach + 1) for dx in range(-reach, reach + 1) if (dy, dx) != (0, 0)]
        above = [(dy, dx) for dy in range(-2 * reach, 0) for dx in range(-reach, reach + 1)]
        self.pairs = nn.ModuleList(PairNet(features, hidden, self.states, shifts) for shifts in (around, above))
        self.shifts = (*around, *above)

    def forward(self, image: Tensor) -> SemanticLogits:
        return self.learned(image) if self.training else self.inferred(image)

    def learned(self, image: Tensor) -> SemanticLogits:
        """The scores of places and of pairs, each for a classification of its own."""
        x = self.feature_map(image)
        scores = [score for net in self.pairs for score in net(x)]
        pairs = PairLogits(torch.stack(scores, dim=1), self.shifts)
        return SemanticLogits(resize_like(self.unary(x), image), pairs=pairs)

    def inferred(self, image: Tensor) -> SemanticLogits:
        """The scores of places after some steps of mean field."""
        x = self.feature_map(image)
        unary = self.unary(x)
        scores = [score for net in self.pairs for score in net(x)]
        states = unary if self.num_classes > 1 else torch.cat([torch.zeros_like(unary), unary], dim=1)
        field = mean_field(states, scores, self.shifts, self.iterations)
        return SemanticLogits(resize_like(field if self.num_classes > 1 else field[:, 1:] - field[:, :1], image))

    def feature_map(self, image: Tensor) -> Tensor:
        """The features of all scales side by side, and their sliding maxima: [B, 4608, h, w]."""
        maps: list[Tensor] = []
        for scale, top in zip(self.scales, self.top, strict=True):
            view = F.interpolate(image, [scaled(side, scale) for side in image.shape[-2:]], mode="bilinear")
            (c4,) = self.encoder(view)
            x = top(c4)
            maps.append(resize_like(x, maps[0]) if maps else x)
        x = torch.cat(maps, dim=1)
        return torch.cat([x, *(F.max_pool2d(x, side, 1, side // 2) for side in POOLS)], dim=1)


class PairNet(nn.Module):
    """The scores of two places' labels, K^2 a pair, for pairs that lie as one of `shifts` says (section 3.3)."""

    def __init__(self, features: int, hidden: int, states: int, shifts: Sequence[tuple[int, int]]) -> None:
        super().__init__()
        self.shifts = tuple(shifts)
        self.one = nn.Conv2d(features, hidden, 1)
        self.other = nn.Conv2d(features, hidden, 1, bias=False)
        self.score = PixelClassifier(hidden, states**2)
        self.hidden = hidden

    def forward(self, x: Tensor) -> list[Tensor]:
        """Score label k at each place and l at the shifted one, k * K + l in [B, K*K, h, w], for each shift."""
        b, _, h, w = x.shape
        one, other = self.one(x), self.other(x)  # [b, hidden, h, w], [b, hidden, h, w]
        return [self.score((one + shifted(other, dy, dx)).relu()) for dy, dx in self.shifts]


def mean_field(unary: Tensor, scores: Sequence[Tensor], shifts: Sequence[tuple[int, int]], iterations: int) -> Tensor:
    """Scores whose softmax is the marginal of each place after some steps of mean field, [B, K, h, w].

    Args:
        unary: [B, K, h, w].
        scores, shifts: of each kind of pair, [B, K*K, h, w], and where its other place lies. Pairs with a place beyond the
            border say nothing.
    """
    k = unary.shape[1]
    inside = torch.ones_like(unary[:, :1])
    tables = [
        s.unflatten(1, (k, k)) * shifted(inside, *shift)[:, None] for s, shift in zip(scores, shifts, strict=True)
    ]
    field = unary
    for _ in range(iterations):
        q = field.softmax(dim=1)
        field = unary
        for table, (dy, dx) in zip(tables, shifts, strict=True):
            to_one = (table * shifted(q, dy, dx)[:, None]).sum(dim=2)
            to_other = (table * q[:, :, None]).sum(dim=1)
            field = field + to_one + shifted(to_other, -dy, -dx)
    return field


def scaled(side: int, scale: float) -> int:
    """A side of the image at that scale, in pixels, at least 1: rounded up, and exact in an exported graph."""
    ratio = Fraction(scale).limit_denominator(64)
    return (side * ratio.numerator + ratio.denominator - 1) // ratio.denominator
