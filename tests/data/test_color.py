"""Normalization and color changes, against torchvision's and against arithmetic."""

import colorsys

import numpy as np
import pytest
import torch

from intarsia.data.augment.color import jitter
from intarsia.data.normalize import normalize


class Fixed:
    """A generator that draws what it is told."""

    def __init__(self, *values: float) -> None:
        self.values = list(values)

    def uniform(self, low: float, high: float) -> float:
        value = self.values.pop(0)
        assert low <= value <= high
        return value


def picture(channels: int = 3, seed: int = 0) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).integers(60, 190, (channels, 9, 11), dtype=np.uint8))


@pytest.mark.parametrize("full, dtype", [(255, torch.uint8), (65535, torch.int32)])
def test_normalize(full: int, dtype: torch.dtype) -> None:
    image = (torch.rand(2, 3, 5, 7) * full).to(dtype)
    mean, std = (0.4, 0.5, 0.6), (0.2, 0.3, 0.1)
    expected = (image.double() / full - torch.tensor(mean).view(3, 1, 1)) / torch.tensor(std).view(3, 1, 1)
    assert torch.allclose(normalize(image, mean, std).double(), expected, atol=1e-5)


@pytest.mark.parametrize("shape", [(2, 3, 5, 7), (3, 5, 7), (1, 4, 1, 1)])
def test_normalize_keeps_channels_last(shape: tuple[int, ...]) -> None:
    planes = torch.randint(0, 256, shape, dtype=torch.uint8)
    pixels = planes.movedim(-3, -1).contiguous().movedim(-1, -3)
    mean, std = [0.1, 0.2, 0.3, 0.4][: shape[-3]], [0.5, 0.4, 0.3, 0.2][: shape[-3]]
    made = normalize(pixels, mean, std)
    assert made.movedim(-3, -1).is_contiguous()
    assert torch.equal(made, normalize(planes, mean, std))


def test_brightness_contrast_and_saturation_are_torchvisions() -> None:
    functional = pytest.importorskip("torchvision.transforms.v2.functional", reason="torchvision is the reference")
    image = picture()
    for name, adjust in (
        ("brightness", functional.adjust_brightness),
        ("contrast", functional.adjust_contrast),
        ("saturation", functional.adjust_saturation),
    ):
        changed = jitter(image, Fixed(1.15), **{name: 0.3})  # type: ignore[arg-type]
        assert (changed.int() - adjust(image, 1.15).int()).abs().max() <= 1, name


def test_hue_turns_by_the_angle_and_keeps_luma() -> None:
    """A third of the circle takes red to green, more or less: YIQ is not HSV; brightness stays what it was."""
    red = torch.tensor([150, 90, 90], dtype=torch.uint8).view(3, 1, 1)
    turned = jitter(red, Fixed(-1 / 3), hue=0.4)  # type: ignore[arg-type]
    hue = colorsys.rgb_to_hsv(*(turned.flatten().tolist()))[0]
    assert hue == pytest.approx(1 / 3, abs=0.08)
    luma = torch.tensor([0.299, 0.587, 0.114]).double()
    assert float(luma @ turned.flatten().double()) == pytest.approx(float(luma @ red.flatten().double()), abs=1.5)


def test_nothing_asked_nothing_changed_and_gray_stays_gray() -> None:
    image = picture()
    assert jitter(image, np.random.default_rng(0)) is image
    gray = picture(1).repeat(3, 1, 1)
    changed = jitter(gray, np.random.default_rng(0), brightness=0.3, contrast=0.3, saturation=0.5, hue=0.2)
    assert (changed[0].int() - changed[2].int()).abs().max() <= 1


@pytest.mark.parametrize("channels", [1, 4, 7])
def test_other_numbers_of_channels(channels: int) -> None:
    image = picture(channels)
    changed = jitter(image, Fixed(1.2), brightness=0.3, saturation=0.3)  # type: ignore[arg-type]
    assert (changed.double() - image.double() * 1.2).abs().max() <= 0.51


def test_sixteen_bits_are_not_clipped_to_eight() -> None:
    image = torch.full((3, 2, 2), 40000, dtype=torch.int32)
    assert jitter(image, Fixed(1.2), brightness=0.3).unique().tolist() == [48000]  # type: ignore[arg-type]
    assert jitter(image * 2 // 2 + 20000, Fixed(1.2), brightness=0.3).unique().tolist() == [65535]  # type: ignore[arg-type]
