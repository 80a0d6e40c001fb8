"""Calibration: whether a network that is 80 % sure is right in 80 % of the cases.

Chuan Guo, Geoff Pleiss, Yu Sun, Kilian Q. Weinberger. "On Calibration of Modern Neural Networks." ICML 2017.
arXiv:1706.04599

    confidence   the largest probability of a pixel; M bins of equal width, the last one with 1 in it
    ECE          sum over bins of (pixels in the bin / all pixels) |accuracy - mean confidence|; MCE: the largest gap
    Brier        mean over pixels of the sum over classes of (probability - truth)^2, 0 (sure and right) to 2
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..errors import DataError, LabelError
from .confusion import ConfusionMatrix


class Bin(NamedTuple):
    """One point of the reliability curve; NaN where no pixel lies in the bin."""

    low: float
    high: float
    pixels: int
    confidence: float
    accuracy: float


class CalibrationScores(NamedTuple):
    """Errors, means, and the reliability curve, from the least to the most confident bin."""

    ece: float
    mce: float
    brier: float
    confidence: float
    accuracy: float
    curve: list[Bin]


class Calibration:
    """Expected calibration error, reliability curve and Brier score, in as much memory as there are bins.

    Args:
        bins: M.
    """

    def __init__(self, num_classes: int, ignore_index: int | None = 255, *, bins: int = 15) -> None:
        if bins < 1:
            raise LabelError(f"{bins} bins hold no pixels; take 15")
        self.num_classes = num_classes
        self.ignore_index = ignore_index
        self.bins = bins
        self.sums: np.ndarray = np.zeros((3, bins))
        """[3, M]: pixels, their confidence, and the right ones among them."""
        self.squares = 0.0
        """The Brier score, summed over pixels."""

    def update(self, probabilities: Tensor, labels: Tensor | np.ndarray) -> None:
        """Count one batch.

        Args:
            probabilities: [B, K, H, W] for labels [B, H, W], or [B, K] for labels [B]; they add up to 1.

        Raises: LabelError for ids outside the classes; DataError for what is no probabilities.
        """
        labels = torch.as_tensor(labels).to(probabilities.device)
        if probabilities.ndim < 2 or (probabilities.shape[0], *probabilities.shape[2:]) != tuple(labels.shape):
            raise DataError(
                f"probabilities {list(probabilities.shape)} do not fit labels {list(labels.shape)}; give [B, K, ...] and [B, ...]"
            )
        if probabilities.shape[1] != self.num_classes:
            raise DataError(f"probabilities of {probabilities.shape[1]} classes where {self.num_classes} are counted")
        held = torch.ones_like(labels, dtype=torch.bool) if self.ignore_index is None else labels != self.ignore_index
        given = probabilities.movedim(1, -1)[held]  # [N, K]
        truth = labels[held].long()
        if labels.is_floating_point() or bool(((truth < 0) | (truth >= self.num_classes)).any()):
            ConfusionMatrix(self.num_classes, self.ignore_index).update(
                torch.zeros_like(labels).where(held, labels), labels
            )
        if not len(given):
            return
        slack = 1e-2 if given.dtype in (torch.float16, torch.bfloat16) else 1e-3
        total = given.sum(dim=1, dtype=torch.float64)
        if not bool((given >= 0).all() & (given <= 1 + slack).all() & ((total - 1).abs() <= slack).all()):
            raise DataError(
                "these are no probabilities: each pixel's add up to 1 and lie in 0..1; take softmax of logits first"
            )
        confidence, called = given.max(dim=1)
        confidence = confidence.double().clamp(max=1)
        right = (called == truth).double()
        place = (confidence * self.bins).long().clamp(max=self.bins - 1)
        rows = (torch.ones_like(confidence), confidence, right)
        self.sums += np.stack([torch.bincount(place, row, minlength=self.bins).cpu().numpy() for row in rows])
        own = given.gather(1, truth[:, None])[:, 0].double()
        self.squares += float((given.double().square().sum(dim=1) - 2 * own + 1).sum())

    def merge(self, other: Calibration) -> None:
        """Add the sums of another.

        Raises: LabelError when it counts otherwise.
        """
        for name in ("num_classes", "ignore_index", "bins"):
            if getattr(self, name) != getattr(other, name):
                raise LabelError(f"cannot merge: {name} is {getattr(self, name)} here and {getattr(other, name)} there")
        self.sums += other.sums
        self.squares += other.squares

    def compute(self) -> CalibrationScores:
        """The scores of what was counted so far; NaN where nothing was."""
        pixels, confidence, right = self.sums
        total, nan = pixels.sum(), float("nan")
        edges = [n / self.bins for n in range(self.bins + 1)]
        curve = [
            Bin(edges[n], edges[n + 1], int(count), c / count if count else nan, r / count if count else nan)
            for n, (count, c, r) in enumerate(self.sums.T.tolist())
        ]
        if not total:
            return CalibrationScores(nan, nan, nan, nan, nan, curve)
        return CalibrationScores(
            float(np.abs(right - confidence).sum() / total),
            max(abs(b.accuracy - b.confidence) for b in curve if b.pixels),
            self.squares / float(total),
            float(confidence.sum() / total),
            float(right.sum() / total),
            curve,
        )
