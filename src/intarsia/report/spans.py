"""Intervals as inline SVG: one line a row, a dot at the value, and the zero or the scale behind them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

from .curves import ticks

WIDTH, ROW, LABEL, RIGHT = 720, 26, 200, 16


def spans(
    rows: Sequence[tuple[str, float, float, float, bool]], unit: str, says: str, zero: bool = False, label: int = LABEL
) -> str:
    """A chart of intervals, top to bottom.

    Args:
        rows: (name, value, low, high, whether it is filled); those without a number are left out.
        unit: what the axis counts, after its last number.
        says: one sentence for those who do not see it.
        zero: whether 0 is on the axis, with a line of its own.
        label: width kept for the names, in pixels.
    """
    held = [row for row in rows if not any(map(math.isnan, row[1:4]))]
    if not held:
        return ""
    low, high = min(row[2] for row in held), max(row[3] for row in held)
    if zero:
        low, high = min(low, 0.0), max(high, 0.0)
    marks = ticks(low, high, 6)
    height = ROW * len(held) + 30

    def across(x: float) -> float:
        return label + (x - marks[0]) / ((marks[-1] - marks[0]) or 1) * (WIDTH - label - RIGHT)

    bottom = ROW * len(held) + 4
    parts = [f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{escape(says)}">']
    for n, x in enumerate(marks):
        kind = "axis" if zero and abs(x) < 1e-12 else "grid"
        parts.append(f'<line class="{kind}" x1="{across(x):.1f}" x2="{across(x):.1f}" y1="2" y2="{bottom}"/>')
        told = f"{x:+g}" if zero and x else f"{x:g}"
        tail = f" {unit}" if n == len(marks) - 1 else ""
        anchor = "end" if tail else "middle"
        parts.append(
            f'<text class="tick" x="{across(x) + (12 if tail else 0):.1f}" y="{bottom + 18}" text-anchor="{anchor}">{told}{tail}</text>'
        )
    for n, (name, value, start, end, filled) in enumerate(held):
        y = ROW * n + ROW / 2 + 2
        shown = name if len(name) <= label // 7 else name[: label // 7 - 1] + "…"
        parts.append(f'<text class="name" x="{label - 12}" y="{y + 4.5:.1f}" text-anchor="end">{escape(shown)}</text>')
        parts.append(
            f'<line class="{"span" if filled else "span pale"}" x1="{across(start):.1f}" x2="{across(end):.1f}" y1="{y:.1f}" y2="{y:.1f}"/>'
        )
        parts.append(f'<circle class="{"point" if filled else "dot"}" cx="{across(value):.1f}" cy="{y:.1f}" r="4.5"/>')
    parts.append("</svg>")
    return "".join(parts)
