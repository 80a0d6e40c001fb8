"""Superpixels: neighbors that look alike become one region, and regions are named instead of pixels.

R. Achanta et al. "SLIC Superpixels Compared to State-of-the-Art Superpixel Methods." IEEE TPAMI 34(11), 2012
P. Felzenszwalb, D. Huttenlocher. "Efficient Graph-Based Image Segmentation." IJCV 59(2), 2004
D. Comaniciu, P. Meer. "Mean Shift: A Robust Approach Toward Feature Space Analysis." IEEE TPAMI 24(5), 2002

None of them knows a foreground: a region is foreground when its mean brightness is on that side of Otsu's value, which is
taken over the means of all pixels' regions.
"""

from __future__ import annotations

import numpy as np

from .picture import colors, eight_bits, gray, opencv, oriented, skimage


def slic(
    image: np.ndarray,
    *,
    segments: int = 200,
    compactness: float = 10.0,
    sigma: float = 1.0,
    polarity: str = "auto",
) -> np.ndarray:
    """Cut the picture into about so many regions of one color and size (SLIC), and split them by brightness."""
    return by_brightness(slic_regions(image, segments, compactness, sigma), gray(image), polarity)


def felzenszwalb(
    image: np.ndarray, *, scale: float = 100.0, sigma: float = 0.8, smallest: int = 50, polarity: str = "auto"
) -> np.ndarray:
    """Join neighbors while the step between two regions is no larger than those inside, and split them by brightness."""
    found = skimage("segmentation").felzenszwalb(
        colors(image), scale=scale, sigma=sigma, min_size=smallest, channel_axis=-1
    )
    return by_brightness(found, gray(image), polarity)


def mean_shift(image: np.ndarray, *, reach: float = 10.0, color: float = 20.0, polarity: str = "auto") -> np.ndarray:
    """Move each pixel's color uphill to the nearest mode of colors around it, and split the result by brightness."""
    smooth = opencv().pyrMeanShiftFiltering(eight_bits(image), reach, color)
    brightness = gray(smooth)
    return oriented(brightness > skimage("filters").threshold_otsu(brightness), gray(image), polarity)


def slic_regions(image: np.ndarray, segments: int, compactness: float = 10.0, sigma: float = 1.0) -> np.ndarray:
    """The number of each pixel's superpixel, [H, W] from 0 without gaps."""
    found = skimage("segmentation").slic(
        colors(image), n_segments=segments, compactness=compactness, sigma=sigma, start_label=0, channel_axis=-1
    )
    regions: np.ndarray = np.unique(found, return_inverse=True)[1].reshape(found.shape)
    return regions


def by_brightness(regions: np.ndarray, brightness: np.ndarray, polarity: str) -> np.ndarray:
    """Split regions by their mean brightness at Otsu's value.

    Args:
        regions: [H, W] numbers of regions, from 0.
    """
    count = np.bincount(regions.ravel())
    means = np.bincount(regions.ravel(), brightness.ravel()) / np.maximum(count, 1)
    painted = means[regions]
    return oriented(painted > skimage("filters").threshold_otsu(painted), brightness, polarity)
