"""Errors of depth maps: AbsRel, SqRel, RMSE, RMSE log, log10, SILog, and the shares within 1.25, 1.25^2, 1.25^3.

David Eigen, Christian Puhrsch, Rob Fergus. "Depth Map Prediction from a Single Image using a Multi-Scale Deep Network."
NeurIPS 2014. arXiv:1406.2283

With t the true and p the predicted depth of a pixel, and d = log p - log t:

    AbsRel mean |p - t| / t     SqRel mean (p - t)^2 / t     RMSE sqrt mean (p - t)^2     RMSE log sqrt mean d^2
    log10  mean |d| / log 10    SILog sqrt(mean d^2 - (mean d)^2)     delta_n share with max(p / t, t / p) < 1.25^n

SILog is KITTI's, who print a hundred times that; KITTI's server divides SqRel by t^2 instead of t. Pixels without a
known depth (0, negative, NaN or infinite in the truth) count nowhere.
"""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

import numpy as np
from torch import Tensor

from ..errors import DataError

BOUND = 1.25  # of delta_1, squared and cubed for delta_2 and delta_3


class DepthScores(NamedTuple):
    """Errors of depth, NaN where no pixel has a known one; RMSE in meters, delta as shares 0..1."""

    abs_rel: float
    sq_rel: float
    rmse: float
    rmse_log: float
    log10: float
    silog: float
    delta1: float
    delta2: float
    delta3: float
    pixels: int
    images: int


class DepthErrors:
    """Errors of any number of depth maps.

    Args:
        limits: least and largest true depth, in meters, of the pixels that count; KITTI by Eigen's split uses
            (0.001, 80), NYU Depth v2 (0.001, 10).
        clip: set predictions to the limits first, as those who report on Eigen's split do.
        scale: "median" multiplies each prediction by the ratio of the medians, for methods whose depth has no unit.
        average: "images" takes the mean of each image's errors (KITTI, Monodepth); "pixels" pools all pixels.
    """

    def __init__(
        self,
        *,
        limits: tuple[float, float] = (0.0, math.inf),
        clip: bool = False,
        scale: Literal["", "median"] = "",
        average: Literal["images", "pixels"] = "images",
    ) -> None:
        if not 0 <= limits[0] < limits[1]:
            raise DataError(f"limits are {limits}; give the least and the largest depth in meters, such as (0.001, 80)")
        if scale not in ("", "median"):
            raise DataError(f"scale is {scale!r}; choose '' or 'median'")
        if average not in ("images", "pixels"):
            raise DataError(f"average is {average!r}; choose 'images' or 'pixels'")
        self.limits = (float(limits[0]), float(limits[1]))
        self.clip = clip
        self.scale = scale
        self.average = average
        self.sums: np.ndarray = np.zeros(9)
        """[9]: errors summed over images; or, with average="pixels", their addends summed over pixels."""
        self.pixels = 0
        self.images = 0

    def update(self, predicted: Tensor | np.ndarray, depth: Tensor | np.ndarray) -> DepthScores | None:
        """Count one image [H, W] in meters.

        Returns: the image's own errors; None where it has no pixel with a known depth.

        Raises: DataError when sizes differ, or where the prediction of a pixel that counts is no depth above 0.
        """
        called, truth = _plain(predicted), _plain(depth)
        if called.shape != truth.shape or truth.ndim != 2:
            raise DataError(
                f"predicted depth {list(called.shape)} and true depth {list(truth.shape)}; give both as [H, W] meters"
            )
        low, high = self.limits
        with np.errstate(invalid="ignore"):
            counts = np.isfinite(truth) & (truth > 0) & (truth >= low) & (truth <= high)
        p, t = called[counts], truth[counts]
        if not t.size:
            return None
        if self.scale:
            p = p * (np.median(t) / np.median(p))
        if self.clip:
            p = np.clip(p, low, high)
        if wrong := int((~np.isfinite(p) | (p <= 0)).sum()):
            raise DataError(
                f"the predicted depth of {wrong} of {p.size} pixels is not a number above 0, such as "
                f"{float(p[~np.isfinite(p) | (p <= 0)][0])}; depth is in meters"
            )
        addends = _addends(p, t)
        own = _ratios(addends / t.size)
        self.sums += own if self.average == "images" else addends
        self.pixels += t.size
        self.images += 1
        return DepthScores._make([*own.tolist(), t.size, 1])

    def merge(self, other: DepthErrors) -> None:
        """Add the errors of another.

        Raises: DataError when it counts otherwise.
        """
        for name in ("limits", "clip", "scale", "average"):
            if getattr(self, name) != getattr(other, name):
                raise DataError(f"cannot merge: {name} is {getattr(self, name)} here and {getattr(other, name)} there")
        self.sums += other.sums
        self.pixels += other.pixels
        self.images += other.images

    def compute(self) -> DepthScores:
        """The errors so far."""
        if not self.images:
            return DepthScores._make([*[math.nan] * 9, 0, 0])
        if self.average == "images":
            values = self.sums / self.images
        else:
            values = _ratios(self.sums / self.pixels)
        return DepthScores._make([*values.tolist(), self.pixels, self.images])


def inliers(predicted: np.ndarray, depth: np.ndarray, most: float) -> np.ndarray:
    """Pixels [H, W] whose relative error is at most `most`, or whose true depth is not known."""
    with np.errstate(invalid="ignore", divide="ignore"):
        known = np.isfinite(depth) & (depth > 0)
        near: np.ndarray = ~known | (np.abs(predicted - depth) / np.where(known, depth, 1) <= most)
        return near


def _addends(p: np.ndarray, t: np.ndarray) -> np.ndarray:
    """[9] sums over pixels, in the order of the scores; the sixth is of d, whose square SILog subtracts."""
    error, d = p - t, np.log(p) - np.log(t)
    ratio = np.maximum(p / t, t / p)
    near = [(ratio < BOUND**n).sum() for n in (1, 2, 3)]
    square = error**2
    return np.array(
        [(np.abs(error) / t).sum(), (square / t).sum(), square.sum(), (d**2).sum(), np.abs(d).sum(), d.sum(), *near]
    )


def _ratios(means: np.ndarray) -> np.ndarray:
    """[9] errors from the means of the addends."""
    out = means.copy()
    out[2:4] = np.sqrt(means[2:4])
    out[4] = means[4] / math.log(10)
    out[5] = math.sqrt(max(means[3] - means[5] ** 2, 0.0))
    return out


def _plain(values: Tensor | np.ndarray) -> np.ndarray:
    return np.asarray(values.detach().cpu().numpy() if isinstance(values, Tensor) else values, np.float64)
