"""Pooling and unpooling: the lectures' worked numbers, torch's own layers, and sizes that windows do not divide."""

import pytest
import torch
import torch.nn.functional as F

from intarsia.blocks import average_pool, bed_of_nails, max_pool, max_unpool, nearest_unpool
from intarsia.errors import ModelError

MAP = torch.tensor([[1.0, 2, 6, 3], [3, 5, 2, 1], [1, 2, 2, 1], [7, 3, 4, 8]])[None, None]
SMALL = torch.tensor([[1.0, 2], [3, 4]])[None, None]


def test_max_pooling_of_the_lecture() -> None:
    maxima, places = max_pool(MAP)
    assert maxima[0, 0].tolist() == [[5, 6], [7, 8]]
    assert places[0, 0].tolist() == [[5, 2], [12, 15]]


def test_max_unpooling_of_the_lecture() -> None:
    _, places = max_pool(MAP)
    assert max_unpool(SMALL, places, 4, 4)[0, 0].tolist() == [[0, 0, 2, 0], [0, 1, 0, 0], [0, 0, 0, 0], [3, 0, 0, 4]]


def test_bed_of_nails_of_the_lecture() -> None:
    assert bed_of_nails(SMALL)[0, 0].tolist() == [[1, 0, 2, 0], [0, 0, 0, 0], [3, 0, 4, 0], [0, 0, 0, 0]]


def test_nearest_fills_each_block() -> None:
    assert nearest_unpool(SMALL)[0, 0].tolist() == [[1, 1, 2, 2], [1, 1, 2, 2], [3, 3, 4, 4], [3, 3, 4, 4]]
    x = torch.randn(2, 3, 4, 5)
    assert torch.equal(nearest_unpool(x, 3), F.interpolate(x, scale_factor=3, mode="nearest"))


def test_average_pooling_averages_what_a_window_holds() -> None:
    x = torch.arange(15.0).view(1, 1, 3, 5)
    assert average_pool(x)[0, 0].tolist() == [[3, 5, 6.5], [10.5, 12.5, 14]]
    assert torch.equal(average_pool(MAP), F.avg_pool2d(MAP, 2))


@pytest.mark.parametrize("size", [2, 3])
def test_unpooling_undoes_the_size_and_pooling_again_gives_the_values(size: int) -> None:
    x = torch.rand(2, 3, 7, 5)
    maxima, places = max_pool(x, size)
    back = max_unpool(maxima, places, 7, 5)
    assert torch.equal(max_pool(back, size)[0], maxima)
    assert torch.equal(back[back > 0].sort().values, maxima.flatten().sort().values)
    assert torch.equal(max_pool(bed_of_nails(x, size), size)[0], x)


@pytest.mark.parametrize("operator", [average_pool, bed_of_nails, nearest_unpool])
def test_a_window_without_pixels_is_refused(operator) -> None:
    with pytest.raises(ModelError, match="a pooling window of side 0 holds no pixel"):
        operator(SMALL, 0)
