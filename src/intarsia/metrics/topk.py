"""Top-k accuracy: whether the true class is among the k best scored ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..errors import DataError, LabelError
from .confusion import ConfusionMatrix

USUAL = (1, 5)  # as ImageNet's


class TopKScores(NamedTuple):
    """Share of right answers for each k, and, by k, the share among the pixels (or images) of each class."""

    accuracy: dict[int, float]
    classes: dict[int, list[float]]
    counted: int
    ignored: int


class TopK:
    """How often the true class is among the k best scored.

    Among equal scores the class of the lower number stands first, so that top-1 is what argmax says.

    Args:
        k: which numbers of guesses to count, 1 to K each; None: 1, and 5 where there are five classes.

    Raises: LabelError for a number below 1, or above the number of classes, among which every class would be.
    """

    def __init__(self, num_classes: int, ignore_index: int | None = 255, *, k: Sequence[int] | None = None) -> None:
        self.num_classes = num_classes
        self.ignore_index = ignore_index
        self.k = tuple(n for n in USUAL if n <= num_classes) if k is None else tuple(k)
        if not self.k or min(self.k) < 1 or max(self.k) > num_classes:
            raise LabelError(f"top-k for k = {self.k}: give numbers from 1 to {num_classes}, the number of classes")
        self.ranks: np.ndarray = np.zeros((num_classes, num_classes), np.int64)
        """[K, K]: pixels of each true class whose score stood at each rank."""
        self.ignored = 0

    def update(self, scores: Tensor, labels: Tensor | np.ndarray) -> None:
        """Count one batch.

        Args:
            scores: [B, K, H, W] for labels [B, H, W], or [B, K] for labels [B]: logits or probabilities.

        Raises: LabelError for ids outside the classes; DataError for scores that are no numbers or of another shape.
        """
        labels = torch.as_tensor(labels).to(scores.device)
        if scores.ndim < 2 or (scores.shape[0], *scores.shape[2:]) != tuple(labels.shape):
            raise DataError(
                f"scores {list(scores.shape)} do not fit labels {list(labels.shape)}; give [B, K, ...] and [B, ...]"
            )
        if scores.shape[1] != self.num_classes:
            raise DataError(f"scores of {scores.shape[1]} classes where {self.num_classes} are counted")
        if bool(scores.isnan().any()):
            raise DataError(f"{int(scores.isnan().sum())} scores are no numbers (NaN); nothing ranks them")
        held = torch.ones_like(labels, dtype=torch.bool) if self.ignore_index is None else labels != self.ignore_index
        truth = labels.where(held, 0).long()
        if labels.is_floating_point() or bool(((truth < 0) | (truth >= self.num_classes)).any()):
            ConfusionMatrix(self.num_classes, self.ignore_index).update(
                torch.zeros_like(labels).where(held, labels), labels
            )
        own = scores.gather(1, truth[:, None])
        numbers = torch.arange(self.num_classes, device=scores.device).view(1, -1, *[1] * (labels.ndim - 1))
        rank = ((scores > own) | ((scores == own) & (numbers < truth[:, None]))).sum(dim=1)
        joint = (truth * self.num_classes + rank)[held]
        self.ranks += torch.bincount(joint, minlength=self.num_classes**2).view(self.num_classes, -1).cpu().numpy()
        self.ignored += int((~held).sum())

    def merge(self, other: TopK) -> None:
        """Add the counts of another.

        Raises: LabelError when it counts otherwise.
        """
        if (self.num_classes, self.ignore_index) != (other.num_classes, other.ignore_index):
            raise LabelError(f"cannot merge counts of {other.num_classes} classes into those of {self.num_classes}")
        self.ranks += other.ranks
        self.ignored += other.ignored

    def compute(self) -> TopKScores:
        """The shares so far; NaN where nothing was counted."""
        total, classes = self.ranks.sum(), self.ranks.sum(axis=1)
        accuracy, shares = {}, {}
        for k in self.k:
            hit = self.ranks[:, :k].sum(axis=1)
            accuracy[k] = float(hit.sum() / total) if total else float("nan")
            shares[k] = [float(h / n) if n else float("nan") for h, n in zip(hit, classes, strict=True)]
        return TopKScores(accuracy, shares, int(total), self.ignored)
