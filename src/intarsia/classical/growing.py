"""Region growing: from a seed to its neighbors, as long as they look like it.

R. Adams, L. Bischof. "Seeded Region Growing." IEEE TPAMI 16(6), 1994
"""

from __future__ import annotations

import numpy as np

from .picture import gray, skimage
from .thresholds import otsu

MOST_SEEDS = 200


def region_growing(
    image: np.ndarray,
    *,
    tolerance: float = 0.1,
    sigma: float = 1.0,
    distance: int = 10,
    seeds: str = "auto",
    polarity: str = "auto",
) -> np.ndarray:
    """Grow regions from seeds over all connected pixels whose brightness differs from the seed's by at most `tolerance`.

    Seeds are taken in order; one that lies in a region already starts none.
    """
    brightness = skimage("filters").gaussian(gray(image), sigma)
    grown = np.zeros(brightness.shape, bool)
    places = peaks(image, distance, polarity) if seeds == "auto" else named(seeds, brightness.shape)
    for place in places:
        if not grown[place]:
            grown |= skimage("segmentation").flood(brightness, place, tolerance=tolerance)
    return grown


def peaks(image: np.ndarray, distance: int, polarity: str) -> list[tuple[int, int]]:
    """Seeds that nobody has to set: the strongest peaks of the smoothed brightness in the foreground that Otsu finds."""
    brightness = gray(image)
    inside = otsu(image, polarity=polarity)
    if inside.all() or not inside.any():
        return []
    sign = 1 if brightness[inside].mean() >= brightness[~inside].mean() else -1
    smooth = skimage("filters").gaussian(sign * brightness, 2)
    found = skimage("feature").peak_local_max(
        smooth, min_distance=distance, labels=inside.astype(int), num_peaks=MOST_SEEDS, exclude_border=False
    )
    return [(int(y), int(x)) for y, x in found]


def named(seeds: str, size: tuple[int, ...]) -> list[tuple[int, int]]:
    """The pixels that "0.5/0.25+0.8/0.1" names: rows and columns as shares of the picture's height and width."""
    places = (one.split("/") for one in seeds.split("+"))
    shares = [(float(row), float(column)) for row, column in places]
    return [(min(int(y * size[0]), size[0] - 1), min(int(x * size[1]), size[1] - 1)) for y, x in shares]
