"""Classifiers of pixels as engines: features in, a class for each pixel or superpixel out; fitted once, kept as arrays."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..errors import CheckpointError, IntarsiaError
from ..labels import LabelSpace
from ..structures import Sample, SemanticLogits
from .forest import RandomForest
from .picture import arrays
from .svm import LinearSVM

Learned = RandomForest | LinearSVM
LEARNED: dict[str, Any] = {"random_forest": RandomForest, "linear_svm": LinearSVM}
ROWS = 200_000  # pixels that are classified at once


class Classifier:
    """An engine that classifies the pixels or superpixels of pictures by their features.

    Args:
        name: a key of `LEARNED`.
        settings: what it was fitted with.
        stored: its arrays, as `fitted` returns them.
        labels: what its classes are.

    Raises: CheckpointError where settings and arrays do not fit together.
    """

    def __init__(
        self, name: str, settings: Mapping[str, Any], stored: Mapping[str, Tensor], labels: LabelSpace
    ) -> None:
        self.__name__ = name
        try:
            self.method: Learned = LEARNED[name](**settings)
        except (IntarsiaError, TypeError) as error:
            raise CheckpointError(f"the {name} of the checkpoint cannot be made ({error}); train it again") from error
        self.arrays = {key: tensor.numpy() for key, tensor in stored.items()}
        self.labels = labels
        self.method.check(self.arrays, labels.num_classes)

    def __call__(self, image: Tensor) -> SemanticLogits:
        """Classify raw integers [B, C, H, W]; returns scores [B, K or 1, H, W]."""
        scores = torch.stack([torch.from_numpy(self._scores(pixels)) for pixels in arrays(image)])
        scores = scores.permute(0, 3, 1, 2)  # [B, K, H, W]
        if self.labels.activation == "sigmoid":
            scores = scores[:, 1:] - scores[:, :1]  # [B, 1, H, W]
        return SemanticLogits(scores)

    def _scores(self, pixels: np.ndarray) -> np.ndarray:
        rows, regions = self.method.sampling.rows(pixels)
        if not self.method.takes(self.arrays, rows.shape[1]):
            raise CheckpointError(
                f"the {self.__name__} of the checkpoint was fitted on other features than the {rows.shape[1]} of {self.method.features}"
            )
        parts = [self.method.scores(self.arrays, rows[n : n + ROWS]) for n in range(0, len(rows), ROWS)]
        scores = np.concatenate(parts)
        return scores.reshape(*pixels.shape[:2], -1) if regions is None else scores[regions]


def fitted(
    method: Learned, pictures: Iterable[Sample], count: int, labels: LabelSpace, seed: int
) -> tuple[dict[str, Tensor], Any]:
    """Fit a classifier to pictures with labels.

    Args:
        count: of the pictures.
        labels: the classes.
        seed: of the samples that are drawn, and of the classifier.

    Returns: its arrays, for a checkpoint; and the estimator of scikit-learn's.

    Raises: DataError where there is nothing to learn from; MissingExtra where scikit-learn or scikit-image is not installed.
    """
    values, classes = method.sampling.drawn(pictures, count, labels.ignore_index, seed)
    learner = method.learner(seed)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*failed to converge.*")  # as good as it gets in so many rounds
        learner.fit(values, classes)
    stored = method.arrays(learner, labels.num_classes)
    return {key: torch.from_numpy(np.ascontiguousarray(part)) for key, part in stored.items()}, learner
