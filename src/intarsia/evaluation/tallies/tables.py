"""Scores as tables for people: on a terminal, in a report and in a notebook."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from typing import Any, NamedTuple

from ...metrics.significance import Bootstrap

NONE = "-"


class Table(NamedTuple):
    """A table of texts; the first column names the row, the others are numbers."""

    title: str
    columns: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]


def percent(value: float | None) -> str:
    """Write a share of 0..1 in percent, or a dash where there is none."""
    return NONE if value is None or math.isnan(value) else f"{100 * value:.1f}"


def number(value: float, unit: str = "") -> str:
    """Write a number that is no share, or a dash where there is none."""
    return NONE if math.isnan(value) else f"{value:.3f}{f' {unit}' if unit else ''}"


def span(trust: Bootstrap | None, name: str | None = None, scale: float = 100) -> str:
    """Write the interval of the main measure, or of a class; a dash where there is none."""
    if trust is None:
        return NONE
    found = trust.mean if name is None else trust.classes.get(name)
    if found is None or math.isnan(found.low):
        return NONE
    return (
        f"{scale * found.low:.1f} to {scale * found.high:.1f}"
        if scale == 100
        else f"{found.low:.3f} to {found.high:.3f}"
    )


def plain(tree: Any) -> Any:
    """Turn named tuples, dictionaries and lists into plain data for JSON; None where there is no number."""
    if hasattr(tree, "_asdict"):
        return {key: plain(value) for key, value in tree._asdict().items()}
    if isinstance(tree, dict):
        return {str(key): plain(value) for key, value in tree.items()}
    if isinstance(tree, list | tuple):
        return [plain(value) for value in tree]
    return None if isinstance(tree, float) and not math.isfinite(tree) else tree


def images_of(score: Any) -> dict[str, Any]:
    """What every score says of its images, as plain data: how many, how long, and the score of each."""
    return {
        "images": score.images,
        "seconds": round(score.seconds, 3),
        "images_per_second": round(score.images / score.seconds, 3) if score.seconds else None,
        "per_image": [{"name": name, score.own: plain(value)} for name, value in score.per_image],
        **score.source,
    }


def trust_of(score: Any) -> dict[str, Any]:
    """The interval of the main measure and of each class, as plain data; nothing where it was not asked for."""
    if score.trust is None:
        return {}
    tree = plain(score.trust.to_dict())
    return {"intervals": {key: tree[key] for key in ("mean", "classes", "images", "resamples", "level")}}


def html(score: Any) -> str:
    """A score as HTML tables, for a notebook."""
    parts = [f"<p>{escape(score.sentence)}</p>"]
    for table in score.tables:
        head = "".join(f"<th>{escape(name)}</th>" for name in table.columns)
        body = "".join(f"<tr>{_cells(row)}</tr>" for row in table.rows)
        title = f"<caption>{escape(table.title)}</caption>" if table.title else ""
        parts.append(f"<table>{title}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>")
    return "".join(parts)


def _cells(row: Sequence[str]) -> str:
    first, *rest = row
    return f"<th>{escape(first)}</th>" + "".join(f'<td style="text-align:right">{escape(cell)}</td>' for cell in rest)
