"""The bricks: sizes, norms, and the refusal of maps without statistics."""

import pytest
import torch
import torch.nn.functional as F

from intarsia.blocks.conv import ConvNormAct, PixelClassifier, norm_layer
from intarsia.blocks.resize import crop_like, resize_like
from intarsia.blocks.statistics import require_two_values
from intarsia.errors import ModelError


@pytest.mark.parametrize(("channels", "groups"), [(128, 32), (256, 32), (96, 8), (48, 4), (16, 4), (3, 1), (1, 1)])
def test_groups_hold_four_channels_or_all(channels: int, groups: int) -> None:
    assert norm_layer("group", channels).num_groups == groups


@pytest.mark.parametrize("options", [{}, {"dilation": 6}, {"kernel": 1}, {"kernel": 5}, {"groups": 4}])
def test_a_convolution_keeps_the_size(options: dict) -> None:
    assert ConvNormAct(4, 8, **options).eval()(torch.randn(1, 4, 7, 5)).shape == (1, 8, 7, 5)


def test_a_stride_rounds_up() -> None:
    assert ConvNormAct(4, 8, stride=2).eval()(torch.randn(1, 4, 7, 4)).shape == (1, 8, 4, 2)


def test_every_class_starts_about_as_likely_as_the_next() -> None:
    scores = PixelClassifier(256, 19)(torch.rand(1, 256, 4, 4))
    assert scores.softmax(1).sub(1 / 19).abs().max() < 0.03


def test_resizing_keeps_half_pixel_centers() -> None:
    """Twice as large, then averaged back two by two, a ramp is itself away from the border; corners aligned, it is not."""
    ramp = torch.arange(8.0).expand(1, 1, 8, 8)
    large = torch.empty(1, 1, 16, 16)
    assert torch.allclose(F.avg_pool2d(resize_like(ramp, large), 2)[..., 1:-1], ramp[..., 1:-1])
    assert not torch.allclose(F.avg_pool2d(resize_like(ramp, large, align_corners=True), 2)[..., 1:-1], ramp[..., 1:-1])


def test_nearest_repeats() -> None:
    x = torch.tensor([[[[1.0, 2.0]]]])
    assert resize_like(x, torch.empty(1, 1, 2, 4), mode="nearest")[0, 0].tolist() == [[1, 1, 2, 2]] * 2


def test_cropping_cuts_the_end() -> None:
    x = torch.arange(12.0).reshape(1, 1, 3, 4)
    assert torch.equal(crop_like(x, torch.empty(1, 9, 2, 4)), x[..., :2, :4])


@pytest.mark.parametrize(("shape", "fine"), [((1, 8, 1, 1), False), ((2, 8, 1, 1), True), ((1, 8, 1, 2), True)])
def test_one_value_a_channel_is_refused_in_training(shape: tuple[int, ...], fine: bool) -> None:
    require_two_values(torch.zeros(shape), False, "this")
    if fine:
        return require_two_values(torch.zeros(shape), True, "this")
    with pytest.raises(ModelError, match="this is a 1x1 map of a single image"):
        require_two_values(torch.zeros(shape), True, "this")
