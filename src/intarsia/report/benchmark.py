"""The page of a benchmark: accuracy against speed, and the table of all measurements."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from .machine import machine, now, versions
from .scatter import Point, scatter
from .spans import spans
from .template import render, written

LONGEST = 34  # letters of a name beside a bar


def write_benchmark(path: str | Path, *, found: Any, command: str = "") -> Path:
    """Write a benchmark as one HTML file that needs nothing beside it.

    Args:
        found: a `study.Benchmark`.

    Raises: OSError when the file cannot be written.
    """
    backends = {one.backend for one in found.speeds}
    page = render(
        "benchmark.html",
        found=found,
        plot=plot(found),
        bars=_bars(found, len(backends) > 1),
        fastest=fastest(found),
        scored=any(one.score is not None for one in found.speeds),
        published=any(one.published for one in found.speeds),
        command=command,
        facts={
            "images": f"{found.batch} of {found.size[0]} x {found.size[1]} (height x width) at once, random bytes; reading "
            "pictures, deciding classes and drawing are not counted",
            "rounds": f"{found.rounds}, all networks in turn in each, in an order that changes",
            "memory": "the weights, or the exported file, and the most that a call allocates beside them",
            "processor": f"{found.threads} threads of {found.device}",
            "machine": machine(),
            "noise": found.verdict,
            "time": now(),
        },
        versions=versions(),
    )
    return written(path, page)


def plot(found: Any) -> str:
    """The scores over images a second as SVG; "" where less than two rows have a score."""
    held = [one for one in found.speeds if one.score is not None and not math.isnan(one.score.value)]
    quickest: dict[str, Any] = {}
    for one in held:  # the fastest first
        quickest.setdefault(one.name, one)
    several = len({one.backend for one in quickest.values()}) > 1
    points = [
        Point(
            _label(one, several) if quickest[one.name] is one else "",
            one.name,
            one.fps,
            100 * one.score.value,
            one.front,
            one.published,
        )
        for one in held
    ]
    says = f"{found.measure} against speed: " + "; ".join(
        f"{one.name} in {one.backend} {100 * one.score.value:.1f} % at {one.fps:.2f} images a second" for one in held
    )
    return scatter(points, "images a second", says)


def _label(one: Any, with_backend: bool) -> str:
    """A row's name as short as it can be told."""
    name = one.name.replace("encoder=", "")
    return f"{name} ({one.backend})" if with_backend else name


def fastest(found: Any) -> str:
    """The backend that is the fastest for all networks; "" where it is not the same for all, or there is one alone."""
    best: dict[str, str] = {}
    for one in found.speeds:
        best.setdefault(one.name, one.backend)
    backends = set(best.values())
    return backends.pop() if len(backends) == 1 and len({one.backend for one in found.speeds}) > 1 else ""


def _bars(found: Any, several: bool) -> str:
    """Milliseconds of each row: the median, and from the shortest call to what nine of ten stay below."""
    rows = []
    for one in found.speeds:
        name = _label(one, several)
        rows.append((name, *(1000 * x for x in (one.median, one.shortest, one.p90)), one.spread <= 0.1))
    says = "Milliseconds of a call: " + "; ".join(f"{row[0]} {row[1]:.1f}" for row in rows)
    return spans(rows, "ms", says, label=7 * min(LONGEST, max(len(row[0]) for row in rows)) + 24)
