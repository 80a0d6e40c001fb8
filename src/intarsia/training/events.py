"""What `intarsia.train(..., on_event=)` tells a function of the user's: one named tuple an event, in the first process only."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from torch import Tensor

from ..evaluation import Score


class Started(NamedTuple):
    """The run is put together; the first step comes next."""

    step: int  # 0, or where a resumed run goes on
    samples: int  # to train on
    batches: int  # an epoch, of each process
    out: Path  # the run's folder


class Stepped(NamedTuple):
    """One step of the optimizer is made."""

    step: int  # from 1
    epoch: float
    seconds: float  # of training and loading so far
    progress: float  # share of the budget that is spent, 0..1 and a little beyond
    loss: Tensor  # mean over the step's batches, on the network's device: reading its number waits for the device
    terms: Mapping[str, Tensor]  # of the last of these batches
    lr: float  # of the first group of parameters


class Validated(NamedTuple):
    """The validation set is scored."""

    step: int
    epoch: float
    score: Score
    best: bool  # whether it is the best so far, which best.safetensors then has


class Saved(NamedTuple):
    """A checkpoint is written."""

    step: int
    path: Path


class Finished(NamedTuple):
    """The budget is spent, or train.until is reached; everything is saved."""

    step: int
    seconds: float
    path: Path  # of last.safetensors
    best: float | None  # what the best checkpoint was chosen by; None without a validation


Event = Started | Stepped | Validated | Saved | Finished
Listener = Callable[[Event], object]
