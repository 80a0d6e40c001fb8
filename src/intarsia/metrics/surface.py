"""Distances between the surfaces of truth and prediction, in pixels or millimeters: Hausdorff 95, average symmetric.

    surface S(X)   the pixels of X with a neighbor (4 in a picture, 6 in a volume) or the image's edge outside X
    a -> b         for each pixel of S(A), the distance to the nearest of S(B)

    Hausdorff 95   the larger of the 95th percentiles of a -> b and b -> a (100: the Hausdorff distance itself)
    average        the mean of all of a -> b and b -> a together (ASSD)

An image has a distance for a class that is in both maps. A class that is in one of them alone has none; such images are
not left out in silence: `missed` and `invented` count them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from torch import Tensor

from ..errors import LabelError
from .boundary import around
from .ids import maps, mean, per_class
from .protocols import quotient


class SurfaceScores(NamedTuple):
    """Means over images, NaN for a class that no image has in both maps; counts of images."""

    hausdorff: list[float]
    average: list[float]
    mean_hausdorff: float
    mean_average: float
    images: list[int]
    missed: list[int]
    invented: list[int]


class SurfaceDistances:
    """Surface distances of each class, image by image.

    Args:
        spacing: size of a pixel along each axis, such as (1.0, 1.0) or, for volumes [D, H, W], (5.0, 0.7, 0.7) mm.
        percentile: of the Hausdorff distance; 100 is its maximum.
    """

    def __init__(
        self,
        num_classes: int,
        ignore_index: int | None = 255,
        *,
        spacing: Sequence[float] = (1.0, 1.0),
        percentile: float = 95,
    ) -> None:
        if len(spacing) not in (2, 3) or not all(s > 0 for s in spacing):
            raise LabelError(f"spacing is {tuple(spacing)}; give two or three sizes of a pixel, above 0")
        if not 0 < percentile <= 100:
            raise LabelError(f"percentile is {percentile}; it lies above 0 and at most at 100")
        self.num_classes = num_classes
        self.ignore_index = ignore_index
        self.spacing = tuple(map(float, spacing))
        self.percentile = percentile
        self.sums: np.ndarray = np.zeros((2, num_classes))
        """[2, K]: Hausdorff and average distances summed over images."""
        self.images: np.ndarray = np.zeros((3, num_classes), np.int64)
        """[3, K]: images with the class in both maps, in the truth alone, in the prediction alone."""

    def update(self, predicted: Tensor | np.ndarray, labels: Tensor | np.ndarray) -> None:
        """Count one image, or a batch: [H, W], [B, H, W], or volumes where the spacing has three numbers.

        Raises: LabelError for ids outside the classes.
        """
        for called, truth in maps(predicted, labels, self.num_classes, self.ignore_index, len(self.spacing)):
            ours, theirs = (np.bincount(m.ravel(), minlength=self.num_classes + 1)[:-1] > 0 for m in (called, truth))
            self.images += ours & theirs, theirs & ~ours, ours & ~theirs
            for k in np.flatnonzero(ours & theirs):
                self.sums[:, k] += self._between(called == k, truth == k)

    def merge(self, other: SurfaceDistances) -> None:
        """Add the distances of another.

        Raises: LabelError when it measures otherwise.
        """
        for name in ("num_classes", "ignore_index", "spacing", "percentile"):
            if getattr(self, name) != getattr(other, name):
                raise LabelError(f"cannot merge: {name} is {getattr(self, name)} here and {getattr(other, name)} there")
        self.sums += other.sums
        self.images += other.images

    def compute(self) -> SurfaceScores:
        """The mean distances so far."""
        hausdorff, average = quotient(self.sums, self.images[0])
        counts = [[int(n) for n in row] for row in self.images]
        return SurfaceScores(per_class(hausdorff), per_class(average), mean(hausdorff), mean(average), *counts)

    def _between(self, called: np.ndarray, truth: np.ndarray) -> tuple[float, float]:
        """(Hausdorff, average) of two masks that are not empty."""
        from scipy.ndimage import distance_transform_edt

        place = around(called | truth)  # every surface lies within
        ours, theirs = surface(called[place]), surface(truth[place])
        there = distance_transform_edt(~theirs, sampling=self.spacing)[ours]
        back = distance_transform_edt(~ours, sampling=self.spacing)[theirs]
        hausdorff = max(np.percentile(there, self.percentile), np.percentile(back, self.percentile))
        return float(hausdorff), float(np.concatenate([there, back]).mean())


def surface(mask: np.ndarray) -> np.ndarray:
    """The pixels of a mask with a direct neighbor outside it, or outside the image."""
    padded, inside = np.pad(mask, 1), mask.copy()
    for axis in range(mask.ndim):
        for start in (0, 2):
            place = [slice(1, -1)] * mask.ndim
            place[axis] = slice(start, start + mask.shape[axis])
            inside &= padded[tuple(place)]
    return mask & ~inside
