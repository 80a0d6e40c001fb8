"""The processes that read for a training run: which signals they hear, and how they are stopped."""

from __future__ import annotations

import signal
import sys
import traceback
from collections.abc import Iterator
from types import TracebackType
from typing import Any

import torch
from torch.utils.data import DataLoader

_STOPPING = (signal.SIGINT, signal.SIGTERM)


def started(batches: DataLoader[Any]) -> Iterator[Any]:
    """The loader's iterator, whose workers hear no signal before they have handlers of their own."""
    if not batches.num_workers or not hasattr(signal, "pthread_sigmask"):
        return iter(batches)
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _STOPPING)
    try:
        return iter(batches)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def ended(reading: Iterator[Any]) -> None:
    """Stop the workers at once: torch would wait seconds for each that is in a large file.

    A worker that dies while it looks at the event by which torch ends it keeps the event's lock, and torch would wait for
    that lock without end. Nobody is left to hear the event, so torch gets a new one.
    """
    workers = getattr(reading, "_workers", ())
    for worker in workers:
        worker.terminate()
    if workers:
        reading._workers_done_event = torch.multiprocessing.Event()  # type: ignore[attr-defined]


def quiet_worker(number: int) -> None:
    """A worker leaves Ctrl-C to the process that trains, which still wants its batches to finish a step."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.excepthook = _unless_left
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOPPING)


def _unless_left(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Print an error of a worker, unless it only says that the process that trains has left.

    A batch is fetched through a connection to a thread of the worker. Ctrl-C may end the fetching in the middle, and the
    thread would print a traceback about it beside the sentence that says where the run stopped.
    """
    if not issubclass(kind, EOFError | ConnectionError):
        traceback.print_exception(kind, error, trace)
