"""Norms exchanged in networks of the catalogue, and residual branches left out: values, weights, and batches of one."""

import copy

import pytest
import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from intarsia.blocks.conv import norm_layer
from intarsia.blocks.drop_path import DropPath, with_drop_path
from intarsia.blocks.norms import with_norms
from intarsia.checkpoint import build
from intarsia.errors import ModelError
from intarsia.models import check_trainable
from intarsia.models.catalogue import ARCHITECTURES


def small() -> nn.Sequential:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(3, 16, 3), nn.BatchNorm2d(16), nn.ReLU(), nn.BatchNorm2d(16, affine=False))
    nn.init.normal_(net[1].weight)
    nn.init.normal_(net[1].bias)
    net[1].running_mean += 0.7
    return net


def test_group_norm_has_the_scale_and_shift_and_each_image_by_itself() -> None:
    net, x = small(), torch.randn(2, 3, 8, 8)
    grouped = with_norms(copy.deepcopy(net), "group")
    scores = net[0](x)
    normed = (scores.view(2, 4, -1) - scores.view(2, 4, -1).mean(-1, keepdim=True)) / (
        scores.view(2, 4, -1).var(-1, unbiased=False, keepdim=True) + 1e-5
    ).sqrt()
    want = normed.view_as(scores) * net[1].weight[:, None, None] + net[1].bias[:, None, None]
    torch.testing.assert_close(grouped[1](scores), want)
    assert not any(isinstance(m, _BatchNorm) for m in grouped.modules()) and grouped[3].weight is None
    torch.testing.assert_close(grouped(x)[1:], grouped(x[1:]))
    back = with_norms(grouped, "batch")
    assert isinstance(back[1], nn.BatchNorm2d) and torch.equal(back[1].weight, net[1].weight)


def test_frozen_norm_stays_in_training_mode_and_others_are_grouped() -> None:
    net = nn.Module()
    net.encoder, net.head = small(), small()
    with_norms(net, "frozen").train()
    before, x = net.encoder[1].running_mean.clone(), torch.randn(4, 3, 8, 8)
    out = net.encoder(x)
    assert torch.equal(net.encoder[1].running_mean, before)
    torch.testing.assert_close(out, small().eval()(x))
    assert not net.encoder[1].weight.requires_grad and isinstance(net.head[1], nn.GroupNorm)
    assert set(net.encoder.state_dict()) == set(small().state_dict())
    with pytest.raises(ModelError, match="Sequential has none here; use norms=group"):
        with_norms(small(), "frozen")
    with pytest.raises(ModelError, match="norms is 'layer'; choose from batch, group, frozen"):
        with_norms(small(), "layer")


@pytest.mark.parametrize("channels", [1, 2, 6, 18, 24, 64, 100])
def test_groups_divide_the_channels(channels: int) -> None:
    assert norm_layer("group", channels)(torch.randn(1, channels, 4, 4)).shape[1] == channels


@pytest.mark.parametrize(
    ("name", "encoder"),
    [("pspnet", "resnet18"), ("deeplabv3", "resnet18"), ("lraspp", None), ("enet", None)],
)
def test_networks_that_norm_a_single_pixel_train_on_one_image(name: str, encoder: str | None) -> None:
    options = {"encoder": encoder} if encoder else {}
    with torch.device("meta"):
        network = build(name, 3, norms="group", **options)
        check_trainable(network, 1, 3, 32, 32)
        if name in ("pspnet", "deeplabv3"):
            with pytest.raises(ModelError, match="1x1 map"):
                check_trainable(build(name, 3, **options), 1, 3, 32, 32)
    assert not any(isinstance(m, _BatchNorm) for m in network.modules())


@pytest.mark.slow
@pytest.mark.parametrize("name", list(ARCHITECTURES))
def test_every_network_of_the_catalogue_can_be_grouped(name: str) -> None:
    with torch.device("meta"):
        network = build(name, 3, norms="group")
    assert not any(isinstance(m, _BatchNorm) for m in network.modules())


def test_paths_are_dropped_by_image_and_the_mean_stays() -> None:
    torch.manual_seed(0)
    drop, x = DropPath(0.25), torch.ones(4000, 2, 1, 1)
    out = drop(x)
    assert {round(v, 4) for v in out.unique().tolist()} == {0.0, round(1 / 0.75, 4)}
    assert torch.equal(out[:, 0], out[:, 1]) and float(out.mean()) == pytest.approx(1, abs=0.05)
    assert torch.equal(drop.eval()(x), x)


@pytest.mark.parametrize(("encoder", "blocks"), [("resnet18", 8), ("mobilenetv3_small_050", 7), ("convnext_atto", 12)])
def test_depth_is_stochastic_where_timm_has_a_place_for_it(encoder: str, blocks: int) -> None:
    with torch.device("meta"):
        network = build("fpn", 3, encoder=encoder)
        names = set(network.state_dict())
        assert with_drop_path(network, 0.4) == blocks
    rates = [m.rate for m in network.modules() if isinstance(m, DropPath)]
    assert rates == pytest.approx([0.4 * n / blocks for n in range(1, blocks + 1)])
    assert set(network.state_dict()) == names
    with pytest.raises(ModelError, match="has none that can be; leave model.drop_path out"):
        with_drop_path(small(), 0.4)
