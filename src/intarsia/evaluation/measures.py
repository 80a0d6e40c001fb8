"""What can be measured beside the confusion matrix while a data set is scored, by the name that `--metrics` takes."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..errors import RecipeError, nearest
from ..labels import LabelSpace
from ..metrics.boundary import BoundaryF, BoundaryIoU, TrimapIoU
from ..metrics.calibration import Calibration
from ..metrics.surface import SurfaceDistances
from ..metrics.topk import TopK


class Measure(NamedTuple):
    """One metric: what it says, how it is made for some classes, and what of a prediction it looks at."""

    says: str
    make: Callable[[LabelSpace], Any]
    looks_at: str = "labels"  # or "probabilities", "logits"


MEASURES: dict[str, Measure] = {
    "boundary": Measure(
        "IoU of the boundaries, as wide as 2 % of the diagonal", lambda s: BoundaryIoU(s.num_classes, s.ignore_index)
    ),
    "trimap": Measure(
        "IoU within 5 pixels of the boundaries of the truth", lambda s: TrimapIoU(s.num_classes, s.ignore_index)
    ),
    "boundary_f": Measure(
        "F of boundary pixels, matched within 0.8 % of the diagonal", lambda s: BoundaryF(s.num_classes, s.ignore_index)
    ),
    "surface": Measure(
        "distances between the boundaries, in pixels", lambda s: SurfaceDistances(s.num_classes, s.ignore_index)
    ),
    "calibration": Measure(
        "whether 80 % sure is right in 80 % of the cases",
        lambda s: Calibration(s.num_classes, s.ignore_index),
        "probabilities",
    ),
    "topk": Measure(
        "whether the class is among the k most probable", lambda s: TopK(s.num_classes, s.ignore_index), "logits"
    ),
}


def chosen(names: Sequence[str], space: LabelSpace) -> dict[str, Any]:
    """A fresh metric of each name.

    Raises: RecipeError for an unknown name.
    """
    for name in names:
        if name not in MEASURES:
            raise RecipeError(f"there is no metric {name!r}{nearest(name, MEASURES)}")
    return {name: MEASURES[name].make(space) for name in names}


def told(found: Any) -> Any:
    """What a metric computed, as plain data for JSON; None where there is no number."""
    if hasattr(found, "_asdict"):
        return {key: told(value) for key, value in found._asdict().items()}
    if isinstance(found, dict):
        return {str(key): told(value) for key, value in found.items()}
    if isinstance(found, np.ndarray | list | tuple):
        return [told(value) for value in (found.tolist() if isinstance(found, np.ndarray) else found)]
    if hasattr(found, "to_dict"):
        return found.to_dict()
    return None if isinstance(found, float) and math.isnan(found) else found
