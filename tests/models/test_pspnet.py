"""What Zhao et al. claim: averages over grids, enlarged again, beside the pixel's own feature."""

import pytest
import torch
import torch.nn.functional as F

from intarsia.blocks.pooling import PyramidPooling, average_grid
from intarsia.errors import ModelError
from intarsia.models import build


@pytest.mark.parametrize("side", [1, 2, 3, 6])
@pytest.mark.parametrize("size", [(1, 1), (2, 5), (6, 6), (7, 11), (13, 60)])
def test_pooling_matrices_equal_adaptive_pooling(side: int, size: tuple[int, int]) -> None:
    x = torch.randn(2, 3, *size, dtype=torch.float64)
    torch.testing.assert_close(average_grid(x, side), F.adaptive_avg_pool2d(x, side), atol=1e-12, rtol=1e-12)


def test_the_bins_of_the_paper_double_the_channels() -> None:
    pool = PyramidPooling(2048, (1, 2, 3, 6))
    assert [squeeze.conv.out_channels for squeeze in pool.squeeze] == [512] * 4
    assert pool.out_channels == 4096


@torch.no_grad()
def test_the_first_channels_are_the_feature_itself() -> None:
    pool, x = PyramidPooling(8, (1, 2)).eval(), torch.randn(1, 8, 5, 7)
    assert torch.equal(pool(x)[:, :8], x)


@torch.no_grad()
def test_each_bin_sees_its_own_part_of_the_scene() -> None:
    pool, x = PyramidPooling(8, (1, 2)).eval(), torch.rand(1, 8, 8, 8)
    other = x.clone()
    other[..., 7, 7] += 100
    change = (pool(other) - pool(x)).abs()
    assert change[0, 8:12].amax(0).gt(0).all(), "the 1x1 grid tells every pixel about every other"
    assert change[0, 12:, :2, :2].eq(0).all(), "the 2x2 grid keeps the opposite quarter apart"


def test_the_authors_encoder() -> None:
    """Three 3x3 convolutions at its start, and two stages that are dilated from their first block on."""
    with torch.device("meta"):
        body = build("pspnet", 21).encoder.body
    assert [m.out_channels for m in body.conv1 if hasattr(m, "out_channels")] == [64, 64, 128]
    for stage, rate in ((body.layer3, 2), (body.layer4, 4)):
        assert {m.dilation[0] for m in stage.modules() if getattr(m, "kernel_size", 0) == (3, 3)} == {rate}


def test_the_auxiliary_head_speaks_in_training_only() -> None:
    net = build("pspnet", 4, encoder="resnet18", channels=16)
    image = torch.randn(2, 3, 33, 47)
    (side,) = net.train()(image).auxiliary
    assert side.shape == (2, 4, 5, 6)
    assert net.eval()(image).auxiliary == ()


def test_a_batch_of_one_is_refused_in_training_and_answered_in_evaluation() -> None:
    net, image = build("pspnet", 4, encoder="resnet18", channels=16), torch.randn(1, 3, 64, 64)
    with pytest.raises(
        ModelError, match="pooled feature of the whole image is a 1x1 map of a single image.* batch size of at least 2"
    ):
        net.train()(image)
    assert net.eval()(image).logits.isfinite().all()
    other = build("pspnet", 4, encoder="resnet18", channels=16, bins=(2, 3, 6)).train()
    assert other(image).logits.isfinite().all()


def test_bins_must_be_grids() -> None:
    with pytest.raises(ModelError, match=r"name the side of each pooling grid, such as \[1, 2, 3, 6\]"):
        build("pspnet", 4, encoder="resnet18", bins=(0, 2))
