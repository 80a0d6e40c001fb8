"""What Li et al. claim: bases fitted by expectation and maximization, kept by a moving average, of low rank."""

import torch
import torch.nn.functional as F

from intarsia.models import build
from intarsia.models.attention.emanet import BasesAttention, expectation, maximization


def test_a_round_equals_a_slow_loop() -> None:
    x, bases = torch.randn(1, 3, 6, dtype=torch.float64), torch.randn(1, 3, 2, dtype=torch.float64)
    shares, found = expectation(x, bases)[0], torch.zeros(3, 2, dtype=torch.float64)
    for n in range(6):
        scores = torch.stack([x[0, :, n] @ bases[0, :, k] for k in range(2)])
        torch.testing.assert_close(shares[n], scores.exp() / scores.exp().sum())
    for k in range(2):
        mean = sum(shares[n, k] * x[0, :, n] for n in range(6)) / shares[:, k].sum()
        found[:, k] = mean / mean.norm()
    torch.testing.assert_close(maximization(x, shares[None])[0], found, atol=1e-5, rtol=1e-5)


def test_rounds_find_the_kinds_of_a_map() -> None:
    """Places of three directions, starting from bases that hardly tell them apart."""
    torch.manual_seed(0)
    kinds = F.normalize(torch.randn(16, 3), dim=0)
    x = (12 * kinds[:, torch.arange(60) % 3] + 0.1 * torch.randn(16, 60))[None]
    bases = F.normalize(kinds + 0.3 * torch.randn(16, 3), dim=0)[None]
    for _ in range(3):
        bases = maximization(x, expectation(x, bases))
    assert (kinds.T @ bases[0]).diagonal().min() > 0.99


def test_bases_follow_a_moving_average_in_training_only() -> None:
    torch.manual_seed(0)
    attend, x = BasesAttention(8, 3), torch.randn(4, 8, 5, 6)
    assert "bases" in dict(attend.named_buffers()) and "bases" not in dict(attend.named_parameters())
    before = attend.bases.clone()
    attend.eval()(x)
    assert torch.equal(attend.bases, before)
    places, bases = attend.before(x).flatten(2), before.expand(4, -1, -1)
    for _ in range(3):
        bases = maximization(places, expectation(places, bases))
    attend.train()(x).sum().backward()
    torch.testing.assert_close(attend.bases, 0.9 * before + 0.1 * bases.mean(0).detach())
    assert attend.before.weight.grad.any()


@torch.no_grad()
def test_what_is_written_has_no_more_rank_than_bases() -> None:
    attend, seen = BasesAttention(12, 3).eval(), []
    attend.behind.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    attend.behind[0].weight.zero_()
    x, relu = torch.randn(1, 12, 7, 9), torch.Tensor.relu
    places = attend.before(x).flatten(2)
    bases = attend.bases[None]
    for _ in range(3):
        shares = expectation(places, bases)
        bases = maximization(places, shares)
    written = bases @ shares.transpose(1, 2)
    assert torch.linalg.matrix_rank(written[0], tol=1e-4) <= 3
    torch.testing.assert_close(attend(x), relu(x))
    torch.testing.assert_close(seen[0].flatten(2), written.relu())


def test_rates_of_the_last_stage_are_the_authors() -> None:
    """At stride 8 the rates are 2, 8 and 16, at stride 16 they are 1, 4 and 8."""
    for stride, rates in ((8, [2, 8, 16]), (16, [1, 4, 8])):
        with torch.device("meta"):
            body = build("emanet", 21, encoder="resnet50s", output_stride=stride).encoder.body
        assert [block.conv2.dilation[0] for block in body.layer4] == rates


def test_all_behind_the_encoder_has_as_many_parameters_as_the_released_code() -> None:
    with torch.device("meta"):
        net = build("emanet", 21)
    parts = (net.reduce, net.attend, net.smooth, net.classify)
    unit = 512 * 512 + 512 + 512 * 512 + 2 * 512
    assert sum(p.numel() for p in net.attend.parameters()) == unit
    head = 2048 * 512 * 9 + 2 * 512 + unit + 512 * 256 * 9 + 2 * 256 + 256 * 21 + 21
    assert sum(p.numel() for part in parts for p in part.parameters()) == head
