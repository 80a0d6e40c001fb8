"""What can be measured beside the confusion matrix while a data set is scored, by the name that `--metrics` takes."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..data.pairs import Pairs
from ..datasets import cityscapes
from ..datasets.cityscapes import CATEGORIES
from ..errors import DataError, RecipeError, nearest
from ..labels import LabelSpace
from ..metrics.boundary import BoundaryF, BoundaryIoU, TrimapIoU
from ..metrics.calibration import Calibration
from ..metrics.categories import CITYSCAPES_SIZES, CategoryIoU, InstanceIoU
from ..metrics.surface import SurfaceDistances
from ..metrics.topk import TopK


class Measure(NamedTuple):
    """One metric: what it says, how it is made for some classes, and what of a prediction it looks at."""

    says: str
    make: Callable[[LabelSpace], Any]
    looks_at: str = "labels"  # or "objects" of the truth as well; "probabilities"; "logits"


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
    "given_boundary_f": Measure(
        "F of boundaries that the masks hold themselves, matched within 0.8 % of the diagonal",
        lambda s: BoundaryF(s.num_classes, s.ignore_index, given=True),
    ),
    "categories": Measure(
        "IoU of the seven categories of Cityscapes",
        lambda s: CategoryIoU(s.num_classes, _categories(s), s.ignore_index),
    ),
    "iiou": Measure(
        "IoU with every instance weighing the same, by Cityscapes' rules", lambda s: StreetInstances(s), "objects"
    ),
    "surface": Measure(
        "distances between the boundaries, in pixels or the unit of the spacing",
        lambda s: SurfaceDistances(s.num_classes, s.ignore_index),
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


class StreetInstanceScores(NamedTuple):
    """iIoU of each class, NaN for those without instances, of the categories that have them, and both means."""

    iiou: list[float]
    categories: dict[str, float]
    mean: float
    mean_categories: float


class StreetInstances:
    """iIoU of Cityscapes' classes, with the mean sizes that its benchmark takes.

    Raises: RecipeError for other classes.
    """

    def __init__(self, space: LabelSpace) -> None:
        self.names = space.names
        categories = _categories(space)
        sizes = {space.names.index(name): size for name, size in CITYSCAPES_SIZES.items()}
        self.metric = InstanceIoU(space.num_classes, sizes, space.ignore_index, categories=categories, sizes=sizes)

    def update(self, predicted: Any, labels: Any, objects: Any) -> None:
        """Count one image.

        Raises: DataError when the data set does not tell objects apart.
        """
        if objects is None:
            raise DataError(
                "iiou looks at objects, and the truth has none; score on Cityscapes with its instanceIds.png"
            )
        self.metric.update(predicted, labels, objects)

    def compute(self) -> StreetInstanceScores:
        """The scores of what was counted so far."""
        found = self.metric.compute()
        each = [found.iiou.get(k, math.nan) for k in range(len(self.names))]
        return StreetInstanceScores(each, found.categories, found.mean, found.mean_categories)


def _categories(space: LabelSpace) -> dict[str, list[int]]:
    """The categories of Cityscapes as numbers of these classes."""
    wanted = [name for names in CATEGORIES.values() for name in names]
    if odd := sorted(set(space.names) ^ set(wanted)):
        what = "is none of Cityscapes' 19" if odd[0] in space.names else "of Cityscapes is missing"
        raise RecipeError(f"categories and iiou are for the classes of Cityscapes; {odd[0]!r} {what}")
    return {group: [space.names.index(name) for name in names] for group, names in CATEGORIES.items()}


def with_objects(dataset: Any, names: Sequence[str]) -> Any:
    """The data set with objects where a metric looks at them and it is Cityscapes, whose files lie beside its masks."""
    if not any(name in MEASURES and MEASURES[name].looks_at == "objects" for name in names):
        return dataset
    if isinstance(dataset, Pairs) and dataset.name == "cityscapes" and dataset.mask_hook is None:
        return cityscapes.with_objects(dataset)
    return dataset


def chosen(names: Sequence[str], space: LabelSpace, surface: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """A fresh metric of each name.

    Args:
        surface: options of `SurfaceDistances`, such as the spacing, for "surface".

    Raises: RecipeError for an unknown name, and for options of a metric that is not among the names.
    """
    for name in names:
        if name not in MEASURES:
            raise RecipeError(f"there is no metric {name!r}{nearest(name, MEASURES)}")
    made = {name: MEASURES[name].make(space) for name in names}
    if surface:
        if "surface" not in made:
            raise RecipeError(
                f"{next(iter(surface))} is of surface distances, which are not measured; add metric 'surface'"
            )
        made["surface"] = SurfaceDistances(space.num_classes, space.ignore_index, **surface)
    return made


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
