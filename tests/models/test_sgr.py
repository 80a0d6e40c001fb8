"""What Liang et al. claim: pixels vote for nodes, one graph convolution mixes neighbors, and pixels hear the result."""

import numpy as np
import pytest
import torch

from intarsia.errors import ModelError
from intarsia.models import build
from intarsia.models.structured.sgr import GraphReasoning, normalized

EDGES = torch.tensor([[0, 1, 0, 0], [1, 0, 1, 0], [0, 1, 0, 0], [0, 0, 0, 0]]).float()


def layer(edges: torch.Tensor = EDGES, channels: int = 5) -> GraphReasoning:
    torch.manual_seed(0)
    made = GraphReasoning(channels, edges, torch.randn(len(edges), 3)).double()
    for parameter in made.parameters():
        torch.nn.init.normal_(parameter, std=0.7)
    return made


def slowly(made: GraphReasoning, x: np.ndarray) -> np.ndarray:
    """The layer, one pixel and one node at a time; x is [N, C]."""
    weights = {key: value.numpy().squeeze() for key, value in made.state_dict().items()}
    n, c, m = len(x), x.shape[1], made.nodes
    nodes = np.zeros((m, c))
    for i in range(n):
        vote = np.exp(weights["vote.weight"] @ x[i] + weights["vote.bias"])
        for k in range(m):
            nodes[k] += vote[k] / vote.sum() * (weights["gather.weight"] @ x[i])
    named = [weights["think.weight"] @ np.concatenate([nodes[k].clip(0), weights["words"][k]]) for k in range(m)]
    linked = EDGES.numpy() + np.eye(m)
    size = linked.sum(axis=1)
    mixed = [sum(linked[k, j] / (size[k] * size[j]) ** 0.5 * named[j] for j in range(m)).clip(0) for k in range(m)]
    fit = np.array(
        [
            [weights["suit_node.weight"] @ mixed[k] + weights["suit_pixel.weight"] @ x[i] for k in range(m)]
            for i in range(n)
        ]
    )
    fit = np.exp(np.where(fit > 0, fit, 0.2 * fit))
    fit = fit / fit.sum(axis=0)
    fit = fit / fit.sum(axis=1, keepdims=True)
    return x + np.array(
        [sum(fit[i, k] * (weights["spread.weight"] @ mixed[k]) for k in range(m)).clip(0) for i in range(n)]
    )


@torch.no_grad()
def test_the_layer_equals_a_slow_loop() -> None:
    made, x = layer(), torch.randn(1, 5, 3, 4, dtype=torch.float64)
    expected = slowly(made, x[0].flatten(1).T.numpy())
    np.testing.assert_allclose(made(x)[0].flatten(1).T.numpy(), expected, atol=1e-5)


def test_the_graph_is_normalized_by_both_ends() -> None:
    mix = normalized(EDGES)
    assert mix[0, 1].item() == pytest.approx(1 / (2 * 3) ** 0.5)
    assert mix[3].tolist() == [0, 0, 0, 1]
    assert torch.linalg.eigvalsh(mix).max().item() == pytest.approx(1)


@torch.no_grad()
def test_knowledge_goes_along_the_edges_and_the_words_count() -> None:
    """A change of one node's word reaches its neighbors, and no others."""
    made, seen = layer(), []
    made.spread.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    x = torch.randn(1, 5, 3, 4, dtype=torch.float64)
    made(x)
    made.words[0] += 50.0
    made(x)
    changed = (seen[1] - seen[0]).abs().amax(dim=2)[0] > 0
    assert changed.tolist() == [True, True, False, False]


def test_words_graph_and_tree_are_handed_in() -> None:
    small = {"encoder": "resnet18", "channels": 8, "rates": (1,)}
    net = build("sgr", 3, **small, tree=((0, 1), 2), words=[[float(n)] * 4 for n in range(5)])
    assert net.reason.words[:, 0].tolist() == [0, 1, 2, 3, 4]
    assert (net.reason.mix > 0).float().tolist() == [  # classes 0, 1, 2, the root and the branch of 0 and 1
        [1, 0, 0, 0, 1], [0, 1, 0, 0, 1], [0, 0, 1, 1, 0], [0, 0, 1, 1, 1], [1, 1, 0, 1, 1],
    ]  # fmt: skip
    net = build("sgr", 3, **small, graph=[[0, 1], [1, 0]])
    assert net.reason.nodes == 2 and net.reason.words.shape == (2, 300)
    with pytest.raises(ModelError, match="a graph of 2 nodes is a square of edges with a word each"):
        build("sgr", 3, **small, graph=[[0, 1], [1, 0]], words=[[1.0]])
    with pytest.raises(ModelError, match="the same in both directions"):
        build("sgr", 3, **small, graph=[[0, 1], [0, 0]])
    with pytest.raises(ModelError, match="a tree of classes or a graph, not both"):
        build("sgr", 3, **small, graph=[[0, 1], [1, 0]], tree=(0, 1, 2))


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"graph": [[0, 1], [1]]}, "the rows of graph have 1 to 2 numbers; give each as many"),
        ({"words": [[0.0, 1.0], [1.0, 2.0, 3.0], [0.0]]}, "the rows of words have 1 to 3 numbers"),
        ({"graph": [[0, "a"], ["a", 0]]}, "graph is rows of numbers, and something in them is none"),
    ],
)
def test_ragged_tables_are_one_sentence(given: dict, words: str) -> None:
    with pytest.raises(ModelError, match=words):
        build("sgr", 2, encoder="resnet18", channels=8, rates=(1, 2), **given)
