"""What Choi et al. claim: one factor for each channel and row, from rows alone, and what row it is matters."""

import math

import pytest
import torch
import torch.nn.functional as F

from intarsia.models import build
from intarsia.models.attention.hanet import HeightAttention, row_code
from intarsia.models.catalogue import ARCHITECTURES

SMALL = ARCHITECTURES["hanet"].smallest


@torch.no_grad()
def test_all_places_of_a_row_get_the_same_factor() -> None:
    torch.manual_seed(0)
    attend = HeightAttention(8, 5, reduction=2, rows=4).eval()
    read, x = torch.randn(2, 8, 12, 9), torch.randn(2, 5, 24, 18)
    factor = attend(read, x) / x
    assert factor.gt(0).all() and factor.lt(1).all()
    torch.testing.assert_close(factor, factor[..., :1].expand_as(factor))
    assert factor.std(dim=2).gt(0).all()


@torch.no_grad()
@pytest.mark.parametrize("height", [4, 7, 32])
def test_attention_equals_convolutions_along_the_height(height: int) -> None:
    torch.manual_seed(0)
    attend = HeightAttention(8, 5, reduction=2, rows=16).eval()
    read, x = torch.randn(2, 8, height, 9), torch.randn(2, 5, 24, 18)
    rows = F.adaptive_avg_pool2d(read, (16, 1))[..., 0]  # [2, 8, 16]
    first, second, third = attend.narrow, attend.look[0], attend.look[3]
    norm = (1 + 1e-5) ** -0.5
    rows = (F.conv1d(rows, first.conv.weight[..., 0]) * norm).relu() + attend.code[..., 0]
    rows = (F.conv1d(rows, second.weight[..., 0], padding=1) * norm).relu()
    rows = F.conv1d(rows, third.weight[..., 0], third.bias, padding=1).sigmoid()
    want = x * F.interpolate(rows, 24, mode="linear", align_corners=False)[..., None]
    torch.testing.assert_close(attend(read, x), want)


@torch.no_grad()
def test_the_width_of_the_picture_does_not_matter_and_its_top_and_bottom_do() -> None:
    torch.manual_seed(0)
    attend = HeightAttention(8, 5, reduction=2).eval()
    read, x = torch.randn(1, 8, 16, 12), torch.ones(1, 5, 16, 12)
    torch.testing.assert_close(attend(read.roll(5, 3), x), attend(read, x))
    assert not torch.allclose(attend(read.flip(2), x).flip(2), attend(read, x))


def test_codes_of_rows() -> None:
    code = row_code(16, 6)[0, :, :, 0]
    for channel in range(6):
        for row in range(16):
            angle = row / 100 ** (2 * (channel // 2) / 6)
            want = 1 + (math.cos(angle) if channel % 2 else math.sin(angle))
            assert code[channel, row].item() == pytest.approx(want, abs=1e-5)


def test_four_places_and_few_weights() -> None:
    """Four places, and less than 2 % of the network's weights."""
    with torch.device("meta"):
        net = build("hanet", 19)
    assert [a.look[3].out_channels for a in net.attend] == [2048, 1280, 256, 256]
    added = sum(p.numel() for p in net.attend.parameters())
    assert added < 0.02 * sum(p.numel() for p in net.parameters())


def test_the_auxiliary_head_speaks_in_training_alone() -> None:
    net, image = build("hanet", 4, **SMALL), torch.randn(2, 3, 64, 96)
    assert [tuple(side.shape) for side in net.train()(image).auxiliary] == [(2, 4, 4, 6)]
    assert net.eval()(image).auxiliary == ()
