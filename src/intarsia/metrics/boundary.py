"""How well boundaries are met: boundary IoU, IoU within a trimap, boundary F.

Bowen Cheng, Ross Girshick, Piotr Dollar, Alexander C. Berg, Alexander Kirillov. "Boundary IoU: Improving Object-Centric
Image Segmentation Evaluation." CVPR 2021. arXiv:2103.16562

A mask's inner boundary of width d is what an erosion by a (2 d + 1) x (2 d + 1) square takes from it; the outside of the
image counts as another class. Eroding one class after the other costs as many passes as there are classes. But a pixel
is taken from its own class exactly if that square around it is not all of one class. So one pass over the label map
serves all classes at once:

    labels - differs from the pixel right, below or diagonally below? - any such within the square? - boundary
                                                                        (two axes, doubling steps)
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from torch import Tensor

from ..errors import LabelError
from .confusion import ConfusionMatrix
from .ids import maps, mean, per_class
from .protocols import quotient
from .scores import Scores


class BoundaryScores(NamedTuple):
    """IoU of the boundaries of each class, NaN for one that occurs nowhere, and the mean over the others."""

    iou: list[float]
    mean: float


class BoundaryIoU:
    """IoU of the inner boundaries of truth and prediction, all images' pixels together.

    Args:
        dilation_ratio: width of a boundary as a share of the image's diagonal (paper: 0.02); at least one pixel.
    """

    def __init__(self, num_classes: int, ignore_index: int | None = 255, *, dilation_ratio: float = 0.02) -> None:
        if not dilation_ratio > 0:
            raise LabelError(
                f"dilation_ratio is {dilation_ratio}; boundaries have a width, such as 0.02 of the diagonal"
            )
        self.num_classes = num_classes
        self.ignore_index = ignore_index
        self.dilation_ratio = dilation_ratio
        self.counts = ConfusionMatrix(num_classes + 1, None)  # the last one: not on a boundary

    def update(self, predicted: Tensor | np.ndarray, labels: Tensor | np.ndarray) -> None:
        """Count one image [H, W], or a batch [B, H, W]. Ignored pixels are no class, in both maps alike.

        Raises: LabelError for ids outside the classes.
        """
        for called, truth in maps(predicted, labels, self.num_classes, self.ignore_index):
            width = max(1, round(self.dilation_ratio * math.hypot(*truth.shape)))
            for values in (called, truth):
                values[~boundary(values, width)] = self.num_classes
            self.counts.update(called, truth)

    def merge(self, other: BoundaryIoU) -> None:
        """Add the counts of another.

        Raises: LabelError when it counts otherwise.
        """
        _alike(self, other, "dilation_ratio")
        self.counts.merge(other.counts)

    def compute(self) -> BoundaryScores:
        """The scores of what was counted so far."""
        matrix = self.counts.matrix.astype(np.float64)
        hit = matrix.diagonal()[:-1]
        iou = quotient(hit, matrix.sum(axis=0)[:-1] + matrix.sum(axis=1)[:-1] - hit)
        return BoundaryScores(per_class(iou), mean(iou))


class TrimapIoU:
    """Every score of the confusion matrix, of the pixels near a boundary of the truth alone.

    Pushmeet Kohli, Lubor Ladicky, Philip H. S. Torr. "Robust Higher Order Potentials for Enforcing Label Consistency."
    IJCV 2009. The band lies on both sides. Where void pixels surround objects, as in PASCAL VOC, theirs are boundaries too.

    Args:
        width: how far from the boundary, in pixels along either axis.
    """

    def __init__(self, num_classes: int, ignore_index: int | None = 255, *, width: int = 5) -> None:
        if width < 1:
            raise LabelError(f"width is {width}; a band around boundaries is at least 1 pixel wide")
        self.num_classes = num_classes
        self.ignore_index = ignore_index
        self.width = width
        self.counts = ConfusionMatrix(num_classes, num_classes)

    def update(self, predicted: Tensor | np.ndarray, labels: Tensor | np.ndarray) -> None:
        """Count one image [H, W], or a batch [B, H, W].

        Raises: LabelError for ids outside the classes.
        """
        for called, truth in maps(predicted, labels, self.num_classes, self.ignore_index):
            far = ~boundary(truth, self.width, border=False)
            truth[far] = called[far] = self.num_classes
            self.counts.update(called, truth)

    def merge(self, other: TrimapIoU) -> None:
        """Add the counts of another.

        Raises: LabelError when it counts otherwise.
        """
        _alike(self, other, "width")
        self.counts.merge(other.counts)

    def compute(self) -> Scores:
        """The scores of what was counted so far; "ignored" are the pixels outside the band."""
        return self.counts.compute()


class BoundaryFScores(NamedTuple):
    """F, precision and recall of each class's boundary, means over the images that it occurs in; and the mean F."""

    f: list[float]
    precision: list[float]
    recall: list[float]
    mean: float


class BoundaryF:
    """F of boundary pixels that have a partner in the other map within a tolerance.

    Federico Perazzi et al. "A Benchmark Dataset and Evaluation Methodology for Video Object Segmentation." CVPR 2016,
    whose outlines (pixels that differ from the one right, below or diagonally below) and limits are followed: without an
    outline in both maps F is 1, in one of them 0. Each image that has the class in truth or prediction counts the same.

    Args:
        tolerance: distance of partners; below 1 a share of the image's diagonal, rounded up to pixels (paper: 0.008; the
            "BF score" takes 0.0075), else pixels.
        given: the maps hold boundaries themselves, as edge detectors draw them: the pixels of a class are its boundary,
            and class 0 is what is none.
    """

    def __init__(
        self, num_classes: int, ignore_index: int | None = 255, *, tolerance: float = 0.008, given: bool = False
    ) -> None:
        if not tolerance > 0:
            raise LabelError(f"tolerance is {tolerance}; give a share of the diagonal below 1, or pixels")
        self.num_classes = num_classes
        self.ignore_index = ignore_index
        self.tolerance = tolerance
        self.given = given
        self.sums: np.ndarray = np.zeros((4, num_classes))
        """[4, K]: F, precision and recall summed over images, and the number of images."""

    def update(self, predicted: Tensor | np.ndarray, labels: Tensor | np.ndarray) -> None:
        """Count one image [H, W], or a batch [B, H, W]. Ignored pixels are no class, in both maps alike.

        Raises: LabelError for ids outside the classes.
        """
        for called, truth in maps(predicted, labels, self.num_classes, self.ignore_index):
            reach = self.tolerance if self.tolerance >= 1 else math.ceil(self.tolerance * math.hypot(*truth.shape))
            for k in np.union1d(called, truth):
                if self.given <= k < self.num_classes:
                    match = pixel_match if self.given else outline_match
                    precision, recall = match(called == k, truth == k, reach)
                    f = 2 * precision * recall / (precision + recall) if precision + recall else 0.0
                    self.sums[:, k] += f, precision, recall, 1

    def merge(self, other: BoundaryF) -> None:
        """Add the counts of another.

        Raises: LabelError when it counts otherwise.
        """
        _alike(self, other, "tolerance", "given")
        self.sums += other.sums

    def compute(self) -> BoundaryFScores:
        """The scores of what was counted so far."""
        f, precision, recall = quotient(self.sums[:3], self.sums[3])
        return BoundaryFScores(per_class(f), per_class(precision), per_class(recall), mean(f))


def boundary(labels: np.ndarray, width: int, border: bool = True) -> np.ndarray:
    """Whether the square of 2 `width` + 1 pixels around each pixel holds another class: [H, W] bool.

    Args:
        labels: [H, W] integers.
        border: whether the outside of the image is another class.
    """
    height, breadth = labels.shape
    differs = np.zeros((height, breadth), bool)
    differs[:, :-1] |= labels[:, :-1] != labels[:, 1:]
    differs[:-1] |= labels[:-1] != labels[1:]
    differs[:-1, :-1] |= labels[:-1, :-1] != labels[1:, 1:]
    near = _any(_any(differs, width, 0), width, 1).copy()
    if border:
        near[:width] = near[max(0, height - width) :] = True
        near[:, :width] = near[:, max(0, breadth - width) :] = True
    return near


def _any(marks: np.ndarray, width: int, axis: int) -> np.ndarray:
    """Whether a mark lies at n - width ... n + width - 1 along an axis, by windows of twice the length at each step."""
    size = list(marks.shape)
    size[axis] += 2 * width - 1
    window, length, wanted = np.zeros(size, bool), 1, 2 * width
    window[tuple(slice(width, width + n) if a == axis else slice(None) for a, n in enumerate(marks.shape))] = marks
    spare = np.empty_like(window)  # two buffers, in turn: new memory at each step would cost more than the step
    while length < wanted:
        by = min(length, wanted - length)
        keep = window.shape[axis] - by
        place, start, end = ((slice(None),) * axis + (s,) for s in (slice(keep), slice(keep), slice(by, None)))
        np.bitwise_or(window[start], window[end], out=spare[place])
        window, spare, length = spare[place], window, length + by
    return window


def outline(mask: np.ndarray) -> np.ndarray:
    """Pixels that differ from the one to the right, below, or diagonally below; the image's border is none."""
    padded = np.pad(mask, ((0, 1), (0, 1)), mode="edge")
    border: np.ndarray = (mask != padded[:-1, 1:]) | (mask != padded[1:, :-1]) | (mask != padded[1:, 1:])
    return border


def outline_match(called: np.ndarray, truth: np.ndarray, reach: float) -> tuple[float, float]:
    """(precision, recall) of the outlines of two masks, matched within `reach` pixels; 1 and 1 where both have none."""
    place = around(called | truth, 1)
    return pixel_match(outline(called[place]), outline(truth[place]), reach)


def pixel_match(ours: np.ndarray, theirs: np.ndarray, reach: float) -> tuple[float, float]:
    """(precision, recall) of boundary pixels, matched within `reach` pixels; 1 and 1 where both have none."""
    from scipy.ndimage import distance_transform_edt

    if not ours.any() or not theirs.any():
        return float(theirs.any() or not ours.any()), float(ours.any() or not theirs.any())
    near_truth, near_called = distance_transform_edt(~theirs) <= reach, distance_transform_edt(~ours) <= reach
    return float(near_truth[ours].mean()), float(near_called[theirs].mean())


def around(mask: np.ndarray, margin: int = 0) -> tuple[slice, ...]:
    """The smallest box of a mask that is not empty, with a margin, as an index."""
    box = []
    for axis in range(mask.ndim):
        held = np.flatnonzero(mask.any(axis=tuple(n for n in range(mask.ndim) if n != axis)))
        box.append(slice(max(0, int(held[0]) - margin), int(held[-1]) + 1 + margin))
    return tuple(box)


def _alike(a: BoundaryIoU | TrimapIoU | BoundaryF, b: BoundaryIoU | TrimapIoU | BoundaryF, *options: str) -> None:
    for name in ("num_classes", "ignore_index", *options):
        if getattr(a, name) != getattr(b, name):
            raise LabelError(f"cannot merge: {name} is {getattr(a, name)} here and {getattr(b, name)} there")
