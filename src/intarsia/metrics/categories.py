"""Cityscapes' other scores: classes taken together as categories, and IoU with every instance weighing the same.

Marius Cordts et al. "The Cityscapes Dataset for Semantic Urban Scene Understanding." CVPR 2016. arXiv:1604.01685

    category IoU   the confusion matrix with the rows and columns of a category's classes added: confusing a car with a
                   truck is no mistake
    iIoU           iTP / (iTP + FP + iFN): a right or missed pixel of an instance weighs (mean size of its class) / (size
                   of the instance), so that near objects do not drown far ones; FP are plain pixels, for a predicted pixel
                   belongs to no instance
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from torch import Tensor

from ..errors import LabelError
from ..labels.meetings import occurring
from .confusion import ConfusionMatrix
from .ids import maps, mean
from .protocols import quotient
from .scores import Scores

CITYSCAPES_SIZES = {  # mean pixels of an instance, as the benchmark takes them
    "person": 3462.4756337644, "rider": 3930.4788056518, "car": 12794.0202738185, "truck": 27855.1264367816,
    "bus": 35732.1511111111, "train": 67583.7075812274, "motorcycle": 6298.7200839748, "bicycle": 4672.3249222261,
}  # fmt: skip


def by_category(
    confusion: ConfusionMatrix | Scores, categories: Mapping[str, Sequence[int]], protocol: str = "dataset"
) -> Scores:
    """The scores of categories of classes.

    Args:
        categories: name -> its class numbers; each class is in one of them.

    Raises: LabelError when a class is in none or in several.
    """
    ignored = confusion.ignored if isinstance(confusion, ConfusionMatrix) else confusion.ignored_pixels
    return Scores(_together(confusion.matrix, categories), int(ignored), protocol, tuple(categories))


class CategoryScores(NamedTuple):
    """IoU of each category, NaN for one that occurs nowhere, and the mean of the others."""

    iou: dict[str, float]
    mean: float


class CategoryIoU:
    """IoU of categories of classes.

    Args:
        categories: name -> its class numbers; each class is in one of them.
    """

    def __init__(
        self, num_classes: int, categories: Mapping[str, Sequence[int]], ignore_index: int | None = 255
    ) -> None:
        self.categories = {name: tuple(numbers) for name, numbers in categories.items()}
        self.confusion = ConfusionMatrix(num_classes, ignore_index)
        _together(self.confusion.matrix, self.categories)

    def update(self, predicted: Tensor | np.ndarray, labels: Tensor | np.ndarray) -> None:
        """Count one image, or a batch.

        Raises: LabelError when sizes differ, or for ids outside the classes.
        """
        self.confusion.update(predicted, labels)

    def merge(self, other: CategoryIoU) -> None:
        """Add the counts of another.

        Raises: LabelError when it has other categories.
        """
        if self.categories != other.categories:
            raise LabelError("cannot merge: categories differ")
        self.confusion.merge(other.confusion)

    def compute(self) -> CategoryScores:
        """The scores of what was counted so far."""
        iou = by_category(self.confusion, self.categories).iou
        assert isinstance(iou, dict)
        return CategoryScores(iou, mean(np.array(list(iou.values()))))


class InstanceScores(NamedTuple):
    """iIoU of the classes and categories that have instances, by number and name, and their means."""

    iiou: dict[int, float]
    mean: float
    categories: dict[str, float]
    mean_categories: float


class InstanceIoU:
    """Cityscapes' iIoU.

    Args:
        instances: the classes that have instances.
        categories: name -> its class numbers; one has an iIoU if all its classes have instances.
        sizes: class -> mean pixels of its instances (`CITYSCAPES_SIZES` by name); None: those that are seen.
    """

    def __init__(
        self,
        num_classes: int,
        instances: Collection[int],
        ignore_index: int | None = 255,
        *,
        categories: Mapping[str, Sequence[int]] | None = None,
        sizes: Mapping[int, float] | None = None,
    ) -> None:
        self.instances = tuple(sorted(instances))
        if not self.instances or not 0 <= self.instances[0] <= self.instances[-1] < num_classes:
            raise LabelError(f"instances names {list(self.instances)}; give classes of 0..{num_classes - 1}")
        if sizes is not None and (lost := set(self.instances) - set(sizes)):
            raise LabelError(f"sizes has no mean size of class {min(lost)}; give one for each class with instances")
        self.sizes = None if sizes is None else dict(sizes)
        self.categories = {name: tuple(numbers) for name, numbers in (categories or {}).items()}
        self.confusion = ConfusionMatrix(num_classes, ignore_index)
        self._group = np.arange(num_classes) + len(self.categories)
        if self.categories:
            _together(self.confusion.matrix, self.categories)
            for n, numbers in enumerate(self.categories.values()):
                self._group[list(numbers)] = n
        self.sums: np.ndarray = np.zeros((4, num_classes))
        """[4, K], over the instances of each class: right share, share called anything of its category, number, pixels."""

    def update(
        self, predicted: Tensor | np.ndarray, labels: Tensor | np.ndarray, instances: Tensor | np.ndarray
    ) -> None:
        """Count one image.

        Args:
            instances: [H, W] numbers that tell the instances of a class apart; 0 where there is none, as in groups.

        Raises: LabelError when sizes differ, or for ids outside the classes.
        """
        count = self.confusion.num_classes
        ((called, truth),) = maps(predicted, labels, count, self.confusion.ignore_index)
        numbers = np.asarray(instances.detach().cpu().numpy() if isinstance(instances, Tensor) else instances)
        if numbers.shape != truth.shape or not np.issubdtype(numbers.dtype, np.integer):
            raise LabelError(
                f"instances {list(numbers.shape)} for labels {list(truth.shape)}; give whole numbers [H, W]"
            )
        self.confusion.update(predicted, labels)
        held = np.isin(truth, self.instances) & (numbers > 0)
        own, said = truth[held].astype(np.int64), called[held].astype(np.int64)
        keys, place, size = occurring((own << 32) | numbers[held].astype(np.int64))
        kinds = keys >> 32
        right = np.bincount(place, said == own, len(keys)) / size
        near = np.bincount(place, self._group[said] == self._group[own], len(keys)) / size
        for n, row in enumerate((right, near, np.ones(len(keys)), size)):
            self.sums[n] += np.bincount(kinds, row, count)

    def merge(self, other: InstanceIoU) -> None:
        """Add the counts of another.

        Raises: LabelError when it counts otherwise.
        """
        for name in ("instances", "categories", "sizes"):
            if getattr(self, name) != getattr(other, name):
                raise LabelError(f"cannot merge: {name} differ")
        self.confusion.merge(other.confusion)
        self.sums += other.sums

    def compute(self) -> InstanceScores:
        """The scores of what was counted so far; NaN for a class that occurs nowhere."""
        matrix = self.confusion.matrix
        right, near, number, pixels = self.sums
        size = np.nan_to_num(quotient(pixels, number))
        for k, given in (self.sizes or {}).items():
            size[k] = given
        wrong = (matrix.sum(axis=0) - matrix.diagonal()).astype(np.float64)
        iiou = quotient(size * right, size * number + wrong)
        classes = {k: float(iiou[k]) for k in self.instances}
        found = {}
        if self.categories:
            merged = _together(matrix, self.categories)
            astray = merged.sum(axis=0) - merged.diagonal()
            for n, (name, ks) in enumerate(self.categories.items()):
                if set(ks) <= set(self.instances):
                    rows = list(ks)
                    found[name] = float(quotient((size * near)[rows].sum(), (size * number)[rows].sum() + astray[n]))
        return InstanceScores(
            classes, mean(np.array(list(classes.values()))), found, mean(np.array(list(found.values())))
        )


def _together(matrix: np.ndarray, categories: Mapping[str, Sequence[int]]) -> np.ndarray:
    """The confusion matrix of categories."""
    listed = [k for numbers in categories.values() for k in numbers]
    if sorted(listed) != list(range(len(matrix))):
        odd = sorted(set(range(len(matrix))) ^ set(listed)) or sorted(k for k in set(listed) if listed.count(k) > 1)
        raise LabelError(f"categories share out the {len(matrix)} classes, each to one; look at class {odd[0]}")
    chosen = np.zeros((len(categories), len(matrix)), np.int64)
    for row, numbers in zip(chosen, categories.values(), strict=True):
        row[list(numbers)] = 1
    merged: np.ndarray = chosen @ matrix @ chosen.T
    return merged
