"""Distances between the surfaces of truth and prediction, in pixels or millimeters, and differences of volume.

    surface S(X)   the pixels of X with a neighbor (4 in a picture, 6 in a volume) or the image's edge outside X
    a -> b         for each pixel of S(A), the distance to the nearest of S(B)

    Hausdorff 95   the larger of the 95th percentiles of a -> b and b -> a (100: the Hausdorff distance itself)
    average        the mean of all of a -> b and b -> a together (ASSD)
    to truth       the mean of prediction -> truth (one-sided, ASD); to prediction: of truth -> prediction
    surface Dice   the share of all of S(A) and S(B) that lies within a tolerance of the other (NSD)
    RAVD           (|P| - |T|) / |T| of the predicted and the true number of pixels

Three programs measure otherwise, and `rule` names whose numbers are wanted:

    monai          as above
    medpy          Hausdorff 95 is the percentile of a -> b and b -> a pooled (its average is as above since July 2024; before it was
                   the mean of the two directions' means)
    deepmind       surfaces run midway between inner and outer pixels and are cut into one element at each corner of
                   pixels; shares, means and percentiles weigh elements by their length, in volumes by their area

Distances are of images with the class in both maps. A class that is in one of them alone has none; `missed` and `invented`
count such images, and there surface Dice is 0 (all three programs agree) and RAVD -1, or not defined.

Stanislav Nikolov et al. "Clinically Applicable Segmentation of Head and Neck Anatomy for Radiotherapy." JMIR 2021.
arXiv:1809.04430 (surface Dice)
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
from torch import Tensor

from ..errors import LabelError, nearest
from .boundary import around
from .ids import maps, mean, per_class
from .protocols import quotient
from .surface_elements import elements

Rule = Literal["monai", "medpy", "deepmind"]
RULES = ("monai", "medpy", "deepmind")


class SurfaceScores(NamedTuple):
    """Means over images, NaN for a class that no image has in both maps; counts of images.

    Surface Dice is over the images with the class in either map, RAVD over those with it in the truth.
    """

    hausdorff: list[float]
    average: list[float]
    to_truth: list[float]
    to_prediction: list[float]
    surface_dice: list[float]
    ravd: list[float]
    mean_hausdorff: float
    mean_average: float
    mean_surface_dice: float
    images: list[int]
    missed: list[int]
    invented: list[int]


class SurfaceDistances:
    """Surface distances of each class, image by image.

    Args:
        spacing: size of a pixel along each axis, such as (1.0, 1.0) or, for volumes [D, H, W], (5.0, 0.7, 0.7) mm.
        percentile: of the Hausdorff distance; 100 is its maximum.
        tolerance: of surface Dice, in the unit of the spacing.
        rule: "monai", "medpy" or "deepmind": whose definitions are followed.
    """

    def __init__(
        self,
        num_classes: int,
        ignore_index: int | None = 255,
        *,
        spacing: Sequence[float] = (1.0, 1.0),
        percentile: float = 95,
        tolerance: float = 1.0,
        rule: Rule = "monai",
    ) -> None:
        if not 0 < percentile <= 100:
            raise LabelError(f"percentile is {percentile}; it lies above 0 and at most at 100")
        if not 0 <= tolerance < math.inf:
            raise LabelError(f"tolerance is {tolerance}; give a distance of 0 or more")
        if rule not in RULES:
            raise LabelError(f"rule is {rule!r}{nearest(rule, RULES)}")
        self.num_classes = num_classes
        self.ignore_index = ignore_index
        self.spacing = _sizes(spacing)
        self.percentile = percentile
        self.tolerance = tolerance
        self.rule = rule
        self.sums: np.ndarray = np.zeros((6, num_classes))
        """[6, K]: Hausdorff, average, to truth, to prediction, surface Dice and RAVD, summed over images."""
        self.images: np.ndarray = np.zeros((3, num_classes), np.int64)
        """[3, K]: images with the class in both maps, in the truth alone, in the prediction alone."""

    def update(
        self,
        predicted: Tensor | np.ndarray,
        labels: Tensor | np.ndarray,
        spacing: Sequence[float] | None = None,
    ) -> None:
        """Count one image, or a batch: [H, W], [B, H, W], or volumes where the spacing has three numbers.

        Args:
            spacing: of this image, where it differs from the others'.

        Raises: LabelError for ids outside the classes.
        """
        sizes = self.spacing if spacing is None else _sizes(spacing)
        if len(sizes) != len(self.spacing):
            raise LabelError(f"spacing is {sizes}; give {len(self.spacing)} sizes of a pixel")
        for called, truth in maps(predicted, labels, self.num_classes, self.ignore_index, len(sizes)):
            ours, theirs = (np.bincount(m.ravel(), minlength=self.num_classes + 1)[:-1] for m in (called, truth))
            found = [ours.astype(bool), theirs.astype(bool)]
            self.images += found[0] & found[1], found[1] & ~found[0], found[0] & ~found[1]
            self.sums[5] += np.where(theirs, (ours - theirs) / np.maximum(theirs, 1), 0)
            for k in np.flatnonzero(found[0] & found[1]):
                self.sums[:5, k] += self._between(called == k, truth == k, sizes)

    def merge(self, other: SurfaceDistances) -> None:
        """Add the distances of another.

        Raises: LabelError when it measures otherwise.
        """
        for name in ("num_classes", "ignore_index", "spacing", "percentile", "tolerance", "rule"):
            if getattr(self, name) != getattr(other, name):
                raise LabelError(f"cannot merge: {name} is {getattr(self, name)} here and {getattr(other, name)} there")
        self.sums += other.sums
        self.images += other.images

    def compute(self) -> SurfaceScores:
        """The mean distances so far."""
        both, missed, _ = self.images
        hausdorff, average, to_truth, to_prediction = quotient(self.sums[:4], both)
        dice, ravd = quotient(self.sums[4], self.images.sum(axis=0)), quotient(self.sums[5], both + missed)
        counts = [[int(n) for n in row] for row in self.images]
        each = [per_class(values) for values in (hausdorff, average, to_truth, to_prediction, dice, ravd)]
        return SurfaceScores._make([*each, mean(hausdorff), mean(average), mean(dice), *counts])

    def _between(self, called: np.ndarray, truth: np.ndarray, spacing: tuple[float, ...]) -> tuple[float, ...]:
        """(Hausdorff, average, to truth, to prediction, surface Dice) of two masks that are not empty."""
        from scipy.ndimage import distance_transform_edt

        place = around(called | truth)  # every surface lies within
        masks = called[place], truth[place]
        if self.rule == "deepmind":
            sizes = [elements(mask, spacing) for mask in masks]
            ours, theirs = (size > 0 for size in sizes)
            weights = [size[size > 0] for size in sizes]
        else:
            ours, theirs = (surface(mask) for mask in masks)
            weights = [np.ones(np.count_nonzero(s)) for s in (ours, theirs)]
        there = distance_transform_edt(~theirs, sampling=spacing)[ours]
        back = distance_transform_edt(~ours, sampling=spacing)[theirs]
        sides = there @ weights[0] / weights[0].sum(), back @ weights[1] / weights[1].sum()
        distances, weight = np.concatenate([there, back]), np.concatenate(weights)
        if self.rule == "medpy":
            hausdorff = np.percentile(distances, self.percentile)
        else:
            percentile = _weighted if self.rule == "deepmind" else lambda d, _, q: np.percentile(d, q)
            hausdorff = max(percentile(d, w, self.percentile) for d, w in zip((there, back), weights, strict=True))
        average = distances @ weight / weight.sum()
        dice = weight[distances <= self.tolerance].sum() / weight.sum()
        return float(hausdorff), float(average), float(sides[0]), float(sides[1]), float(dice)


def _weighted(distances: np.ndarray, weights: np.ndarray, percentile: float) -> float:
    """The smallest distance up to which a share of the weight lies."""
    order = np.argsort(distances, kind="stable")
    below = np.cumsum(weights[order]) / weights.sum()
    return float(distances[order][min(int(np.searchsorted(below, percentile / 100)), len(order) - 1)])


def _sizes(spacing: Sequence[float]) -> tuple[float, ...]:
    """The spacing, checked."""
    if len(spacing) not in (2, 3) or not all(0 < s < math.inf for s in spacing):
        raise LabelError(f"spacing is {tuple(spacing)}; give two or three sizes of a pixel, above 0")
    return tuple(map(float, spacing))


def surface(mask: np.ndarray) -> np.ndarray:
    """The pixels of a mask with a direct neighbor outside it, or outside the image."""
    padded, inside = np.pad(mask, 1), mask.copy()
    for axis in range(mask.ndim):
        for start in (0, 2):
            place = [slice(1, -1)] * mask.ndim
            place[axis] = slice(start, start + mask.shape[axis])
            inside &= padded[tuple(place)]
    border: np.ndarray = mask & ~inside
    return border
