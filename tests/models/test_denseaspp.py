"""What Yang et al. claim: dense looks see further than parallel ones, at few parameters, on a DenseNet of stride 8."""

import pytest
import torch
from torch import nn

from intarsia.errors import ModelError
from intarsia.models import build, count_parameters

SMALL = {"encoder": "resnet18", "channels": 8, "growth": 4}


def field_of(net: nn.Module) -> int:
    """The width of what the looks see of the encoder's feature, told by a gradient; norms have no statistics yet."""
    for look in net.look:
        for conv in (look.narrow.conv, look.look):
            nn.init.constant_(conv.weight, 0.01)
    first = net.look[0].narrow.conv.in_channels
    x = torch.ones(1, first, 1, 151, requires_grad=True)
    y = x
    for look in net.eval().look:
        y = torch.cat([look(y), y], dim=1)
    y[0, : net.look[-1].growth, 0, 75].sum().backward()
    seen = x.grad[0].abs().sum(0)[0].nonzero()
    return int(seen.max() - seen.min()) + 1


@pytest.mark.parametrize(
    ("rates", "field"), [((3, 6, 12, 18, 24), 127), ((6, 12, 18, 24), 121), ((3, 6, 12, 18), 79), ((24,), 49)], ids=str
)
def test_receptive_fields_add_up(rates: tuple[int, ...], field: int) -> None:
    """Section 3: a rate d gives (d - 1)(K - 1) + K, and two layers K1 + K2 - 1."""
    assert sum((rate - 1) * 2 + 3 for rate in rates) - len(rates) + 1 == field
    assert field_of(build("denseaspp", 2, **SMALL, rates=rates)) == field


def test_parameters_are_the_papers() -> None:
    """8.28 M on DenseNet-121, whose looks are narrower; the authors' weights on DenseNet-161 are a file of 142.7 MB."""
    assert round(count_parameters("denseaspp", 19, encoder="densenet121") / 1e6, 2) == 8.28
    with torch.device("meta"):
        held = build("denseaspp", 19).state_dict().values()
    assert 4 * sum(value.numel() for value in held) / 1e6 == pytest.approx(142.7, abs=0.3)


@pytest.mark.parametrize(
    ("encoder", "released", "biases"),
    [
        ("121", 8_280_851, 640),
        ("161", 35_395_427, 2_560),
        pytest.param("169", 18_420_675, 1_680, marks=pytest.mark.slow),
        pytest.param("201", 28_639_987, 2_400, marks=pytest.mark.slow),
    ],
)
def test_the_authors_widths_for_each_densenet(encoder: str, released: int, biases: int) -> None:
    """Counted in the released networks, less the biases of the looks' 1x1 convolutions."""
    assert count_parameters("denseaspp", 19, encoder=f"densenet{encoder}") == released - biases


@torch.no_grad()
def test_what_lies_beside_the_looks_is_rectified() -> None:
    net = build("denseaspp", 2, **SMALL).eval()
    (c5,) = net.encoder(torch.randn(1, 3, 64, 64))
    assert net.reduce(c5).min() == 0


def test_each_look_sees_all_looks_before_it() -> None:
    net = build("denseaspp", 2, **SMALL)
    assert [look.narrow.conv.in_channels for look in net.look] == [256 + 4 * n for n in range(5)]
    assert net.classify.score.in_channels == 256 + 4 * 5
    assert [look.look.dilation[0] for look in net.look] == [3, 6, 12, 18, 24]


@pytest.mark.parametrize(("stride", "rates"), [(8, [1, 1, 2, 4]), (16, [1, 1, 1, 2])])
def test_the_densenet_stops_shrinking_and_gets_holes(stride: int, rates: list[int]) -> None:
    with torch.device("meta"):
        encoder = build("denseaspp", 2, encoder="densenet121", output_stride=stride).encoder
        assert encoder(torch.empty(1, 3, 64, 96))[0].shape[-2:] == (64 // stride, 96 // stride)
    for n, rate in enumerate(rates, start=1):
        block = getattr(encoder.body, f"features_denseblock{n}")
        assert {layer.conv2.dilation for layer in block.values()} == {(rate, rate)}
    assert (encoder.strides, encoder.multiple) == ((stride,), stride)


def test_errors() -> None:
    with pytest.raises(ModelError, match=r"rates is \[0\]; name the distances"):
        build("denseaspp", 2, **SMALL, rates=[0])
