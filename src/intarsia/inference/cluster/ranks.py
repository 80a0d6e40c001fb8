"""A job without Ray: torchrun starts the processes, and each takes every n-th picture.

The processes share nothing but the folder of the job. Rank 0 writes a token there, the others answer with it when they are done,
and rank 0 gathers the table and takes the token away.
"""

from __future__ import annotations

import json
import os
import sys
import time
import uuid
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch

from ...errors import TrainingError
from .folder import UNFINISHED, JobFolder
from .pictures import Listed
from .worker import Item, Worker

TOKEN = f"{UNFINISHED}/run.json"
PAUSE = 0.2  # seconds between two looks at the folder
PATIENCE = 60.0  # seconds after which a process says what it waits for


class Rank(NamedTuple):
    """Which process of how many this is.

    Args:
        number: 0 .. of - 1.
        of: how many there are.
        local: its number among those of this machine.
    """

    number: int
    of: int
    local: int

    def share(self, pictures: Listed) -> Listed:
        """Take every n-th of the pictures, of all and not of those that are left, which would differ between processes."""
        return Listed(pictures.images[self.number :: self.of], pictures.names[self.number :: self.of])

    def device(self, asked: str) -> str:
        """The device of this process: one GPU each, where there are some and nothing else was asked."""
        cards = torch.cuda.device_count() if asked in ("auto", "cuda") else 0
        return f"cuda:{self.local % cards}" if cards else asked


def rank_here() -> Rank:
    """Read from the environment which process this is.

    Raises: TrainingError where torchrun has not started it.
    """
    try:
        number, of = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
        local = int(os.environ.get("LOCAL_RANK", number))
    except (KeyError, ValueError):
        number, of, local = 0, 0, 0
    if not 0 <= number < of:
        raise TrainingError(
            "RANK and WORLD_SIZE of the environment say which process of how many this is, and they do not; start it as "
            "`torchrun --nproc-per-node 2 -m intarsia predict ... --cluster torchrun`"
        )
    return Rank(number, of, local)


def run_share(
    worker: Worker, items: Sequence[Item], size: int, progress: Callable[[float], None] | None = None
) -> tuple[int, int]:
    """Answer the pictures of one process, batch by batch.

    Returns: how many are answered, and how many could not be read.
    """
    done, failed = 0, 0
    for start in range(0, len(items), size):
        answered, gone = worker.answer(items[start : start + size])
        done, failed = done + answered, failed + gone
        if progress is not None:
            progress((done + failed) / len(items))
    return done, failed


def begin(folder: JobFolder, rank: Rank) -> str:
    """Say, as rank 0, that a run has begun; returns its token, "" for the others."""
    if rank.number:
        return ""
    token = uuid.uuid4().hex
    folder.put(TOKEN, json.dumps(token).encode())
    return token


def wait_for_others(folder: JobFolder, rank: Rank, token: str) -> None:
    """Wait, as rank 0, until all others are done."""
    open_ranks = set(range(1, rank.of))

    def ended() -> bool:
        for other in sorted(open_ranks):
            if folder.read(_mark(other)) == token.encode():
                open_ranks.discard(other)
        return not open_ranks

    _wait(ended, lambda: f"rank 0 waits for {', '.join(map(str, sorted(open_ranks)[:10]))}")


def wait_for_first(folder: JobFolder, rank: Rank) -> None:
    """Say, as another rank, that this one is done, and wait until rank 0 has gathered the table."""
    told = ""
    met = False

    def ended() -> bool:
        nonlocal told, met
        content = folder.read(TOKEN)
        if content is None:
            return met
        token = str(json.loads(content))
        if token != told:  # the first, or one that was there from a run that was killed
            folder.put(_mark(rank.number), token.encode())
            told, met = token, True
        return False

    _wait(ended, lambda: f"rank {rank.number} is done and waits for rank 0")


def end(folder: JobFolder) -> None:
    """Let the others go, as rank 0."""
    folder.remove_unfinished()


def _mark(rank: int) -> str:
    return f"{UNFINISHED}/rank-{rank}"


def _wait(ended: Callable[[], bool], told: Callable[[], str]) -> None:
    began = said = time.monotonic()
    while not ended():
        time.sleep(PAUSE)
        if time.monotonic() - said > PATIENCE:
            said = time.monotonic()
            sys.stderr.write(f"{told()}, {said - began:.0f} s\n")
