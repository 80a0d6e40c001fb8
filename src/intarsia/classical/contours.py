"""Active contours: an outline that moves until the picture holds it.

M. Kass, A. Witkin, D. Terzopoulos. "Snakes: Active Contour Models." IJCV 1(4), 1988
T. Chan, L. Vese. "Active Contours Without Edges." IEEE TIP 10(2), 2001
P. Marquez-Neila, L. Baumela, L. Alvarez. "A Morphological Approach to Curvature-Based Evolution of Curves and Surfaces."
IEEE TPAMI 36(1), 2014
"""

from __future__ import annotations

import numpy as np

from .picture import gray, oriented, skimage


def snake(
    image: np.ndarray, *, radius: float = 0.45, sigma: float = 3.0, elasticity: float = 0.015, stiffness: float = 10.0
) -> np.ndarray:
    """Lay an ellipse around the picture's middle, and let it contract like a rubber band until edges stop it."""
    height, width = image.shape[:2]
    if min(height, width) < 4:
        return np.zeros((height, width), bool)  # nothing for a curve to lie in
    turn = np.linspace(0, 2 * np.pi, 200, endpoint=False)
    middle = np.array([(height - 1) / 2, (width - 1) / 2])
    start = middle + radius * np.stack([height * np.sin(turn), width * np.cos(turn)], axis=1)
    smooth = skimage("filters").gaussian(gray(image), sigma)
    found = skimage("segmentation").active_contour(smooth, start, alpha=elasticity, beta=stiffness, gamma=0.001)
    inside: np.ndarray = skimage("draw").polygon2mask((height, width), found)
    return inside


def chan_vese(image: np.ndarray, *, steps: int = 50, smoothing: int = 1, polarity: str = "auto") -> np.ndarray:
    """Move outlines, first a checkerboard's, until both sides are as even in brightness as they can be."""
    brightness = gray(image)
    if min(brightness.shape) < 2:
        return np.zeros(brightness.shape, bool)  # nothing has a slope there
    found = skimage("segmentation").morphological_chan_vese(
        brightness, steps, init_level_set="checkerboard", smoothing=smoothing
    )
    return oriented(found.astype(bool), brightness, polarity)
