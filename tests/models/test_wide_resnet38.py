"""What Wu et al. claim: 38 layers, seven stages up to 4096 channels, pre-activation, dilation that changes no answer."""

import pytest
import torch
from torch import nn

from intarsia.encoders import WideResNet38
from intarsia.encoders.wide_resnet38 import Unit
from intarsia.errors import EncoderError
from intarsia.models import build


def test_37_convolutions_on_the_way_and_the_classifier_make_38_layers() -> None:
    with torch.device("meta"):
        encoder = WideResNet38()
    around = [m.around for m in encoder.modules() if isinstance(m, Unit) and m.around is not None]
    convolutions = [m for m in encoder.modules() if isinstance(m, nn.Conv2d)]
    assert len(convolutions) - len(around) + 1 == 38


def test_parameters_follow_the_papers_table_of_units() -> None:
    """Counted by hand from the units' widths; 1000 classes of ImageNet behind the mean of 4096 channels."""

    def weights(before: int, kernels: list[int], widths: list[int], around: bool) -> int:
        total, c = before * widths[-1] if around else 0, before
        for k, width in zip(kernels, widths, strict=True):
            total, c = total + 2 * c + c * k * k * width, width
        return total

    expected, c = 3 * 9 * 64, 64
    for widths, count in (([128] * 2, 3), ([256] * 2, 3), ([512] * 2, 6), ([512, 1024], 3)):
        for n in range(count):
            expected, c = expected + weights(c, [3, 3], widths, n == 0), widths[-1]
    for widths in ([512, 1024, 2048], [1024, 2048, 4096]):
        expected, c = expected + weights(c, [1, 3, 1], widths, True), widths[-1]
    expected += 2 * 4096
    with torch.device("meta"):
        assert sum(p.numel() for p in WideResNet38().parameters()) == expected == 105_070_912
    assert expected + 4096 * 1000 + 1000 == 109_167_912


def test_each_stage_has_its_width_and_stride() -> None:
    with torch.device("meta"):
        encoder = WideResNet38(stages=range(1, 8))
        features = encoder(torch.empty(1, 3, 96, 64))
    assert encoder.channels == (64, 128, 256, 512, 1024, 2048, 4096)
    assert encoder.strides == (1, 2, 4, 8, 8, 8, 8)
    assert [tuple(f.shape[1:]) for f in features] == [
        (c, 96 // s, 64 // s) for c, s in zip(encoder.channels, encoder.strides, strict=True)
    ]


def test_stages_that_nobody_asks_for_are_not_built() -> None:
    encoder = WideResNet38(stages=(1, 4), width=4)
    assert len(encoder.stages) == 4 and encoder.strides == (1, 8)
    with pytest.raises(EncoderError, match="from 1 to 7"):
        WideResNet38(stages=(0, 8))
    with pytest.raises(EncoderError, match="choose from 8, 16, 32"):
        WideResNet38(output_stride=4)


@pytest.mark.parametrize("coarse", [16, 32])
@torch.no_grad()
def test_every_second_pixel_of_the_dilated_map_is_the_strided_networks(coarse: int) -> None:
    torch.manual_seed(0)
    dense, strided = (WideResNet38(width=4, output_stride=s).double().eval() for s in (8, coarse))
    strided.load_state_dict(dense.state_dict())
    image = torch.randn(1, 3, 64, 96, dtype=torch.double)
    (fine,), (sparse,) = dense(image), strided(image)
    step = coarse // 8
    assert strided.strides == (coarse,)
    assert sparse.abs().mean() > 0.01
    torch.testing.assert_close(fine[..., ::step, ::step], sparse)


@torch.no_grad()
def test_nothing_but_sums_lies_on_the_way_through_a_unit() -> None:
    """Pre-activation: a silent branch lets the input pass, negative values too."""
    unit = Unit(8, (8, 8)).eval()
    unit.inside[-1].conv.weight.zero_()
    x = torch.randn(1, 8, 5, 5)
    assert torch.equal(unit(x), x)


def test_the_map_is_drawn_by_two_convolutions_with_holes_of_rate_12() -> None:
    net = build("wide_resnet38", 21, width=4, channels=8)
    assert [(c.kernel_size, c.dilation) for c in (net.reduce.conv, net.classify)] == [((3, 3), (12, 12))] * 2
