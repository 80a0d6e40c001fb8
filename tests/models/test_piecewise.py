"""What Lin et al. claim: potentials of pairs from networks, learned as classifiers, joined by mean field."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from intarsia.blocks.shift import shifted
from intarsia.errors import ModelError
from intarsia.losses import Auxiliary, CrossEntropy
from intarsia.losses.pairs import pair_loss
from intarsia.models import build
from intarsia.models.structured.piecewise import PairNet, mean_field
from intarsia.structures import PairLogits, SemanticLogits

SMALL = {"encoder": "resnet18", "scales": (1.0, 0.5), "channels": 8, "hidden": 8, "reach": 1}
SHIFTS = [(0, 1), (-1, 0), (1, -1)]


def slow_field(unary: Tensor, scores: list[Tensor], iterations: int) -> Tensor:
    """Mean field over a list of edges, one place at a time."""
    k, h, w = unary.shape[1:]
    edges = [
        ((i, j), (i + dy, j + dx), table[0, :, i, j].reshape(k, k))
        for table, (dy, dx) in zip(scores, SHIFTS, strict=True)
        for i in range(h)
        for j in range(w)
        if 0 <= i + dy < h and 0 <= j + dx < w
    ]
    field = unary.clone()
    for _ in range(iterations):
        q, field = field.softmax(dim=1), unary.clone()
        for one, other, table in edges:
            field[0, :, *one] += table @ q[0, :, *other]
            field[0, :, *other] += table.T @ q[0, :, *one]
    return field


def test_mean_field_equals_a_slow_loop_over_edges() -> None:
    torch.manual_seed(0)
    unary, scores = torch.randn(1, 3, 4, 5), [torch.randn(1, 9, 4, 5) for _ in SHIFTS]
    torch.testing.assert_close(mean_field(unary, scores, SHIFTS, 3), slow_field(unary, scores, 3))


def test_the_marginals_are_exact_where_two_places_hang_together_by_one_sided_evidence() -> None:
    """On a chain of two places of which one is certain, mean field gives the true marginal of the other."""
    unary = torch.tensor([[[[50.0, 0.3]], [[0.0, -0.2]]]])  # [1, 2, 1, 2]
    table = torch.randn(1, 4, 1, 2)
    q = mean_field(unary, [table], [(0, 1)], 3).softmax(dim=1)
    joint = unary[0, :, 0, 0, None] + unary[0, None, :, 0, 1] + table[0, :, 0, 0].reshape(2, 2)
    exact = joint.flatten().softmax(dim=0).reshape(2, 2).sum(dim=0)
    torch.testing.assert_close(q[0, :, 0, 1], exact, atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_a_pair_s_network_is_the_one_over_both_features_side_by_side() -> None:
    net, x = PairNet(4, 6, 3, SHIFTS), torch.randn(1, 4, 5, 6)
    for shift, found in zip(SHIFTS, net(x), strict=True):
        both = torch.cat([x, shifted(x, *shift)], dim=1)
        weight = torch.cat([net.one.weight, net.other.weight], dim=1)
        torch.testing.assert_close(found, net.score(F.conv2d(both, weight, net.one.bias).relu()))


def test_each_pair_is_one_classification_of_both_labels() -> None:
    torch.manual_seed(0)
    labels = torch.tensor([[[0, 1, 2], [255, 1, 0]]])
    logits = torch.randn(1, 2, 9, 2, 3, requires_grad=True)
    output = SemanticLogits(torch.zeros(1, 3, 2, 3), pairs=PairLogits(logits, ((0, 1), (1, 0))))
    terms = Auxiliary(CrossEntropy())(output, labels)
    wanted = [(0, 0, 0, 0, 1), (0, 0, 1, 1, 2), (0, 1, 1, 1, 0), (1, 0, 1, 1, 1), (1, 0, 2, 2, 0)]  # edge, y, x, labels
    each = [-logits[0, e, :, i, j].log_softmax(dim=0)[3 * one + other] for e, i, j, one, other in wanted]
    torch.testing.assert_close(terms["pairs"], torch.stack(each).mean())
    terms["pairs"].backward()
    assert logits.grad.flatten(3).abs().sum(dim=2).gt(0).sum() == len(wanted)
    with pytest.raises(ModelError, match="a random field of pairs has one label a pixel"):
        pair_loss(output.pairs, labels[:, None].expand(1, 3, 2, 3))


def test_training_needs_no_inference_and_evaluation_infers() -> None:
    torch.manual_seed(0)
    net, image = build("piecewise", 3, **SMALL), torch.randn(2, 3, 64, 96)
    output = net.train()(image)
    assert output.pairs.logits.shape == (2, 8 + 6, 9, 4, 6) and len(output.pairs.shifts) == 14
    F.cross_entropy(output.logits, torch.zeros(2, 64, 96, dtype=torch.long)).backward()
    assert net.pairs[0].one.weight.grad is None
    net.eval()
    before = net(image).logits
    torch.nn.init.normal_(net.pairs[1].score.score.weight, std=1.0)
    assert net(image).pairs is None and not torch.allclose(net(image).logits, before)


def test_one_map_decides_between_two_states() -> None:
    net = build("piecewise", 1, **SMALL)
    assert net.train()(torch.randn(2, 3, 32, 32)).pairs.logits.shape[2] == 4
    assert net.eval()(torch.randn(1, 3, 32, 32)).logits.shape == (1, 1, 32, 32)
