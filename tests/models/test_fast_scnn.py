"""What Poudel et al. claim: 1.11 million parameters, two branches that share their first layers, no skip but one."""

import pytest
import torch
from torch import nn

from intarsia.errors import ModelError
from intarsia.models import build
from intarsia.models.realtime.fast_scnn import Separable


def test_it_has_the_published_size() -> None:
    with torch.device("meta"):
        net = build("fast_scnn", 19)
    for_training = sum(p.numel() for p in net.auxiliary.parameters())
    norms = [m for key, m in net.named_modules() if isinstance(m, nn.BatchNorm2d) and "auxiliary" not in key]
    total = sum(p.numel() for p in net.parameters()) - for_training
    of_norms = sum(p.numel() for norm in norms for p in norm.parameters())
    assert total == 1_137_795 and of_norms == 23_680
    assert round((total - of_norms) / 1e6, 2) == 1.11  # the paper counts the convolutions


def test_the_layers_are_the_tables() -> None:
    """Table 1: strides 2, 2, 2 to learn, then three groups of three bottlenecks of strides 2, 2 and 1."""
    with torch.device("meta"):
        net = build("fast_scnn", 19)
    assert [(b.channels, b.stride) for b in net.extract] == [
        *((64, 2), (64, 1), (64, 1), (96, 2), (96, 1), (96, 1), (128, 1), (128, 1), (128, 1))
    ]
    assert [b.adds for b in net.extract] == 3 * [False, True, True]


def test_nothing_bends_between_the_halves_of_a_separable_convolution() -> None:
    """Section 3.2.1: no nonlinearity between depthwise and pointwise; before the last ReLU the layer is linear."""
    torch.manual_seed(0)
    layer = Separable(4, 6, 2).eval()
    layer.pointwise.act = nn.Identity()
    a, b = torch.randn(2, 1, 4, 9, 9)
    torch.testing.assert_close(layer(a + b), layer(a) + layer(b), atol=1e-5, rtol=1e-4)


def test_the_branches_share_the_first_layers_and_part_at_an_eighth() -> None:
    torch.manual_seed(0)
    net = build("fast_scnn", 3).eval()
    calls: list[tuple[int, ...]] = []
    net.shrink.register_forward_hook(lambda _, __, out: calls.append(tuple(out.shape)))
    image = torch.randn(1, 3, 64, 96)
    before = net(image).logits
    assert calls == [(1, 64, 8, 12)]
    for cut in (net.scene[1], net.detail[1]):  # each branch alone still reaches the answer
        kept = cut.weight.detach().clone()
        nn.init.zeros_(cut.weight)
        assert not torch.equal(net(image).logits, before)
        cut.weight.data.copy_(kept)


def test_the_auxiliary_heads_stand_after_each_of_the_first_two_modules() -> None:
    output = build("fast_scnn", 3).train()(torch.randn(2, 3, 64, 96))
    assert [tuple(a.shape) for a in output.auxiliary] == [(2, 3, 8, 12), (2, 3, 2, 3)]


def test_widths_come_in_threes() -> None:
    with pytest.raises(ModelError, match="three widths to shrink"):
        build("fast_scnn", 2, shrink=(8, 8))
