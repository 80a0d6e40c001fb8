"""The page that answers a study."""

from __future__ import annotations

import math
from html import escape
from pathlib import Path
from typing import Any

from ..metrics import PROTOCOLS
from .curves import ticks
from .machine import machine, now, versions
from .spans import spans
from .template import render, written

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 720, 300, 46, 20, 14, 40


def write_study(path: str | Path, *, study: Any, command: str = "") -> Path:
    """Write a study as one HTML file that needs nothing beside it.

    Args:
        study: a `study.Study`.

    Raises: OSError when the file cannot be written.
    """
    rows = [(e.name, *(100 * x for x in e.score), True) for e in study.entries]
    page = render(
        "study.html",
        study=study,
        protocol=PROTOCOLS[study.protocol] if study.measure == "mIoU" else None,
        chart=spans(rows, "%", f"{study.answer}. {study.measure} of each network with its interval.", label=260),
        cost=_cost(study.entries, study.measure),
        several=len(study.entries[0].runs) > 1,
        command=command,
        facts={
            "budget": f"{study.budget} of each run; the last weights are scored, none were chosen by these images",
            "what it does not say": "images are taken to be independent: frames of one video are not, and with them "
            "intervals and p are too small",
            "machine": machine(),
            "time": now(),
        },
        versions=versions(),
    )
    return written(path, page)


def _cost(entries: list[Any], measure: str) -> str:
    """The main measure over images a second, with the names beside the points."""
    held = [e for e in entries if not math.isnan(e.score.value)]
    if len(held) < 2:
        return ""
    xs, ys = ticks(0, max(e.speed for e in held), 5), ticks(*_ends([100 * e.score.value for e in held]), 4)

    def across(x: float) -> float:
        return LEFT + (x - xs[0]) / (xs[-1] - xs[0]) * (WIDTH - LEFT - RIGHT)

    def up(y: float) -> float:
        return HEIGHT - BOTTOM - (y - ys[0]) / (ys[-1] - ys[0]) * (HEIGHT - TOP - BOTTOM)

    says = f"{measure} against speed: " + "; ".join(
        f"{e.name} {100 * e.score.value:.1f} % at {e.speed:.1f} images a second" for e in held
    )
    parts = [f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(says)}">']
    for y in ys:
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{up(y):.1f}" y2="{up(y):.1f}"/>')
        parts.append(f'<text class="tick" x="{LEFT - 8}" y="{up(y) + 4:.1f}" text-anchor="end">{y:g}</text>')
    for x in xs:
        parts.append(
            f'<text class="tick" x="{across(x):.1f}" y="{HEIGHT - BOTTOM + 17}" text-anchor="middle">{x:g}</text>'
        )
    parts.append(
        f'<text class="tick" x="{WIDTH - RIGHT}" y="{HEIGHT - 4}" text-anchor="end">images a second, one at a time</text>'
    )
    for e in held:
        x, y = across(e.speed), up(100 * e.score.value)
        left = x > 0.6 * WIDTH
        parts.append(f'<circle class="point" cx="{x:.1f}" cy="{y:.1f}" r="5"/>')
        parts.append(
            f'<text class="name" x="{x + (-10 if left else 10):.1f}" y="{y - 8:.1f}" text-anchor="{"end" if left else "start"}">{escape(e.name)}</text>'
        )
    parts.append("</svg>")
    return "".join(parts)


def _ends(values: list[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    return (low, high) if high - low > 0.5 else (low - 0.5, high + 0.5)
