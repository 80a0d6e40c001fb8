"""What Ghiasi et al. found: seven cells, how each merges, and which map reaches which."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from intarsia.errors import ModelError
from intarsia.models import build, count_parameters
from intarsia.models.resolution.nasfpn import Stack, gated, shrink

SIZES = [(32, 48), (16, 24), (8, 12), (4, 6), (2, 3)]


def reached(stacks: int) -> list[set[int]]:
    """For each level that comes out, the levels that went in whose change it notices."""
    torch.manual_seed(0)
    graph = nn.Sequential(*(Stack(8, True) for _ in range(stacks))).eval()
    levels = [torch.randn(1, 8, *size) for size in SIZES]
    with torch.no_grad():
        before = graph(levels)
        changed = [graph([x + (n == m) for m, x in enumerate(levels)]) for n in range(5)]
    return [{3 + n for n in range(5) if not torch.equal(changed[n][out], before[out])} for out in range(5)]


def test_one_stack_is_the_published_graph() -> None:
    """p3' comes of p3, p4 and p6; p4' of the same; p5' of p5 as well; p7' of all; p6' of all."""
    assert reached(1) == [{3, 4, 6}, {3, 4, 6}, {3, 4, 5, 6}, {3, 4, 5, 6, 7}, {3, 4, 5, 6, 7}]


def test_two_stacks_let_every_level_meet_every_other() -> None:
    assert reached(2) == [{3, 4, 5, 6, 7}] * 5


@torch.no_grad()
def test_one_stack_by_hand() -> None:
    """With the cells' layers taken out, the merges alone."""
    graph = Stack(4, True)
    graph.cells = nn.ModuleList(nn.Identity() for _ in range(7))
    p3, p4, p5, p6, p7 = levels = [torch.rand(1, 4, *size) for size in SIZES]

    def up(x, by):
        return x.repeat_interleave(by, 2).repeat_interleave(by, 3)

    def down(x, by):
        return x.unfold(2, by, by).unfold(3, by, by).amax((4, 5))

    def gate(fine, coarse):
        return coarse + torch.sigmoid(coarse.flatten(2).max(2).values)[..., None, None] * fine

    t = gate(p4, up(p6, 4)) + p4
    q3 = p3 + up(t, 2)
    q4 = down(q3, 2) + t
    q5 = gate(down(q3, 4), down(q4, 2)) + p5
    q7 = gate(down(t, 8), down(q5, 4)) + p7
    q6 = gate(down(q5, 2), up(q7, 2))
    for ours, expected in zip(graph(levels), (q3, q4, q5, q6, q7), strict=True):
        torch.testing.assert_close(ours, expected)


def test_a_gate_shut_leaves_the_coarse_map() -> None:
    fine, coarse = torch.rand(2, 3, 4, 4), torch.rand(2, 3, 4, 4)
    torch.testing.assert_close(gated(fine, coarse - 200), coarse - 200)
    torch.testing.assert_close(gated(fine, coarse + 200), coarse + 200 + fine)


@pytest.mark.parametrize("size", [1, 2, 7, 8, 9, 64, 65])
@pytest.mark.parametrize("levels", [1, 2, 3])
def test_pooling_rounds_up_and_leaves_two_pixels_a_side(size: int, levels: int) -> None:
    x = torch.rand(1, 1, size, size)
    pooled = F.max_pool2d(x, 2**levels, ceil_mode=True)
    side = pooled.shape[-1]
    assert shrink(x, levels).shape[-2:] == (max(2, side), max(2, side))
    assert torch.equal(shrink(x, levels)[..., :side, :side], pooled)
    assert torch.equal(shrink(x, levels, torch.empty(1, 1, 1, 1)), pooled[..., :1, :1])


@pytest.mark.parametrize(
    ("encoder", "head", "published"),
    [("tf_efficientnet_b7", (640, 2560), 71e6), ("tf_efficientnet_l2", (1376, 5504), 485e6)],
)
def test_the_published_number_of_parameters(encoder: str, head: tuple[int, int], published: float) -> None:
    """71 M and 485 M in the table of the second paper's code, which keeps EfficientNet's classifier."""
    last, wide = head
    classifier = last * wide + 2 * wide + 1000 * (wide + 1)
    assert abs(count_parameters("nasfpn", 21, encoder=encoder) + classifier - published) < 1e6


def test_each_stack_costs_seven_cells() -> None:
    for separable, cell in ((True, 9 * 32 + 32 * 32 + 64), (False, 9 * 32 * 32 + 64)):
        assert sum(p.numel() for p in Stack(32, separable).parameters()) == 7 * cell


def test_the_graph_is_there_at_least_once() -> None:
    with pytest.raises(ModelError, match="stacks is 0"):
        build("nasfpn", 2, stacks=0)
