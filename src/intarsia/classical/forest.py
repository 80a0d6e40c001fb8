"""Random forest: many decision trees, each grown on other pixels and other features, say together what a pixel is.

L. Breiman. "Random Forests." Machine Learning 45(1), 2001

scikit-learn grows the trees; what they are is five arrays, which are stored, read and followed here without it.

    node -- feature <= threshold? -- left
                                  `- right -- ... -- leaf: probability of each class
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import CheckpointError, extra
from .samples import Sampling

LEAF = -1


@dataclass(frozen=True)
class RandomForest:
    """A random forest of scikit-learn's on features of pixels or superpixels.

    Args:
        features: color, filters, lbp, hog and sift, joined by +.
        per: what is classified: pixel or superpixel.
        segments: about how many superpixels a picture is cut into, where they are classified.
        samples: pixels or superpixels to learn from, at most, the same number of each picture.
        trees: how many.
        depth: most questions from a tree's root to a leaf.
        smallest: samples in a leaf, at least.
    """

    features: str = "color+filters"
    per: str = "pixel"
    segments: int = 400
    samples: int = 100_000
    trees: int = 30
    depth: int = 14
    smallest: int = 5

    def __post_init__(self) -> None:
        self.sampling.check()
        for key, value, low, high in (("trees", self.trees, 1, 1000), ("depth", self.depth, 1, 40), ("smallest", self.smallest, 1, 10**6)):  # fmt: skip
            self.sampling.within(key, value, low, high)

    @property
    def sampling(self) -> Sampling:
        """Which samples it learns from."""
        return Sampling("random_forest", self.features, self.per, self.segments, self.samples)

    def learner(self, seed: int) -> Any:
        """The forest of scikit-learn's, before it has seen anything."""
        ensemble = extra("sklearn.ensemble", "classic")
        return ensemble.RandomForestClassifier(
            n_estimators=self.trees, max_depth=self.depth, min_samples_leaf=self.smallest, random_state=seed, n_jobs=1
        )

    def arrays(self, learned: Any, classes: int) -> dict[str, np.ndarray]:
        """What a fitted forest is: its trees' nodes one after the other, leaves with a probability for each class."""
        trees = [one.tree_ for one in learned.estimators_]
        starts = np.cumsum([0, *(tree.node_count for tree in trees)])
        leaves = np.zeros((starts[-1], classes))
        values = np.concatenate([tree.value[:, 0, :] for tree in trees])
        leaves[:, learned.classes_.astype(int)] = values / values.sum(axis=1, keepdims=True)

        def moved(name: str) -> np.ndarray:
            return np.concatenate(
                [np.where(getattr(tree, name) < 0, LEAF, getattr(tree, name) + start) for tree, start in zip(trees, starts, strict=False)]
            ).astype(np.int32)  # fmt: skip

        return {
            "roots": starts[:-1].astype(np.int32),
            "left": moved("children_left"),
            "right": moved("children_right"),
            "feature": np.concatenate([tree.feature for tree in trees]).astype(np.int32),
            "threshold": np.concatenate([tree.threshold for tree in trees]).astype(np.float64),
            "leaves": leaves,
        }

    def check(self, arrays: Mapping[str, np.ndarray], classes: int) -> None:
        """See that arrays are a forest that can be followed: every way ends in a leaf.

        Raises: CheckpointError.
        """
        names = ("roots", "left", "right", "feature", "threshold", "leaves")
        if set(arrays) != set(names):
            raise CheckpointError(
                f"a random forest is the arrays {', '.join(names)}; the file has {', '.join(sorted(arrays)) or 'none'}"
            )
        roots, left, right, feature, threshold, leaves = (arrays[name] for name in names)
        count, inner = len(left), left != LEAF
        here = np.arange(count)
        sound = (
            all(part.shape == (count,) for part in (left, right, feature, threshold))
            and leaves.shape == (count, classes)
            and roots.ndim == 1 and len(roots) > 0
            and all(part.dtype.kind == "i" for part in (roots, left, right, feature))
            and bool((inner == (right != LEAF)).all() and (feature[inner] >= 0).all())
            and all(bool(((part[inner] > here[inner]) & (part[inner] < count)).all()) for part in (left, right))
            and bool((roots >= 0).all() and (roots < count).all() and np.isfinite(leaves).all())
        )  # fmt: skip
        if not sound:
            raise CheckpointError("the arrays of the random forest do not fit together; train it again")

    def takes(self, arrays: Mapping[str, np.ndarray], width: int) -> bool:
        """Whether rows of that many features are what the forest asks about."""
        return int(arrays["feature"].max()) < width

    def probabilities(self, arrays: Mapping[str, np.ndarray], values: np.ndarray) -> np.ndarray:
        """Follow every tree for each row of features.

        Args:
            values: [N, F] float32.

        Returns: [N, K] float64, the mean of the leaves that were reached.
        """
        left, right = arrays["left"], arrays["right"]
        feature, threshold, leaves = arrays["feature"], arrays["threshold"], arrays["leaves"]
        total = np.zeros((len(values), leaves.shape[1]))
        flat, width = np.ascontiguousarray(values).ravel(), values.shape[1]
        for root in arrays["roots"]:
            node = np.full(len(values), root, np.int32)
            going = np.arange(len(values)) if left[root] != LEAF else np.array([], int)
            while len(going):
                at = node[going]
                lower = flat[going * width + feature[at]] <= threshold[at]
                at = np.where(lower, left[at], right[at])
                node[going] = at
                going = going[left[at] != LEAF]
            total += leaves[node]
        return total / len(arrays["roots"])

    def scores(self, arrays: Mapping[str, np.ndarray], values: np.ndarray) -> np.ndarray:
        """Logits of each row of features, [N, K] float32: logarithms of the probabilities."""
        return np.log(np.maximum(self.probabilities(arrays, values), 1e-6)).astype(np.float32)
