"""Edges to regions: strong changes of brightness are closed to outlines, and outlines are filled.

I. Sobel, G. Feldman. "A 3x3 Isotropic Gradient Operator for Image Processing." 1968
J. Canny. "A Computational Approach to Edge Detection." IEEE TPAMI 8(6), 1986
"""

from __future__ import annotations

import numpy as np

from .picture import gray, skimage


def sobel(image: np.ndarray, *, sigma: float = 1.0, closing: int = 3) -> np.ndarray:
    """Keep where the gradient is above Otsu's value of it, close gaps, and fill what is enclosed."""
    strength = skimage("filters").sobel(skimage("filters").gaussian(gray(image), sigma))
    return filled(strength > skimage("filters").threshold_otsu(strength), closing)


def canny(image: np.ndarray, *, sigma: float = 2.0, closing: int = 3) -> np.ndarray:
    """Thin edges to one pixel, follow weak ones from strong ones, close gaps, and fill what is enclosed."""
    return filled(skimage("feature").canny(gray(image), sigma), closing)


def filled(outline: np.ndarray, closing: int) -> np.ndarray:
    """Close gaps of an outline with a disk of that radius, and fill what no way leads out of."""
    from scipy import ndimage

    disk = skimage("morphology").disk(closing)
    padded = np.pad(outline, closing)  # or a closing would eat what touches the border
    closed = ndimage.binary_closing(padded, disk)
    closed = closed[closing:-closing, closing:-closing] if closing else closed
    found: np.ndarray = ndimage.binary_fill_holes(closed)
    return found
