"""What Zhang et al. claim of ShuffleNet: its table, its cost, and that shuffling lets groups hear of each other."""

import pytest
import torch

from intarsia.encoders import ShuffleNet
from intarsia.encoders.shufflenet import shuffle
from intarsia.errors import EncoderError
from intarsia.models import count_flops

NARROW = (6, 12, 24, 48)


def test_it_has_the_published_cost_and_size() -> None:
    """1x, g = 3: 137 million multiply-adds at 224x224 and 1.9 million parameters, with the 1000-way classifier."""
    with torch.device("meta"):
        network = ShuffleNet()
    classifier = 960 * 1000
    assert round((count_flops(network, 224, 224) / 2 + classifier) / 1e6) == 137
    assert round((sum(p.numel() for p in network.parameters()) + classifier) / 1e6, 1) == 1.9


def test_the_stages_are_the_tables() -> None:
    with torch.device("meta"):
        network = ShuffleNet(levels=(1, 2, 3, 4, 5))
        features = network(torch.empty(1, 3, 224, 224))
    assert [(f.shape[1], f.shape[2]) for f in features] == [(24, 112), (24, 56), (240, 28), (480, 14), (960, 7)]
    assert network.channels == (24, 24, 240, 480, 960) and network.strides == (2, 4, 8, 16, 32)
    assert [len(stage) for stage in network.stages] == [4, 8, 4]
    grouped = [unit.squeeze.conv.groups for stage in network.stages for unit in stage]
    assert grouped == [1] + 15 * [3]  # section 3.2: not on the first, whose input is too thin


def test_shuffling_deals_the_groups_out_like_cards() -> None:
    x = torch.arange(6.0).view(1, 6, 1, 1)
    assert shuffle(x, 3).flatten().tolist() == [0, 2, 4, 1, 3, 5]
    assert torch.equal(shuffle(shuffle(x, 3), 2), x)  # two groups of three undo three groups of two


def test_without_shuffling_a_group_never_hears_of_another(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    unit = ShuffleNet(channels=NARROW).stages[2][1].eval()

    def reached() -> set[int]:
        x = torch.randn(8, 48, 3, 3, requires_grad=True)
        (unit(x) - x)[:, :16].sum().backward()
        return set(x.grad.abs().sum((0, 2, 3)).nonzero().flatten().tolist())

    assert len(reached()) == 48
    monkeypatch.setattr("intarsia.encoders.shufflenet.shuffle", lambda x, groups: x)
    assert reached() <= set(range(16))


@pytest.mark.parametrize("output_stride", [8, 16, 32])
@torch.no_grad()
def test_any_size_at_any_output_stride(output_stride: int) -> None:
    network = ShuffleNet(levels=(2, 5), output_stride=output_stride, channels=NARROW).eval()
    assert network.strides == (4, output_stride)
    for h, w in [(1, 1), (33, 65), (64, 47)]:
        fine, coarse = network(torch.randn(1, 3, h, w))
        assert fine.shape == (1, 6, -(-h // 4), -(-w // 4))
        assert coarse.shape == (1, 48, -(-h // output_stride), -(-w // output_stride))


def test_dilation_changes_no_weight() -> None:
    held = [{k: v.shape for k, v in ShuffleNet(channels=NARROW, output_stride=s).state_dict().items()} for s in (8, 32)]
    assert held[0] == held[1]
    rates = [stage[1].look[0].dilation[0] for stage in ShuffleNet(channels=NARROW, output_stride=8).stages]
    assert rates == [1, 2, 4]


def test_stages_that_nobody_asked_for_are_not_built() -> None:
    assert len(ShuffleNet(channels=NARROW, levels=(1, 3)).stages) == 1
    assert len(ShuffleNet(channels=NARROW, levels=(2,)).stages) == 0


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"pretrained": True}, "no weights of ShuffleNet"),
        ({"levels": (0, 1)}, "yields c1 to c5"),
        ({"output_stride": 4}, "choose from 8, 16, 32"),
        ({"channels": (24, 100, 480, 960)}, "the others of 12"),
        ({"channels": (24, 240, 240, 960)}, "four growing widths"),
    ],
)
def test_errors_say_what_is_allowed(options: dict, words: str) -> None:
    with pytest.raises(EncoderError, match=words):
        ShuffleNet(**options)
