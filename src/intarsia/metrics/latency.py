"""How long a call takes: warmed up, repeated, and with its spread, for one number alone says little."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import torch

from ..errors import DataError


class Latency(NamedTuple):
    """Seconds of one call: the median, the middle 80 % (`low`, `high`), the extremes; and images a second at the median."""

    median: float
    low: float
    high: float
    shortest: float
    longest: float
    fps: float
    runs: int
    warmup: int
    images: int

    def __str__(self) -> str:
        return (
            f"{1000 * self.median:.2f} ms ({1000 * self.low:.2f} to {1000 * self.high:.2f} in the middle 80 % of "
            f"{self.runs} runs after {self.warmup}), {self.fps:.1f} images/s"
        )


def latency(
    call: Callable[[], Any],
    *,
    runs: int = 50,
    warmup: int = 10,
    images: int = 1,
    device: str | torch.device = "cpu",
    seconds: float = math.inf,
) -> Latency:
    """Time a call of no arguments, such as `lambda: net(image)`.

    Args:
        runs: timed calls.
        warmup: calls before them, which pay for compiling, caches and clocks that rise.
        images: how many images one call handles.
        device: where the work is done; a GPU is waited for before the clock is read.
        seconds: stop after so long, once three calls are timed.

    Raises: DataError for fewer than one run.
    """
    if runs < 1 or warmup < 0 or images < 1:
        raise DataError(f"{runs} runs after {warmup} of {images} images; take at least one run of one image")
    wait = waiter(torch.device(device))
    for _ in range(warmup):
        call()
    wait()
    times: list[float] = []
    begun = time.perf_counter()
    while len(times) < runs and (len(times) < 3 or time.perf_counter() - begun < seconds):
        started = time.perf_counter()
        call()
        wait()
        times.append(time.perf_counter() - started)
    times.sort()
    median = statistics.median(times)
    ends = times[round(0.1 * (len(times) - 1))], times[round(0.9 * (len(times) - 1))]
    return Latency(
        median, *ends, times[0], times[-1], images / median if median else math.inf, len(times), warmup, images
    )


def waiter(device: torch.device) -> Callable[[], None]:
    """What waits until a device has done its work."""
    if device.type == "cuda":
        return lambda: torch.cuda.synchronize(device)
    if device.type == "mps":
        return torch.mps.synchronize
    return lambda: None
