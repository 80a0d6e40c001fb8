"""Separable convolution: two halves that equal one full convolution of rank one, and far fewer weights."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from intarsia.blocks import (
    depthwise_convolution,
    full_weights,
    pointwise_convolution,
    separable_convolution,
    separable_weights,
)
from intarsia.blocks.atrous import SeparableConv
from intarsia.errors import ModelError


@pytest.mark.parametrize(("side", "rate"), [(1, 1), (3, 1), (3, 6), (5, 2)])
def test_depthwise_is_a_grouped_convolution(side: int, rate: int) -> None:
    x, w = torch.randn(2, 4, 13, 15), torch.randn(4, side, side)
    expected = F.conv2d(x, w[:, None], padding=rate * (side // 2), dilation=rate, groups=4)
    torch.testing.assert_close(depthwise_convolution(x, w, rate), expected, atol=1e-5, rtol=1e-5)


def test_pointwise_is_a_1x1_convolution() -> None:
    x, w = torch.randn(2, 4, 3, 5), torch.randn(6, 4)
    torch.testing.assert_close(pointwise_convolution(x, w), F.conv2d(x, w[:, :, None, None]), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("rate", [1, 2])
def test_both_halves_are_a_full_convolution_whose_kernels_are_products(rate: int) -> None:
    x, deep, flat = torch.randn(1, 4, 9, 11), torch.randn(4, 3, 3), torch.randn(6, 4)
    full = flat[:, :, None, None] * deep
    expected = F.conv2d(x, full, padding=rate, dilation=rate)
    torch.testing.assert_close(separable_convolution(x, deep, flat, rate), expected, atol=1e-5, rtol=1e-5)


def test_counts_of_the_lectures() -> None:
    assert (full_weights(3, 256, 256), separable_weights(3, 256, 256)) == (589_824, 67_840)
    assert separable_weights(3, 32, 64) == 3 * 3 * 32 + 32 * 64
    layer = SeparableConv(24, 40)
    assert sum(m.weight.numel() for m in layer.modules() if isinstance(m, nn.Conv2d)) == separable_weights(3, 24, 40)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: depthwise_convolution(torch.zeros(1, 2, 3, 3), torch.ones(3, 3, 3)), "one kernel for each channel"),
        (lambda: depthwise_convolution(torch.zeros(1, 2, 3, 3), torch.ones(2, 2, 2)), "2x2 has no center pixel"),
        (lambda: depthwise_convolution(torch.zeros(1, 2, 3, 3), torch.ones(2, 3, 3), 0), "rate is 0"),
        (lambda: pointwise_convolution(torch.zeros(1, 2, 3, 3), torch.ones(2, 3)), "a matrix"),
    ],
)
def test_mistakes_are_sentences(call, words: str) -> None:
    with pytest.raises(ModelError, match=words):
        call()
