"""From which probability on a class is drawn: one threshold for each class, fitted on held-out images.

    Dice(t) = 2 TP(t) / (2 TP(t) + FP(t) + FN(t))          over all labeled pixels of the images together

A sigmoid's 0.5 is the best threshold for errors counted alike. Overlap counts otherwise: of a rare class, or one that the
loss weighted, it is often highest elsewhere. IoU is Dice / (2 - Dice), so that one threshold is the best for both.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
from torch import Tensor

from ..data.dataset import labels_of
from ..errors import DataError, LabelError
from ..inference import Predictor
from ..labels import LabelSpace
from .held import Rows, held
from .scoring import same_classes

STEPS = 100  # thresholds that are tried: 0.01, 0.02, ... 0.99
USUAL = 0.5


class Thresholds(NamedTuple):
    """The thresholds to keep, and what they do to images that they were not fitted on (where there are two or more).

    Args:
        names: of the classes; of one sigmoid map, the second class alone.
        values: 0..1, one for each: the fitted one where it raises the Dice of those images, else 0.5.
        dice: of each class before (at 0.5) and after, 0..1; NaN where it occurs neither in the truth nor in the answer.
        images: how many they were fitted on, and measured on.
        refused: name -> the fitted threshold of a class that stays at 0.5.
    """

    names: tuple[str, ...]
    values: tuple[float, ...]
    dice: tuple[tuple[float, float], ...]
    images: tuple[int, int]
    refused: dict[str, float]

    def to_dict(self) -> dict[str, Any]:
        """Return plain data, as a checkpoint keeps it."""
        rows = zip(self.names, self.values, self.dice, strict=True)
        return {
            "images": list(self.images),
            "classes": {
                name: {"threshold": value, "dice": [None if math.isnan(d) else d for d in dice]}
                for name, value, dice in rows
            },
            **({"refused": self.refused} if self.refused else {}),
        }

    @property
    def decide(self) -> dict[str, Any]:
        """The option of deciding that stands for them."""
        return {"threshold": list(self.values) if len(self.values) > 1 else self.values[0]}


def takes_thresholds(space: LabelSpace) -> bool:
    """Whether classes are decided by thresholds: several labels a pixel, or two classes under one sigmoid."""
    return space.activation == "sigmoid"


def fit_thresholds(predictor: Predictor, dataset: Any) -> Thresholds:
    """Find the threshold of each class that makes the Dice of held-out images highest; the predictor is left as it is.

    Every other image, from the first on, is fitted on; the others measure. A data set of one image does both.

    Args:
        dataset: as `score` takes it; not what the network was trained on.

    Raises: LabelError where a softmax decides, which has no threshold, or the classes are not the model's; DataError where
        nothing has a label.
    """
    space = predictor.labels
    if not takes_thresholds(space):
        raise LabelError(
            f"the most probable of {space.num_classes} classes is taken, whatever its probability, so there is no threshold "
            "to fit; thresholds are for several labels a pixel (labels.planes) and for two classes under one sigmoid "
            "(labels.activation)"
        )
    same_classes(space, labels_of(dataset))
    return fitted(space, held(predictor, dataset), predictor.temperature)


def fitted(space: LabelSpace, rows: Iterable[Rows], temperature: float = 1.0) -> Thresholds:
    """Fit thresholds to rows of logits and truth, one an image; see `fit_thresholds`."""
    names = space.names if space.planes else space.names[1:]
    counts = np.zeros((2, 2, len(names), STEPS), np.int64)  # fitted on or measured, false or true, class, bin
    images = [0, 0]
    for n, (logits, truth) in enumerate(rows):
        if len(truth):
            counts[n % 2] += histogram((logits / temperature).sigmoid(), truth if space.planes else truth[:, None] > 0)
            images[n % 2] += 1
    if not sum(images):
        raise DataError("nothing of the data set has a label; there is nothing to fit thresholds on")
    first, other = (0, 1) if all(images) else ((0, 0) if images[0] else (1, 1))
    tried, measured = dice(counts[first]), dice(counts[other])
    usual = round(USUAL * STEPS) - 1
    values, scores, refused = [], [], {}
    for k, name in enumerate(names):
        known = counts[first, 1, k].sum() > 0
        best = _best(tried[k]) if known else usual
        before, after = float(measured[k, usual]), float(measured[k, best])
        if best != usual and not after > before:
            refused[name] = (best + 1) / STEPS
            best, after = usual, before
        values.append((best + 1) / STEPS)
        scores.append((before, after))
    return Thresholds(names, tuple(values), tuple(scores), (images[first], images[other]), refused)


def histogram(probability: Tensor, truth: Tensor) -> np.ndarray:
    """Count rows by their probability, those that are not of a class and those that are.

    Args:
        probability: [N, K].
        truth: [N, K] bool.

    Returns: [2, K, STEPS]; bin b holds b / STEPS < p <= (b + 1) / STEPS, and the first p = 0 too.
    """
    classes = probability.shape[1]
    place = (probability.double() * STEPS).ceil().long().sub(1).clamp(0, STEPS - 1).numpy()
    joint = (truth.long().numpy() * classes + np.arange(classes)) * STEPS + place
    return np.bincount(joint.ravel(), minlength=2 * classes * STEPS).reshape(2, classes, STEPS)


def dice(counts: np.ndarray) -> np.ndarray:
    """Dice [K, STEPS - 1] at the thresholds 1 / STEPS, 2 / STEPS, ... of a histogram [2, K, STEPS]; NaN for 0 / 0."""
    wrong, right = (np.cumsum(side[:, ::-1], axis=1)[:, ::-1][:, 1:] for side in counts)  # above each threshold
    true = counts[1].sum(axis=1, keepdims=True)
    with np.errstate(invalid="ignore"):
        shares: np.ndarray = 2 * right / (right + wrong + true)
    return shares


def _best(scores: np.ndarray) -> int:
    """The place of the highest score; of several that are alike, the one nearest 0.5."""
    highest = np.flatnonzero(scores >= np.nanmax(scores) - 1e-12)
    return int(highest[np.abs(highest + 1 - USUAL * STEPS).argmin()])
