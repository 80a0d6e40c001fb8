"""What a benchmark has found: how fast each network answers in each backend, what it takes and scores, and which pay."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from ..metrics.rounds import REPEATS
from ..metrics.significance import Interval
from .answer import plain_json

BUSY = 0.1  # share of the cores that others may keep busy on a machine that is called quiet


class Speed(NamedTuple):
    """One network in one backend.

    Args:
        name: the network, with its options or the checkpoint it comes from.
        backend: how it is computed, a name of `inference.backends.BACKENDS`; of an exported file its runtime.
        median, p90, p99, shortest: seconds of a call; p90: nine of ten calls take at most so long.
        spread: the largest difference between two rounds' medians, as a share of the median; NaN for one round.
        calls: how many were timed.
        fps: images a second at the median.
        memory: bytes of the weights, or of an exported file, and what a call takes beside them at its peak; None where that
            cannot be measured.
        parameters: of the network; None for an exported file.
        gflops: of one image, a multiplication with its addition counted as two; None where the network does not run on shapes
            alone, and for an exported file.
        score: the main measure with its interval over images, 0..1; None where nothing was scored.
        published: whether the score was given by the user, and not measured here.
        front: whether no other row with a score is as fast and scores as high.
    """

    name: str
    backend: str
    median: float
    p90: float
    p99: float
    shortest: float
    spread: float
    calls: int
    fps: float
    memory: int | None
    parameters: int | None
    gflops: float | None
    score: Interval | None = None
    published: bool = False
    front: bool = False


@dataclass(frozen=True)
class Benchmark:
    """Networks timed in turn on one machine, the fastest first.

    Args:
        speeds: one row for each network in each backend.
        size: height and width of the images; `batch`: how many at once.
        threads: of the processor; `device`: where networks ran.
        rounds: how often each row had its turn.
        others: cores that other processes kept busy meanwhile; None where the system does not say.
        cores: that this process may use.
        measure: what the scores are called; "" for none.
        data: what was scored, and on how many images.
    """

    speeds: tuple[Speed, ...]
    size: tuple[int, int]
    batch: int
    threads: int
    device: str
    rounds: int
    others: float | None
    cores: int
    measure: str = ""
    data: str = ""

    @property
    def noise(self) -> str:
        """Why these numbers should be measured again on a quieter machine; "" where they need not."""
        wild = [one for one in self.speeds if one.spread > REPEATS]
        found = []
        if self.others is not None and self.others > BUSY * self.cores:
            found.append(
                f"other programs kept {self.others:.1f} of {self.cores} cores busy meanwhile"
                if self.cores > 1
                else f"other programs used {100 * self.others:.0f} % of the only core meanwhile"
            )
        if wild:
            worst = max(wild, key=lambda one: one.spread)
            found.append(
                f"the medians of rounds differ by {100 * worst.spread:.0f} % for {worst.name} in {worst.backend}"
                + (f", and by more than {100 * REPEATS:.0f} % for {len(wild) - 1} more" if len(wild) > 1 else "")
            )
        return "; ".join(found)

    @property
    def quiet(self) -> bool:
        """Whether nothing else disturbed the measurement, as far as the system shows."""
        return not self.noise

    @property
    def verdict(self) -> str:
        """Say in one sentence how far the numbers may be trusted."""
        if self.noise:
            return f"the machine was not quiet: {self.noise}; measure again when it is, or with more rounds"
        if self.rounds < 2:
            return "one round alone does not say whether the numbers repeat; give two or more"
        most = max(one.spread for one in self.speeds)
        return f"the machine was quiet: the medians of {self.rounds} rounds differ by at most {100 * most:.0f} %"

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON; None where there is no number."""
        tree: dict[str, Any] = plain_json(
            {
                "size": list(self.size),
                "batch": self.batch,
                "device": self.device,
                "threads": self.threads,
                "rounds": self.rounds,
                "cores": self.cores,
                "others": self.others,
                "quiet": self.quiet,
                "verdict": self.verdict,
                "measure": self.measure,
                "data": self.data,
                "speeds": [_plain(one) for one in self.speeds],
            }
        )
        return tree


def _plain(one: Speed) -> dict[str, Any]:
    times = {key: 1000 * getattr(one, key) for key in ("median", "p90", "p99", "shortest")}
    rest = {key: value for key, value in one._asdict().items() if key not in (*times, "score")}
    score = None if one.score is None else one.score.value
    interval = None if one.score is None or math.isnan(one.score.low) else [one.score.low, one.score.high]
    return {
        "name": one.name,
        "backend": one.backend,
        "milliseconds": times,
        **rest,
        "score": score,
        "interval": interval,
    }


def with_front(speeds: Sequence[Speed]) -> tuple[Speed, ...]:
    """Mark the rows that no other row with a score equals or beats in both speed and score; the fastest row first."""
    scored = [one for one in speeds if one.score is not None and not math.isnan(one.score.value)]

    def beaten(one: Speed) -> bool:
        assert one.score is not None
        return any(
            other.median <= one.median
            and other.score.value >= one.score.value  # type: ignore[union-attr]
            and (other.median < one.median or other.score.value > one.score.value)  # type: ignore[union-attr]
            for other in scored
        )

    marked = (one._replace(front=one in scored and not beaten(one)) for one in speeds)
    return tuple(sorted(marked, key=lambda one: one.median))
