"""Images of videos: what a network that follows objects sees of a frame, and of the frame before.

    previous: frame      C channels of the frame, C of the frame before
    previous: centers    these, and a heatmap of the centers that objects had in the frame before, 0 to the full scale

In the first frame of a video the frame before is the frame itself, and no object was there. In training the heatmap is drawn
anew behind all changes of place and color, with the noise of Motion-DeepLab's authors: centers are off by a 20th of their
object's size, and every fifth appears a second time, so that a network learns to doubt what was found before.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ..blocks.heatmap import centers_of, draw_centers, sigma_of
from ..structures import Sample
from .normalize import full_scale
from .videos import Previous

OFF = 0.05  # deviation of a center's noise, as a share of its object's height and width
TWICE = 0.2  # how often a center appears a second time
LEAST = 2  # channels of a frame; with 1, a heatmap and two frames would look like one picture in color


def form_of(channels: int) -> tuple[int, bool]:
    """Read the number of channels of an image of a video.

    Returns: channels of a frame, and whether there is a heatmap; all of them and none where the image is one frame alone.
    """
    return (channels // 2, channels % 2 == 1) if channels > 2 * LEAST else (channels, False)


def with_before(sample: Sample, before: Tensor | None, previous: Previous) -> Sample:
    """Lay the frame before, and the heatmap of its centers, behind the channels of a frame.

    Args:
        sample: of one frame; for "centers" with the objects of the frame before.
        before: [C, H, W] the frame before; None for the first frame of a video.
        previous: "frame" or "centers"; what else, the sample stays as it is.
    """
    if not isinstance(previous, str):
        return sample
    parts = [sample.image, sample.image if before is None else before]
    if previous == "centers":
        assert sample.previous is not None
        parts.append(heat_of(sample.previous, sample.image))
    return sample._replace(image=_last(torch.cat(parts)))


def heat_of(objects: Tensor, like: Tensor, rng: np.random.Generator | None = None) -> Tensor:
    """Draw the heatmap of the centers of objects as a channel of an image.

    Args:
        objects: [H, W] object numbers from 1; 0 where there is none.
        like: an image whose dtype and full scale the channel has.
        rng: draws the noise of training; None: no noise.

    Returns: [1, H, W].
    """
    height, width = objects.shape
    _, centers, sides = centers_of(objects)
    if rng is not None and len(centers):
        centers = centers + OFF * sides * torch.from_numpy(rng.standard_normal(tuple(centers.shape)))
        again = centers + OFF * sides * torch.from_numpy(rng.standard_normal(tuple(centers.shape)))
        centers = torch.cat([centers, again[torch.from_numpy(rng.random(len(centers)) < TWICE)]])
    places = centers.round().long().clamp(min=0)
    places = torch.minimum(places, torch.tensor([height - 1, width - 1]))
    heat = draw_centers(places, (height, width), sigma_of(height))
    return (heat * full_scale(like)).round().to(like.dtype)[None]


def redrawn(sample: Sample, rng: np.random.Generator) -> Sample:
    """Draw the heatmap of a training sample anew, with noise; a sample without one stays as it is."""
    if sample.previous is None or not form_of(len(sample.image))[1]:
        return sample
    heat = heat_of(sample.previous, sample.image, rng)
    return sample._replace(image=_last(torch.cat([sample.image[:-1], heat])))


def _last(image: Tensor) -> Tensor:
    """The same image, channels last in memory."""
    return image.permute(1, 2, 0).contiguous().permute(2, 0, 1)
