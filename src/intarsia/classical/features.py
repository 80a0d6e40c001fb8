"""What a pixel looks like, in numbers: color, filters of several sizes, local binary patterns, HOG and SIFT.

T. Ojala, M. Pietikainen, T. Maenpaa. "Multiresolution Gray-Scale and Rotation Invariant Texture Classification with Local
Binary Patterns." IEEE TPAMI 24(7), 2002
N. Dalal, B. Triggs. "Histograms of Oriented Gradients for Human Detection." CVPR 2005
D. Lowe. "Distinctive Image Features from Scale-Invariant Keypoints." IJCV 60(2), 2004

Before networks learned their features, people designed these; a classifier learned only what to make of them.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..errors import ModelError, nearest
from .picture import eight_bits, gray, opencv, skimage
from .superpixels import slic_regions

CELL = 8  # pixels of a cell of HOG and between two descriptors of SIFT
CODES = 10  # uniform patterns of 8 neighbors


def color(image: np.ndarray) -> np.ndarray:
    """Each channel as it is and smoothed over 4 pixels, 0..1: [H, W, 2 C]."""
    plain = skimage("util").img_as_float32(image)
    smooth = skimage("filters").gaussian(plain, (4, 4, 0))
    return np.concatenate([plain, smooth], axis=2)


def filters(image: np.ndarray) -> np.ndarray:
    """Brightness, its gradient and the two eigenvalues of its Hessian, smoothed over 1, 2, 4, 8 and 16 pixels: [H, W, 20]."""
    smallest, largest, count, threads = 1, 16, None, 1  # by place, because the last one has two names
    described = skimage("feature").multiscale_basic_features
    height, width = image.shape[:2]
    light = np.pad(gray(image), ((0, int(height < 2)), (0, int(width < 2))), mode="edge")  # one pixel has no gradient
    found: np.ndarray = described(light, True, True, True, smallest, largest, count, threads)
    return found[:height, :width]


def lbp(image: np.ndarray) -> np.ndarray:
    """How often each uniform local binary pattern occurs in the 9x9 pixels around: [H, W, 10], 0..1."""
    from scipy import ndimage

    light = (gray(image) * np.iinfo(image.dtype).max).round().astype(image.dtype)
    codes = skimage("feature").local_binary_pattern(light, 8, 1, method="uniform")
    counted = [ndimage.uniform_filter((codes == code).astype(np.float32), 9) for code in range(CODES)]
    return np.stack(counted, axis=2)


def hog(image: np.ndarray) -> np.ndarray:
    """Histograms of 9 orientations of the gradient in cells of 8x8 pixels, interpolated to pixels: [H, W, 9]."""
    light = gray(image)
    height, width = light.shape
    padded = np.pad(light, ((0, -height % CELL), (0, -width % CELL)), mode="edge")
    cells = skimage("feature").hog(
        padded, orientations=9, pixels_per_cell=(CELL, CELL), cells_per_block=(1, 1), feature_vector=False
    )[:, :, 0, 0]
    return _spread(cells, padded.shape)[:height, :width]


def sift(image: np.ndarray) -> np.ndarray:
    """Upright SIFT descriptors on a grid of every 8th pixel, interpolated to pixels: [H, W, 128], 0..1."""
    cv2 = opencv()
    height, width = image.shape[:2]
    eight = cv2.cvtColor(eight_bits(image), cv2.COLOR_RGB2GRAY)
    padded = np.pad(eight, ((0, -height % CELL), (0, -width % CELL)), mode="edge")
    middles = np.mgrid[CELL / 2 : padded.shape[0] : CELL, CELL / 2 : padded.shape[1] : CELL]
    points = [cv2.KeyPoint(float(x), float(y), float(CELL), 0.0) for y, x in middles.reshape(2, -1).T]
    described = cv2.SIFT_create().compute(padded, points)[1]
    return _spread(described.reshape(*middles.shape[1:], -1) / 255, padded.shape)[:height, :width]


FEATURES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "color": color,
    "filters": filters,
    "lbp": lbp,
    "hog": hog,
    "sift": sift,
}


def chosen(names: str) -> tuple[str, ...]:
    """The features that "color+filters" names.

    Raises: ModelError with the nearest name.
    """
    found = tuple(name.strip() for name in names.split("+"))
    for name in found:
        if name not in FEATURES:
            raise ModelError(f"features is {names!r}, and there are no {name!r}{nearest(name, FEATURES)}")
    if len(set(found)) < len(found):
        raise ModelError(f"features is {names!r}, which names one twice")
    return found


def of_pixels(image: np.ndarray, names: str) -> np.ndarray:
    """The features of each pixel of a picture [H, W, C] of raw values: [H, W, F] float32."""
    parts = [FEATURES[name](image).astype(np.float32, copy=False) for name in chosen(names)]
    return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=2)


def of_superpixels(image: np.ndarray, names: str, segments: int) -> tuple[np.ndarray, np.ndarray]:
    """The mean and the deviation of pixels' features in each superpixel.

    Returns: [N, 2 F] float32, and the superpixel of each pixel, [H, W] 0..N-1.
    """
    regions = slic_regions(image, segments)
    values = of_pixels(image, names)
    flat, count = regions.ravel(), np.bincount(regions.ravel())[:, None]
    columns = values.reshape(-1, values.shape[2]).astype(np.float64).T
    means = np.stack([np.bincount(flat, column) for column in columns], axis=1) / count
    squares = np.stack([np.bincount(flat, column**2) for column in columns], axis=1) / count
    deviations = np.sqrt(np.maximum(squares - means**2, 0))
    return np.concatenate([means, deviations], axis=1).astype(np.float32), regions


def _spread(cells: np.ndarray, size: tuple[int, ...]) -> np.ndarray:
    """Interpolate what was found in cells [h, w, F] to pixels [H, W, F]."""
    import torch
    import torch.nn.functional as F

    maps = torch.from_numpy(np.ascontiguousarray(cells, np.float32)).permute(2, 0, 1)[None]
    found: np.ndarray = F.interpolate(maps, size, mode="bilinear")[0].permute(1, 2, 0).numpy()
    return found
