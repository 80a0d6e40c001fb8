"""MSCI: two neighboring scales write down what they see together, step by step, along regions of the picture.

Lin, Ji, Lischinski, Cohen-Or, Huang. "Multi-Scale Context Intertwining for Semantic Segmentation." ECCV 2018.
doi:10.1007/978-3-030-01219-9_37

Where scales are merged by a sum, context flows once and one way. Here each pair of neighboring scales is a pair of
convolutional LSTMs: at each step either one reads its own map and what the other has kept so far (section 3.2). After some
steps the two are added, and neighbors of what came out are merged likewise, until one map is left. What they read also
flows along the picture: features are averaged over regions of one color and their neighbors, and given back to the pixels
of each region (section 3.3).

    c5 - 3x3 - intertwine -
    c4 - 3x3 - intertwine - intertwine -
    c3 - 3x3 - intertwine - intertwine - intertwine - classify - x4 - logits
    c2 - 3x3 -

Departures from the paper: no code of the authors was found. Its regions are superpixels along detected edges, some 1,000 a
picture; here they are soft and drawn by the network, which a graph can keep: each pixel belongs to the cells of a grid by how
near they are in place and color, and the cells move once to the mean of their pixels. Widths are ours.

Not compared: no released code was found (docs/faithfulness.md).
"""

from itertools import pairwise

import torch
from torch import Tensor, nn

from ...blocks.conv import ConvNormAct, PixelClassifier
from ...blocks.coordinates import add_coordinates
from ...blocks.pooling import average_grid
from ...blocks.resize import Resize
from ...encoders import Encoder
from ...errors import ModelError
from ...structures import SemanticLogits

Way = tuple[Tensor, Tensor]  # weights of pixels in regions [B, h * w, R], and of regions in pixels [B, R, h * w]


class MSCI(nn.Module):
    """Multi-scale context intertwining.

    Args:
        channels: width of the maps and of the chains.
        steps: how often the chains of a pair read.
        side: of the grid of regions.
        dropout: before the classifier, 0..1.
    """

    beside: Tensor

    def __init__(
        self,
        num_classes: int,
        *,
        encoder: str = "resnet152",
        in_channels: int = 3,
        channels: int = 256,
        steps: int = 3,
        side: int = 16,
        dropout: float = 0.1,
        pretrained: bool = False,
    ) -> None:
        super().__init__()
        if steps < 1 or side < 1:
            raise ModelError(f"steps is {steps} and side {side}; chains read at least once, and a grid has a cell")
        self.encoder = Encoder(encoder, in_channels=in_channels, pretrained=pretrained)
        self.reduce = nn.ModuleList(ConvNormAct(c, channels) for c in self.encoder.channels)
        count = len(self.encoder.channels)
        self.merge = nn.ModuleList(
            nn.ModuleList(Intertwine(channels, steps) for _ in range(n)) for n in range(count - 1, 0, -1)
        )
        self.side = side
        self.register_buffer("beside", beside(side), persistent=False)
        self.classify = PixelClassifier(channels, num_classes, dropout=dropout)
        self.enlarge = Resize()

    def forward(self, image: Tensor) -> SemanticLogits:
        features = self.encoder(image)  # [B, 256, H/4, W/4], ..., [B, 2048, H/32, W/32]
        maps = [
            reduce(feature) for reduce, feature in zip(self.reduce, features, strict=True)
        ]  # [B, 256, H/4, W/4], ..., [B, 256, H/32, W/32]
        paths = [regions(self.enlarge(image, x), self.side) for x in maps]  # [B, 256, H*W/16], ..., [B, 256, H*W/1024]
        x = self.met(maps, [self.way(path) for path in paths])  # [B, 256, H/4, W/4]
        x = self.classify(x)  # [B, K, H/4, W/4]
        return SemanticLogits(self.enlarge(x, image))  # [B, K, H, W]

    def way(self, path: Tensor) -> tuple[Tensor, Tensor]:
        """How a map is gathered into the regions beside each, and spread over its pixels."""
        return gathering(path) @ self.beside.to(path.dtype), path

    def met(self, maps: list[Tensor], ways: list[tuple[Tensor, Tensor]]) -> Tensor:
        """Intertwine each map with the next coarser one, until the finest alone is left."""
        for merge in self.merge:
            triples = zip(merge.children(), pairwise(maps), pairwise(ways), strict=False)
            maps, ways = [one(*pair, *way) for one, pair, way in triples], ways[:-1]
        return maps[0]


class Intertwine(nn.Module):
    """A fine and a coarse map, each read by a chain that hears the other one at each step; their sum, at the fine size."""

    def __init__(self, channels: int, steps: int) -> None:
        super().__init__()
        self.channels, self.steps = channels, steps
        self.fine, self.coarse = ChainStep(channels), ChainStep(channels)
        self.resize = Resize()

    def forward(self, fine: Tensor, coarse: Tensor, fine_way: Way, coarse_way: Way) -> Tensor:
        b, c, h, w = fine.shape
        fine_read, coarse_read = fine + along(fine, *fine_way), coarse + along(coarse, *coarse_way)
        x, y = fine.tanh(), coarse.tanh()  # what the chains show
        kept_x, kept_y = fine, coarse
        for _ in range(self.steps):
            heard_x, heard_y = self.resize(y, x), self.resize(x, y)
            x, kept_x = self.fine(fine_read, heard_x, kept_x)
            y, kept_y = self.coarse(coarse_read, heard_y, kept_y)
        return x + self.resize(y, x)  # [b, c, h, w]


class ChainStep(nn.Module):
    """One step of a convolutional LSTM, which hears another chain instead of itself."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gates = nn.Conv2d(2 * channels, 4 * channels, 3, padding=1)

    def forward(self, read: Tensor, heard: Tensor, kept: Tensor) -> tuple[Tensor, Tensor]:
        """What is shown and what is kept after this step, each of the shape of `kept`."""
        enter, forget, show, new = self.gates(torch.cat([read, heard], dim=1)).chunk(4, dim=1)
        kept = forget.sigmoid() * kept + enter.sigmoid() * new.tanh()
        return show.sigmoid() * kept.tanh(), kept


def regions(colors: Tensor, side: int, *, weight: float = 1.0) -> Tensor:
    """How much each pixel belongs to each region: the cells of a grid, moved once to the mean of their pixels.

    Args:
        colors: [B, C, h, w].
        side: the grid is `side` x `side`.
        weight: of colors beside places, whose unit is a cell.

    Returns: [B, side * side, h * w], one in sum over the regions.
    """
    places = add_coordinates(colors)[:, colors.shape[1] :] * (side / 2)
    points = torch.cat([places, colors * (weight / colors.shape[1] ** 0.5)], dim=1)
    centers = average_grid(points, side).flatten(2)
    points = points.flatten(2)
    for _ in range(2):
        apart = ((centers[..., None] - points[:, :, None]) ** 2).sum(dim=1)
        shares = (apart * -1).softmax(dim=1)
        centers = points @ gathering(shares)
    return shares


def gathering(shares: Tensor) -> Tensor:
    """Weights of pixels [B, P, R] in the mean of each region, by their shares [B, R, P]."""
    return (shares / shares.sum(dim=2, keepdim=True).clamp(min=1e-6)).transpose(1, 2)


def beside(side: int) -> Tensor:
    """Weights of regions [R, R] in the mean of each (a column) and those that touch it, on a grid of `side` x `side`."""
    place = torch.arange(side)
    near = ((place[:, None] - place).abs() <= 1).float()
    both = torch.kron(near, near)
    return both / both.sum(dim=0)


def along(x: Tensor, gather: Tensor, shares: Tensor) -> Tensor:
    """Give each pixel of `x` [B, C, h, w] the means of its regions.

    Args:
        gather: [B, h * w, R] weights of pixels in the means.
        shares: [B, R, h * w] of each region in a pixel.
    """
    b, c, h, w = x.shape
    return (x.flatten(2) @ gather @ shares).unflatten(2, (h, w))  # [b, c, h, w]
