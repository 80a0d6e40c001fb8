"""What Lin et al. claim: identities with something added, no batch norm, and windows that grow along a chain."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from intarsia.errors import ModelError
from intarsia.models import build, count_parameters
from intarsia.models.resolution.refinenet import ChainedPooling, ResidualUnit

NORMS = (nn.modules.batchnorm._NormBase, nn.GroupNorm, nn.LayerNorm, nn.LocalResponseNorm)


def test_there_is_no_norm_outside_the_encoder() -> None:
    net = build("refinenet", 3, encoder="resnet18", channels=(8, 8, 8, 16))
    assert any(isinstance(m, NORMS) for m in net.encoder.modules())
    assert not [m for part in (net.blocks, net.classify) for m in part.modules() if isinstance(m, NORMS)]


@torch.no_grad()
def test_a_residual_unit_whose_convolutions_are_zero_is_the_identity() -> None:
    unit, x = ResidualUnit(2048), torch.randn(1, 2048, 2, 2)
    assert not torch.equal(unit(x), x)
    for parameter in unit.parameters():
        parameter.zero_()
    assert torch.equal(unit(x), x)


@torch.no_grad()
def test_without_its_residuals_a_block_only_merges_its_two_inputs() -> None:
    net = build("refinenet", 3, encoder="resnet18", channels=(8, 8, 8, 16))
    block, c = net.blocks[0], torch.randn(1, 64, 9, 9)
    for unit in [m for m in block.modules() if isinstance(m, ResidualUnit)]:
        nn.init.zeros_(unit.second.weight)
    for conv in block.pool.convolve:
        nn.init.zeros_(conv.weight)
    coarse = torch.randn(1, 8, 5, 5)
    merged = block.merge[0](block.reduce(c)) + F.interpolate(block.merge[1](coarse), (9, 9), mode="bilinear")
    torch.testing.assert_close(block(c, coarse), F.relu(merged))


@pytest.mark.parametrize(("pools", "window"), [(1, 5), (2, 9), (4, 17)])
@torch.no_grad()
def test_chained_pools_see_ever_larger_windows(pools: int, window: int) -> None:
    """A single bright pixel, and convolutions that pass their center only: 5x5 pools chained are 5, 9, 13, 17 wide."""
    pool, x = ChainedPooling(1, pools), torch.zeros(1, 1, 41, 41)
    for conv in pool.convolve:
        conv.weight.zero_()[..., 1, 1] = 1.0
    x[..., 20, 20] = 1.0
    rows, columns = pool(x)[0, 0].nonzero().T
    assert (rows.max() - rows.min() + 1, columns.max() - columns.min() + 1) == (window, window)
    assert len(rows) == window**2
    assert pool(x)[0, 0, 20, 20] == pools + 1, "the map itself and each pooled one are summed"


@torch.no_grad()
def test_with_its_3x3_convolutions_the_chain_of_two_sees_13_pixels() -> None:
    pool, x = ChainedPooling(1, 2), torch.zeros(1, 1, 41, 41)
    for conv in pool.convolve:
        conv.weight.fill_(1.0)
    x[..., 20, 20] = 1.0
    rows, _ = pool(x)[0, 0].nonzero().T
    assert rows.max() - rows.min() + 1 == 13


def test_blocks_are_512_and_256_wide_and_each_ends_in_three_units() -> None:
    with torch.device("meta"):
        net = build("refinenet", 21)
    assert [block.channels for block in net.blocks] == [256, 256, 256, 512]
    assert [len(block.output) for block in net.blocks] == [3, 3, 3, 3]
    assert [len(block.pool.convolve) for block in net.blocks] == [2] * 4
    assert net.blocks[3].merge is None, "the coarsest block has one input, which goes through unchanged"
    assert [conv.in_channels for conv in net.blocks[2].merge] == [256, 512]


def test_the_released_network_has_118_million_parameters() -> None:
    """Counted in the authors' network and in DrSleep's with 21 classes; the paper's two poolings leave 109.8 million."""
    assert count_parameters("refinenet", pools=4) == 118_052_437
    assert count_parameters("refinenet") == 109_794_901


@torch.no_grad()
def test_the_coarsest_feature_reaches_the_answer_through_the_cascade() -> None:
    torch.manual_seed(0)
    net = build("refinenet", 3, encoder="resnet18", channels=(8, 8, 8, 16)).eval()
    features = net.encoder(torch.randn(1, 3, 64, 64))
    before = net.blocks[3](features[3], None)
    x, y = before, net.blocks[3](features[3] + 1, None)
    for block, c in zip(reversed(net.blocks[:3]), reversed(features[:3]), strict=True):
        x, y = block(c, x), block(c, y)
    assert not torch.allclose(x, y)


@pytest.mark.parametrize("options", [{"channels": (8, 8)}, {"pools": 0}])
def test_errors(options: dict) -> None:
    with pytest.raises(ModelError, match="takes 4 widths, finest first, and pools >= 1"):
        build("refinenet", 3, encoder="resnet18", **options)
