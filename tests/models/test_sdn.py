"""What Fu et al. claim: stacked units, links inside and between them, a score map for each way up at each size."""

import pytest
import torch

from intarsia.encoders import Encoder
from intarsia.errors import ModelError
from intarsia.models import build

SMALL = {"encoder": "densenet121", "growth": 4, "channels": (8, 12, 16)}


def test_the_densenet_ends_at_a_sixteenth_and_has_the_same_weights() -> None:
    with torch.device("meta"):
        net = build("sdn", 21)
        whole = Encoder("densenet161", levels=(2, 3, 5))
        c2, c3, c5 = net.encoder(torch.empty(1, 3, 64, 96))
    assert (c2.shape[1:], c3.shape[1:], c5.shape[1:]) == ((384, 16, 24), (768, 8, 12), (2208, 4, 6))
    ours, theirs = net.encoder.state_dict(), whole.state_dict()
    assert {k: v.shape for k, v in ours.items()} == {k: v.shape for k, v in theirs.items()}


def test_each_way_up_is_supervised_at_each_size() -> None:
    with torch.device("meta"):
        output = build("sdn", 21, **SMALL).train()(torch.empty(2, 3, 64, 96))
    assert [tuple(side.shape[-2:]) for side in output.auxiliary] == [(8, 12), (16, 24), (8, 12), (16, 24), (8, 12)]


def test_units_are_stacked_a_shorter_stack_is_the_longer_ones_beginning() -> None:
    torch.manual_seed(0)
    three, one = build("sdn", 3, **SMALL).eval(), build("sdn", 3, units=1, **SMALL).eval()
    missing, extra = one.load_state_dict(three.state_dict(), strict=False)
    assert not missing and extra
    for net in (three, one):
        net.training = True  # the scores of the units, with norms in evaluation
    image = torch.randn(1, 3, 48, 64)
    with torch.no_grad():
        whole, first = three(image), one(image)
    torch.testing.assert_close(first.auxiliary[0], whole.auxiliary[0])
    up = torch.nn.functional.interpolate(whole.auxiliary[1], (48, 64), mode="bilinear")
    torch.testing.assert_close(first.logits, up)


def test_links_between_units_carry_each_map_to_the_same_size() -> None:
    with torch.device("meta"):
        net = build("sdn", 21)
    first, second = net.down
    assert [layer.conv.in_channels for layer in first.to8.layers] == [576 + 768, 576 + 768 + 48]
    assert first.to16.layers[0].conv.in_channels == 768 + 2208  # the first unit's coarsest map is the DenseNet's
    assert second.to16.layers[0].conv.in_channels == 768 + 1024
    for up in net.up:  # each way up sees the DenseNet
        assert up.to8.layers[0].conv.in_channels == up.enlarge8.out_channels + 48
        assert up.to4.layers[0].conv.in_channels == up.enlarge4.out_channels + 48


def test_mistakes_are_named() -> None:
    with pytest.raises(ModelError, match="dilates a DenseNet's last block; 'resnet18' has none"):
        build("sdn", 2, encoder="resnet18")
    with pytest.raises(ModelError, match="at least one unit"):
        build("sdn", 2, units=0)
