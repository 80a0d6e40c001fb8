"""Watershed: water rises over the gradient from markers, and borders stand where two basins meet.

L. Vincent, P. Soille. "Watersheds in Digital Spaces." IEEE TPAMI 13(6), 1991
"""

from __future__ import annotations

import numpy as np

from .picture import gray, oriented, skimage
from .thresholds import thresholds


def watershed(image: np.ndarray, *, sigma: float = 1.0, polarity: str = "auto") -> np.ndarray:
    """Flood the gradient from the surely dark and the surely bright pixels: below and above the cuts of multi-Otsu."""
    brightness = gray(image)
    cuts = thresholds(brightness, 3)
    if not len(cuts):
        return np.zeros(brightness.shape, bool)
    markers = np.zeros(brightness.shape, np.int32)
    markers[brightness <= cuts[0]] = 1
    markers[brightness > cuts[-1]] = 2
    heights = skimage("filters").sobel(skimage("filters").gaussian(brightness, sigma))
    return oriented(skimage("segmentation").watershed(heights, markers) == 2, brightness, polarity)
