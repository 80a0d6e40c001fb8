"""Borders: where they are, by hand and by brute force, and what the losses of them say."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from intarsia.errors import RecipeError
from intarsia.losses import Auxiliary, CrossEntropy, DualTask, edge_loss
from intarsia.losses.dual_task import strength
from intarsia.losses.edges import border
from intarsia.structures import SemanticLogits


def slowly(labels: Tensor, k: int, radius: int) -> Tensor:
    """The border of each class, one pixel at a time."""
    b, h, w = labels.shape
    found = torch.zeros(b, k, h, w)
    for n in range(b):
        for i in range(h):
            for j in range(w):
                seen = labels[n, max(0, i - radius) : i + radius + 1, max(0, j - radius) : j + radius + 1]
                kinds = {int(v) for v in seen.unique() if v != 255}
                for c in kinds:
                    found[n, c, i, j] = float(len(kinds) > 1 and labels[n, i, j] != 255)
    return found


@pytest.mark.parametrize("radius", [1, 2])
def test_borders_equal_a_slow_search(radius: int) -> None:
    random = torch.Generator().manual_seed(0)
    labels = torch.randint(0, 3, (2, 3, 4), generator=random).repeat_interleave(4, 1).repeat_interleave(4, 2)
    labels[0, :5, :6] = 255
    found, counted = border(torch.zeros(2, 3, 12, 16), labels, radius=radius)
    assert torch.equal(found, slowly(labels, 3, radius))
    assert torch.equal(counted[:, 0] > 0, labels != 255)


def test_border_pixels_and_all_others_weigh_alike() -> None:
    labels = torch.zeros(1, 6, 8, dtype=torch.long)
    labels[..., 4:] = 1
    edges = torch.randn(1, 1, 6, 8, generator=torch.Generator().manual_seed(1))
    on = torch.zeros(6, 8, dtype=torch.bool)
    on[:, 2:6] = True
    want = (-F.logsigmoid(edges[0, 0][on]).mean() - F.logsigmoid(-edges[0, 0][~on]).mean()) / 2
    torch.testing.assert_close(edge_loss(SemanticLogits(torch.zeros(1, 2, 6, 8), edges=edges), labels), want)
    each = SemanticLogits(torch.zeros(1, 2, 6, 8), edges=edges.expand(-1, 2, -1, -1))
    torch.testing.assert_close(edge_loss(each, labels), want)  # of two classes, each has the other's border


def test_edges_are_trained_beside_any_loss() -> None:
    labels = torch.zeros(1, 8, 8, dtype=torch.long)
    labels[:, 4:] = 1
    output = SemanticLogits(torch.zeros(1, 2, 8, 8), edges=torch.zeros(1, 1, 2, 2, requires_grad=True))
    terms = Auxiliary(CrossEntropy(), edges=0.5)(output, labels)
    assert set(terms) == {"main", "edges"}
    torch.testing.assert_close(terms["edges"].detach(), 0.5 * torch.tensor(2.0).log())
    assert set(Auxiliary(CrossEntropy(), edges=0.0)(output, labels)) == {"main"}
    nothing = edge_loss(output, torch.full_like(labels, 255))
    nothing.backward()
    assert nothing == 0 and output.edges is not None and output.edges.grad is not None and not output.edges.grad.any()


def test_the_dual_task_has_four_terms_and_its_own_edges() -> None:
    labels = torch.zeros(1, 8, 8, dtype=torch.long)
    labels[..., 4:] = 1
    right = 80.0 * F.one_hot(labels, 2).permute(0, 3, 1, 2).float() - 40
    on = torch.full((1, 1, 8, 8), -40.0)
    on[..., 2:6] = 40
    terms = Auxiliary(DualTask())(SemanticLogits(right, edges=on), labels)
    assert set(terms) == {"main", "edges", "attention", "dual"}
    assert sum(terms.values()) < 1e-5
    flat = DualTask(attention=2.0)(SemanticLogits(0 * right, edges=on), labels)
    torch.testing.assert_close(flat["attention"], 2 * torch.tensor(2.0).log())
    # two classes change by half on 16 of 64 pixels; on the two columns at the border, all of it is missed
    torch.testing.assert_close(flat["dual"], torch.tensor((0.5 * 16 / 64 + 0.5) / 2))
    assert set(DualTask()(SemanticLogits(right), labels)) == {"main", "dual"}


def test_strength_is_the_length_of_the_gradient() -> None:
    y, x = torch.meshgrid(torch.arange(6.0), torch.arange(7.0), indexing="ij")
    assert strength((3 * x + 4 * y)[None, None])[..., 1:-1, 1:-1].allclose(torch.tensor(5.0))


@pytest.mark.parametrize("options", [{"dual": -1}, {"sure": 1.5}])
def test_impossible_options(options: dict[str, float]) -> None:
    with pytest.raises(RecipeError, match="weights are 0 and above|it is a probability"):
        DualTask(**options)
