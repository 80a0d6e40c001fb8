"""DenseDepth: meters between two bounds, at any size, in one type; every parameter learns."""

import pytest
import torch
from torch import nn

from intarsia.errors import ModelError
from intarsia.models import build
from intarsia.structures import DepthMap

OPTIONS = {"encoder": "resnet10t", "channels": 32}


def test_any_size_in_the_same_size_out_between_the_bounds() -> None:
    torch.manual_seed(0)
    network = build("densedepth", 5, **OPTIONS, nearest=0.5, farthest=20.0).eval()
    nn.init.normal_(network.measure.weight, std=30.0)  # answers at both ends
    for size in ((1, 1), (17, 3), (64, 96), (45, 67)):
        output = network(torch.randn(2, 3, *size))
        assert type(output) is DepthMap and output.auxiliary == ()
        assert output.depth.shape == (2, 1, *size)
        assert output.depth.isfinite().all() and (output.depth > 0).all()
        assert output.depth.min() >= 0.5 * (1 - 1e-5) and output.depth.max() <= 20.0 * (1 + 1e-5)


def test_every_parameter_gets_a_gradient() -> None:
    torch.manual_seed(0)
    network = build("densedepth", 5, **OPTIONS).train()
    for norm in network.modules():
        if isinstance(norm, nn.BatchNorm2d):
            nn.init.ones_(norm.weight)
            norm.eval()
    output = network(torch.randn(2, 3, 64, 96))
    assert type(output) is DepthMap
    (output.depth * torch.randn(output.depth.shape)).sum().backward()
    assert [key for key, p in network.named_parameters() if p.grad is None or not p.grad.any()] == []


def test_an_untrained_network_answers_the_middle_of_the_bounds() -> None:
    network = build("densedepth", 1, **OPTIONS, nearest=1.0, farthest=100.0).eval()
    with torch.no_grad():
        assert network(torch.zeros(1, 3, 64, 64)).depth.mean() == pytest.approx(10.0, rel=0.3)


@pytest.mark.parametrize("bounds", [(0.0, 10.0), (-1.0, 10.0), (10.0, 10.0), (20.0, 10.0)])
def test_bounds_are_meters_above_zero(bounds: tuple[float, float]) -> None:
    with pytest.raises(ModelError, match="meters above 0"):
        build("densedepth", 5, **OPTIONS, nearest=bounds[0], farthest=bounds[1])
