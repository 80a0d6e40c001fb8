"""Batches for training, in an order and with random numbers that depend on nothing but the seed.

The whole run is one endless stream of batches. Which samples stand in batch n, and how each is augmented, follows from
(seed, epoch, index) alone: not from the number of workers, nor from what was read before. A run that continues at batch
n therefore sees exactly what the uninterrupted run would have seen, and reads nothing that came before.
"""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from ..errors import DataError, IntarsiaError
from ..limits import PIXELS, WINDOWED
from ..structures import Batch, Sample
from .augment.pipeline import Augmentation
from .dataset import Dataset, labels_of, place_of
from .order import Order
from .samples import as_sample, check_alike, filled
from .windows import Windows, windows_of
from .workers import ended, quiet_worker, started

Change = Callable[[Any, np.random.Generator], Sample]  # of a sample, or of the windows that it is read by
Mix = Callable[[Sample, np.random.Generator, Callable[[], Sample]], Sample]

ATTEMPTS = 10  # to find another sample in the place of one that cannot be read


class Loader:
    """An endless, seeded, resumable stream of batches.

    Args:
        dataset: its items are Samples, or tuples (image [C, H, W], labels [H, W], name).
        batch_size: of one of `processes`. A last batch of an epoch may be smaller, but not 1: batch norm cannot train on it,
            so that sample waits for another epoch; `dropped` says whether it does.
        change: augmentation, called with the sample and a generator of its own.
        of_batch: the change of each batch by its number, where batches are changed otherwise, such as to other sizes.
        mix: called with the augmented sample, its generator, and a function that draws one more of its kind.
        presence: [N, K], which classes each sample holds; needed for `balance`.
        balance: share of an epoch's places, 0..1, that go to samples drawn for a class: first the class, each as likely as
            the next, then one of the samples that hold it.
        ignore_index: the label of pixels that do not count, where the data set has no label space that says so; by it
            samples without any label are known, which get empty objects, depth and planes where the others have some.
        shares: (samples, weight) of each of several data sets that the training set is made of, one after another: an
            epoch's places are shared out by these weights. None: each sample once an epoch.
        in_order: read the samples in their own order, not shuffled.
        workers: processes that read ahead; 0 reads in this one.
        cache: keep what was read in memory, once in each worker. Where it is not kept, and of pictures beyond memory, only
            the part of a large picture is read that `change` needs.
        rank, world: this process's share of every batch, when several train together.
        processes: how many the batch size is meant for, which together have `processes * batch_size` samples at a time; None:
            `world`. In another number of processes these samples, and so all batches of a run, stay the same.
        skip: put another sample, drawn from the same generator, in the place of one that cannot be read; `skipped` counts
            them by name. More than a tenth of the data set is an error all the same.
        timed: let `Loader.spent` add up the seconds that reading and augmenting took in whichever process it happened.
    """

    def __init__(
        self,
        dataset: Dataset,
        *,
        batch_size: int,
        change: Change | None = None,
        of_batch: Callable[[int], Change] | None = None,
        mix: Mix | None = None,
        presence: np.ndarray | None = None,
        balance: float = 0.0,
        ignore_index: int | None = None,
        shares: Sequence[tuple[int, float]] | None = None,
        in_order: bool = False,
        seed: int = 0,
        workers: int = 0,
        cache: bool = False,
        rank: int = 0,
        world: int = 1,
        processes: int | None = None,
        skip: bool = False,
        timed: bool = False,
    ) -> None:
        if len(dataset) == 0:
            raise DataError("the training set holds no samples; look at it with `intarsia data audit`")
        if len(dataset) < (most := max(world, processes or world)):
            raise DataError(f"{len(dataset)} training samples cannot be shared among {most} devices")
        self.dataset, self.batch_size, self.seed, self.workers = dataset, batch_size, seed, workers
        self.rank, self.world, self.processes = rank, world, processes or world
        known = labels_of(dataset)
        self.ignore_index = ignore_index if known is None else known.ignore_index
        self.read = _Reader(dataset, change, mix, seed, cache, skip, timed, of_batch)
        self.skipped: dict[str, int] = {}  # samples that could not be read, with how often that was
        self.spent = (0.0, 0.0)  # seconds of reading and of augmenting, where they are timed
        self.on_skip: Callable[[str, int], None] = lambda told, count: None
        self.order = Order(
            len(dataset),
            batch_size,
            seed=seed,
            presence=presence,
            balance=balance,
            shares=shares,
            in_order=in_order,
            rank=rank,
            world=world,
            processes=self.processes,
        )  # order(epoch): the samples of an epoch
        self.dropped = self.order.dropped

    def __len__(self) -> int:
        """Batches in an epoch."""
        return self.order.batches

    def keys(self, start: int) -> Iterator[list[tuple[int, ...]]]:
        """(epoch, index), and the batch's number where that matters, of every sample of batch `start` and all that follow."""
        for number, epoch, samples in self.order.batches_from(start):
            more = (number,) if self.read.of_batch is not None else ()
            yield [(epoch, int(index), *more) for index in samples]

    def stream(self, start: int = 0) -> Generator[Batch, None, None]:
        """Batches from number `start` on, without end.

        Raises: the error that reading a sample raised, in whichever process it happened, with the sample's name.
        """
        batches: DataLoader[Any] = DataLoader(
            self.read,  # type: ignore[arg-type]
            batch_sampler=_Keys(self, start),  # type: ignore[arg-type]
            collate_fn=partial(_gathered, ignore_index=self.ignore_index),
            num_workers=self.workers,
            prefetch_factor=3 if self.workers else None,
            worker_init_fn=quiet_worker if self.workers else None,
            generator=torch.Generator(),  # else starting an iterator would draw from the global generator
        )
        reading = started(batches)
        try:
            for batch in reading:
                if isinstance(batch, _Failure):
                    raise batch.error()
                if isinstance(batch, _Noted):
                    self._note(batch)
                    batch = batch.batch
                yield batch
        finally:
            ended(reading)

    def _note(self, noted: _Noted) -> None:
        """Count what was skipped, and add up what reading took.

        Raises: the error of the last sample that was skipped, when they are more than a tenth of the data set.
        """
        self.spent = (self.spent[0] + noted.spent[0], self.spent[1] + noted.spent[1])
        for failure in noted.skipped:
            self.skipped[failure.name] = self.skipped.get(failure.name, 0) + 1
            if len(self.skipped) > max(1, len(self.dataset) // 10):
                raise failure.error(
                    f"; {len(self.skipped)} of {len(self.dataset)} samples could not be read, more than train.on_fault=skip passes over"
                )
            if self.skipped[failure.name] == 1:
                self.on_skip(str(failure.error()), len(self.skipped))


class _Keys(NamedTuple):
    """`Loader.keys` as something that a DataLoader may start to iterate."""

    loader: Loader
    start: int

    def __iter__(self) -> Iterator[list[tuple[int, ...]]]:  # type: ignore[override]
        return self.loader.keys(self.start)


class _Failure(NamedTuple):
    """What went wrong in a worker, in a form that travels: pickling an exception may lose it."""

    name: str
    kind: str
    message: str
    trace: str
    ours: bool

    def error(self, more: str = "") -> DataError:
        where = "" if self.name in self.message else f"{self.name}: "
        told = self.message if self.ours else f"{self.kind}: {self.message}"
        error = DataError(f"{where}{told}{more}")
        error.add_note(f"raised while reading sample {self.name}:\n{self.trace}")
        return error


class _Noted(NamedTuple):
    """A batch, and what is to be known of how it was read."""

    batch: Batch
    skipped: tuple[_Failure, ...]
    spent: tuple[float, float]


class _Read(NamedTuple):
    """A sample, and what is to be known of how it was read."""

    sample: Sample
    skipped: tuple[_Failure, ...]
    spent: tuple[float, float]


class _Reader:
    """(epoch, index) -> augmented Sample, or the _Failure to read it; or a _Read, where something is to be noted."""

    def __init__(
        self,
        dataset: Dataset,
        change: Change | None,
        mix: Mix | None,
        seed: int,
        cache: bool,
        skip: bool = False,
        timed: bool = False,
        of_batch: Callable[[int], Change] | None = None,
    ) -> None:
        self.dataset, self.change, self.mix, self.seed = dataset, change, mix, seed
        self.of_batch = of_batch
        self.cached: dict[int, Sample] | None = {} if cache else None
        self.skip, self.timed, self.reading = skip, timed, 0.0
        self.small: set[int] = set()  # samples that are read as a whole

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, key: tuple[int, ...]) -> Sample | _Failure | _Read:
        start, self.reading = time.perf_counter(), 0.0
        epoch, index, *number = key
        if self.of_batch is not None and number:
            self.change = self.of_batch(number[0])
        rng = np.random.default_rng((self.seed, epoch, index))
        found, skipped = self._sample(index, rng), list[_Failure]()
        while self.skip and isinstance(found, _Failure) and found.kind != "MemoryError" and len(skipped) < ATTEMPTS:
            skipped.append(found)
            found = self._sample(int(rng.integers(len(self.dataset))), rng)
        if isinstance(found, _Failure) or not (skipped or self.timed):
            return found
        return _Read(found, tuple(skipped), (self.reading, time.perf_counter() - start - self.reading))

    def _sample(self, index: int, rng: np.random.Generator) -> Sample | _Failure:
        try:
            sample = self._changed(index, rng)
            if self.mix is None:
                return sample
            return self.mix(sample, rng, lambda: self._changed(int(rng.integers(len(self.dataset))), rng))
        except MemoryError:
            name = place_of(self.dataset, index)
            told = f"{name}: reading it needs more memory than is free; take smaller pictures, fewer train.workers, or cache: false"
            return _Failure(name, "MemoryError", told, traceback.format_exc(), True)
        except Exception as error:
            return _Failure(
                place_of(self.dataset, index),
                type(error).__name__,
                str(error),
                traceback.format_exc(),
                isinstance(error, IntarsiaError),
            )

    def _changed(self, index: int, rng: np.random.Generator) -> Sample:
        if (windows := self._windows(index)) is not None:
            assert self.change is not None
            with closing(windows):
                return self.change(windows, rng)
        sample = self.cached.get(index) if self.cached is not None else None
        if sample is None:
            start = time.perf_counter()
            sample = as_sample(self.dataset[index], index)
            self.reading += time.perf_counter() - start
            if self.cached is not None:
                self.cached[index] = sample
        return sample if self.change is None else self.change(sample, rng)

    def _windows(self, index: int) -> Windows | None:
        """The sample to be read window by window, where it is large, and its box is drawn before it is read."""
        first = isinstance(self.change, Augmentation) and self.change.draws_first
        if not first or index in self.small:
            return None
        least = WINDOWED if self.cached is None else PIXELS  # beyond which nothing is kept as a whole
        if (windows := windows_of(self.dataset, index, least)) is None:
            self.small.add(index)
        return windows


def _gathered(samples: Sequence[Sample | _Failure | _Read], ignore_index: int | None) -> Batch | _Failure | _Noted:
    """`collate`, with what was noted of its samples."""
    noted = [sample for sample in samples if isinstance(sample, _Read)]
    batch = collate([sample.sample if isinstance(sample, _Read) else sample for sample in samples], ignore_index)
    if not noted or isinstance(batch, _Failure):
        return batch
    skipped = tuple(failure for read in noted for failure in read.skipped)
    return _Noted(batch, skipped, (sum(read.spent[0] for read in noted), sum(read.spent[1] for read in noted)))


def collate(samples: Sequence[Sample | _Failure], ignore_index: int | None = None) -> Batch | _Failure:
    """Stack samples of one size to a Batch whose image is channels-last in memory.

    Args:
        ignore_index: by it a sample without any label is known; it gets empty objects, depth and planes where others have
            some.
    """
    good: list[Sample] = []
    for sample in samples:
        if isinstance(sample, _Failure):
            return sample
        good.append(sample)
    first = good[0]
    for sample in good[1:]:
        if sample.image.shape != first.image.shape or sample.image.dtype != first.image.dtype:
            told = f"{first.name} is {_size(first.image)} and {sample.name} is {_size(sample.image)}: they fit into no batch; set augment.crop to [height, width], or train.batch_size to 1"
            if len(sample.image) != len(first.image):
                told = f"{first.name} has {len(first.image)} channels and {sample.name} has {len(sample.image)}; a network takes one number of channels"
            return _Failure(sample.name, "DataError", told, "", True)
    good = filled(good, ignore_index)
    try:
        check_alike(good)
    except DataError as error:
        return _Failure(first.name, "DataError", str(error), "", True)
    images = torch.stack([s.image.permute(1, 2, 0) for s in good]).permute(0, 3, 1, 2)
    return Batch(
        images,
        torch.stack([s.labels for s in good]),
        tuple(s.name for s in good),
        _stacked([s.objects for s in good]),
        _stacked([s.depth for s in good]),
        _stacked([s.planes for s in good]),
        None if first.masks is None else tuple(s.masks for s in good if s.masks is not None),
        None if first.classes is None else tuple(s.classes for s in good if s.classes is not None),
        _stacked([s.tags for s in good]),
        _stacked([s.previous for s in good]),
    )


def _stacked(parts: Sequence[Tensor | None]) -> Tensor | None:
    """The parts of all samples along a new first axis; None where they have none."""
    known = [part for part in parts if part is not None]
    return torch.stack(known) if known else None


def _size(image: Tensor) -> str:
    return f"{image.shape[2]}x{image.shape[1]}"
