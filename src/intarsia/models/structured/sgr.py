"""SGR: features vote for the nodes of a graph of meanings, the nodes talk along its edges, and the pixels hear the result.

Liang, Hu, Zhang, Lin, Xing. "Symbolic Graph Reasoning Meets Convolutions." NeurIPS 2018.
https://papers.nips.cc/paper/7456-symbolic-graph-reasoning-meets-convolutions

Convolutions pass on what lies nearby in the image; what is near in meaning, as a saddle is to a horse, they must learn from
pairs of pixels. Here a graph of symbols, classes and what stands above them, is given with the words' vectors and the edges
of prior knowledge. Each pixel shares itself out among the nodes; one graph convolution mixes each node with its neighbors;
and each pixel takes from the nodes what suits it, beside what it was.

    image - dilated encoder - atrous pyramid - x ------------------------------------------------ + - classify - x8 - logits
                                               ` vote - nodes - [words] - graph convolution - map back '

Departures from the paper: pixels are named by an atrous pyramid as DeepLab v3's. A leaky ReLU stands between a pixel's and
a node's fit and its softmax: of the paper's plain linear form each node's part cancels in one normalization and each
pixel's in the other, so that every pixel would take the mean of all nodes. Without words the nodes have fixed random
vectors, and without a graph no edges. One layer; the paper puts several graphs side by side or in a row.

Compared with julianschoep/SGRLayer SGR_layer.py (no code of the authors): the layer, its TensorFlow written in NumPy;
difference 2e-6 (13) with the leaky ReLU there; as it is, every pixel there takes the mean of all nodes
(docs/faithfulness.md).
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...blocks.atrous import AtrousPyramid
from ...blocks.class_tree import ClassTree, tree_graph
from ...blocks.conv import PixelClassifier
from ...blocks.resize import resize_like
from ...encoders import Encoder
from ...errors import ModelError
from ...structures import SemanticLogits

WORD = 300  # numbers of a word's vector where none is given, as fastText's have


class SGR(nn.Module):
    """DeepLab with a symbolic graph reasoning layer.

    Args:
        tree: class numbers in nested sequences: the nodes are the classes and the branches, with an edge from each branch to
            its children; empty: the nodes are the classes, without edges.
        graph: instead of a tree, the weight of the edge between each two nodes, one row a node.
        words: a vector of each node's name, one row a node; empty: fixed random ones.
        channels: width of the pixels' features, and of the nodes'.
        rates: of the atrous pyramid, in cells of `output_stride` pixels.
        output_stride: of the encoder: 8, or 16 for less work and memory.
        dropout: behind the atrous pyramid, 0..1.
    """

    def __init__(
        self,
        num_classes: int,
        *,
        encoder: str = "resnet101",
        in_channels: int = 3,
        tree: ClassTree = (),
        graph: Sequence[Sequence[float]] = (),
        words: Sequence[Sequence[float]] = (),
        channels: int = 256,
        rates: Sequence[int] = (12, 24, 36),
        output_stride: int = 8,
        dropout: float = 0.1,
        pretrained: bool = False,
    ) -> None:
        super().__init__()
        if len(tree) and len(graph):
            raise ModelError("sgr takes a tree of classes or a graph, not both")
        edges = tree_graph(tree, num_classes) if len(tree) else torch.zeros(num_classes, num_classes)
        edges = table(graph, "graph") if len(graph) else edges
        vectors = table(words, "words") if len(words) else 0.22 * torch.randn(len(edges), WORD)
        self.encoder = Encoder(
            encoder, levels=(5,), output_stride=output_stride, in_channels=in_channels, pretrained=pretrained
        )
        self.pyramid = AtrousPyramid(self.encoder.channels[0], channels, rates, separable=False, dropout=dropout)
        self.reason = GraphReasoning(channels, edges, vectors)
        self.classify = PixelClassifier(channels, num_classes)

    def forward(self, image: Tensor) -> SemanticLogits:
        (c5,) = self.encoder(image)  # [B, 2048, H/8, W/8]
        x = self.pyramid(c5)  # [B, 256, H/8, W/8]
        x = self.reason(x)
        x = self.classify(x)  # [B, K, H/8, W/8]
        return SemanticLogits(resize_like(x, image))  # [B, K, H, W]


class GraphReasoning(nn.Module):
    """The SGR layer: vote, reason, map back (sections 3.1 to 3.3).

    Args:
        edges: [M, M] weights of the edges between nodes, symmetric, none below 0.
        words: [M, E] a vector of each node's name.
    """

    words: Tensor
    mix: Tensor

    def __init__(self, channels: int, edges: Tensor, words: Tensor) -> None:
        super().__init__()
        if edges.ndim != 2 or edges.shape[0] != edges.shape[1] or len(words) != len(edges):
            raise ModelError(
                f"a graph of {len(edges)} nodes is a square of edges with a word each; these are {list(edges.shape)} "
                f"edges and {len(words)} words"
            )
        if edges.device.type != "meta" and (edges.min() < 0 or not torch.equal(edges, edges.T)):
            raise ModelError("edges are weights of 0 or more, the same in both directions")
        self.channels, self.nodes, self.word = channels, len(edges), words.shape[1]
        self.register_buffer("words", words)
        self.register_buffer("mix", normalized(edges))
        self.vote = nn.Conv2d(channels, self.nodes, 1)
        self.gather = nn.Conv2d(channels, channels, 1, bias=False)
        self.think = nn.Linear(channels + words.shape[1], channels, bias=False)
        self.suit_pixel = nn.Conv2d(channels, 1, 1, bias=False)
        self.suit_node = nn.Linear(channels, 1, bias=False)
        self.spread = nn.Linear(channels, channels, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        b, _, h, w = x.shape
        votes = self.vote(x).softmax(dim=1).flatten(2)  # [b, nodes, h*w]
        seen = (votes @ self.gather(x).flatten(2).transpose(1, 2)).relu()  # [b, nodes, channels]
        words = self.words.expand(b, -1, -1)  # [b, nodes, word]
        seen = (self.mix @ self.think(torch.cat([seen, words.to(seen.dtype)], dim=2))).relu()  # [b, nodes, channels]
        suits = F.leaky_relu(self.suit_node(seen) + self.suit_pixel(x).flatten(2), 0.2)  # [b, nodes, h*w]
        share = suits.log_softmax(dim=2).softmax(dim=1)  # of the pixels for each node, then of the nodes for each pixel
        heard = (self.spread(seen).transpose(1, 2) @ share).unflatten(2, (h, w))  # [b, channels, h, w]
        return x + heard.relu()


def table(rows: Sequence[Sequence[float]], what: str) -> Tensor:
    """Rows of numbers as a matrix, float32.

    Raises: ModelError where rows differ in length, or something in them is no number.
    """
    lengths = sorted({len(row) for row in rows})
    if len(lengths) > 1:
        raise ModelError(f"the rows of {what} have {lengths[0]} to {lengths[-1]} numbers; give each as many")
    try:
        return torch.tensor([list(row) for row in rows], dtype=torch.float32)
    except (TypeError, ValueError) as error:
        raise ModelError(f"{what} is rows of numbers, and something in them is none: {error}") from error


def normalized(edges: Tensor) -> Tensor:
    """Edges with one from each node to itself, divided by the roots of both ends' sums (Kipf, Welling): [M, M]."""
    linked = edges + torch.eye(len(edges), device=edges.device)
    scale = linked.sum(dim=1) ** -0.5
    return scale[:, None] * linked * scale
