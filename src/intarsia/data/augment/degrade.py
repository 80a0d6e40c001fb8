"""What cameras and lenses do to a picture, drawn at random: blur, noise, and a piece that is missing."""

from __future__ import annotations

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ...structures import Sample
from ..normalize import full_scale


def blur(image: Tensor, rng: np.random.Generator, *, sigma: float) -> Tensor:
    """Blur an image by a Gaussian whose deviation is drawn from [0, sigma] pixels.

    Args:
        image: [C, H, W] raw integers; repeated beyond its border.

    Returns: the same shape and dtype.
    """
    width = rng.uniform(0, sigma)
    reach = math.ceil(3 * width)
    if not reach or width < 0.1:
        return image
    taps = torch.exp(-(torch.arange(-reach, reach + 1) ** 2) / (2 * width**2))
    taps = (taps / taps.sum()).view(1, 1, -1, 1)
    planes = F.pad(image[:, None].to(torch.float32), (reach, reach, reach, reach), mode="replicate")
    soft = F.conv2d(F.conv2d(planes, taps), taps.mT)[:, 0]
    return soft.round_().to(image.dtype).permute(1, 2, 0).contiguous().permute(2, 0, 1)


def noise(image: Tensor, rng: np.random.Generator, *, amount: float) -> Tensor:
    """Add Gaussian noise to each value of an image [C, H, W]; its deviation is drawn from [0, amount] of the full scale."""
    full = full_scale(image)
    deviation = rng.uniform(0, amount) * full
    drawn = rng.standard_normal(tuple(image.permute(1, 2, 0).shape), np.float32)
    noisy = torch.from_numpy(drawn).permute(2, 0, 1).mul_(deviation).add_(image)
    return noisy.round_().clamp_(0, full).to(image.dtype)


def cutout(sample: Sample, rng: np.random.Generator, *, share: float, ignore_index: int) -> Sample:
    """Paint a random rectangle of the image in its mean color (DeVries & Taylor 2017).

    Its pixels then have no label, no object, no depth and no plane: nothing of them is to be seen.

    Args:
        share: the rectangle's sides are drawn from [0, share] of the picture's.
    """
    height, width = sample.labels.shape
    h, w = (max(1, round(rng.uniform(0, share) * side)) for side in (height, width))
    top, left = int(rng.integers(height - h + 1)), int(rng.integers(width - w + 1))
    hole = (slice(top, top + h), slice(left, left + w))
    image, labels = sample.image.clone(), sample.labels.clone()
    mean = sample.image.to(torch.float32).mean(dim=(1, 2)).round().to(image.dtype)
    image[:, hole[0], hole[1]] = mean[:, None, None]
    labels[hole] = ignore_index
    return sample._replace(
        image=image,
        labels=labels,
        objects=_without(sample.objects, hole, 0),
        depth=_without(sample.depth, hole, math.nan),
        planes=_without(sample.planes, hole, False),
        masks=_without(sample.masks, hole, False),
    )


def _without(values: Tensor | None, hole: tuple[slice, slice], nothing: float) -> Tensor | None:
    """A map [..., H, W] with `nothing` in the hole."""
    if values is None:
        return None
    made = values.clone()
    made[..., hole[0], hole[1]] = nothing
    return made
