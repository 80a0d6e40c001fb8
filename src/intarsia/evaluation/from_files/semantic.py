"""Label maps that any tool has predicted, scored as a model would be: counts of each image, ratios at the end."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ...data.dataset import labels_of, names_of
from ...errors import DataError, RecipeError
from ...metrics.protocols import ALL
from ...metrics.protocols import protocol as named
from ...structures import Labels
from ..measures import MEASURES, chosen, with_objects
from ..reading import both, told
from ..scoring import read_samples, same_classes
from ..tallies import LabelScore, LabelTally, Wish
from .masks import MaskFolder, Predictions


def score_masks(
    predict: Predictions,
    dataset: Any,
    *,
    protocol: str = "dataset",
    metrics: Sequence[str] = (),
    only: bool = False,
    surface: Mapping[str, Any] | None = None,
) -> LabelScore:
    """Score a folder of label maps on a data set, holding a few images at a time.

    Args:
        dataset: anything with a length whose items are Samples, such as a `MaskFolder`.
        protocol: a name of `metrics.PROTOCOLS`; "all": ours, and `Score.by_protocol` has the others beside it.
        metrics: names of `evaluation.MEASURES` that look at labels or objects, such as "boundary", to measure as well.
        surface: options of `metrics.SurfaceDistances` (spacing, tolerance, rule) for the metric "surface".
        only: refuse predictions that the data set has no labels for.

    Raises: DataError for an empty data set, unmatched names and sizes that differ; LabelError for an id outside the
        classes; RecipeError for an unknown protocol or metric, or one that looks at more than labels.
    """
    protocol = "dataset" if protocol == ALL else named(protocol).name
    space = predict.space
    if not len(dataset):
        raise DataError("the data set is empty; there is nothing to score")
    same_classes(space, labels_of(dataset))
    measures = chosen(metrics, space, surface)  # which says what is wrong before anything is read
    dataset = with_objects(dataset, metrics)
    if blind := [name for name in measures if MEASURES[name].looks_at not in ("labels", "objects")]:
        able = ", ".join(name for name, measure in MEASURES.items() if measure.looks_at in ("labels", "objects"))
        raise RecipeError(
            f"{blind[0]} looks at {MEASURES[blind[0]].looks_at}, and label maps have none; choose from {able}"
        )
    known = names_of(dataset)
    predict.require(known, only=only and bool(known))
    started = time.perf_counter()
    tally = LabelTally(space, Wish(protocol, tuple(metrics), surface=surface))
    for sample in read_samples(dataset, 2):
        tally.update(sample, Labels(predict(sample)))
    predict.require(tally.records.names, only=only)
    if not tally.confusion.matrix.any():
        raise DataError(f"every pixel of the {len(tally.records)} images is ignored; there is nothing to score")
    seconds = time.perf_counter() - started
    return replace(tally.compute(), seconds=seconds, source={"values": read_as(predict, dataset)})


def read_as(predict: Predictions, dataset: Any) -> str:
    """How the values of a data set's masks and of predictions are read, in one line."""
    space = labels_of(dataset) or predict.space
    return both(dataset.told if isinstance(dataset, MaskFolder) else told(space), predict.told)
