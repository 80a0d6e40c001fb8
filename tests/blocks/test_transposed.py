"""Transposed convolution: worked sizes, torch's layers, the transpose of the convolution's matrix, interpolation."""

import pytest
import torch
import torch.nn.functional as F

from intarsia.blocks import bilinear_kernel, bilinear_upsample, convolution_matrix, transposed_convolution
from intarsia.errors import ModelError

X = torch.tensor([[1.0, 2], [3, 4]])[None, None]


@pytest.mark.parametrize(
    ("kernel", "stride", "padding", "extra", "side"),
    [(2, 1, 0, 0, 3), (2, 2, 0, 0, 4), (2, 2, 1, 0, 2), (3, 2, 1, 1, 4), (3, 2, 1, 0, 3)],
)
def test_sizes_of_the_lectures(kernel: int, stride: int, padding: int, extra: int, side: int) -> None:
    """The lecture's 3x3 kernel, stride 2, padding 1 makes 4x4 of 2x2 only with an output padding of 1."""
    w = torch.ones(1, 1, kernel, kernel)
    y = transposed_convolution(X, w, stride=stride, padding=padding, output_padding=extra)
    assert y.shape == (1, 1, side, side)


def test_numbers_by_hand() -> None:
    w = torch.tensor([[1.0, 2], [3, 4]])[None, None]
    assert transposed_convolution(X, w)[0, 0].tolist() == [[1, 4, 4], [6, 20, 16], [9, 24, 16]]
    assert transposed_convolution(X, w, stride=2)[0, 0].tolist() == [
        [1, 2, 2, 4],
        [3, 4, 6, 8],
        [3, 6, 4, 8],
        [9, 12, 12, 16],
    ]
    assert transposed_convolution(X, w, stride=2, padding=1)[0, 0].tolist() == [[4, 6], [6, 4]]


def test_one_dimension_of_the_lecture() -> None:
    """Input [a b], filter [x y z], stride 2: ax, ay, az + bx, by, bz."""
    a, b, x, y, z = 2.0, 5.0, 1.0, 10.0, 100.0
    out = transposed_convolution(torch.tensor([[[a, b]]]), torch.tensor([[[x, y, z]]]), stride=2)
    assert out[0, 0].tolist() == [a * x, a * y, a * z + b * x, b * y, b * z]


def test_three_by_three_becomes_six_by_six_before_a_convolution() -> None:
    grid = transposed_convolution(torch.randn(1, 1, 3, 3), torch.randn(1, 1, 2, 2), stride=2)
    assert grid.shape[2:] == (6, 6)
    assert F.conv2d(grid, torch.randn(1, 1, 3, 3), padding=1).shape[2:] == (6, 6)


@pytest.mark.parametrize(
    ("kernel", "stride", "padding", "extra"),
    [((3, 3), 1, 0, 0), ((2, 5), 2, 1, 1), ((4, 4), (3, 2), (1, 2), (2, 0)), ((1, 1), 2, 0, 1), ((3, 2), 3, 0, 2)],
)
def test_two_dimensions_are_torchs(kernel, stride, padding, extra) -> None:
    x, w = torch.randn(2, 3, 4, 5), torch.randn(3, 4, *kernel)
    options = {"stride": stride, "padding": padding, "output_padding": extra}
    torch.testing.assert_close(transposed_convolution(x, w, **options), F.conv_transpose2d(x, w, **options))


def test_one_dimension_is_torchs() -> None:
    x, w = torch.randn(2, 3, 6), torch.randn(3, 2, 4)
    options = {"stride": 3, "padding": 1, "output_padding": 2}
    torch.testing.assert_close(transposed_convolution(x, w, **options), F.conv_transpose1d(x, w, **options))


@pytest.mark.parametrize(("stride", "padding"), [(1, 0), (2, 0), (1, 1), (2, 1), (3, 2)])
def test_it_multiplies_by_the_transpose_of_the_convolutions_matrix(stride: int, padding: int) -> None:
    size, w = (5, 7), torch.randn(4, 3, 3, 3, dtype=torch.double)
    matrix = convolution_matrix(w, size, stride=stride, padding=padding)
    x = torch.randn(2, 3, *size, dtype=torch.double)
    y = F.conv2d(x, w, stride=stride, padding=padding)
    torch.testing.assert_close((x.flatten(1) @ matrix.T).view(y.shape), y)
    left = [(n + 2 * padding - 3) % stride for n in size]
    back = transposed_convolution(y, w, stride=stride, padding=padding, output_padding=left)
    torch.testing.assert_close((y.flatten(1) @ matrix).view(x.shape), back)


def test_the_matrix_of_a_sequence() -> None:
    w = torch.tensor([[[1.0, 2, 3]]])
    assert convolution_matrix(w, (5,), stride=2).tolist() == [[1, 2, 3, 0, 0], [0, 0, 1, 2, 3]]


def test_sides_of_bilinear_kernels() -> None:
    assert [len(bilinear_kernel(f)) for f in (1, 2, 3, 4, 8, 16, 32)] == [1, 4, 5, 8, 16, 32, 64]
    assert (bilinear_kernel(2) * 16).tolist() == [[1, 3, 3, 1], [3, 9, 9, 3], [3, 9, 9, 3], [1, 3, 3, 1]]
    assert torch.allclose(bilinear_kernel(3)[2] * 3, torch.tensor([1.0, 2, 3, 2, 1]))


@pytest.mark.parametrize("factor", [2, 3, 4, 5, 8])
def test_enlarging_is_interpolation_away_from_the_border(factor: int) -> None:
    x = torch.randn(1, 2, 6, 7)
    y, expected = bilinear_upsample(x, factor), F.interpolate(x, scale_factor=factor, mode="bilinear")
    inner = slice(factor // 2, -(factor // 2))
    torch.testing.assert_close(y[..., inner, inner], expected[..., inner, inner])
    assert not torch.allclose(y, expected)


def test_the_lectures_kernel_of_63_interpolates_too_with_centers_on_pixels() -> None:
    """Stride 32, 21 outputs, no bias: every 32nd output is a value itself, halfway between stands their mean."""
    kernel = bilinear_kernel(32, 63).expand(21, 1, -1, -1)
    x = torch.randn(1, 21, 3, 3)
    y = F.conv_transpose2d(x, kernel, stride=32, groups=21)
    assert kernel.shape == (21, 1, 63, 63)
    torch.testing.assert_close(y[..., 31::32, 31::32], x)
    torch.testing.assert_close(y[..., 31, 47], (x[..., 0, 0] + x[..., 0, 1]) / 2)
    even = F.conv_transpose2d(x, bilinear_kernel(32).expand(21, 1, -1, -1), stride=32, groups=21)
    weight = (63 / 64) ** 2  # the kernel of 64 has its center between two pixels: the nearest ones lie half a pixel off
    alone = F.conv_transpose2d(torch.ones(1, 1, 1, 1), bilinear_kernel(32).reshape(1, 1, 64, 64), stride=32)
    torch.testing.assert_close(alone.amax(), torch.tensor(weight))
    assert (even[..., 31:33, 31:33] - x[..., :1, :1]).abs().amax() > 1e-3, "no output is a value itself"


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: transposed_convolution(X[0], torch.ones(1, 1, 2, 2)), "apply_conv adds missing dimensions"),
        (lambda: transposed_convolution(X, torch.ones(2, 1, 2, 2)), "the input has 1 channels, and the kernel"),
        (lambda: transposed_convolution(X, torch.ones(1, 1, 2, 2), stride=0), "stride is 0; give one number of at"),
        (lambda: transposed_convolution(X, torch.ones(1, 1, 2, 2), output_padding=1), "smaller than the stride"),
        (lambda: transposed_convolution(X, torch.ones(1, 1, 2, 2), padding=2), "crops the whole output"),
        (lambda: transposed_convolution(X, torch.ones(1, 1, 2, 2), padding=(1, 1, 1)), "or 2 of them"),
        (lambda: convolution_matrix(torch.ones(1, 1, 3), (4, 4)), "do not fit"),
        (lambda: convolution_matrix(torch.ones(1, 1, 3), (2,)), "does not fit into an input"),
        (lambda: bilinear_kernel(0), "cannot|nothing can be enlarged 0 times"),
        (lambda: bilinear_kernel(32, 62), "take 63 or 64"),
        (lambda: bilinear_upsample(X[0], 2), "takes maps"),
    ],
)
def test_mistakes_are_sentences(call, words: str) -> None:
    with pytest.raises(ModelError, match=words):
        call()
