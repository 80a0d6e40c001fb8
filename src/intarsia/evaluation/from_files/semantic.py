"""Label maps that any tool has predicted, scored as a model would be: counts of each image, ratios at the end."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from ...data.dataset import labels_of, names_of
from ...errors import DataError, RecipeError
from ...metrics import ConfusionMatrix, ImageCounts
from ...metrics.protocols import ALL
from ...metrics.protocols import protocol as named
from ..measures import MEASURES, chosen, with_objects
from ..reading import both, told
from ..scoring import Score, counted, read_samples, same_classes
from .masks import MaskFolder, Predictions


def score_masks(
    predict: Predictions,
    dataset: Any,
    *,
    protocol: str = "dataset",
    metrics: Sequence[str] = (),
    only: bool = False,
    surface: Mapping[str, Any] | None = None,
) -> Score:
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
    measures = chosen(metrics, space, surface)
    dataset = with_objects(dataset, metrics)
    if blind := [name for name in measures if MEASURES[name].looks_at not in ("labels", "objects")]:
        able = ", ".join(name for name, measure in MEASURES.items() if measure.looks_at in ("labels", "objects"))
        raise RecipeError(
            f"{blind[0]} looks at {MEASURES[blind[0]].looks_at}, and label maps have none; choose from {able}"
        )
    known = names_of(dataset)
    predict.require(known, only=only and bool(known))
    started = time.perf_counter()
    whole, counts = ConfusionMatrix(space.num_classes, space.ignore_index), ImageCounts(space.num_classes, space.names)
    per_image: list[tuple[str, float]] = []
    for sample in read_samples(dataset, 2):
        labels = predict(sample)
        own = counted(space, sample, labels)
        whole.merge(own)
        counts.update(sample.name, own.matrix, own.ignored)
        per_image.append((sample.name, own.compute().miou))
        for name, metric in measures.items():
            metric.update(labels, sample.labels, *([sample.objects] if MEASURES[name].looks_at == "objects" else []))
    predict.require(counts.names, only=only)
    if not whole.matrix.any():
        raise DataError(f"every pixel of the {len(counts)} images is ignored; there is nothing to score")
    return Score(
        whole.compute(protocol, space.names, counts),
        space,
        per_image,
        time.perf_counter() - started,
        source={"values": read_as(predict, dataset)},
        counts=counts,
        measures={name: metric.compute() for name, metric in measures.items()},
    )


def read_as(predict: Predictions, dataset: Any) -> str:
    """How the values of a data set's masks and of predictions are read, in one line."""
    space = labels_of(dataset) or predict.space
    return both(dataset.told if isinstance(dataset, MaskFolder) else told(space), predict.told)
