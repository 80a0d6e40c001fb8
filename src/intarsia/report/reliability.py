"""Two curves of how far probabilities can be trusted, as inline SVG."""

from __future__ import annotations

import math
from html import escape
from typing import Any

from .curves import ticks

SIDE, LEFT, BOTTOM, TOP, RIGHT = 320, 44, 40, 12, 12


def reliability(curve: Any) -> str:
    """Accuracy over confidence, a bar a bin, and the diagonal of a calibrated network; pale where few pixels are."""
    held = [b for b in curve if b.pixels]
    if not held:
        return ""
    most = max(b.pixels for b in held)
    says = "Accuracy by confidence: " + "; ".join(f"{b.confidence:.0%} sure, {b.accuracy:.0%} right" for b in held)
    parts = _frame(says, [0, 0.25, 0.5, 0.75, 1], "confidence, %", 100)
    for b in held:
        x, y = _across(b.low), _up(b.accuracy)
        shade = 0.25 + 0.75 * math.sqrt(b.pixels / most)
        wide = max(1.0, _across(b.high) - x - 2)
        parts.append(
            f'<rect class="column" x="{x + 1:.1f}" y="{y:.1f}" width="{wide:.1f}" height="{_up(0) - y:.1f}" opacity="{shade:.2f}"/>'
        )
    parts.append(
        f'<line class="axis dash" x1="{_across(0):.1f}" y1="{_up(0):.1f}" x2="{_across(1):.1f}" y2="{_up(1):.1f}"/></svg>'
    )
    return "".join(parts)


def risk(found: Any) -> str:
    """Error among the pixels that are kept, over the share that is kept."""
    if not len(found.risk):
        return ""
    highest = max(ticks(0, max(100 * float(found.risk.max()), 1e-3), 4))
    points = [(c, 100 * found.at(c) / highest) for c in [n / 100 for n in range(2, 101)]]
    says = f"Error among the surest pixels: {100 * found.at(0.5):.2f} % of the surest half, {100 * found.at(1):.2f} % of all."
    parts = _frame(says, [n / 4 for n in range(5)], "pixels kept, the surest first, %", highest)
    line = " ".join(f"{_across(x):.1f},{_up(y):.1f}" for x, y in points)
    parts.append(f'<polyline class="line" points="{line}"/></svg>')
    return "".join(parts)


def _frame(says: str, marks: list[float], under: str, top: float) -> list[str]:
    parts = [f'<svg viewBox="0 0 {SIDE} {SIDE - 40}" role="img" aria-label="{escape(says)}">']
    for y in marks:
        parts.append(
            f'<line class="grid" x1="{_across(0):.1f}" x2="{_across(1):.1f}" y1="{_up(y):.1f}" y2="{_up(y):.1f}"/>'
        )
        parts.append(f'<text class="tick" x="{LEFT - 7}" y="{_up(y) + 4:.1f}" text-anchor="end">{top * y:.3g}</text>')
        parts.append(
            f'<text class="tick" x="{_across(y):.1f}" y="{SIDE - 40 - BOTTOM + 16}" text-anchor="{"end" if y == 1 else "middle"}">{100 * y:g}</text>'
        )
    parts.append(
        f'<text class="tick" x="{_across(0.5):.1f}" y="{SIDE - 40 - 5}" text-anchor="middle">{escape(under)}</text>'
    )
    return parts


def _across(x: float) -> float:
    return LEFT + x * (SIDE - LEFT - RIGHT)


def _up(y: float) -> float:
    return SIDE - 40 - BOTTOM - y * (SIDE - 40 - BOTTOM - TOP)
