"""What Fu et al. claim: places gather from places like them, channels from channels unlike them."""

import torch

from intarsia.models import build
from intarsia.models.attention.danet import ChannelAttention, PositionAttention


@torch.no_grad()
def test_position_attention_equals_a_slow_loop() -> None:
    torch.manual_seed(0)
    attend, x = PositionAttention(16).double(), torch.randn(2, 16, 3, 4, dtype=torch.float64)
    attend.gain.fill_(0.7)
    query, key, value = (part(x).flatten(2) for part in (attend.ask, attend.answer, attend.tell))
    assert query.shape[1] == 2
    wanted = x.flatten(2).clone()
    for b in range(2):
        for i in range(12):
            shares = torch.stack([query[b, :, i] @ key[b, :, j] for j in range(12)]).softmax(0)
            wanted[b, :, i] += 0.7 * sum(share * value[b, :, j] for j, share in enumerate(shares))
    torch.testing.assert_close(attend(x), wanted.reshape(x.shape))


@torch.no_grad()
def test_a_channel_gathers_most_from_the_one_least_like_it() -> None:
    attend, x = ChannelAttention().double(), torch.randn(2, 3, 3, 4, dtype=torch.float64)
    attend.gain.fill_(0.7)
    places, wanted = x.flatten(2), x.flatten(2).clone()
    for b in range(2):
        for i in range(3):
            alike = torch.stack([places[b, i] @ places[b, j] for j in range(3)])
            shares = (-alike).softmax(0)
            assert shares.argmax() == alike.argmin()
            wanted[b, i] += 0.7 * shares @ places[b]
    torch.testing.assert_close(attend(x), wanted.reshape(x.shape))


@torch.no_grad()
def test_both_begin_as_the_map_itself() -> None:
    x = torch.randn(1, 8, 4, 5)
    assert torch.equal(PositionAttention(8)(x), x)
    assert torch.equal(ChannelAttention()(x), x)


def test_each_branch_is_classified_in_training_only() -> None:
    net, image = build("danet", 4, encoder="resnet18", channels=16), torch.randn(2, 3, 40, 48)
    assert [side.shape for side in net.train()(image).auxiliary] == [(2, 4, 5, 6)] * 2
    assert net.eval()(image).auxiliary == ()


def test_the_head_has_as_many_parameters_as_the_released_one() -> None:
    with torch.device("meta"):
        net = build("danet", 21)
    parts = (net.places, net.kinds, net.classify, net.auxiliary)
    assert sum(p.numel() for part in parts for p in part.parameters()) == 23_957_697
