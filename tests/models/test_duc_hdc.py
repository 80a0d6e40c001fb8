"""What Wang et al. claim: when rates leave holes (equation 2), the blocks' rates, and the layout of dense upsampling."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from intarsia.errors import ModelError
from intarsia.models import build
from intarsia.models.context.duc_hdc import widest_gap


def sees_everything(rates: tuple[int, ...]) -> bool:
    """Whether 3x3 layers of these rates see every pixel of the square that they reach, told by a gradient."""
    size = 2 * sum(rates) + 1
    x = torch.zeros(1, 1, size, size, requires_grad=True)
    y = x
    for rate in rates:
        y = F.conv2d(y, torch.ones(1, 1, 3, 3), padding=rate, dilation=rate)
    y[0, 0, size // 2, size // 2].backward()
    return bool(x.grad.all())


@pytest.mark.parametrize(
    ("rates", "gap"), [((1, 2, 5), 2), ((1, 2, 9), 5), ((1, 2, 3), 2), ((1, 2, 5, 9), 2), ((1, 3, 5, 11), 3)], ids=str
)
def test_a_kernel_no_narrower_than_the_widest_gap_sees_everything(rates: tuple[int, ...], gap: int) -> None:
    """Section 3.2's own examples are (1, 2, 5), which is good, and (1, 2, 9), which is not."""
    assert widest_gap(rates) == gap
    assert sees_everything(rates) == (gap <= 3)


def test_rates_with_a_common_divisor_leave_a_chessboard() -> None:
    assert not sees_everything((2, 2, 2))
    assert not sees_everything((2, 4, 8))


def rates_of(stage: nn.Module) -> list[int]:
    return [m.dilation[0] for m in stage.modules() if isinstance(m, nn.Conv2d) and m.kernel_size == (3, 3)]


def test_the_blocks_rates_are_those_of_dilation_bigger() -> None:
    """Groups of four blocks with 1, 2, 5, 9; the last three of the 23 have 1, 2, 5; then 5, 9, 17."""
    with torch.device("meta"):
        net = build("duc_hdc", 19)
    assert rates_of(net.encoder.body.layer3) == [1, 2, 5, 9] * 5 + [1, 2, 5]
    assert rates_of(net.encoder.body.layer4) == [5, 9, 17]
    assert [look.score.out_channels for look in net.look] == [19 * 8 * 8] * 4


@torch.no_grad()
def test_each_cell_draws_its_own_64_pixels() -> None:
    """Score 64 k + 8 i + j of a cell is class k at the pixel in row i and column j of that cell."""
    torch.manual_seed(0)
    net = build("duc_hdc", 3, encoder="resnet18", rates=[1]).eval()
    image = torch.randn(1, 3, 43, 58)
    scores = net.look[0](net.encoder(image)[0])
    logits = net(image).logits
    for k, y, x in [(0, 0, 0), (1, 13, 22), (2, 42, 57), (1, 7, 8)]:
        torch.testing.assert_close(logits[0, k, y, x], scores[0, 64 * k + 8 * (y % 8) + x % 8, y // 8, x // 8])


@torch.no_grad()
def test_equal_kernels_give_nearest_neighbor_enlargement() -> None:
    """What DUC learns contains enlargement: with one kernel for all 64 pixels of a class, a cell is one color."""
    torch.manual_seed(0)
    net = build("duc_hdc", 3, encoder="resnet18", rates=[1]).eval()
    score = net.look[0].score
    score.weight.copy_(score.weight[::64].repeat_interleave(64, dim=0))
    image = torch.randn(1, 3, 64, 96)
    coarse = F.conv2d(net.encoder(image)[0], score.weight[::64], score.bias[::64], padding=1)
    torch.testing.assert_close(net(image).logits, F.interpolate(coarse, (64, 96), mode="nearest"))


def test_errors() -> None:
    with pytest.raises(ModelError, match=r"rates is \[\]; name the distances"):
        build("duc_hdc", 2, encoder="resnet18", rates=[])
    with pytest.raises(ModelError, match="are for ResNets and their like"):
        build("duc_hdc", 2, encoder="regnety_002")
