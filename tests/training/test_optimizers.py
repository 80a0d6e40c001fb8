"""Courses of the learning rate against their formulas; groups of parameters; the moving average."""

import math

import pytest
import torch
from torch import nn

from intarsia.training.ema import MovingAverage
from intarsia.training.optimizers import adamw, constant, cosine, factor, onecycle, parameter_groups, poly


def test_courses_start_at_one_and_follow_their_formulas() -> None:
    assert [poly(power=0.9)(p) for p in (0, 0.5, 1)] == pytest.approx([1, 0.5**0.9, 0])
    assert [cosine()(p) for p in (0, 0.5, 1)] == pytest.approx([1, 0.5, 0])
    assert cosine(floor=0.1)(1) == pytest.approx(0.1)
    cycle = onecycle(rise=0.3, first=0.04, last=0.001)
    assert [cycle(p) for p in (0, 0.3, 1)] == pytest.approx([0.04, 1, 0.001])
    assert constant()(0.7) == 1


def test_onecycle_is_torchs() -> None:
    parameter = nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([parameter], lr=1.0)
    theirs = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=1.0, total_steps=101, pct_start=30 / 101, div_factor=25, final_div_factor=400
    )
    cycle = onecycle(rise=0.29, first=0.04, last=1e-4)
    for step in range(101):
        assert cycle(step / 100) == pytest.approx(optimizer.param_groups[0]["lr"], abs=1e-6)
        optimizer.step()
        if step < 100:
            theirs.step()


def test_warmup_rises_linearly_and_the_course_fills_the_rest() -> None:
    assert [factor(poly(power=1.0), 0.1, p) for p in (0, 0.05, 0.1, 0.55, 1, 1.2)] == pytest.approx(
        [0, 0.5, 1, 0.5, 0, 0]
    )


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))
        self.classify = nn.Conv2d(4, 2, 1)


def test_norms_and_biases_are_not_decayed_and_the_encoder_has_its_own_rate() -> None:
    net = Net()
    groups = parameter_groups(net, lr=1.0, weight_decay=0.5, encoder_lr=0.1)
    found = {id(p): (g["lr"], g["weight_decay"]) for g in groups for p in g["params"]}
    assert len(found) == len(list(net.parameters()))
    assert found[id(net.encoder[0].weight)] == (0.1, 0.5)
    assert found[id(net.encoder[0].bias)] == found[id(net.encoder[1].weight)] == (0.1, 0.0)
    assert found[id(net.classify.weight)] == (1.0, 0.5)
    assert adamw(net, lr=3e-4).param_groups[0]["lr"] == 3e-4


def test_the_average_is_the_formula_and_is_taken_off_again_bit_for_bit() -> None:
    net = Net().to(memory_format=torch.channels_last)
    ema = MovingAverage(net, decay=0.9)
    expected = net.classify.weight.detach().clone()
    for step in range(1, 30):
        with torch.no_grad():
            for parameter in net.parameters():
                parameter.add_(torch.randn_like(parameter))
            net.encoder[1].running_mean.add_(1.0)
        ema.update()
        keep = min(0.9, (1 + step) / (10 + step))
        expected = keep * expected + (1 - keep) * net.classify.weight.detach()
    assert torch.allclose(ema.average["classify.weight"], expected, atol=1e-5)
    assert math.isclose(
        float(ema.average["encoder.1.running_mean"][0]), float(net.encoder[1].running_mean[0]), abs_tol=12
    )
    before = {n: t.clone() for n, t in net.state_dict().items()}
    with ema.applied():
        assert torch.equal(net.classify.weight, ema.average["classify.weight"])
    assert all(torch.equal(before[n], t) for n, t in net.state_dict().items())
