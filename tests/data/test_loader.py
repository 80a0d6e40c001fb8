"""The stream of batches: the same whatever reads it, resumable anywhere, and honest about what went wrong."""

import multiprocessing
import os
import sys
from itertools import islice
from multiprocessing.connection import Client
from multiprocessing.reduction import DupFd
from pathlib import Path
from threading import Thread

import numpy as np
import pytest
import torch

from intarsia.data.loader import Loader
from intarsia.data.workers import quiet_worker
from intarsia.errors import DataError, LabelError
from intarsia.structures import Sample


class Numbers:
    """Sample i is an image full of i."""

    def __init__(self, count: int, broken: int | None = None, error: Exception | None = None) -> None:
        self.count, self.broken, self.error = count, broken, error
        self.items = [f"folder/{i}.png" for i in range(count)]

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> Sample:
        if index == self.broken:
            raise self.error or OSError("image file is truncated")
        return Sample(torch.full((3, 4, 4), index, dtype=torch.uint8), torch.zeros(4, 4, dtype=torch.uint8), str(index))


def shifted(sample: Sample, rng: np.random.Generator) -> Sample:
    return sample._replace(image=sample.image + int(rng.integers(0, 50)))


def heads(loader: Loader, start: int, count: int) -> list[list[int]]:
    return [batch.image[:, 0, 0, 0].tolist() for batch in islice(loader.stream(start), count)]


@pytest.mark.parametrize("workers", [0, 2])
def test_the_stream_does_not_depend_on_workers_nor_on_where_it_starts(workers: int) -> None:
    """Batches 5.. read alone, by any number of workers, are batches 5.. of the whole stream, augmentation included."""
    whole = heads(Loader(Numbers(10), batch_size=3, change=shifted, seed=7), 0, 12)
    part = heads(Loader(Numbers(10), batch_size=3, change=shifted, seed=7, workers=workers), 5, 7)
    assert part == whole[5:]


def test_every_epoch_shows_every_sample_once_in_another_order() -> None:
    loader = Loader(Numbers(11), batch_size=4, seed=1)
    assert len(loader) == 3
    first, second = (sum(heads(loader, epoch * 3, 3), []) for epoch in (0, 1))
    assert sorted(first) == sorted(second) == list(range(11))
    assert first != second


def test_a_last_batch_of_one_is_left_out_and_said() -> None:
    loader = Loader(Numbers(9), batch_size=4)
    assert loader.dropped and len(loader) == 2
    assert [len(b) for b in heads(loader, 0, 4)] == [4, 4, 4, 4]
    assert not Loader(Numbers(1), batch_size=4).dropped, "a set of one sample is all there is"
    assert len(Loader(Numbers(1), batch_size=4)) == 1


def test_processes_share_an_epoch_without_overlap() -> None:
    loaders = [Loader(Numbers(10), batch_size=3, rank=rank, world=3) for rank in range(3)]
    seen = [sum(heads(loader, 0, 1), []) for loader in loaders]
    assert [len(samples) for samples in seen] == [3, 3, 3], "as many on each, or one would wait for ever"
    assert len(set(sum(seen, []))) == 9


@pytest.mark.parametrize("workers", [0, 2])
def test_the_real_error_arrives_with_the_path(workers: int) -> None:
    loader = Loader(Numbers(6, broken=4), batch_size=2, workers=workers)
    with pytest.raises(DataError, match=r"folder/4\.png: OSError: image file is truncated") as caught:
        list(islice(loader.stream(), 3))
    assert "Traceback" in "".join(caught.value.__notes__)


def test_our_own_sentences_are_not_wrapped() -> None:
    error = LabelError("folder/4.png: the mask holds 37 (12 px), outside the 11 classes")
    with pytest.raises(DataError) as caught:
        list(islice(Loader(Numbers(6, broken=4, error=error), batch_size=6).stream(), 1))
    assert str(caught.value) == str(error)


def test_cached_samples_are_augmented_anew() -> None:
    plain = heads(Loader(Numbers(4), batch_size=4, change=shifted, seed=3), 0, 6)
    assert heads(Loader(Numbers(4), batch_size=4, change=shifted, seed=3, cache=True), 0, 6) == plain


def test_batches_are_channels_last() -> None:
    batch = next(Loader(Numbers(4), batch_size=2).stream())
    assert batch.image.is_contiguous(memory_format=torch.channels_last)


class Sizes(Numbers):
    def __getitem__(self, index: int) -> Sample:
        side = 4 + index
        return Sample(
            torch.zeros(3, side, side, dtype=torch.uint8), torch.zeros(side, side, dtype=torch.uint8), f"im{index}"
        )


def test_sizes_that_do_not_fit_say_what_to_do() -> None:
    with pytest.raises(DataError, match=r"im\d is \dx\d and im\d is \dx\d.*augment\.crop"):
        next(Loader(Sizes(2), batch_size=2).stream())


@pytest.mark.parametrize("item, told", [
    ((torch.zeros(3, 4, 4), torch.zeros(4, 4)), "raw integers"),
    ((torch.zeros(3, 4, 4, dtype=torch.uint8), torch.zeros(5, 4)), "of one size"),
    ("a string", "return intarsia.Sample"),
])  # fmt: skip
def test_a_users_own_items_are_checked(item: object, told: str) -> None:
    class Own:
        def __len__(self) -> int:
            return 1

        def __getitem__(self, index: int) -> object:
            return item

    with pytest.raises(DataError, match=told):
        next(Loader(Own(), batch_size=1).stream())


def test_an_empty_set_is_refused() -> None:
    with pytest.raises(DataError, match="no samples"):
        Loader(Numbers(0), batch_size=1)


def test_a_worker_that_dies_with_a_lock_stops_nobody() -> None:
    stream = Loader(Numbers(9), batch_size=2, workers=1).stream()
    next(stream)
    event = stream.gi_frame.f_locals["reading"]._workers_done_event
    event._cond.acquire()  # a worker that is killed while it asks whether to end leaves it like this
    ending = Thread(target=stream.close, daemon=True)
    ending.start()
    ending.join(60)
    assert not ending.is_alive()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="workers are forked")
@pytest.mark.parametrize("fault", [False, True])
def test_a_worker_is_silent_about_a_fetch_that_ctrl_c_broke_off(tmp_path: Path, fault: bool) -> None:
    """As when Stopped comes up in the middle of fetching a batch: the thread that hands it out finds nobody to answer."""
    process = os.fork()
    if process == 0:
        try:
            with (tmp_path / "stderr.txt").open("w", buffering=1) as sys.stderr:
                quiet_worker(0)
                if fault:
                    sys.excepthook(ValueError, ValueError("a fault"), None)
                shared = DupFd(sys.stderr.fileno())  # what torch makes of each tensor of a batch
                Client(shared._id[0], authkey=multiprocessing.current_process().authkey).close()
                os.close(shared.detach())  # answered after the one that was broken off
                print("the end", file=sys.stderr)
        finally:
            os._exit(0)
    os.waitpid(process, 0)
    told = (tmp_path / "stderr.txt").read_text()
    assert told == ("ValueError: a fault\n" if fault else "") + "the end\n"
