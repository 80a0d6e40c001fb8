"""What Yu et al. claim: a quarter of the width for meaning, fast shrinking, guided aggregation, a booster for free."""

import pytest
import torch
from torch import nn

from intarsia.errors import ModelError
from intarsia.models import build, count_flops
from intarsia.models.realtime.bisenetv2 import Gather, GuidedAggregation

SMALL = {"detail": (16, 16, 32), "head": 16, "side": 8}


def test_the_meaning_branch_has_a_quarter_of_the_detail_branchs_width() -> None:
    with torch.device("meta"):
        net = build("bisenetv2", 19)
        image = torch.empty(1, 3, 64, 128)
        detail, c2 = net.detail(image), net.stem(image)
        c3 = net.gather[0](c2)
    assert c2.shape[1:] == (64 // 4, 16, 32)
    assert detail.shape[1:] == (128, 8, 16) and c3.shape[1:] == (128 // 4, 8, 16)
    assert [len(stage) for stage in net.gather] == [2, 2, 4]


def test_the_meaning_branch_costs_less_than_an_eighth_of_the_detail_branch() -> None:
    """Twice as many layers, but it shrinks at once and is depthwise where it is wide."""
    with torch.device("meta"):
        net = build("bisenetv2", 19)
    meaning = nn.Sequential(net.stem, *net.gather, net.embed)
    assert len(net.detail) == 8
    assert 8 * count_flops(meaning) < count_flops(net.detail)


def test_a_gathering_layer_is_six_times_wider_inside_and_depthwise_there() -> None:
    layer = Gather(8, 12, 6, stride=2)
    convolutions = [m for m in layer.inside.modules() if isinstance(m, nn.Conv2d)]
    assert [(c.in_channels, c.out_channels, c.groups) for c in convolutions] == [
        (8, 8, 1),
        (8, 48, 8),
        (48, 48, 48),
        (48, 12, 1),
    ]
    assert [c.kernel_size[0] for c in convolutions] == [3, 3, 3, 1]


@torch.no_grad()
def test_either_branch_gates_the_other() -> None:
    torch.manual_seed(0)
    guide = GuidedAggregation(8).eval()
    detail, meaning = torch.randn(1, 8, 16, 16), torch.randn(1, 8, 4, 4)
    before = guide(detail, meaning)
    assert not torch.allclose(guide(detail, -meaning), before)
    assert not torch.allclose(guide(-detail, meaning), before)
    for gate in (guide.keep_fine[1], guide.keep_coarse[1]):
        nn.init.zeros_(gate.weight)  # nothing of the detail at the fine scale, no gate but one half at the coarse one
    other = guide(detail, meaning)
    coarse = nn.functional.interpolate(
        0 * guide.make_coarse(detail) + guide.make_coarse(detail) / 2, (16, 16), mode="bilinear"
    )
    torch.testing.assert_close(other, guide.fuse(coarse))


@torch.no_grad()
def test_the_booster_costs_nothing_in_evaluation() -> None:
    torch.manual_seed(0)
    net = build("bisenetv2", 3, **SMALL).eval()
    image = torch.randn(2, 3, 64, 96)
    before = net(image).logits
    for parameter in net.boost.parameters():
        parameter.fill_(torch.nan)
    assert torch.equal(net(image).logits, before)
    sides = build("bisenetv2", 3, **SMALL).train()(image).auxiliary
    assert [tuple(s.shape[-2:]) for s in sides] == [(16, 24), (8, 12), (4, 6), (2, 3)]


def test_mistakes_are_named() -> None:
    with pytest.raises(ModelError, match="has 3 stages"):
        build("bisenetv2", 2, detail=(8, 8))
    with pytest.raises(ModelError, match="leaves 0 channels"):
        build("bisenetv2", 2, ratio=0.01)
    with pytest.raises(ModelError, match="1x1 map of a single image"):
        build("bisenetv2", 2, **SMALL).train()(torch.randn(1, 3, 64, 64))
