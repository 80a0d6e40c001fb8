"""The table of a network: nothing counted twice, nothing lost. That it is deck 4's table, test_unet.py holds."""

import pytest
import torch
from torch import nn

from intarsia.models import build, count_flops, summarize
from intarsia.models.catalogue import ARCHITECTURES


class Twice(nn.Module):
    """One layer called twice, one never, and a weight that no layer holds."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Conv2d(3, 3, 1)
        self.unused = nn.Sequential(nn.Conv2d(3, 5, 1), nn.BatchNorm2d(5))
        self.scale = nn.Parameter(torch.ones(7))

    def forward(self, x: torch.Tensor) -> dict[str, list[torch.Tensor]]:
        x = self.layer(self.layer(x))
        return {"both": [x, x[:, :1]]}


def test_each_weight_is_counted_once() -> None:
    told = summarize(Twice(), 4, 6)
    assert [(x.name, x.path, x.parameters) for x in told.layers] == [
        ("Conv2d-1", "layer", 12),
        ("Conv2d-2", "layer", 0),
        ("Twice-3", "", 7),
    ]
    assert told.layers[2].shapes == ((1, 3, 4, 6), (1, 1, 4, 6))
    assert told.idle == (("unused", 20 + 10),)
    assert told.parameters == 12 + 30 + 7
    assert told.passes_mb == 2 * 4 * (3 * 24 * 3 + 24) / 2**20


def test_frozen_weights_are_not_trainable() -> None:
    net = nn.Sequential(nn.Conv2d(3, 2, 1), nn.Conv2d(2, 2, 1))
    net[0].requires_grad_(False)
    told = summarize(net, 8, 8)
    assert (told.parameters, told.trainable) == (8 + 6, 6)


@pytest.mark.parametrize("name", ["pspnet", "deeplabv3plus", "fpn"])
def test_rows_and_idle_modules_add_up(name: str) -> None:
    net = build(name, 4, **ARCHITECTURES[name].smallest)
    told = summarize(net, 64, 96)
    assert sum(x.parameters for x in told.layers) + sum(n for _, n in told.idle) == told.parameters
    assert told.layers[-1].shapes == ((1, 4, 64, 96),)
    assert told.flops == count_flops(net, 64, 96)
    assert dict(told.idle).keys() == ({"auxiliary"} if name == "pspnet" else set())


def test_a_shallow_table_keeps_every_parameter() -> None:
    net = build("unet", 2, channels=(4, 8, 16))
    told = summarize(net, 32, 32)
    for depth in range(4):
        rows = told.down_to(depth)
        assert sum(x.parameters for x in rows) == told.parameters
        assert all(x.level <= depth for x in rows)
    assert [x.path for x in told.down_to(1)] == [
        "encode.0",
        "encode.1",
        "bridge",
        "decode.0",
        "decode.1",
        "classify",
        "",
    ]


def test_the_network_is_left_as_it_was() -> None:
    net = build("unet", 2, channels=(4, 8)).train()
    before = {key: value.clone() for key, value in net.state_dict().items()}
    summarize(net, 32, 32)
    assert net.training
    assert all(torch.equal(value, before[key]) for key, value in net.state_dict().items())
    assert not any(m._forward_hooks for m in net.modules())
