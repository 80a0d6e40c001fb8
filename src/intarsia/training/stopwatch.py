"""Where the time of a training step goes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch

PARTS = {
    "waiting": "for the next batch",
    "forward": "network and loss",
    "backward": "gradients",
    "optimizer": "step and moving average",
    "reading": "decoding, of each process that reads",
    "augmenting": "crop, zoom, colors, of each process that reads",
}


class Stopwatch:
    """Adds up the seconds of each part of a step; off, it costs nothing.

    Args:
        on: whether it runs.
        synchronize: waits for the device before each look at the clock, or a GPU's work would count where it is waited for.
    """

    def __init__(self, on: bool = False, synchronize: Callable[[], object] = lambda: None) -> None:
        self.on, self.synchronize = on, synchronize
        self.seconds: dict[str, float] = dict.fromkeys(PARTS, 0.0)
        self.steps = 0

    @contextmanager
    def __call__(self, part: str) -> Iterator[None]:
        """Count what happens inside to a part of PARTS."""
        if not self.on:
            yield
            return
        self.synchronize()
        start = time.perf_counter()
        try:
            yield
        finally:
            self.synchronize()
            self.seconds[part] += time.perf_counter() - start

    def read(self, spent: tuple[float, float]) -> None:
        """Add what a batch took to read: seconds of decoding, and of augmenting."""
        if self.on:
            self.seconds["reading"] += spent[0]
            self.seconds["augmenting"] += spent[1]

    def rows(self, seconds: float) -> list[tuple[str, float, float, str]]:
        """(part, milliseconds a step, share of the time, what it is), the rest of the loop last.

        Args:
            seconds: of training and loading together. What other processes read is beside it, and has a share all the same.
        """
        steps = max(self.steps, 1)
        here = sum(self.seconds[part] for part in ("waiting", "forward", "backward", "optimizer"))
        found = [(part, self.seconds[part], told) for part, told in PARTS.items()]
        found.append(("other", max(seconds - here, 0.0), "log, checkpoints, the loop itself"))
        return [(part, 1000 * spent / steps, spent / max(seconds, 1e-9), told) for part, spent, told in found]


def stopwatch(on: bool, device: torch.device) -> Stopwatch:
    """A stopwatch for a device."""
    return Stopwatch(on, torch.cuda.synchronize if device.type == "cuda" else lambda: None)
