"""What Novikov et al. claim: fewer filters with depth, delayed subsampling, ELU, Gaussian dropout, a tenth of the size."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from intarsia.errors import ModelError
from intarsia.models import build
from intarsia.models.resolution.invertednet import GaussianDropout, SlidingPool

UNET = (64, 128, 256, 512, 1024)


def count(**options: object) -> int:
    with torch.device("meta"):
        return sum(p.numel() for p in build("invertednet", 3, in_channels=1, **options).parameters())


def test_gray_images_and_three_organs_take_the_papers_number_of_parameters() -> None:
    assert count() == 3_140_771


def test_it_has_a_tenth_of_the_parameters_of_its_sister_with_unets_widths() -> None:
    sister = count(channels=UNET, downsample="pool")
    assert 9.9 < sister / count() < 10.1
    strided = sum(9 * c * c + c for c in UNET[:-1])
    assert count(channels=UNET, downsample="convolution") == sister + strided


def test_the_number_of_maps_falls_by_half_with_each_subsampling() -> None:
    with torch.device("meta"):
        net = build("invertednet", 3)
    assert [net.begin.channels, *(stage.channels for stage in net.encode)] == [256, 128, 64, 32, 16]
    assert [stage.channels for stage in net.decode] == [32, 64, 128, 256]


def test_elu_everywhere_and_no_batch_norm() -> None:
    net = build("invertednet", 3, channels=(8, 4))
    kinds = {type(m) for m in net.modules()}
    assert nn.ELU in kinds and nn.ReLU not in kinds and nn.BatchNorm2d not in kinds
    convolutions = [m for m in net.modules() if isinstance(m, nn.Conv2d)]
    assert len([m for m in net.modules() if isinstance(m, GaussianDropout)]) == len(convolutions) - 1


def test_delayed_pooling_keeps_the_size_and_holds_the_plain_poolings_maxima() -> None:
    x = torch.randn(2, 3, 8, 6)
    slid = SlidingPool()(x)
    assert slid.shape == x.shape
    assert torch.equal(slid[..., ::2, ::2], F.max_pool2d(x, 2))
    net = build("invertednet", 3, channels=(8, 4, 2))
    assert [stage.layers[0][0].stride for stage in net.encode] == [(2, 2), (2, 2)]


def test_gaussian_dropout_has_the_mean_and_variance_of_dropout() -> None:
    torch.manual_seed(0)
    drop = GaussianDropout(0.2).train()
    y = drop(torch.ones(1, 1, 500, 500))
    assert abs(y.mean() - 1) < 0.01 and abs(y.var() - 0.2 / 0.8) < 0.01
    assert torch.equal(drop.eval()(y), y)


def test_mistakes_are_named() -> None:
    with pytest.raises(ModelError, match="choose from 'delayed', 'pool', 'convolution'"):
        build("invertednet", 3, downsample="stride")
    with pytest.raises(ModelError, match="below 1"):
        build("invertednet", 3, dropout=1.0)
