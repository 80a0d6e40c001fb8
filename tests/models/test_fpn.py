"""What Kirillov et al. and Lin et al. claim: meaning goes down the pyramid, and every level votes."""

import pytest
import torch

from intarsia.errors import EncoderError, ModelError
from intarsia.models import build, count_parameters


@torch.no_grad()
def test_the_coarsest_feature_reaches_the_finest_level() -> None:
    """With the branches of p3, p4 and p5 silenced, a change of c5 alone still changes the answer, through p2."""
    torch.manual_seed(0)
    net = build("fpn", 3, encoder="resnet18", channels=32).eval()
    features = net.encoder(torch.randn(1, 3, 64, 64))
    for branch in net.branches[1:]:
        branch.convolve[-1].norm.weight.zero_()
    net.encoder.forward = lambda image: features
    image = torch.empty(1, 3, 64, 64)
    before = net(image).logits
    features = [*features[:3], features[3] + 1]
    assert not torch.allclose(net(image).logits, before)


@torch.no_grad()
def test_every_level_votes() -> None:
    torch.manual_seed(0)
    net = build("fpn", 3, encoder="resnet18", channels=32).eval()
    image = torch.randn(1, 3, 64, 64)
    before = net(image).logits
    for branch in net.branches:
        norm = branch.convolve[-1].norm
        kept = norm.weight.clone()
        norm.weight.zero_()
        assert not torch.allclose(net(image).logits, before)
        norm.weight.copy_(kept)


def test_each_level_takes_as_many_steps_as_it_is_coarser() -> None:
    net = build("fpn", 3, encoder="resnet18", channels=32)
    assert [len(branch.convolve) for branch in net.branches] == [1, 1, 2, 3]


def test_the_papers_widths_and_lean_ones() -> None:
    net = build("fpn", 11, encoder="resnet18")
    assert (net.lateral[0].out_channels, net.classify.score.in_channels) == (256, 128)
    lean = build("fpn", 11, encoder="resnet18", channels=96)
    assert (lean.lateral[0].out_channels, lean.classify.score.in_channels) == (96, 48)
    assert build("fpn", 11, encoder="resnet18", channels=96, branch=64).classify.score.in_channels == 64


def test_smoothing_is_four_convolutions() -> None:
    with_it, without = (count_parameters("fpn", 2, encoder="resnet18", channels=96, smooth=s) for s in (True, False))
    assert with_it - without == 4 * (96 * 96 * 9 + 96)


@pytest.mark.parametrize("norm", ["group", "batch"])
def test_both_norms(norm: str) -> None:
    net = build("fpn", 2, encoder="resnet18", channels=32, norm=norm)
    assert type(net.branches[0].convolve[0].norm).__name__ == {"group": "GroupNorm", "batch": "BatchNorm2d"}[norm]
    assert net(torch.randn(2, 3, 40, 40)).logits.shape == (2, 2, 40, 40)


def test_the_finest_map_may_have_stride_2() -> None:
    with torch.device("meta"):
        net = build("fpn", 3, encoder="resnet18", channels=32, finest=2)
        plain = build("fpn", 3, encoder="resnet18", channels=32)
        sizes: list[tuple[int, ...]] = []
        net.classify.register_forward_pre_hook(lambda module, inputs: sizes.append(tuple(inputs[0].shape)))
        assert net(torch.empty(1, 3, 70, 94)).logits.shape == (1, 3, 70, 94)
        assert sizes == [(1, 16, 35, 47)]
        added = set(net.state_dict()) - set(plain.state_dict())
        assert {name.split(".")[0] for name in added} == {"fine", "mix"}
        with pytest.raises(ModelError, match="finest is 3; the map that is classified has stride 2 or 4"):
            build("fpn", 3, encoder="resnet18", finest=3)
        with pytest.raises(EncoderError, match="has no c1"):
            build("fpn", 3, encoder="convnext_atto", finest=2)
