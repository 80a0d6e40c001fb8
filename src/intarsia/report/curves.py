"""Lines over training steps as inline SVG, and the run's log they are drawn from."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from html import escape
from pathlib import Path
from typing import Any, NamedTuple, TypeGuard

WIDTH, HEIGHT = 360, 200
LEFT, RIGHT, TOP, BOTTOM = 46, 10, 10, 30
POINTS = 400  # more than a chart has pixels for are averaged


VALIDATED = (  # key in the log, what it is called, whether less is better
    ("miou", "mIoU", False),
    ("pq", "PQ", False),
    ("mask_ap", "mask AP", False),
    ("box_ap", "box AP", False),
    ("abs_rel", "AbsRel", True),
    ("map", "mAP", False),
    ("accuracy", "accuracy", False),
)


class Chart(NamedTuple):
    """A chart ready for the page."""

    title: str
    says: str  # one sentence for those who do not see it
    svg: str


def charts(log: Path) -> list[Chart]:
    """Loss, learning rate and the main validation measure of a run, as far as its log.jsonl holds them."""
    train, val = lines_of(log)
    found = []
    loss = _series(train, "loss")
    if len(loss) > 1:
        smooth = _smoothed(loss)
        says = f"The training loss goes from {_short(smooth[0][1])} to {_short(smooth[-1][1])} in {int(loss[-1][0])} steps."
        found.append(
            Chart("Training loss", says, _svg("Training loss", says, smooth, faint=loss if len(loss) >= 40 else ()))
        )
    found += _validation(val, loss[0][0] if loss else None)
    rate = _series(train, "lr")
    if len(rate) > 1:
        peak = max(value for _, value in rate)
        says = f"The learning rate peaks at {_short(peak)} and ends at {_short(rate[-1][1])}."
        found.append(Chart("Learning rate", says, _svg("Learning rate", says, _thinned(rate))))
    return found


def _validation(val: list[dict[str, Any]], start: float | None) -> list[Chart]:
    """The main measure of the validations, the first of `VALIDATED` that the log holds."""
    for key, name, lower in VALIDATED:
        points = _series(val, key)
        if not points:
            continue
        best = (min if lower else max)(points, key=lambda point: point[1])
        says = f"Validation {name} ends at {100 * points[-1][1]:.1f} %; the best was {100 * best[1]:.1f} % at step {int(best[0])}."
        line = [(step, 100 * value) for step, value in points]
        bounds = (0, math.inf) if lower else (0, 100)
        drawn = _svg(f"Validation {name} in percent", says, line, dots=len(line) <= 60, start=start, within=bounds)
        return [Chart(f"Validation {name}, %", says, drawn)]
    return []


def lines_of(log: Path) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The entries of a run's log.jsonl: those of training, and those of validations."""
    held: dict[str, list[dict[str, Any]]] = {"train": [], "val": []}
    for line in log.read_text(encoding="utf-8").splitlines():
        try:
            entry = json.loads(line)
        except json.JSONDecodeError:
            continue  # the last line of a run that was killed while it wrote
        if isinstance(entry, dict) and entry.get("kind") in held:
            held[entry["kind"]].append(entry)
    return held["train"], held["val"]


def _series(entries: list[dict[str, Any]], key: str) -> list[tuple[float, float]]:
    pairs = [(entry.get("step"), entry.get(key)) for entry in entries]
    return [(float(x), float(y)) for x, y in pairs if _is_number(x) and _is_number(y)]


def _is_number(value: Any) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _smoothed(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """The mean over a moving window of a twentieth of the run, at most POINTS of them."""
    reach = len(points) // 40
    sums = [0.0]
    for _, y in points:
        sums.append(sums[-1] + y)
    line = []
    for n, (x, _) in enumerate(points):
        low, high = max(0, n - reach), min(len(points), n + reach + 1)
        line.append((x, (sums[high] - sums[low]) / (high - low)))
    return _thinned(line)


def _thinned(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    size = -(-len(points) // POINTS)
    groups = [points[n : n + size] for n in range(0, len(points), size)]
    return [(sum(x for x, _ in group) / len(group), sum(y for _, y in group) / len(group)) for group in groups]


def _svg(
    title: str,
    says: str,
    line: Sequence[tuple[float, float]],
    faint: Sequence[tuple[float, float]] = (),
    dots: bool = False,
    start: float | None = None,
    within: tuple[float, float] = (-math.inf, math.inf),
) -> str:
    """One line, its axes and the value it ends with; `faint` is drawn behind it, and no y tick lies outside `within`."""
    behind = _thinned(list(faint)) if faint else []
    xs = [x for x, _ in (*line, *behind)] + ([] if start is None else [start])
    ys = [y for _, y in line] + sorted(y for _, y in behind)[: max(1, round(0.98 * len(behind)))]  # a spike is cut off
    x_ticks, y_ticks = ticks(min(xs), max(xs), 5), ticks(min(ys), max(ys), 4)
    y_ticks = [y for y in y_ticks if within[0] <= y <= within[1]]
    x_low, x_high = min(xs), max(max(xs), min(xs) + 1)
    y_low, y_high = y_ticks[0], y_ticks[-1]

    def across(x: float) -> float:
        return LEFT + (x - x_low) / (x_high - x_low) * (WIDTH - LEFT - RIGHT)

    def up(y: float) -> float:
        share = (y - y_low) / ((y_high - y_low) or 1)
        return HEIGHT - BOTTOM - min(max(share, 0.0), 1.0) * (HEIGHT - TOP - BOTTOM)

    parts = [f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(f"{title}. {says}")}">']
    for y in y_ticks:
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{up(y):.1f}" y2="{up(y):.1f}"/>')
        parts.append(f'<text class="tick" x="{LEFT - 8}" y="{up(y) + 4:.1f}" text-anchor="end">{_short(y)}</text>')
    for x in x_ticks:
        if x_low <= x <= x_high:
            parts.append(
                f'<text class="tick" x="{across(x):.1f}" y="{HEIGHT - BOTTOM + 17}" text-anchor="middle">{_steps(x)}</text>'
            )
    parts.append(f'<line class="axis" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{HEIGHT - BOTTOM}" y2="{HEIGHT - BOTTOM}"/>')
    if behind:
        parts.append(_path("faint", behind, across, up))
    parts.append(_path("line", line, across, up))
    if dots:
        parts += [f'<circle class="dot" cx="{across(x):.1f}" cy="{up(y):.1f}" r="3"/>' for x, y in line]
    parts.append("</svg>")
    return "".join(parts)


def _path(
    kind: str, points: Sequence[tuple[float, float]], across: Callable[[float], float], up: Callable[[float], float]
) -> str:
    return f'<polyline class="{kind}" points="{" ".join(f"{across(x):.1f},{up(y):.1f}" for x, y in points)}"/>'


def ticks(low: float, high: float, count: int) -> list[float]:
    """About `count` round numbers (1, 2, 2.5 or 5 times a power of ten) that enclose low..high."""
    if high - low < 1e-12 * max(1.0, abs(high)):
        low, high = low - (abs(low) or 1) / 2, high + (abs(high) or 1) / 2
    rough = (high - low) / count
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= rough * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [n * step for n in range(first, last + 1)]


def _short(value: float) -> str:
    if value and (abs(value) < 0.001 or abs(value) >= 100_000):
        head, _, tail = f"{value:.1e}".partition("e")
        return f"{head.removesuffix('.0')}e{int(tail)}"
    return f"{value:.4g}"


def _steps(value: float) -> str:
    return f"{value / 1000:g}k" if value >= 1000 else f"{value:g}"
