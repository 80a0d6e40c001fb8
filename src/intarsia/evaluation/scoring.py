"""The loop: read an image, predict it, count it, forget it."""

from __future__ import annotations

import heapq
import math
import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from ..data.dataset import Dataset, images_of, labels_of, shots_of
from ..data.samples import as_sample
from ..errors import DataError, LabelError, ModelError
from ..inference import Predictor
from ..inference.tracked import moves
from ..labels import LabelSpace
from ..metrics.protocols import ALL
from ..metrics.protocols import protocol as named
from ..report import Picture
from ..structures import Answer, Output, Sample
from .measures import chosen, with_objects
from .tallies import TALLIES, Score, TrackTally, Wish
from .videos import followed


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
    if predictor.task != "depth":
        same_classes(space, labels_of(dataset))
    chosen(metrics, space)
    started = time.perf_counter()
    dataset = with_objects(dataset, metrics)
    again = lambda sample: predictor.run(sample.image[None])[0]  # noqa: E731
    wish = Wish(protocol, tuple(metrics), full, predictor.temperature, _Samples(dataset), again)
    tally: Any = None
    album = _Album(keep)
    shots = shots_of(dataset)
    if shots and not (metrics or full) and moves(predictor, as_sample(dataset[0], 0).image):
        tally = TrackTally(space, wish)
        for step in followed(predictor, dataset, shots, read_samples(dataset, readers)):
            own = tally.update(step.sample, step.answer, step.shot, step.weights)
            if album.wants(own):
                album.keep(own, tally.picture(step.sample, step.answer, own))
        return _done(tally, album, started)
    for samples in _batches(read_samples(dataset, readers), batch_size):
        try:
            images = torch.stack([sample.image for sample in samples])
            output = predictor.output(images) if metrics or full else None  # windows have answers, and often no output
            answers = predictor.run(images) if output is None else predictor.answers(output)
        except DataError as error:
            raise type(error)(f"{samples[0].name}: {error}") from error
        tally = tally or tally_of(answers[0], space, wish)
        for n, (sample, answer) in enumerate(zip(samples, answers, strict=True)):
            own = tally.update(sample, answer, None if output is None else single(output, n))
            if album.wants(own):
                album.keep(own, tally.picture(sample, answer, own))
        del samples, answers, output, sample, answer  # or they would stay while the next ones are read
    return _done(tally, album, started)


def _done(tally: Any, album: _Album, started: float) -> Score:
    """What was counted, with the time that it took and the pictures that were kept."""
    worst, best = album.pages()
    done: Score = replace(tally.compute(), seconds=time.perf_counter() - started, worst=worst, best=best)
    return done


def tally_of(answer: Answer, space: LabelSpace, wish: Wish) -> Any:
    """A fresh tally for this kind of answer.

    Raises: ModelError for one that nothing counts; RecipeError for options that it does not take.
    """
    if type(answer) not in TALLIES:
        raise ModelError(f"answers of type {type(answer).__name__} cannot be scored")
    return TALLIES[type(answer)](space, wish)


def single(output: Output, n: int) -> Output:
    """The output of one image of a batch, [1, ...]; auxiliary parts are left out."""
    parts = [part[n : n + 1] if isinstance(part, Tensor) else part for part in output]
    one: Any = type(output)
    alone: Output = one(*parts)
    return alone


def same_classes(space: LabelSpace, other: LabelSpace | None) -> None:
    """See that a data set's classes are the model's, in their order.

    Raises: LabelError naming the first that differs.
    """
    if other is None:
        return
    if other.planes != space.planes:
        whose, others = ("the data set", "the model") if other.planes else ("the model", "the data set")
        raise LabelError(
            f"{whose} has several labels a pixel (labels.planes) and {others} has one; score a model on data of its own kind"
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
    """The worst and the best images seen so far, at most `count` of each, and no others."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.low: list[tuple[float, int, Picture]] = []  # a heap whose first has the highest score of the worst
        self.high: list[tuple[float, int, Picture]] = []  # a heap whose first has the lowest score of the best
        self.seen = 0

    def _sides(self, own: float) -> list[tuple[list[tuple[float, int, Picture]], float]]:
        """The heaps that an image of this score belongs into, and its key in each."""
        sides = ((self.low, -own), (self.high, own))
        return [(heap, key) for heap, key in sides if len(heap) < self.count or key > heap[0][0]]

    def wants(self, own: float) -> bool:
        """Whether an image of this score is among the worst or the best so far."""
        self.seen += 1
        return bool(self.count and not math.isnan(own) and self._sides(own))

    def keep(self, own: float, picture: Picture) -> None:
        """Keep an image that `wants` has asked for."""
        for heap, key in self._sides(own):
            (heapq.heapreplace if len(heap) == self.count else heapq.heappush)(heap, (key, -self.seen, picture))

    def pages(self) -> tuple[tuple[Picture, ...], tuple[Picture, ...]]:
        """(worst first, best first), no image in both."""
        held = {-order: picture for _, order, picture in (*self.low, *self.high)}
        ranked = sorted(held.items(), key=lambda item: (item[1].score, item[0]))
        half = min(self.count, (len(ranked) + 1) // 2)
        pictures = [picture for _, picture in ranked]
        return tuple(pictures[:half]), tuple(pictures[half:][::-1][: self.count])
