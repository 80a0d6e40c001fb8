"""The loop: read an image, predict it, count it, forget it."""

from __future__ import annotations

import heapq
import math
import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..data.dataset import Dataset, images_of, labels_of
from ..data.samples import as_sample
from ..errors import DataError, IntarsiaError, LabelError
from ..inference import Predictor
from ..labels import LabelSpace
from ..metrics import PROTOCOLS, ConfusionMatrix, ImageCounts, Scores
from ..metrics.protocols import ALL
from ..metrics.protocols import protocol as named
from ..report import Picture
from ..structures import Sample
from .anatomy import Anatomist, Anatomy
from .measures import MEASURES, chosen, told, with_objects


@dataclass(frozen=True, eq=False)
class Score:
    """What a model scored on a data set.

    Args:
        scores: of all images together, per-class ones by name.
        space: the classes.
        per_image: (name, mIoU over the classes of that image alone) in the data set's order; NaN where all is ignored.
        seconds: wall-clock of reading, predicting and counting.
        source: what was scored, as far as it is known: "model", "data", "split" and "root", which "pairs" these are, and how
            the "values" of masks were read.
        worst, best: the images kept for the eye, each from its extreme end on.
        baseline: the mIoU of a classifier that sees single pixels' colors only; None when it was not asked for.
        counts: of each image and class, for other protocols, intervals and comparisons (`intarsia.metrics`).
        measures: what else was measured, by its name in `evaluation.MEASURES`.
        anatomy: where the errors are; None when it was not asked for.
    """

    scores: Scores
    space: LabelSpace
    per_image: list[tuple[str, float]]
    seconds: float
    source: dict[str, str] = field(default_factory=dict)
    worst: tuple[Picture, ...] = ()
    best: tuple[Picture, ...] = ()
    baseline: float | None = None
    counts: ImageCounts | None = None
    measures: dict[str, Any] = field(default_factory=dict)
    anatomy: Anatomy | None = None

    @property
    def miou(self) -> float:
        """Mean IoU, 0..1, under the protocol."""
        return self.scores.miou

    @property
    def iou(self) -> dict[str, float]:
        """IoU of each class by name, 0..1; NaN for a class that does not occur."""
        return (
            dict(zip(self.space.names, self.scores.iou.values(), strict=True))
            if isinstance(self.scores.iou, dict)
            else {}
        )

    def under(self, protocol: str) -> Scores:
        """The same counts under another protocol of `metrics.PROTOCOLS`.

        Raises: RecipeError for an unknown one, or when it needs the counts of each image and they were not kept.
        """
        old = self.scores
        return Scores(old.matrix, old.ignored_pixels, protocol, old.names, self.counts)

    @property
    def by_protocol(self) -> dict[str, float]:
        """The mIoU under every protocol, by name."""
        return {
            name: self.under(name).miou
            for name, way in PROTOCOLS.items()
            if self.counts is not None or not way.needs_images
        }

    @property
    def images(self) -> int:
        """How many images were scored."""
        return len(self.per_image)

    @property
    def standing(self) -> float:
        """The number that the best checkpoint is chosen by, higher is better; NaN where no pixel has a label.

        It is the mIoU under the protocol, and where that is no number, because a class occurs neither in the truth nor in
        the prediction, the mean over the classes that do (protocol "dataset"). Under the protocols that can be no number
        ("torchvision") the two means agree wherever both are numbers, so that validations stay comparable.
        """
        return self.under("dataset").miou if math.isnan(self.miou) else self.miou

    @property
    def brief(self) -> str:
        """The main number in percent, with its name; empty where there is none."""
        if math.isnan(self.standing):
            return ""
        return f"{100 * self.standing:.1f}" if math.isnan(self.miou) else f"mIoU {100 * self.miou:.1f}"

    @property
    def sentence(self) -> str:
        """The result in one line of a log."""
        rest = f"accuracy {100 * self.scores.accuracy:.2f} ({self.seconds:.0f} s)"
        if not math.isnan(self.miou):
            return f"mIoU {100 * self.miou:.2f}, {rest}"
        if math.isnan(self.standing):
            return "no pixel of the validation set has a label"
        absent = ", ".join(name for name, iou in self.iou.items() if math.isnan(iou))
        return (
            f"mIoU is no number under protocol {self.scores.protocol!r} (nowhere: {absent}); the best is "
            f"chosen by the mean over the classes that occur, {100 * self.standing:.2f}; {rest}"
        )

    @property
    def figures(self) -> dict[str, Any]:
        """The few numbers that a log keeps of each validation, by name; None where there is no number."""
        tree = self.scores.to_dict()
        kept = {key: tree[key] for key in ("miou", "accuracy", "iou")}
        if not math.isnan(self.miou):
            return kept
        return {"standing": None if math.isnan(self.standing) else self.standing, **kept}

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON: the scores, and what they were taken on; None where there is no number."""
        held = [value for _, value in self.per_image if not math.isnan(value)]
        return {
            **self.scores.to_dict(),
            "protocol_means": named(self.scores.protocol).to_dict(),
            "miou_by_protocol": {name: None if math.isnan(v) else v for name, v in self.by_protocol.items()},
            **({"measures": {name: told(found) for name, found in self.measures.items()}} if self.measures else {}),
            **({"errors": self.anatomy.to_dict()} if self.anatomy else {}),
            "images": self.images,
            "seconds": round(self.seconds, 3),
            "images_per_second": round(self.images / self.seconds, 3) if self.seconds else None,
            "mean_image_miou": sum(held) / len(held) if held else None,
            "per_image": [
                {"name": name, "miou": None if math.isnan(value) else value} for name, value in self.per_image
            ],
            "baseline_miou": self.baseline,
            **self.source,
        }


def score(
    predictor: Predictor,
    dataset: Dataset,
    *,
    protocol: str = "dataset",
    batch_size: int = 1,
    keep: int = 0,
    readers: int = 2,
    metrics: Sequence[str] = (),
    full: bool = False,
) -> Score:
    """Score a predictor on a data set, holding a few images at a time.

    Args:
        dataset: anything with a length whose items are Samples, or (image, labels, name).
        protocol: a name of `metrics.PROTOCOLS`; "all": ours, and `Score.by_protocol` has the others beside it.
        batch_size: how many neighbors of one size go through the network together; sizes are never changed.
        keep: how many of the worst and of the best images to keep for a report.
        readers: threads that read images ahead while the network runs; 0 reads each when its turn comes.
        metrics: names of `evaluation.MEASURES` to measure as well.
        full: also look where the errors are; that takes several times as long as counting.

    Raises: DataError for an empty data set or images that do not fit; LabelError for an id outside the classes, and when
        the data set's classes are not the model's; RecipeError for an unknown protocol or metric.
    """
    protocol = "dataset" if protocol == ALL else named(protocol).name
    images_of(dataset, "scored")
    if not len(dataset):
        raise DataError("the data set is empty; there is nothing to score")
    if batch_size < 1:
        raise DataError(f"batch_size is {batch_size}; at least one image goes through the network at once")
    space = predictor.labels
    same_classes(space, labels_of(dataset))
    started = time.perf_counter()
    confusion = ConfusionMatrix(space.num_classes, space.ignore_index)
    counts = ImageCounts(space.num_classes, space.names)
    measures = chosen(metrics, space)
    dataset = with_objects(dataset, metrics)
    anatomist = Anatomist(space) if full else None
    album = _Album(keep)
    per_image: list[tuple[str, float]] = []
    for samples in _batches(read_samples(dataset, readers), batch_size):
        try:
            logits = predictor.logits(torch.stack([sample.image for sample in samples]))
        except DataError as error:
            raise type(error)(f"{samples[0].name}: {error}") from error
        predicted = space.decide(logits).cpu()
        for n, (sample, labels) in enumerate(zip(samples, predicted, strict=True)):
            own = counted(space, sample, labels)
            confusion.merge(own)
            counts.update(sample.name, own.matrix, own.ignored)
            miou = own.compute().miou
            per_image.append((sample.name, miou))
            album.offer(miou, sample, labels)
            if anatomist is not None:
                anatomist.update(sample.labels, labels, predictor.scaled(logits[n : n + 1]).cpu(), own.matrix)
            for name, metric in measures.items():
                own_logits, looks_at = logits[n : n + 1], MEASURES[name].looks_at
                if looks_at == "labels":
                    metric.update(labels, sample.labels)
                elif looks_at == "objects":
                    metric.update(labels, sample.labels, sample.objects)
                elif looks_at == "logits" and space.head_size > 1:
                    metric.update(own_logits.cpu(), sample.labels[None])
                else:
                    metric.update(predictor.scaled(own_logits).cpu(), sample.labels[None])
        del samples, predicted, logits  # or they would stay while the next ones are read
    anatomy = None
    if anatomist is not None:
        eye = lambda sample: predictor.run(sample.image[None])[0].classes  # noqa: E731
        anatomy = anatomist.compute(_Samples(dataset), eye, [value for _, value in per_image])
    worst, best = album.pages()
    scores = confusion.compute(protocol, space.names, counts)
    return Score(
        scores,
        space,
        per_image,
        time.perf_counter() - started,
        worst=worst,
        best=best,
        counts=counts,
        measures={name: metric.compute() for name, metric in measures.items()},
        anatomy=anatomy,
    )


def same_classes(space: LabelSpace, other: LabelSpace | None) -> None:
    """See that a data set's classes are the model's, in their order.

    Raises: LabelError naming the first that differs.
    """
    if other is None:
        return
    if other.planes or space.planes:
        whose = "the data set" if other.planes else "the model"
        raise LabelError(
            f"{whose} has several labels a pixel (labels.planes), which no measure takes yet; leave labels.planes out to "
            "score one label a pixel"
        )
    names = other.names
    if names == space.names:
        return
    for number, (mine, theirs) in enumerate(zip(space.names, names, strict=False)):
        if mine != theirs:
            where = f"class {number} is {mine!r} in the model and {theirs!r} in the data"
            break
    else:
        where = "the rest agrees"
    raise LabelError(
        f"the model tells {len(space.names)} classes apart and the data set has {len(names)}; {where}; "
        "score it on data with the same classes in the same order"
    )


def counted(space: LabelSpace, sample: Sample, predicted: Tensor) -> ConfusionMatrix:
    """The confusion matrix of one image.

    Raises: LabelError that names the image.
    """
    own = ConfusionMatrix(space.num_classes, space.ignore_index)
    try:
        own.update(predicted, sample.labels)
    except IntarsiaError as error:
        raise type(error)(f"{sample.name}: {error}") from error
    return own


def read_samples(dataset: Dataset, readers: int) -> Iterator[Sample]:
    """The samples in order, with a few read ahead by threads."""
    if not readers:
        yield from (as_sample(dataset[index], index) for index in range(len(dataset)))
        return
    pool = ThreadPoolExecutor(readers, thread_name_prefix="read")
    ahead: deque[Future[Sample]] = deque()
    try:
        for index in range(len(dataset)):
            ahead.append(pool.submit(lambda n: as_sample(dataset[n], n), index))
            if len(ahead) > readers:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)  # whoever was stopped does not wait for a large file


class _Samples:
    """A data set whose items are Samples, whatever kind of tuple they came as."""

    def __init__(self, dataset: Dataset) -> None:
        self.dataset = dataset

    def __getitem__(self, index: int) -> Sample:
        return as_sample(self.dataset[index], index)


def _batches(samples: Iterator[Sample], size: int) -> Iterator[list[Sample]]:
    """Runs of neighbors whose images have one shape and type, at most `size` long."""
    batch: list[Sample] = []
    for sample in samples:
        alike = batch and (sample.image.shape, sample.image.dtype) == (batch[0].image.shape, batch[0].image.dtype)
        if batch and (not alike or len(batch) == size):
            yield batch
            batch = []
        batch.append(sample)
    if batch:
        yield batch


class _Album:
    """The worst and the best images seen so far, at most `keep` of each, and no others."""

    def __init__(self, keep: int) -> None:
        self.keep = keep
        self.low: list[tuple[float, int, Picture]] = []  # a heap whose first has the highest mIoU of the worst
        self.high: list[tuple[float, int, Picture]] = []  # a heap whose first has the lowest mIoU of the best
        self.seen = 0

    def offer(self, miou: float, sample: Sample, predicted: Tensor) -> None:
        """Keep the image if it is among the worst or the best."""
        self.seen += 1
        if not self.keep or math.isnan(miou):
            return
        worse = len(self.low) < self.keep or -miou > self.low[0][0]
        better = len(self.high) < self.keep or miou > self.high[0][0]
        if worse or better:
            picture = Picture(
                sample.name, miou, _array(sample.image.permute(1, 2, 0)), _array(sample.labels), _array(predicted)
            )
            for wanted, heap, key in ((worse, self.low, -miou), (better, self.high, miou)):
                if wanted:
                    (heapq.heapreplace if len(heap) == self.keep else heapq.heappush)(heap, (key, -self.seen, picture))

    def pages(self) -> tuple[tuple[Picture, ...], tuple[Picture, ...]]:
        """(worst first, best first), no image in both."""
        held = {-order: picture for _, order, picture in (*self.low, *self.high)}
        ranked = sorted(held.items(), key=lambda item: (item[1].miou, item[0]))
        half = min(self.keep, (len(ranked) + 1) // 2)
        pictures = [picture for _, picture in ranked]
        return tuple(pictures[:half]), tuple(pictures[half:][::-1][: self.keep])


def _array(tensor: Tensor) -> np.ndarray:
    """A copy of its own: a view would keep the whole batch in memory."""
    return np.array(tensor.cpu().numpy(), order="C")
