"""Context by objects: a pixel asks the objects of the image, rather than its neighbors, what it belongs to."""

import torch
from torch import Tensor, nn

from .conv import ConvNormAct
from .statistics import learns_batches, require_two_values


class ObjectContext(nn.Module):
    """Each pixel's feature, fused with those of the objects that it resembles (OCR, section 3.2).

    Args:
        channels: width of the pixels' features, in and out; 512 in the paper.
        width: of queries, keys and values; 256 in the paper.
        depth: 1x1 convolutions of a query and of a key: 1 in the paper's text, 2 in the released code.
        dropout: after the fusion, 0..1.
    """

    def __init__(self, channels: int, width: int, *, depth: int = 2, dropout: float = 0.05) -> None:
        super().__init__()
        self.channels, self.width = channels, width
        self.ask = _project(channels, width, depth)
        self.answer = _project(channels, width, depth)
        self.tell = ConvNormAct(channels, width, 1)
        self.widen = ConvNormAct(width, channels, 1)
        self.fuse = nn.Sequential(ConvNormAct(2 * channels, channels, 1), nn.Dropout(dropout))

    def forward(self, x: Tensor, regions: Tensor) -> Tensor:
        """The fused feature of each pixel of `x`, given the scores `regions` [B, N, h, w] of where N objects are."""
        b, n, h, w = regions.shape
        objects = object_means(x, regions)  # [b, channels, n, 1]
        require_two_values(objects, learns_batches(self), "the mean feature of the only object")
        query, key = self.ask(x).flatten(2), self.answer(objects).flatten(2)  # [b, width, h*w], [b, width, n]
        value = self.tell(objects).flatten(2)  # [b, width, n]
        weights = relation(query, key)  # [b, h*w, n]
        context = (value @ weights.transpose(-2, -1)).unflatten(2, (h, w))  # [b, width, h, w]
        return self.fuse(torch.cat([self.widen(context), x], dim=1))  # [b, channels, h, w]


def object_means(x: Tensor, regions: Tensor) -> Tensor:
    """The mean of `x` [B, C, h, w] over each object: [B, C, N, 1].

    Args:
        regions: [B, N, h, w] scores; a softmax over the pixels makes them the weights of each object's mean (Eq. 2).
    """
    b, c, _, _ = x.shape
    _, n, h, w = regions.shape
    weights = regions.flatten(2).softmax(dim=2)  # [b, n, h*w]
    return (x.flatten(2) @ weights.transpose(-2, -1)).unsqueeze(3)  # [b, c, n, 1]


def relation(query: Tensor, key: Tensor) -> Tensor:
    """How much each of P pixels belongs to each of N objects, 0..1, one in sum over the objects (Eq. 3): [B, P, N].

    Args:
        query, key: [B, width, P] and [B, width, N]; their products are divided by the root of the width.
    """
    return (query.transpose(-2, -1) @ key * query.shape[1] ** -0.5).softmax(dim=2)


def _project(channels: int, width: int, depth: int) -> nn.Sequential:
    return nn.Sequential(*(ConvNormAct(width if n else channels, width, 1) for n in range(depth)))
