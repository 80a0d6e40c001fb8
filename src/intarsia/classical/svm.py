"""Linear support vector machine: a weight for each feature and class, with the widest margin between the classes.

C. Cortes, V. Vapnik. "Support-Vector Networks." Machine Learning 20(3), 1995
R.-E. Fan et al. "LIBLINEAR: A Library for Large Linear Classification." JMLR 9, 2008

    features - (x - mean) / deviation - weights [K, F] - scores
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import CheckpointError, extra
from .samples import Sampling


@dataclass(frozen=True)
class LinearSVM:
    """A linear support vector machine of scikit-learn's on features of pixels or superpixels.

    Args:
        features: color, filters, lbp, hog and sift, joined by +.
        per: what is classified: pixel or superpixel.
        segments: about how many superpixels a picture is cut into, where they are classified.
        samples: pixels or superpixels to learn from, at most, the same number of each picture.
        cost: how much a sample on the wrong side of the margin counts (C).
    """

    features: str = "color+filters"
    per: str = "pixel"
    segments: int = 400
    samples: int = 50_000
    cost: float = 1.0

    def __post_init__(self) -> None:
        self.sampling.check()
        self.sampling.within("cost", self.cost, 1e-6, 1e6)

    @property
    def sampling(self) -> Sampling:
        """Which samples it learns from."""
        return Sampling("linear_svm", self.features, self.per, self.segments, self.samples)

    def learner(self, seed: int) -> Any:
        """The machine of scikit-learn's behind its standardization, before it has seen anything."""
        svm, scaling = extra("sklearn.svm", "classic"), extra("sklearn.preprocessing", "classic")
        machine = svm.LinearSVC(C=self.cost, dual=False, random_state=seed, max_iter=5000)
        return extra("sklearn.pipeline", "classic").make_pipeline(scaling.StandardScaler(), machine)

    def arrays(self, learned: Any, classes: int) -> dict[str, np.ndarray]:
        """What a fitted machine is; of a class that no sample had, the offset is far below all others."""
        scaler, machine = learned[0], learned[-1]
        weights, offsets = machine.coef_, machine.intercept_
        if len(machine.classes_) == 2:  # one function, whose sign decides
            weights, offsets = np.stack([-weights[0], weights[0]]), np.stack([-offsets[0], offsets[0]])
        own = machine.classes_.astype(int)
        every, far = np.zeros((classes, weights.shape[1])), np.full(classes, -1e6)
        every[own], far[own] = weights, offsets
        return {"mean": scaler.mean_, "scale": scaler.scale_, "weights": every, "offsets": far}

    def check(self, arrays: Mapping[str, np.ndarray], classes: int) -> None:
        """See that arrays are a machine of that many classes.

        Raises: CheckpointError.
        """
        names = ("mean", "scale", "weights", "offsets")
        if set(arrays) != set(names):
            raise CheckpointError(
                f"a linear machine is the arrays {', '.join(names)}; the file has {', '.join(sorted(arrays)) or 'none'}"
            )
        mean, scale, weights, offsets = (arrays[name] for name in names)
        fits = (
            mean.ndim == 1
            and mean.shape == scale.shape
            and weights.shape == (classes, len(mean))
            and offsets.shape == (classes,)
        )
        if (
            not fits
            or not all(np.isfinite(part).all() for part in (mean, scale, weights, offsets))
            or not (scale > 0).all()
        ):
            raise CheckpointError("the arrays of the linear machine do not fit together; train it again")

    def takes(self, arrays: Mapping[str, np.ndarray], width: int) -> bool:
        """Whether rows of that many features are what the machine has weights for."""
        return len(arrays["mean"]) == width

    def scores(self, arrays: Mapping[str, np.ndarray], values: np.ndarray) -> np.ndarray:
        """Distances of each row of features [N, F] from the classes' planes, [N, K] float32; the largest decides."""
        standard = (values - arrays["mean"]) / arrays["scale"]
        found: np.ndarray = (standard @ arrays["weights"].T + arrays["offsets"]).astype(np.float32)
        return found
