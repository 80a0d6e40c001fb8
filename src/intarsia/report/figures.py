"""Curves of answers as inline SVG: precision over recall, and a histogram of relative errors."""

from __future__ import annotations

from html import escape
from typing import Any

import numpy as np

from ..metrics.average_precision import RECALLS, THRESHOLDS
from .curves import Chart

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 480, 300, 44, 14, 12, 40
SHOWN = (0, 5, 8)  # thresholds 0.50, 0.75 and 0.90
CLASSES = 8  # curves of single classes, at most


def precision_recall(score: Any) -> list[Chart]:
    """Draw precision over recall: the mean of the classes at IoU 0.50, 0.75 and 0.90, and each class at 0.50."""
    curves = score.counts.curves()  # [T, 101, K]
    held = [k for k in range(curves.shape[2]) if not np.isnan(curves[0, 0, k])]
    if not held:
        return []
    means = [(f"IoU {THRESHOLDS[t]:.2f}", curves[t][:, held].mean(axis=1)) for t in SHOWN]
    says = "; ".join(f"{name}: AP {100 * values.mean():.1f} %" for name, values in means)
    found = [Chart("Precision, %, over recall, %", says, _curves(says, [(*row, None) for row in means]))]
    if len(held) > 1:
        ranked = sorted(held, key=lambda k: -float(curves[0, :, k].mean()))[:CLASSES]
        names, colors = score.space.names, score.space.colors
        lines = [(names[k], curves[0, :, k], colors[k]) for k in ranked]
        said = "At IoU 0.50: " + "; ".join(f"{names[k]} {100 * curves[0, :, k].mean():.1f} %" for k in ranked)
        more = f"; the best {CLASSES} of {len(held)} classes" if len(held) > CLASSES else ""
        found.append(Chart("Precision, %, over recall, %, of each class", said + more, _curves(said, lines)))
    return found


def error_histogram(score: Any) -> list[Chart]:
    """Draw how many pixels have which relative error of depth."""
    counts = np.array(score.histogram, np.float64)
    if not counts.sum():
        return []
    shares = counts / counts.sum()
    step = 0.02
    within = float(shares[:5].sum())
    says = f"{100 * within:.1f} % of the pixels are within 10 %, {100 * shares[-1]:.1f} % are wrong by 50 % and more."
    top = float(shares.max())
    wide = (WIDTH - LEFT - RIGHT) / len(shares)
    parts = [f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(says)}">']
    for n, share in enumerate(shares):
        height = share / top * (HEIGHT - TOP - BOTTOM)
        parts.append(
            f'<rect class="column" x="{LEFT + n * wide + 1:.1f}" width="{wide - 2:.1f}" y="{HEIGHT - BOTTOM - height:.1f}" '
            f'height="{height:.1f}"><title>{100 * n * step:.0f} % and more: {100 * share:.1f} % of the pixels</title></rect>'
        )
    for n in range(0, len(shares), 5):
        parts.append(
            f'<text class="tick" x="{LEFT + n * wide:.1f}" y="{HEIGHT - BOTTOM + 17}" text-anchor="middle">{100 * n * step:.0f}</text>'
        )
    parts.append(f'<text class="tick" x="{LEFT - 6}" y="{TOP + 8}" text-anchor="end">{100 * top:.0f} %</text>')
    parts.append(
        f'<line class="axis" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{HEIGHT - BOTTOM}" y2="{HEIGHT - BOTTOM}"/></svg>'
    )
    return [Chart("Pixels by relative error, %", says, "".join(parts))]


def _curves(says: str, lines: list[tuple[str, np.ndarray, Any]]) -> str:
    """Lines over the recalls, the first one thick, with their names where they start; a color of its own where given."""

    def across(x: float) -> float:
        return LEFT + x * (WIDTH - LEFT - RIGHT)

    def up(y: float) -> float:
        return HEIGHT - BOTTOM - y * (HEIGHT - TOP - BOTTOM)

    parts = [f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(says)}">']
    for mark in (0, 0.25, 0.5, 0.75, 1):
        parts.append(
            f'<line class="grid" x1="{across(0):.1f}" x2="{across(1):.1f}" y1="{up(mark):.1f}" y2="{up(mark):.1f}"/>'
        )
        parts.append(
            f'<text class="tick" x="{LEFT - 7}" y="{up(mark) + 4:.1f}" text-anchor="end">{100 * mark:.0f}</text>'
        )
        anchor = "end" if mark == 1 else "middle"
        parts.append(
            f'<text class="tick" x="{across(mark):.1f}" y="{HEIGHT - BOTTOM + 17}" text-anchor="{anchor}">{100 * mark:.0f}</text>'
        )
    for n, (name, values, color) in enumerate(lines):
        points = " ".join(f"{across(x):.1f},{up(y):.1f}" for x, y in zip(RECALLS, values, strict=True))
        style = f' style="stroke:rgb({color[0]} {color[1]} {color[2]})"' if color else f' opacity="{1 - 0.3 * n:.1f}"'
        parts.append(f'<polyline class="line" points="{points}"{style}><title>{escape(name)}</title></polyline>')
    parts.append("</svg>")
    return "".join(parts)
