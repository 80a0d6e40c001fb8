"""Coordinate convolution: where a pixel stands, at any size."""

import pytest
import torch

from intarsia.blocks import CoordinateConv, add_coordinates
from intarsia.errors import ModelError


def test_coordinates_run_from_minus_one_to_one() -> None:
    x = torch.randn(2, 3, 5, 3)
    y = add_coordinates(x)
    assert y.shape == (2, 5, 5, 3)
    assert torch.equal(y[:, :3], x)
    assert y[0, 3].tolist() == [[-1, 0, 1]] * 5
    assert y[1, 4, :, 0].tolist() == [-1, -0.5, 0, 0.5, 1]


def test_a_side_of_one_pixel_is_the_middle() -> None:
    assert add_coordinates(torch.zeros(1, 1, 1, 1))[0, 1:].flatten().tolist() == [0, 0]


def test_it_learns_to_copy_coordinates_where_a_convolution_cannot() -> None:
    """With the right weights the answer is the column, for every input; a plain convolution answers alike everywhere."""
    layer = CoordinateConv(1, 1)
    with torch.no_grad():
        layer.convolve.weight.copy_(torch.tensor([0.0, 1.0, 0.0]).view(1, 3, 1, 1))
        layer.convolve.bias.zero_()
        answer = layer(torch.zeros(1, 1, 4, 9))
        plain = torch.nn.Conv2d(1, 1, 3)(torch.zeros(1, 1, 6, 9))
    torch.testing.assert_close(answer[0, 0], torch.linspace(-1, 1, 9).expand(4, 9))
    assert plain.unique().numel() == 1


def test_every_size_survives_an_export() -> None:
    layer, image = CoordinateConv(2, 3, 3).eval(), torch.randn(2, 2, 8, 9)
    h, w = torch.export.Dim("h", min=1), torch.export.Dim("w", min=1)
    graph = torch.export.export(layer, (image,), dynamic_shapes=({2: h, 3: w},)).module()
    for size in [(8, 9), (5, 3), (2, 17)]:
        x = torch.randn(2, 2, *size)
        torch.testing.assert_close(graph(x), layer(x))


def test_mistakes_are_sentences() -> None:
    with pytest.raises(ModelError, match="2x2 has no center pixel"):
        CoordinateConv(3, 3, 2)
    with pytest.raises(ModelError, match="added to maps"):
        add_coordinates(torch.zeros(3, 3))
