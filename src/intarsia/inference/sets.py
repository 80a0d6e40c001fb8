"""Label sets: for each pixel the classes that could be true, by a threshold on how badly each fits.

    lac   1 - p
    aps   the probabilities of all classes above it, and its own

`evaluation.reliance` finds the threshold on held-out images, and says what it promises.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..errors import ModelError
from .predictor import Predictor

SCORES = ("lac", "aps")


@dataclass(frozen=True)
class LabelSets:
    """For each pixel a set of classes, by a threshold that held-out images gave.

    Args:
        threshold: the largest score of a class that is in the set; the most probable class always is.
        coverage: the share of an image's pixels whose set holds the truth, on average over images, at least.
        score: "lac" or "aps".
        images: how many the threshold came from.
    """

    threshold: float
    coverage: float
    score: str = "lac"
    images: int = 0

    def __call__(self, probabilities: Tensor) -> Tensor:
        """[B, K, H, W] probabilities to bool [B, K, H, W]: whether a class is in the pixel's set."""
        held = scores(probabilities, self.score) <= self.threshold
        return held.scatter(1, probabilities.argmax(dim=1, keepdim=True), True)

    @classmethod
    def of(cls, predictor: Predictor) -> LabelSets:
        """The label sets that `intarsia calibrate --coverage` has put into the predictor's checkpoint.

        Raises: ModelError when it has none.
        """
        kept = predictor.checkpoint.calibration.get("sets") if predictor.checkpoint else None
        if not isinstance(kept, dict) or {"threshold", "coverage"} - kept.keys():
            raise ModelError("the model has no label sets; fit them first: intarsia calibrate MODEL --coverage 0.9")
        numbers = [kept[key] for key in ("threshold", "coverage", "images") if key in kept]
        if (
            not all(isinstance(n, int | float) and abs(n) < 1e15 for n in numbers)
            or kept.get("score", "lac") not in SCORES
        ):
            raise ModelError(
                "the label sets of the model cannot be read; fit them again: intarsia calibrate MODEL --coverage 0.9"
            )
        return cls(**{key: kept[key] for key in ("threshold", "coverage", "score", "images") if key in kept})

    def to_dict(self) -> dict[str, Any]:
        """Return plain data, as a checkpoint keeps it."""
        return {"threshold": self.threshold, "coverage": self.coverage, "score": self.score, "images": self.images}


def scores(probabilities: Tensor, score: str = "lac") -> Tensor:
    """How badly each class fits, [B, K, H, W] of 0..1: lac 1 - p; aps the mass of the classes above, and its own."""
    if score == "lac":
        return (1 - probabilities).clamp(0, 1)
    ranked, order = probabilities.sort(dim=1, descending=True)
    return torch.empty_like(ranked).scatter_(1, order, ranked.cumsum(dim=1)).clamp(0, 1)
