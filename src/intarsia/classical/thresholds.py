"""Thresholds: a pixel is foreground when it is brighter, or darker, than a value.

N. Otsu. "A Threshold Selection Method from Gray-Level Histograms." IEEE Trans. SMC 9(1), 1979
C. H. Li, C. K. Lee. "Minimum Cross Entropy Thresholding." Pattern Recognition 26(4), 1993
P.-S. Liao, T.-S. Chen, P.-C. Chung. "A Fast Algorithm for Multilevel Thresholding." J. Inf. Sci. Eng. 17, 2001
"""

from __future__ import annotations

import numpy as np

from .picture import gray, oriented, skimage

BINS = 256  # of the histogram in which multi-Otsu looks for its cuts


def threshold(image: np.ndarray, *, level: float = 0.5, polarity: str = "auto") -> np.ndarray:
    """Compare each pixel's brightness with one value that a person chose."""
    brightness = gray(image)
    return oriented(brightness > level, brightness, polarity)


def otsu(image: np.ndarray, *, polarity: str = "auto") -> np.ndarray:
    """Compare with the value that splits the histogram into two parts of least variance."""
    brightness = gray(image)
    return oriented(brightness > skimage("filters").threshold_otsu(brightness), brightness, polarity)


def multi_otsu(image: np.ndarray, *, levels: int = 3, polarity: str = "auto") -> np.ndarray:
    """Split the histogram into several parts; the foreground is the brightest, or the darkest, of them.

    Under polarity "auto" it is the one of the two that has fewer pixels of the border.
    """
    brightness = gray(image)
    cuts = thresholds(brightness, levels)
    if not len(cuts):
        return np.zeros(brightness.shape, bool)
    bright, dark = brightness > cuts[-1], brightness <= cuts[0]
    if polarity == "auto":
        polarity = "dark" if _at_border(dark) < _at_border(bright) else "bright"
    return bright if polarity == "bright" else dark


def thresholds(brightness: np.ndarray, levels: int) -> np.ndarray:
    """The values that split a picture into that many gray levels, or into as many as its histogram of 256 bins has."""
    levels = min(levels, int(np.count_nonzero(np.histogram(brightness, BINS)[0])))
    if levels < 2:
        return np.array([])
    found: np.ndarray = skimage("filters").threshold_multiotsu(brightness, levels, nbins=BINS)
    return found


def li(image: np.ndarray, *, polarity: str = "auto") -> np.ndarray:
    """Compare with the value that keeps most of what the picture says, by its cross entropy."""
    brightness = gray(image)
    return oriented(brightness > skimage("filters").threshold_li(brightness), brightness, polarity)


def adaptive(image: np.ndarray, *, window: int = 51, offset: float = 0.0, polarity: str = "auto") -> np.ndarray:
    """Compare each pixel with the weighted mean of its neighborhood, so that light may differ over the picture."""
    brightness = gray(image)
    local = skimage("filters").threshold_local(brightness, window + 1 - window % 2, offset=offset)
    return oriented(brightness > local, brightness, polarity)


def _at_border(mask: np.ndarray) -> int:
    return int(mask[0].sum() + mask[-1].sum() + mask[1:-1, 0].sum() + mask[1:-1, -1].sum())
