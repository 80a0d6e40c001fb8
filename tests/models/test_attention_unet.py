"""What Oktay et al. claim: a gate between 0 and 1 for each place, told by the coarser map, multiplies the skip."""

import pytest
import torch
from torch import nn

from intarsia.blocks.resize import resize_like
from intarsia.errors import ModelError
from intarsia.models import build
from intarsia.models.resolution.attention_unet import Gate

TINY = (4, 8, 12, 16, 20)


def network() -> nn.Module:
    torch.manual_seed(0)
    return build("attention_unet", 2, channels=TINY).eval()


@pytest.mark.parametrize("size", [(1, 1), (8, 8), (7, 12)])
@torch.no_grad()
def test_a_gate_lies_between_0_and_1_and_multiplies_the_skip(size: tuple[int, int]) -> None:
    gate = Gate(6, 10)
    nn.init.normal_(gate.psi.weight, std=20.0)
    skip, coarse = torch.randn(2, 6, *size), torch.randn(2, 10, -(-size[0] // 2), -(-size[1] // 2))
    weight = gate.weigh(skip, coarse)
    assert weight.shape == (2, 1, *size)
    assert weight.min() >= 0 and weight.max() <= 1
    assert torch.equal(gate(skip, coarse), skip * weight)


@torch.no_grad()
def test_attention_is_additive() -> None:
    """One number from relu(theta(skip) + phi(coarse)): equations 1 and 2, at the coarser map's size."""
    gate, skip, coarse = Gate(6, 10), torch.randn(1, 6, 8, 8), torch.randn(1, 10, 4, 4)
    seen: list[torch.Tensor] = []
    gate.psi.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    gate.weigh(skip, coarse)
    torch.testing.assert_close(seen[0], torch.relu(gate.theta(skip) + gate.phi(coarse)))


@torch.no_grad()
def test_open_gates_leave_the_plain_unet() -> None:
    net, image = network(), torch.randn(1, 3, 48, 64)
    gated = net(image).logits
    for gate in net.gate[:-1]:
        nn.init.zeros_(gate.psi.weight)
        nn.init.constant_(gate.psi.bias, 40.0)
    opened = net(image).logits
    x, skips = image, []
    for encode in net.encode:
        skips.append(encode(x))
        x = net.pool(skips[-1])
    x = net.bridge(x)
    for decode, skip in zip(net.decode, reversed(skips), strict=True):
        x = decode(torch.cat([skip, resize_like(x, skip)], dim=1))
    torch.testing.assert_close(opened, net.classify(x))
    assert not torch.allclose(opened, gated)


@torch.no_grad()
def test_closed_gates_cut_the_skips() -> None:
    net, image = network(), torch.randn(1, 3, 48, 64)
    for gate in net.gate[:-1]:
        nn.init.zeros_(gate.psi.weight)
        nn.init.constant_(gate.psi.bias, -1e4)
    given: list[torch.Tensor] = []
    for decode in net.decode:
        decode.register_forward_pre_hook(lambda _, x: given.append(x[0]))
    net(image)
    skips = [x[:, :width] for x, width in zip(given, reversed(TINY[:-1]), strict=True)]
    assert [bool(skip.any()) for skip in skips] == [False, False, False, True], "the finest skip has no gate"


@torch.no_grad()
def test_gates_are_nearly_open_at_first() -> None:
    gate = Gate(16, 20)
    weight = gate.weigh(torch.randn(1, 16, 16, 16), torch.randn(1, 20, 8, 8))
    assert weight.mean() > 0.9


@torch.no_grad()
def test_the_coarser_map_says_where_to_look() -> None:
    torch.manual_seed(0)
    gate, skip, coarse = Gate(6, 10), torch.randn(1, 6, 16, 16), torch.zeros(1, 10, 8, 8)
    before = gate.weigh(skip, coarse)
    coarse[..., 0, 0] = 5.0
    changed = (gate.weigh(skip, coarse) != before)[0, 0]
    assert changed[0, 0] and not changed[4:].any() and not changed[:, 4:].any()


def test_deep_supervision_speaks_in_training_only() -> None:
    image = torch.randn(2, 3, 37, 50)
    net = build("attention_unet", 2, channels=TINY)
    assert [side.shape[-2:] for side in net.train()(image).auxiliary] == [(5, 7), (10, 13), (19, 25)]
    assert net.eval()(image).auxiliary == ()
    assert build("attention_unet", 2, channels=TINY, deep_supervision=False).train()(image).auxiliary == ()


def test_at_least_two_widths() -> None:
    with pytest.raises(ModelError, match="at least two widths"):
        build("attention_unet", 1, channels=(8,))
