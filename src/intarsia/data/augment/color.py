"""The colors of an image: normalized for a network, or changed at random for training.

Brightness, contrast, saturation and hue are each an affine map of a pixel's (red, green, blue), so any mixture of them
is one 3 x 3 matrix and one offset, applied once. Two things differ from chaining the four operations one by one: the
result is clamped once, at the end, and hue turns in the YIQ plane instead of the HSV hexagon.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ..normalize import full_scale

GRAY = np.array([0.299, 0.587, 0.114])  # luma of ITU-R BT.601
_YIQ = np.array([GRAY, [0.5959, -0.2746, -0.3213], [0.2115, -0.5227, 0.3112]])
_RGB = np.linalg.inv(_YIQ)


def jitter(
    image: Tensor,
    rng: np.random.Generator,
    *,
    brightness: float = 0.0,
    contrast: float = 0.0,
    saturation: float = 0.0,
    hue: float = 0.0,
) -> Tensor:
    """Change the colors of an image by random amounts.

    Args:
        image: [C, H, W] raw integers. Saturation and hue act on images of three channels only; brightness and contrast
            act on any number.
        brightness, contrast, saturation: a factor is drawn from [1 - amount, 1 + amount].
        hue: a turn is drawn from [-hue, hue], in shares of the full circle.

    Returns: [C, H, W] of the same dtype.
    """
    if not (brightness or contrast or saturation or hue):
        return image
    channels, full = len(image), full_scale(image)
    matrix, offset = np.eye(channels), np.zeros(channels)
    luma = GRAY if channels == 3 else np.full(channels, 1 / channels)
    pixels = image.to(torch.float32)
    if brightness:
        matrix *= rng.uniform(1 - brightness, 1 + brightness)
    if contrast:
        factor = rng.uniform(1 - contrast, 1 + contrast)
        middle = float(luma @ (matrix @ pixels.mean(dim=(1, 2)).double().numpy()))
        matrix, offset = factor * matrix, factor * offset + (1 - factor) * middle
    if saturation and channels == 3:
        factor = rng.uniform(1 - saturation, 1 + saturation)
        mix = factor * np.eye(3) + (1 - factor) * np.outer(np.ones(3), GRAY)
        matrix, offset = mix @ matrix, mix @ offset
    if hue and channels == 3:
        angle = 2 * np.pi * rng.uniform(-hue, hue)
        turn = np.array([[1, 0, 0], [0, np.cos(angle), -np.sin(angle)], [0, np.sin(angle), np.cos(angle)]])
        mix = _RGB @ turn @ _YIQ
        matrix, offset = mix @ matrix, mix @ offset
    weight = torch.from_numpy(matrix).float()[:, :, None, None]
    changed = F.conv2d(pixels[None], weight, torch.from_numpy(offset + 0.5).float())[0].clamp_(0, full)
    return changed.to(torch.int32).to(image.dtype)  # straight to bytes is four times slower
