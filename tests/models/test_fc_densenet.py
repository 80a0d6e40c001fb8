"""What Jegou et al. claim: Table 2's arithmetic, published parameter counts, and only new maps go up."""

import pytest
import torch
from torch import nn

from intarsia.errors import ModelError
from intarsia.models import build

TINY = {"layers": (2, 3, 2), "growth": 4, "stem": 8, "dropout": 0.0}


@pytest.mark.parametrize(("layers", "millions"), [(56, 1.4), (67, 3.5), (103, 9.4)])
def test_published_numbers_of_parameters_and_layers(layers: int, millions: float) -> None:
    """Table 3, with CamVid's 11 classes, counted as its code does: biases and running statistics included.

    It prints 1.5 for 56 layers; its code's own layers add up to 1.4. A layer is a convolution, transposed ones and the
    classifier included.
    """
    with torch.device("meta"):
        net = build(f"fc_densenet{layers}", 11)
    convolutions = [m for m in net.modules() if isinstance(m, nn.Conv2d | nn.ConvTranspose2d)]
    biases = sum(conv.out_channels for conv in convolutions if conv.bias is None)
    statistics = sum(2 * m.num_features for m in net.modules() if isinstance(m, nn.BatchNorm2d))
    assert len(convolutions) == layers
    assert round((sum(p.numel() for p in net.parameters()) + biases + statistics) / 1e6, 1) == millions


def test_the_maps_of_table_2() -> None:
    """From the bottleneck on the paper prints 16 fewer (880, 1072, 800, ...); its authors' code explains the slip."""
    with torch.device("meta"):
        net = build("fc_densenet103", 11)
    assert net.start.out_channels == 48
    assert [block.channels for block in net.down] == [112, 192, 304, 464, 656]
    assert net.bottleneck.channels == 896
    assert [block.channels for block in net.climb] == [1088, 816, 576, 384, 256]


@torch.no_grad()
def test_each_layer_sees_the_maps_of_all_layers_before_it() -> None:
    torch.manual_seed(0)
    block = build("fc_densenet56", 3, **TINY).eval().bottleneck
    x = torch.randn(1, block.in_channels, 6, 6)
    stack, new = block(x)
    assert torch.equal(stack[:, : block.in_channels], x) and torch.equal(stack[:, block.in_channels :], new)
    for n, layer in enumerate(block.layers):
        seen = block.in_channels + n * block.growth
        grown = stack[:, seen : seen + block.growth]
        torch.testing.assert_close(layer(stack[:, :seen]), grown)


@torch.no_grad()
def test_only_what_the_last_block_added_is_enlarged() -> None:
    net = build("fc_densenet56", 3, **TINY).eval()
    made, taken = [], []
    net.bottleneck.register_forward_hook(lambda _, given, out: made.append(out[1]))
    net.up[0].register_forward_pre_hook(lambda _, given: taken.append(given[0]))
    net(torch.randn(1, 3, 16, 16))
    assert taken[0].shape[1] == 3 * 4 and torch.equal(taken[0], made[0])


@torch.no_grad()
def test_the_skip_lies_beside_the_enlarged_maps() -> None:
    net = build("fc_densenet56", 3, **TINY).eval()
    skip, taken = [], []
    net.down[0].register_forward_hook(lambda _, given, out: skip.append(out[0]))
    net.climb[0].register_forward_pre_hook(lambda _, given: taken.append(given[0]))
    net(torch.randn(1, 3, 17, 22))
    assert torch.equal(taken[0][:, 3 * 4 :], skip[0])


def test_dropout_follows_each_layer() -> None:
    with torch.device("meta"):
        net = build("fc_densenet56", 11)
    rates = [m.p for m in net.modules() if isinstance(m, nn.Dropout) and m.p]
    assert rates == [0.2] * (44 + 5), "44 dense layers and 5 transitions down"


@pytest.mark.parametrize("layers", [(2, 2), (2,), (2, 0, 2)])
def test_blocks_go_down_and_up_again(layers: tuple) -> None:
    with pytest.raises(ModelError, match="an odd number of blocks: down, the bottleneck, up"):
        build("fc_densenet67", 3, layers=layers)
