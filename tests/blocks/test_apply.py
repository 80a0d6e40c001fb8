"""The lecture's `apply_conv`: a kernel, data, and whatever dimensions are missing."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from intarsia.blocks import apply_conv
from intarsia.errors import ModelError

DATA, KERNEL = [[1, 2], [3, 4]], [[1, 0], [0, 1]]


def test_missing_dimensions_are_added() -> None:
    assert apply_conv(DATA, KERNEL).tolist() == [[[[5.0]]]]
    assert apply_conv([DATA], [[KERNEL]]).tolist() == [[[[5.0]]]]
    assert apply_conv(np.array(DATA), torch.tensor(KERNEL), padding=1).shape == (1, 1, 3, 3)
    assert apply_conv([1, 2, 3], [1, 1], dims=1).tolist() == [[[3.0, 5.0]]]
    assert apply_conv(np.ones((2, 3, 4)), np.ones((2, 2, 2)), dims=3).shape == (1, 1, 1, 2, 3)


def test_a_transposed_one_of_the_lecture() -> None:
    assert apply_conv(DATA, KERNEL, transposed=True).shape == (1, 1, 3, 3)
    assert apply_conv(DATA, KERNEL, transposed=True, stride=2).shape == (1, 1, 4, 4)
    assert apply_conv(DATA, KERNEL, transposed=True, stride=2, padding=1).shape == (1, 1, 2, 2)
    assert apply_conv(DATA, np.ones((3, 3)), transposed=True, stride=2, padding=1, output_padding=1).shape[-1] == 4


def test_input_channels_are_axis_1_and_of_a_transposed_kernel_axis_0() -> None:
    x, w = torch.randn(5, 6, 6), torch.randn(7, 5, 3, 3)
    torch.testing.assert_close(apply_conv(x, w), F.conv2d(x[None], w))
    turned = w.transpose(0, 1)
    torch.testing.assert_close(apply_conv(x, turned, transposed=True), F.conv_transpose2d(x[None], turned))
    with pytest.raises(
        ModelError, match="the data has 5 channels, and axis 0 of the kernel .7, 5, 3, 3., where a transp"
    ):
        apply_conv(x, w, transposed=True)
    with pytest.raises(ModelError, match="axis 1 of the kernel"):
        apply_conv(x, turned)


def test_it_is_every_torch_layer() -> None:
    x, w = torch.randn(2, 3, 9, 8), torch.randn(4, 3, 3, 3)
    torch.testing.assert_close(apply_conv(x, w, stride=2, padding=2, rate=2), F.conv2d(x, w, None, 2, 2, 2))
    torch.testing.assert_close(
        apply_conv(x, w.transpose(0, 1), transposed=True, stride=2, rate=2),
        F.conv_transpose2d(x, w.transpose(0, 1), stride=2, dilation=2),
    )


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: apply_conv([[1, 2], [3]], KERNEL), "data is no table of numbers"),
        (lambda: apply_conv(DATA, "abc"), "kernel is no table of numbers"),
        (lambda: apply_conv(DATA, [1, 2]), "1 axes; 2 to 4 are allowed"),
        (lambda: apply_conv(DATA, KERNEL, output_padding=1), "belongs to a transposed convolution"),
        (lambda: apply_conv(DATA, np.ones((3, 3))), "cannot be: "),
        (lambda: apply_conv(DATA, KERNEL, dims=4), "dims is 4"),
    ],
)
def test_mistakes_are_sentences(call, words: str) -> None:
    with pytest.raises(ModelError, match=words):
        call()
