"""Whether files that are named like masks are photos: gray copies of the images, or another camera's pictures of that name.

many values, and of pixels side by side hardly two alike        a photo
many values, which follow the image's own gray                  a copy of it
few values, or even areas, smoothed and JPEG ones included      a mask, for the audit to judge
"""

from collections.abc import Sequence

import numpy as np

from ...errors import DataError
from ..files.codecs import decode_mask
from ..pairs import Pair
from .layout import image_of

FEW = 16  # different values up to which a file is a mask, whatever it shows
MANY = 64  # different values from which areas of one value must be seen
EVEN = 0.4  # share of neighbors of one value below which an area is not even; masks saved as JPEG have 0.5 and more
SAME = 0.9  # share of what two masks cover that has one value in both, from which they are one; DRIVE's fields of view have 0.95
LIKE = 0.97  # correlation with the image's gray from which it is a copy


def photographs(items: Sequence[Pair]) -> bool:
    """Whether most of some pairs have a photo where the mask should be; files that cannot be read say nothing."""
    votes = []
    for item in items:
        assert item.mask is not None
        if not item.mask.is_file():
            return False
        try:
            votes.append(_photo(decode_mask(item.mask)[0], item))
        except DataError:
            continue
    return 2 * sum(votes) > len(votes)


def alike(items: Sequence[Pair]) -> bool:
    """Whether some masks hold nearly the same values at the same pixels in every picture, as a camera's field of view does.

    Values count and not only what is covered, or masks of which every pixel has a class would all be alike.
    """
    masks = []
    for item in items:
        assert item.mask is not None
        try:
            mask = decode_mask(item.mask)[0]
        except DataError:
            return False
        masks.append(mask if mask.ndim == 2 else mask[..., :3].max(axis=2))
    first = masks[0] if masks else np.zeros((0, 0), np.uint8)
    if len(masks) < 2 or not first.any() or any(mask.shape != first.shape for mask in masks):
        return False
    return all(((mask == first) & (first != 0)).sum() > SAME * ((mask != 0) | (first != 0)).sum() for mask in masks)


def _photo(mask: np.ndarray, item: Pair) -> bool:
    if mask.ndim == 3 and mask.shape[2] in (2, 4) and (mask[..., -1] != mask.flat[-1]).any():
        return False  # cut out: the class may be in the alpha channel
    if mask.dtype != np.uint8 or len(np.unique(mask)) <= FEW:
        return False
    flat = mask if mask.ndim == 3 else mask[..., None]
    if len(np.unique(mask)) > MANY and (flat[:, 1:] == flat[:, :-1]).all(axis=2).mean() < EVEN:
        return True
    image = image_of(item)
    return image.shape[:2] == mask.shape[:2] and abs(_correlation(_gray(image), _gray(flat))) > LIKE


def _gray(image: np.ndarray) -> np.ndarray:
    return image[..., :3].mean(axis=2) if image.shape[2] >= 3 else image[..., 0].astype(np.float64)


def _correlation(a: np.ndarray, b: np.ndarray) -> float:
    return 0.0 if a.std() == 0 or b.std() == 0 else float(np.corrcoef(a.ravel(), b.ravel())[0, 1])
