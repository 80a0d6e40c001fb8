"""What an mIoU means, by name: the same counts give different means under the conventions in use.

A class may occur in the truth only, in the prediction only, or nowhere. Whether it then counts as nought, as one or
not at all moves the mean by tens of points, and so does averaging over images or over pixels instead of classes. So the
name of the protocol stands beside every mean we print, and its four sentences beside every mean we store.

    counts of each image -parts-> what is summed over images -totals-> IoU of each class, mean IoU
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..errors import RecipeError, nearest

ALL = "all"  # not a protocol: every one of them, side by side


class Protocol(NamedTuple):
    """One convention: what a mean is taken over, and what a class is worth that has nothing to divide by.

    Args:
        absent, ignored, averaging, resizing: a sentence each, for people.
        over: "classes": the counts of all images together, then a ratio for each class; "images": a mean for each image,
            then their mean; "pixels": the counts of all images and classes together, then one ratio.
        classes: which classes a mean takes: "union" (in the truth or the prediction), "truth", or "all".
        nothing: IoU of a class that occurs nowhere, where all are taken; NaN makes the mean NaN.
        nothing_dice: Dice of such a class, where it is not the same number.
    """

    name: str
    absent: str
    averaging: str
    ignored: str = "ignored pixels count nowhere"
    resizing: str = "a prediction has the size of its labels"
    over: str = "classes"
    classes: str = "union"
    nothing: float = np.nan
    nothing_dice: float | None = None

    @property
    def says(self) -> str:
        """One sentence for reports."""
        return f"{self.averaging}; {self.absent}; {self.ignored}; {self.resizing}"

    @property
    def needs_images(self) -> bool:
        """Whether the counts of all images together are not enough."""
        return self.over == "images"

    def to_dict(self) -> dict[str, str]:
        """What it means, as plain data that is stored beside a score."""
        return {key: getattr(self, key) for key in ("name", "averaging", "absent", "ignored", "resizing")}

    def counted(self, truth: np.ndarray, predicted: np.ndarray) -> np.ndarray:
        """Which classes a mean takes, bool [..., K], from the pixels [..., K] in the truth and in the prediction."""
        if self.classes == "all":
            return np.ones(np.shape(truth), bool)
        return np.asarray(truth if self.classes == "truth" else truth + predicted) > 0

    def parts(self, hit: Any, truth: Any, predicted: Any, ratio: str = "iou") -> np.ndarray:
        """What of each image is summed: [N, 3 K] counts, and where images are averaged their own means [N, 2].

        Args:
            hit, truth, predicted: [N, K] pixels of each image and class: right, in the truth, in the prediction.
            ratio: "iou" or "dice".
        """
        counts = np.concatenate([hit, truth, predicted], axis=-1).astype(np.float64)  # exact up to 2**53 pixels
        if self.over != "images":
            return counts
        own = self._mean(np.asarray(hit), np.asarray(truth), np.asarray(predicted), ratio)[..., None]
        return np.concatenate([counts, np.nan_to_num(own), ~np.isnan(own)], axis=-1)

    def totals(self, sums: np.ndarray, ratio: str = "iou") -> tuple[np.ndarray, np.ndarray]:
        """(the ratio of each class [..., K], NaN where nothing divides it; their mean [...]) of summed `parts` [..., S]."""
        sums = np.asarray(sums, np.float64)
        count = sums.shape[-1] // 3
        hit, truth, predicted = (sums[..., n * count : (n + 1) * count] for n in range(3))
        if self.over == "images":
            mean = quotient(sums[..., -2], sums[..., -1])
        elif self.over == "pixels":
            mean = overlap(hit.sum(-1), truth.sum(-1), predicted.sum(-1), ratio)
        else:
            mean = self._mean(hit, truth, predicted, ratio)
        return overlap(hit, truth, predicted, ratio), mean

    def _mean(self, hit: np.ndarray, truth: np.ndarray, predicted: np.ndarray, ratio: str) -> np.ndarray:
        held = self.counted(truth, predicted)
        values = overlap(hit, truth, predicted, ratio)
        if self.classes == "all":
            nothing = self.nothing_dice if ratio == "dice" and self.nothing_dice is not None else self.nothing
            values = np.where(truth + predicted > 0, values, nothing)
        return quotient(np.where(held, values, 0).sum(-1), held.sum(-1))


_TOGETHER = "pixels of all images are counted together, then the mean is taken over classes"

PROTOCOLS: dict[str, Protocol] = {
    "dataset": Protocol(
        "dataset", "only classes that occur in the truth or in the prediction count", _TOGETHER,
    ),
    "mmsegmentation": Protocol(
        "mmsegmentation", "a class that occurs neither in the truth nor in the prediction does not count", _TOGETHER,
        ignored="ignored pixels count nowhere (there, ids outside the classes vanish as well; here they are an error)",
    ),
    "detectron2": Protocol(
        "detectron2", "only classes of the truth count: one that is predicted and never there costs nothing of its own", _TOGETHER,
        classes="truth",
    ),
    "paddleseg": Protocol(
        "paddleseg", "a class that occurs nowhere counts as IoU 1 (as Dice 0), as in its releases from 2.9 on; up to 2.8 it was csail's 0", _TOGETHER,
        classes="all", nothing=1.0, nothing_dice=0.0,
    ),
    "monai": Protocol(
        "monai", "a class counts in the images whose truth has it", "each image has a mean over its classes, then the mean is taken over images",
        over="images", classes="truth",
    ),
    "micro": Protocol(
        "micro", "a class counts by its pixels, so one that occurs nowhere counts nothing", "pixels of all images and classes are counted together, and nothing is a mean",
        over="pixels",
    ),
    "torchvision": Protocol(
        "torchvision", "a class that occurs nowhere makes the mean no number (NaN)", _TOGETHER,
        resizing="a prediction has the size of its labels (its training script resizes both; that is not repeated here)",
        classes="all",
    ),
    "csail": Protocol(
        "csail", "a class that occurs nowhere counts as IoU 0", _TOGETHER,
        classes="all", nothing=0.0,
    ),
}  # fmt: skip


def protocol(name: str) -> Protocol:
    """The protocol of that name.

    Raises: RecipeError with the nearest name.
    """
    if name not in PROTOCOLS:
        raise RecipeError(f"there is no protocol {name!r}{nearest(name, PROTOCOLS)}")
    return PROTOCOLS[name]


def overlap(hit: Any, truth: Any, predicted: Any, ratio: str = "iou") -> np.ndarray:
    """IoU or Dice of counts of pixels, NaN where there are none."""
    if ratio == "dice":
        return quotient(2 * np.asarray(hit), np.asarray(truth) + predicted)
    return quotient(hit, np.asarray(truth) + predicted - hit)


def quotient(top: Any, bottom: Any) -> np.ndarray:
    """`top / bottom`, NaN where there is nothing to divide by."""
    top, bottom = np.asarray(top, np.float64), np.asarray(bottom, np.float64)
    ratio: np.ndarray = np.divide(
        top, bottom, out=np.full(np.broadcast_shapes(top.shape, bottom.shape), np.nan), where=bottom > 0
    )
    return ratio
