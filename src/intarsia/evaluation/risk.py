"""Risk and coverage: the error among the pixels that are kept, from the surest on; its area is 0 for no errors at all.

Yonatan Geifman, Ran El-Yaniv. "Selective Classification for Deep Neural Networks." NeurIPS 2017. arXiv:1705.08500
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from ..errors import DataError


class Risk(NamedTuple):
    """A risk-coverage curve: the share of pixels kept, the error among them, and the mean error over all coverages."""

    coverage: np.ndarray
    risk: np.ndarray
    area: float

    def at(self, coverage: float) -> float:
        """The error among the surest pixels that make up so large a share."""
        return float(np.interp(coverage, self.coverage, self.risk))


class RiskCoverage:
    """Errors by confidence, in as much memory as there are bins.

    Args:
        bins: of equal width over 0..1; pixels within one are taken as equally sure.
    """

    def __init__(self, bins: int = 1000) -> None:
        self.sums = np.zeros((2, bins))

    def update(self, confidence: Any, right: Any) -> None:
        """Count pixels: how sure each is, 0..1, and whether its class is right."""
        sure, right = np.asarray(confidence, np.float64).ravel(), np.asarray(right, bool).ravel()
        if sure.shape != right.shape:
            raise DataError(f"{sure.size} confidences for {right.size} pixels")
        if sure.size and not (sure.min() >= 0 and sure.max() <= 1 + 1e-6):
            raise DataError(f"confidences of {sure.min():g}..{sure.max():g}; they lie in 0..1")
        bins = self.sums.shape[1]
        place = np.minimum((sure * bins).astype(int), bins - 1)
        self.sums += np.stack([np.bincount(place, minlength=bins), np.bincount(place, ~right, minlength=bins)])

    def compute(self) -> Risk:
        """The curve, from the surest pixels to all of them; empty and NaN where there were none."""
        held = self.sums[:, ::-1][:, self.sums[0, ::-1] > 0]
        if not held.size:
            return Risk(np.zeros(0), np.zeros(0), math.nan)
        kept, wrong = held.cumsum(axis=1)
        coverage, risk = kept / kept[-1], wrong / kept
        return Risk(coverage, risk, float((risk * held[0]).sum() / kept[-1]))
