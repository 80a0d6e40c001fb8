"""What Badrinarayanan et al. claim: values go back to the positions they were pooled from."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from intarsia.blocks.unpool import max_pool, max_unpool
from intarsia.errors import ModelError
from intarsia.models import build


def test_the_lectures_example() -> None:
    """Deck 2: maxima of a 4x4 map, and other values laid at their positions."""
    x = torch.tensor([[1.0, 2, 6, 3], [3, 5, 2, 1], [1, 2, 2, 1], [7, 3, 4, 8]])[None, None]
    maxima, places = max_pool(x)
    assert maxima[0, 0].tolist() == [[5, 6], [7, 8]]
    back = max_unpool(torch.tensor([[1.0, 2], [3, 4]])[None, None], places, 4, 4)
    assert back[0, 0].tolist() == [[0, 0, 2, 0], [0, 1, 0, 0], [0, 0, 0, 0], [3, 0, 0, 4]]


@pytest.mark.parametrize("size", [(1, 1), (5, 8), (7, 3), (6, 6)])
def test_unpooling_keeps_each_maximum_in_its_place_and_zeros_elsewhere(size: tuple[int, int]) -> None:
    x = torch.rand(2, 3, *size) + 1
    maxima, places = max_pool(x)
    back = max_unpool(maxima, places, *size)
    assert torch.equal(back[back > 0], x[back > 0])
    assert int((back > 0).sum()) == maxima.numel()
    again, where = max_pool(back)
    assert torch.equal(again, maxima) and torch.equal(where, places)


def test_unpooling_equals_torchs_own() -> None:
    x, other = torch.randn(2, 3, 6, 8), torch.randn(2, 3, 3, 4)
    _, places = max_pool(x)
    assert torch.equal(max_unpool(other, places, 6, 8), F.max_unpool2d(other, places, 2))


def test_unpooling_works_in_deterministic_mode() -> None:
    maxima, places = max_pool(torch.randn(1, 2, 4, 4).requires_grad_())
    torch.use_deterministic_algorithms(True)
    try:
        max_unpool(maxima, places, 4, 4).sum().backward()
    finally:
        torch.use_deterministic_algorithms(False)


def test_encoder_and_decoder_have_thirteen_convolutions_each() -> None:
    with torch.device("meta"):
        net = build("segnet", 11)
    halves = [[m for m in half.modules() if isinstance(m, nn.Conv2d)] for half in (net.encode, net.decode)]
    assert [len(half) for half in halves] == [13, 12]  # the decoder's thirteenth is the classifier
    assert [c.out_channels for c in halves[0]] == [64] * 2 + [128] * 2 + [256] * 3 + [512] * 6
    assert not hasattr(net, "encoder")


def test_a_moved_maximum_moves_the_sparse_map_of_the_decoder() -> None:
    """Interpolating decoders see the pooled value alone; this one sees where it came from."""
    one, other = torch.zeros(1, 1, 2, 2), torch.zeros(1, 1, 2, 2)
    one[..., 0, 0], other[..., 1, 1] = 5.0, 5.0
    (a, here), (b, there) = max_pool(one), max_pool(other)
    assert torch.equal(a, b)
    assert torch.equal(max_unpool(a, here, 2, 2), one) and torch.equal(max_unpool(b, there, 2, 2), other)


def test_widths_and_depths_must_match() -> None:
    with pytest.raises(ModelError, match="a width and a depth of at least 2 for each stage"):
        build("segnet", 2, channels=(4, 4), depths=(2, 1))
