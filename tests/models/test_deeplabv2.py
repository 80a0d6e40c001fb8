"""What Chen et al. claim: a sum of four looks, each straight to the classes; scales fused by the largest score."""

import pytest
import torch
import torch.nn.functional as F

from intarsia.errors import ModelError
from intarsia.models import build, count_parameters

K = 3


def network(**options):
    torch.manual_seed(0)
    return build("deeplabv2", K, encoder="resnet18", **options).eval()


@torch.no_grad()
def test_the_answer_is_the_sum_of_the_looks() -> None:
    net = network()
    image = torch.randn(1, 3, 64, 64)
    (c5,) = net.encoder(image)
    total = sum(
        F.conv2d(c5, look.score.weight, look.score.bias, padding=rate, dilation=rate)
        for look, rate in zip(net.look, (6, 12, 18, 24), strict=True)
    )
    expected = F.interpolate(total, (64, 64), mode="bilinear")
    torch.testing.assert_close(net(image).logits, expected)


def test_each_look_goes_straight_to_the_classes_and_nothing_else_follows_the_encoder() -> None:
    """ResNet-101 without its classifier has 42 500 160 parameters; each look has 3 x 3 x 2048 + 1 a class."""
    assert count_parameters("deeplabv2", 21) == 42_500_160 + 4 * 21 * (9 * 2048 + 1)


def test_on_vgg_each_look_has_its_own_fc6_fc7_and_scores() -> None:
    """Four times DeepLab v1's head of 20.5 M - 14.7 M parameters, on one VGG-16."""
    convolutions = 14_714_688
    assert count_parameters("deeplabv2", 21, encoder="vgg16") == convolutions + 4 * (20_505_429 - convolutions)


@torch.no_grad()
def test_every_pixel_keeps_its_largest_score_over_the_scales() -> None:
    both, half, whole = network(scales=[0.5, 1]), network(scales=[0.5]), network()
    image = torch.randn(1, 3, 51, 66)
    small, large = half(image).logits, whole(image).logits
    torch.testing.assert_close(both(image).logits, torch.maximum(small, large))
    assert (small > large).any() and (large > small).any()
    by_hand = whole.score(F.interpolate(image, (26, 33), mode="bilinear"))
    torch.testing.assert_close(small, F.interpolate(by_hand, (51, 66), mode="bilinear"))


@torch.no_grad()
def test_scales_fit_any_image() -> None:
    assert network(scales=[0.5, 0.75, 1])(torch.randn(1, 3, 1, 1)).logits.shape == (1, K, 1, 1)


def test_errors() -> None:
    with pytest.raises(ModelError, match=r"rates is \[0\]; name the distances"):
        network(rates=[0])
    with pytest.raises(ModelError, match=r"scales is \[0.5, 0\]; name sizes relative"):
        network(scales=[0.5, 0])
