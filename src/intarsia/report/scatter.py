"""Accuracy against speed as inline SVG: a point a network, its slower backends faint beside it, and the line of those that pay."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from html import escape
from itertools import pairwise
from typing import NamedTuple

from .curves import ticks

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 720, 400, 46, 24, 16, 44
Box = tuple[float, float, float, float]  # left, top, right, bottom
LETTER, LINE = 7.0, 15  # pixels that a letter of a name takes, and a line of names


class Point(NamedTuple):
    """A network in one backend.

    Args:
        name: of its label; "" for none.
        group: points of one group are joined by a thin line.
        x: a speed above 0; y: a score.
        front: whether the line of those that pay goes through it.
        hollow: whether its score was published, and not measured.
    """

    name: str
    group: str
    x: float
    y: float
    front: bool
    hollow: bool = False


def scatter(points: Sequence[Point], across_is: str, says: str) -> str:
    """Draw points over a logarithmic axis of speeds; "" for less than two points.

    Args:
        across_is: what the axis of speeds counts.
        says: one sentence for those who do not see it.
    """
    if len(points) < 2:
        return ""
    xs, (low, high) = _decades(point.x for point in points), _ends([point.y for point in points])
    ys = ticks(low, high, 5)

    def across(x: float) -> float:
        share = math.log(x / xs[0]) / math.log(xs[-1] / xs[0])
        return LEFT + share * (WIDTH - LEFT - RIGHT)

    def up(y: float) -> float:
        return HEIGHT - BOTTOM - (y - ys[0]) / (ys[-1] - ys[0]) * (HEIGHT - TOP - BOTTOM)

    parts = [f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(says)}">']
    for y in ys:
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{up(y):.1f}" y2="{up(y):.1f}"/>')
        parts.append(f'<text class="tick" x="{LEFT - 8}" y="{up(y) + 4:.1f}" text-anchor="end">{y:g}</text>')
    for x in xs:
        parts.append(
            f'<line class="grid" x1="{across(x):.1f}" x2="{across(x):.1f}" y1="{TOP}" y2="{HEIGHT - BOTTOM}"/>'
        )
        parts.append(
            f'<text class="tick" x="{across(x):.1f}" y="{HEIGHT - BOTTOM + 17}" text-anchor="middle">{x:g}</text>'
        )
    parts.append(
        f'<text class="tick" x="{WIDTH - RIGHT}" y="{HEIGHT - 6}" text-anchor="end">{escape(across_is)} →</text>'
    )
    for group in dict.fromkeys(point.group for point in points):
        joined = sorted((across(p.x), up(p.y)) for p in points if p.group == group)
        if len(joined) > 1:
            parts.append(f'<polyline class="faint" points="{_path(joined)}"/>')
    front = sorted((across(p.x), up(p.y)) for p in points if p.front)
    if len(front) > 1:
        parts.append(f'<polyline class="line" points="{_path(front)}"/>')
    for point in sorted(points, key=lambda p: bool(p.name)):
        kind, radius = "dot" if point.hollow else "point", 5 if point.name else 2.5
        parts.append(f'<circle class="{kind}" cx="{across(point.x):.1f}" cy="{up(point.y):.1f}" r="{radius}"/>')
    places = [(point.name, across(point.x), up(point.y)) for point in points]
    for name, x, y, anchor in labels(places, [*((a, b) for _, a, b in places), *_along(front)]):
        parts.append(f'<text class="name" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(name)}</text>')
    parts.append("</svg>")
    return "".join(parts)


def labels(
    places: Sequence[tuple[str, float, float]], points: Sequence[tuple[float, float]]
) -> list[tuple[str, float, float, str]]:
    """Where each name stands: beside its point, at the first place that no other name or point takes.

    Args:
        places: (name, x, y) of each point; those without a name get none.
        points: that no name should lie on: all of these, and places along lines.

    Returns: (name, x, y of its baseline, anchor); each name stands somewhere, at the place least taken.
    """
    taken = [(x - 5, y - 5, x + 5, y + 5) for x, y in points]
    found = []
    for name, x, y in sorted(places, key=lambda place: place[2]):
        if not name:
            continue
        width = LETTER * len(name)
        choices: list[tuple[float, int, int, int, str, Box]] = []
        for dx, dy, anchor in (
            (10, 4, "start"), (-10, 4, "end"), (0, -10, "middle"), (0, 20, "middle"),
            (8, -9, "start"), (8, 18, "start"), (-8, -9, "end"), (-8, 18, "end"), (0, -24, "middle"), (0, 34, "middle"),
        ):  # fmt: skip
            left = x + dx - {"start": 0, "end": width, "middle": width / 2}[anchor]
            box = (left, y + dy - LINE + 4, left + width, y + dy + 3)
            outside = max(0.0, 2 - box[0], box[2] - WIDTH + 2) * LINE + max(0.0, 2 - box[1]) * width
            choices.append(
                (sum(_overlap(box, other) for other in taken) + 4 * outside, len(choices), dx, dy, anchor, box)
            )
        _, _, dx, dy, anchor, box = min(choices)
        taken.append(box)
        found.append((name, x + dx, y + dy, anchor))
    return found


def _along(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Places every few pixels along a line."""
    found = []
    for (x0, y0), (x1, y1) in pairwise(points):
        steps = max(1, round(math.hypot(x1 - x0, y1 - y0) / 8))
        found += [(x0 + (x1 - x0) * n / steps, y0 + (y1 - y0) * n / steps) for n in range(1, steps)]
    return found


def _overlap(a: Box, b: Box) -> float:
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    return max(0.0, width) * max(0.0, height)


def _path(points: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)


def _decades(values: Iterable[float]) -> list[float]:
    """Numbers 1, 2 and 5 times powers of ten that enclose all values."""
    held = sorted(values)
    low, high = math.floor(math.log10(held[0])), math.ceil(math.log10(held[-1]) + 1e-9)
    marks = [round(factor * 10.0**power, 12) for power in range(low, high + 1) for factor in (1, 2, 5)]
    first = max((n for n, mark in enumerate(marks) if mark <= held[0]), default=0)
    last = next((n for n, mark in enumerate(marks) if mark >= held[-1]), len(marks) - 1)
    return marks[first : max(last, first + 1) + 1]


def _ends(values: list[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    return (low, high) if high - low > 0.5 else (low - 0.5, high + 0.5)
