"""What Paszke et al. claim: 0.37 million parameters, sixteen thin bottlenecks at an eighth, maxima put back."""

import pytest
import torch
from torch import nn

from intarsia.errors import ModelError
from intarsia.models import build, count_flops
from intarsia.models.realtime.enet import Bottleneck, Down, Up


def test_it_has_the_published_size() -> None:
    """Parameters 0.37 M, and 3.83 GFLOPs for 3 x 640 x 360, where SegNet has 29.46 M and 286.03.

    The released code has biases before batch norm, and a second score layer that trains the encoder first.
    """
    with torch.device("meta"):
        enet, segnet = build("enet", 19), build("segnet", 19)
    parameters = sum(p.numel() for p in enet.parameters())
    looks = [m for part in enet.children() for m in part.modules() if isinstance(m, nn.Conv2d | nn.ConvTranspose2d)]
    biases = sum(m.out_channels for m in looks if m.bias is None and m.kernel_size in ((3, 3), (1, 5)))
    assert parameters == 363_618 and biases == 693
    assert round((parameters + biases + 128 * 19 + 19) / 1e6, 2) == 0.37
    assert 75 < sum(p.numel() for p in segnet.parameters()) / parameters < 88  # "79 times fewer"
    assert count_flops(enet, 360, 640) / 1e9 == pytest.approx(3.83, rel=0.15)


def test_stages_two_and_three_are_the_tables() -> None:
    with torch.device("meta"):
        layers = [m for block in build("enet", 19).stage23 for m in block.branch if isinstance(m, nn.Conv2d)]
    looks = [(m.kernel_size, m.dilation[0]) for m in layers if m.kernel_size != (1, 1)]
    three, column, row = (3, 3), ((5, 1), 1), ((1, 5), 1)
    table = [(three, 1), (three, 2), column, row, (three, 4), (three, 1), (three, 8), column, row, (three, 16)]
    assert looks == 2 * table


def test_bottlenecks_are_a_quarter_as_wide_inside() -> None:
    block = Bottleneck(128, 3, 2)
    assert [m.out_channels for m in block.branch if isinstance(m, nn.Conv2d)] == [32, 32, 128]
    assert all(m.bias is None for m in block.branch if isinstance(m, nn.Conv2d))


@torch.no_grad()
def test_shrinking_pads_with_channels_of_zeros_and_remembers_where_maxima_stood() -> None:
    down = Down(4, 16, 0.0).eval()
    for p in down.branch.parameters():
        nn.init.zeros_(p)
    x = torch.rand(1, 4, 5, 6) + 1
    y, places = down(x)
    assert torch.equal(y[:, :4], nn.functional.max_pool2d(x, 2, ceil_mode=True)) and not y[:, 4:].any()
    assert torch.equal(x.flatten(2).gather(2, places.flatten(2)), y[:, :4].flatten(2))


@torch.no_grad()
def test_growing_lays_values_at_the_places_of_the_maxima() -> None:
    down, up = Down(4, 16, 0.0).eval(), Up(16, 4).eval()
    for p in up.branch.parameters():
        nn.init.zeros_(p)
    nn.init.constant_(up.narrow[0].weight, 0.1)
    x = torch.randn(1, 4, 7, 10)
    y, places = down(x)
    back = up(y.abs() + 1, places, x)
    assert back.shape == x.shape
    here = torch.zeros(1, 4, 70).scatter(2, places.flatten(2), 1.0).view_as(x)
    assert torch.equal(back > 0, here > 0)


def test_the_encoder_learns_its_slopes_and_the_decoder_has_relu() -> None:
    with torch.device("meta"):
        net = build("enet", 19)
    slopes = [m for m in net.modules() if isinstance(m, nn.PReLU)]
    assert {m.num_parameters for m in slopes} == {16, 32, 64, 128}  # one a channel
    decoder = (net.up4, net.stage4, net.up5, net.stage5)
    assert not any(isinstance(m, nn.PReLU) for part in decoder for m in part.modules())
    drops = [m.p for m in net.modules() if isinstance(m, nn.Dropout2d) and m.p]
    assert drops == [0.01] * 5 + [0.1] * 17


def test_widths_must_fit() -> None:
    with pytest.raises(ModelError, match="multiples of 4, the first above the image's 3 channels"):
        build("enet", 2, channels=(16, 62, 128))
