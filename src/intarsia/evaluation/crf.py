"""The numbers of a dense CRF that fit a network best: searched on one half of held-out images, measured on the other.

    logits of each image, once - CRF with these numbers - IoU of boundaries, or mIoU - the next numbers

One number after the other is doubled and halved, then changed by half, and what raises the score is kept. Chen et al. ("Semantic
Image Segmentation with Deep Convolutional Nets and Fully Connected CRFs." ICLR 2015) search a grid, coarse to fine.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..data.dataset import labels_of
from ..data.normalize import full_scale
from ..errors import DataError, LabelError, ModelError, nearest
from ..inference import Predictor
from ..inference.refined import LEVELS
from ..inference.resized import Resized, resized, restored
from ..labels import LabelSpace
from ..metrics import BoundaryIoU, ConfusionMatrix, ImageCounts, compare
from ..metrics.significance import Comparison
from ..postprocess import semantic_view
from ..postprocess.dense_crf import check_crf, refined
from ..structures import SemanticLogits
from .reliance import Part
from .scoring import read_samples, same_classes

MEASURES = ("boundary", "miou")
IMAGES = 40  # that are taken by default, spread over the data set: half of them to fit on
STARTS: tuple[dict[str, float], ...] = ({}, {"bilateral": 3, "place": 40, "color": 5, "spatial": 1, "near": 1})
STEPS = (2.0, 1.5)  # factors that each number is multiplied and divided by, round after round
LEAST, LARGEST = 0.1, 1000  # of any number
SEARCHED = ("color", "bilateral", "place", "spatial", "near")


class Fit(NamedTuple):
    """What was fitted, and what it does to images that it was not fitted on.

    Args:
        options: of the CRF.
        measure: "boundary" or "miou".
        fitted: the measure without and with the CRF, 0..1, on the images that it was fitted on.
        measured: the same on the others, and with a line for each measure: the difference and its 95 % interval.
        images: how many it was fitted on, and measured on.
        tried: how many sets of numbers were tried.
    """

    options: dict[str, Any]
    measure: str
    fitted: tuple[float, float]
    measured: dict[str, tuple[float, float]]
    differences: dict[str, Comparison]
    images: tuple[int, int]
    tried: int

    @property
    def raises(self) -> bool:
        """Whether the CRF raises the measure on images that it was not fitted on."""
        before, after = self.measured[self.measure]
        return after > before

    def to_dict(self) -> dict[str, Any]:
        """Return plain data, as a checkpoint keeps it."""
        return {
            "options": self.options,
            "measure": self.measure,
            "fitted": list(self.fitted),
            "measured": {name: list(both) for name, both in self.measured.items()},
            "differences": {name: list(one.mean.value) for name, one in self.differences.items()},
            "images": list(self.images),
        }


class _Held(NamedTuple):
    """One image: its class scores [maps, h, w] in the size that the network sees, divided by the temperature; its colors there,
    in levels; and its labels [H, W]."""

    name: str
    scores: Tensor
    levels: Tensor
    labels: np.ndarray


def fit_crf(
    predictor: Predictor,
    dataset: Any,
    *,
    measure: str = "boundary",
    images: int = IMAGES,
    start: Mapping[str, Any] | None = None,
    done: Callable[[int, float, dict[str, Any]], None] = lambda tried, score, options: None,
) -> Fit:
    """Find the numbers of a dense CRF that raise the score of a network's answers most.

    Args:
        predictor: without a CRF; of one class a pixel.
        dataset: as `score` takes it; not what the network was trained on. Every other image is fitted on.
        measure: "boundary", the mean IoU of boundaries, or "miou".
        images: at most so many are taken, spread over the data set.
        start: numbers to begin with, and to keep where they are not searched, such as `iterations`.
        done: called after each set of numbers: how many were tried, the score, and the numbers.

    Raises: ModelError for a network without class scores of pixels; LabelError for other classes, and for several labels a
        pixel; DataError for fewer than two images.
    """
    if measure not in MEASURES:
        raise ModelError(f"a CRF is fitted by boundary or miou, not {measure!r}{nearest(measure, MEASURES)}")
    space = predictor.labels
    if space.planes:
        raise LabelError("a CRF is fitted to one label a pixel, and the model has several (labels.planes)")
    same_classes(space, labels_of(dataset))
    chosen = np.unique(np.linspace(0, len(dataset) - 1, min(images, len(dataset))).round().astype(int))
    if len(chosen) < 2:
        raise DataError(
            f"{len(chosen)} image cannot be halved; a CRF is fitted on one half and measured on the other; give 2 or more"
        )
    held = [_held(predictor, sample) for sample in read_samples(Part(dataset, [int(n) for n in chosen]), 1)]
    first, others = held[::2], held[1::2]
    limit = predictor.decide.get("threshold", 0.5)
    tried: dict[tuple[Any, ...], float] = {}

    def score(options: Mapping[str, Any]) -> float:
        key = tuple(sorted(options.items()))
        if key not in tried:
            tried[key] = _mean(_counts(first, space, options, limit, (measure,))[measure])
            done(len(tried), tried[key], dict(options))
        return tried[key]

    starts = [check_crf(start)] if start is not None else [check_crf(one) for one in STARTS]
    best = search(score, max(starts, key=score))
    plain, sharp = (_counts(others, space, options, limit, MEASURES) for options in (None, best))
    return Fit(
        best,
        measure,
        (_mean(_counts(first, space, None, limit, (measure,))[measure]), score(best)),
        {name: (_mean(plain[name]), _mean(sharp[name])) for name in MEASURES},
        {name: compare(plain[name], sharp[name]) for name in MEASURES},
        (len(first), len(others)),
        len(tried),
    )


def search(score: Callable[[Mapping[str, Any]], float], start: Mapping[str, Any]) -> dict[str, Any]:
    """Climb from a start: each number is multiplied and divided by a factor as long as that raises the score."""
    best, reached = dict(start), score(start)
    for factor in STEPS:
        for key in SEARCHED:
            for step in (factor, 1 / factor):
                was = reached
                while LEAST <= (moved := round(best[key] * step, 3)) <= LARGEST:
                    other = {**best, key: moved}
                    if not (found := score(other)) > reached:
                        break
                    best, reached = other, found
                if reached > was:
                    break  # the other way led down
    return best


def _held(predictor: Predictor, sample: Any) -> _Held:
    image, engine = torch.as_tensor(sample.image)[None], predictor.engine
    if isinstance(
        engine, Resized
    ):  # `--crf` refines what the network sees, before it is brought back to the image's size
        with torch.inference_mode():
            image = resized(image, engine.rule)
            view = semantic_view(restored(engine.engine(image), (image.shape[2], image.shape[3])))
    else:
        view = semantic_view(predictor.output(image))
    if view is None:
        raise ModelError("a CRF refines class scores of pixels, and this network gives none")
    scores = view.logits[0].float().cpu() / predictor.temperature
    return _Held(sample.name, scores, image[0].float() * (LEVELS / full_scale(image)), np.asarray(sample.labels))


def _counts(
    held: Sequence[_Held],
    space: LabelSpace,
    options: Mapping[str, Any] | None,
    limit: Any,
    measures: Sequence[str],
) -> dict[str, ImageCounts]:
    """Counts of each image, decided with a CRF of these options, or without one."""
    counts = {name: ImageCounts(space.num_classes, space.names) for name in measures}
    for one in held:
        output = SemanticLogits(one.scores[None])
        if options is not None:
            sharp = refined(output, one.levels[None], space, options)
            assert isinstance(sharp, SemanticLogits)
            output = sharp
        back = restored(output, (one.labels.shape[0], one.labels.shape[1]))
        assert isinstance(back, SemanticLogits)
        output = back
        labels = (space.decide(output.logits, limit) if space.head_size == 1 else space.decide(output.logits))[0]
        for name in measures:
            if name == "boundary":
                metric = BoundaryIoU(space.num_classes, space.ignore_index)
                metric.update(labels, one.labels)
                matrix = metric.counts.matrix
                counts[name].append(one.name, matrix.diagonal()[:-1], matrix.sum(axis=1)[:-1], matrix.sum(axis=0)[:-1])
                continue
            whole = ConfusionMatrix(space.num_classes, space.ignore_index)
            whole.update(labels, one.labels)
            counts[name].update(one.name, whole.matrix)
    return counts


def _mean(counts: ImageCounts) -> float:
    """The mean IoU over classes of all images together."""
    hit, truth, predicted = (part.sum(axis=0).astype(float) for part in (counts.hit, counts.truth, counts.predicted))
    union = truth + predicted - hit
    return float((hit[union > 0] / union[union > 0]).mean()) if (union > 0).any() else 0.0
