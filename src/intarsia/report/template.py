"""Pages from the templates of this folder: `frame.html` around each, `parts.html` for what several show alike."""

from __future__ import annotations

import math
from functools import cache
from pathlib import Path
from typing import Any

from ..characters import printable
from ..labels import LabelSpace
from ..output import replaced

LARGEST_MATRIX = 40  # classes up to which a matrix of them is printed whole


def percent(value: float | None, digits: int = 1) -> str:
    """Write 0..1 as percent, or a dash where there is no number."""
    return "–" if value is None or math.isnan(value) else f"{100 * value:.{digits}f}"


def points(value: float | None) -> str:
    """Write a difference of 0..1 in points with its sign, or a dash where there is none."""
    if value is None or math.isnan(value):
        return "–"
    rounded = round(100 * value, 1)
    return f"{rounded:+.1f}".replace("-", "−") if rounded else "0.0"


def hexed(color: tuple[int, int, int]) -> str:
    """Write a color as CSS does."""
    return "#{:02x}{:02x}{:02x}".format(*color)


def ink(share: float) -> str:
    """Name the class of a heat map's cell: the shade its share has, in eleven steps."""
    return f"s{min(10, math.ceil(10 * share - 1e-9)) if share > 0 else 0}"


def clock(seconds: float) -> str:
    """Write seconds for people."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def count(number: int) -> str:
    """Write a number with narrow spaces between its thousands."""
    return f"{number:,}".replace(",", "\u202f")


@cache
def _environment() -> Any:
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
        finalize=lambda value: printable(value) if type(value) is str else value,  # names that turn a line around
    )
    environment.filters.update(percent=percent, points=points, ink=ink, clock=clock, hexed=hexed, count=count, zip=zip)
    return environment


def render(name: str, **values: Any) -> str:
    """Render a page of this folder.

    Args:
        name: "page.html".
        values: what the template shows; `command`, `facts` and `versions` are needed by each.
    """
    return str(_environment().get_template(name).render(**values))


def label_rows(space: LabelSpace) -> list[tuple[str, str, str, tuple[int, int, int] | None]]:
    """List what the values in masks stand for: (values, class number, name, color; None for what is ignored)."""
    colors = dict(zip(space.names, space.colors, strict=True))
    return [(values, number, name, colors.get(name)) for values, number, name in space.rows()]


def written(path: str | Path, text: str) -> Path:
    """Write a page whole or not at all.

    Raises: OSError that names the file.
    """
    with replaced(path) as made:
        made.write_text(text, encoding="utf-8")
    return Path(path)
