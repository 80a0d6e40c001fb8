"""Cameras around a car: which of their pixels look in the same direction, so that they show the same place far away.

A pixel looks along a ray that its camera's focal lengths and middle give, turned as the camera is. Directions are cut into
cells of a panorama as wide as a few pixels. Where cameras stand and how lenses bend rays is left out: both move a ray by less
than a cell or two for what is some meters away.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np

COLUMNS = 4096  # of the panorama all around


class Pinhole(NamedTuple):
    """A camera: x forward, y left, z up, of the camera and of the car."""

    focal: tuple[float, float]  # pixels (across, down)
    middle: tuple[float, float]  # the pixel (x, y) that looks straight ahead
    turned: tuple[float, ...]  # nine numbers, row by row: from the camera's axes to the car's


@lru_cache(maxsize=16)
def looked_at(camera: Pinhole, height: int, width: int) -> np.ndarray:
    """Number the directions in which the pixels of a camera look, [height, width] int64."""
    y, x = np.meshgrid(np.arange(height) + 0.5, np.arange(width) + 0.5, indexing="ij")
    rays = np.stack(
        [np.ones_like(x), (camera.middle[0] - x) / camera.focal[0], (camera.middle[1] - y) / camera.focal[1]]
    )
    ahead, left, up = np.tensordot(np.reshape(camera.turned, (3, 3)), rays, axes=1)
    around = np.arctan2(-left, ahead) / (2 * np.pi) + 0.5  # 0..1, from behind over the left side to behind
    above = np.arctan2(-up, np.hypot(ahead, left)) / np.pi + 0.5  # 0..1, from the top
    column = np.minimum((around * COLUMNS).astype(np.int64), COLUMNS - 1)
    return np.minimum((above * COLUMNS / 2).astype(np.int64), COLUMNS // 2 - 1) * COLUMNS + column
