"""The weight of each class in the loss, by hand or from how often the classes occur."""

from __future__ import annotations

import numpy as np

from ..config.learning import Loss
from ..doctor import Audit
from ..errors import TrainingError
from ..labels import LabelSpace


def class_weights(wish: Loss, labels: LabelSpace, found: Audit | None) -> list[float] | None:
    """The weight of each class in the loss, softened by `weight_power`, scaled to mean 1; None for no weights."""
    kind = wish.class_weights
    if kind == "none":
        return None
    if not isinstance(kind, str):
        if len(kind) != labels.num_classes:
            raise TrainingError(
                f"loss.class_weights lists {len(kind)} numbers for {labels.num_classes} classes; "
                "give one for each, in the order of the classes"
            )
        if not any(kind):
            raise TrainingError(
                "loss.class_weights are all zero, so that nothing would be learned; give one above zero"
            )
        return [float(weight) ** wish.weight_power for weight in kind]
    if found is None:
        raise TrainingError(
            f"loss.class_weights={kind} needs the frequencies that the audit counts; "
            "set train.audit=true, or list the weights"
        )
    share = found.counts / max(_pixels(found) if labels.planes else found.counts.sum(), 1)
    seen = share > 0
    if kind == "log":
        weights = 1 / np.log(1.02 + share)
    elif kind == "median":
        weights = np.where(seen, np.median(share[seen]) / np.where(seen, share, 1), 0.0)
    elif kind == "effective":
        weights = np.where(seen, 1 / np.where(seen, effective_numbers(found.counts, wish.effective_beta), 1), 0.0)
    else:
        weights = np.where(seen, 1 / np.where(seen, share, 1), 0.0)
    weights = weights**wish.weight_power
    return [float(w) for w in weights / weights[seen].mean()]


def effective_numbers(counts: np.ndarray, beta: float | None = None) -> np.ndarray:
    """How many pixels that say something new each class has: (1 - beta^n) / (1 - beta).

    Cui et al. "Class-Balanced Loss Based on Effective Number of Samples." CVPR 2019. arXiv:1901.05555, section 3.2. It is n
    where n is far below 1 / (1 - beta), and that number where n is far above.

    Args:
        counts: n of each class.
        beta: None for one minus one in the median of the counts above zero.
    """
    many = counts.astype(np.float64)
    new = 1 / np.median(many[many > 0]) if beta is None else 1 - beta
    if new >= 1:  # every pixel says the same
        return np.minimum(many, 1.0)
    numbers: np.ndarray = -np.expm1(many * np.log1p(-new)) / new  # 1 - beta^n, to the last digit also for beta near 1
    return numbers


def _pixels(found: Audit) -> float:
    """About how many pixels of the training set count: where a pixel has several labels, their sum says more or less."""
    of_all = sum(height * width * count for (height, width), count in found.sizes.items()) / max(
        sum(found.sizes.values()), 1
    )
    return max(of_all * next(iter(found.images.values()), 0) * (1 - found.ignored), float(found.counts.max(initial=0)))
