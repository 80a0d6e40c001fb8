"""Planes, one a class, as one map for a picture."""

import numpy as np


def laid(planes: np.ndarray, ignored: np.ndarray, nothing: int) -> np.ndarray:
    """Lay planes over each other: what several classes share shows the last of them alone.

    Args:
        planes: [K, H, W] bool.
        ignored: [H, W] bool, pixels that do not count.
        nothing: the number of pixels that do not count, and of those of no class.

    Returns: [H, W] class numbers.
    """
    top = len(planes) - 1 - planes[::-1].argmax(axis=0)
    return np.where(planes.any(axis=0) & ~ignored, top, nothing)
