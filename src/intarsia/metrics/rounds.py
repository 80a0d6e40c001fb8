"""Several calls timed in turn, round after round, so that whatever else a machine does falls on all of them alike."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import torch

from ..errors import DataError
from .latency import waiter

REPEATS = 0.1  # the spread between rounds up to which a latency is taken to repeat


class Timed(NamedTuple):
    """Seconds of single calls, one tuple for each round."""

    rounds: tuple[tuple[float, ...], ...]

    def quantile(self, share: float) -> float:
        """The seconds that this share of all calls stays below or at, such as 0.5 for the median; NaN without a call."""
        times = sorted(seconds for one in self.rounds for seconds in one)
        return times[max(0, math.ceil(share * len(times)) - 1)] if times else math.nan

    @property
    def median(self) -> float:
        """Seconds of the middle call of all rounds."""
        return statistics.median(seconds for one in self.rounds for seconds in one)

    @property
    def calls(self) -> int:
        """How many calls were timed."""
        return sum(map(len, self.rounds))

    @property
    def spread(self) -> float:
        """The largest difference between the medians of two rounds, as a share of the median; NaN for one round."""
        if len(self.rounds) < 2:
            return math.nan
        each = [statistics.median(one) for one in self.rounds]
        return (max(each) - min(each)) / self.median


def in_rounds(
    calls: Mapping[str, Callable[[], Any]],
    *,
    rounds: int = 5,
    seconds: float = 1.0,
    warmup: int = 2,
    device: str | torch.device = "cpu",
    say: Callable[[int], None] | None = None,
) -> dict[str, Timed]:
    """Time calls of no arguments, each for a while in every round, in an order that changes from round to round.

    Args:
        calls: by name, such as {"unet": lambda: net(image)}.
        rounds: how often each has its turn.
        seconds: how long a turn lasts; one call at least is timed.
        warmup: calls before the first turn that are not counted; before each later turn of calls shorter than it there is one,
            because the others have used the caches since.
        device: where the work is done; a GPU is waited for before the clock is read.
        say: gets the number of each round, from 1, before it begins.

    Raises: DataError for no round, or a turn without time.
    """
    if rounds < 1 or not seconds > 0 or warmup < 0:
        raise DataError(
            f"{rounds} rounds of {seconds} s after {warmup} calls; take at least one round, of more than 0 s"
        )
    wait = waiter(torch.device(device))
    found: dict[str, list[tuple[float, ...]]] = {name: [] for name in calls}
    names = list(calls)
    for number in range(rounds):
        if say is not None:
            say(number + 1)
        shift = number % max(len(names), 1)
        order = names[shift:] + names[:shift]
        for name in order if number % 2 == 0 else reversed(order):
            call, before = calls[name], found[name]
            for _ in range(warmup if not before else int(min(before[-1]) < seconds)):
                call()
            wait()
            before.append(_turn(call, wait, seconds))
    return {name: Timed(tuple(turns)) for name, turns in found.items()}


def _turn(call: Callable[[], Any], wait: Callable[[], None], seconds: float) -> tuple[float, ...]:
    times: list[float] = []
    begun = time.perf_counter()
    while not times or time.perf_counter() - begun < seconds:
        started = time.perf_counter()
        call()
        wait()
        times.append(time.perf_counter() - started)
    return tuple(times)
