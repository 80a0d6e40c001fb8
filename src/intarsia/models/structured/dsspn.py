"""DSSPN: classes hang in a tree, and each branch of it has a small network that tells its children apart.

Liang, Zhou, Xing. "Dynamic-Structured Semantic Propagation Network." CVPR 2018. arXiv:1803.06067

A flat classifier treats cat and dog as it treats cat and sky. Here the hierarchy of the classes is the network: a neuron for
each inner node of the tree, narrow, which sees the trunk's feature and what all its ancestors found out, and scores its own
children. A pixel's class is the end of the likeliest way down. Only the neurons on the ways to the labels of an image learn
from it, so that a rare branch is not drowned by the others, and data sets with other classes can share the upper branches.

    image - dilated encoder - c5 - 3x3 -- x ------------------------------------------------------------,
                                          ` root: 1x1 - 3x3 -- h0 - scores of its children              |
                                                                ` branch: [x, h0] - 1x1 - 3x3 -- h1 --- + - scores - ...
                                                                                                  ` branch: [x, h0 + h1] - ...
    logits of a class: log softmax of each branch on the way to it, at the image's size, added up

`labels.class_tree` writes `tree` from groups of class names; without one the root has all classes for children.

Departures from the paper: children share a softmax, where the paper asks of each, yes or no. Its logarithms add up to the
probability of a class, so that the usual cross entropy is the sum over the branches on the way to the label, and no gradient
reaches any other. All neurons are computed, also those that an image does not train. Ancestors' features are added, as the
paper does to bound their width. Several labels a pixel need independent classes, which a tree of choices has not.

Not compared: no released code was found. Built from a summary of the paper, so that numbers of sections, widths and sizes may
be others there (docs/faithfulness.md).
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...blocks.class_tree import ClassTree, branches
from ...blocks.conv import ConvNormAct, PixelClassifier
from ...blocks.resize import resize_like
from ...encoders import Encoder
from ...structures import SemanticLogits


class DSSPN(nn.Module):
    """Dynamic-structured semantic propagation network.

    Args:
        tree: class numbers in nested sequences, such as [[0, 1], [2, 3, 4]]; empty: all classes are the root's children.
        channels: width of the trunk's feature.
        width: of what a neuron hands down.
        output_stride: of the encoder: 8, or 16 for less work and memory.
        dropout: before each neuron's scores, 0..1.
    """

    def __init__(
        self,
        num_classes: int,
        *,
        encoder: str = "resnet101",
        in_channels: int = 3,
        tree: ClassTree = (),
        channels: int = 256,
        width: int = 48,
        output_stride: int = 8,
        dropout: float = 0.1,
        pretrained: bool = False,
    ) -> None:
        super().__init__()
        self.branches = branches(tree or tuple(range(num_classes)), num_classes)
        self.encoder = Encoder(
            encoder, levels=(5,), output_stride=output_stride, in_channels=in_channels, pretrained=pretrained
        )
        self.num_classes = num_classes
        self.reduce = ConvNormAct(self.encoder.channels[0], channels)
        self.neurons = nn.ModuleList(
            Neuron(channels + (width if branch.parent >= 0 else 0), channels, width, len(branch.children), dropout)
            for branch in self.branches
        )

    def forward(self, image: Tensor) -> SemanticLogits:
        (c5,) = self.encoder(image)  # [B, 2048, H/8, W/8]
        x = self.reduce(c5)  # [B, 256, H/8, W/8]
        above: list[Tensor] = []  # of each branch, what it and its ancestors found out, added up
        ways: list[Tensor] = []  # of each branch, the logarithms of the ways to its children
        leaves: dict[int, Tensor] = {}
        for branch, neuron in zip(self.branches, self.neurons, strict=True):
            count = len(branch.children)
            root = branch.parent < 0
            h, scores = neuron(
                x if root else torch.cat([x, above[branch.parent]], dim=1)
            )  # [B, 48, H/8, W/8], [B, count, H/8, W/8]
            above.append(h if root else above[branch.parent] + h)
            way = resize_like(scores, image)  # [B, count, H, W]
            if count > 1:
                way = F.log_softmax(way, dim=1)
            if not root:
                way = way + ways[branch.parent][:, branch.slot : branch.slot + 1]
            ways.append(way)
            leaves |= {child: way[:, n : n + 1] for n, child in enumerate(branch.children) if child >= 0}
        return SemanticLogits(torch.cat([leaves[n] for n in range(self.num_classes)], dim=1))  # [B, K, H, W]


class Neuron(nn.Module):
    """A dense semantic-enhanced block and the scores of its children (section 3.2)."""

    def __init__(self, in_channels: int, channels: int, width: int, children: int, dropout: float) -> None:
        super().__init__()
        self.width = width
        self.see = nn.Sequential(ConvNormAct(in_channels, channels, 1), ConvNormAct(channels, width))
        self.score = PixelClassifier(width, children, dropout=dropout)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """What the neuron found out, [B, width, h, w], and its children's scores, [B, children, h, w]."""
        b, _, rows, columns = x.shape
        h = self.see(x)  # [b, width, rows, columns]
        return h, self.score(h)
