"""The lab: operators made visible, on numbers or on a picture.

    figure = draw("atrous")                          # the lecture's drawing
    figure = draw("pool", numbers="1 2;3 4")         # on numbers of your own
    figure = draw("roi", image="photo.jpg")          # on a picture
    figure.sheet.save("atrous.png")                  # or .svg
    figure.numbers                                   # every number that stands on it, as plain data

The operators themselves are in `intarsia.blocks`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..errors import DataError, ModelError, nearest
from .catalogue import OPERATORS, Operator
from .given import picture, table
from .page import write_page
from .parts import Figure
from .sheet import Sheet

__all__ = ["OPERATORS", "Figure", "Operator", "Sheet", "draw", "write_page"]


def draw(
    operator: str,
    *,
    image: str | Path | None = None,
    numbers: str | None = None,
    kernel: str | None = None,
    box: str | None = None,
) -> Figure:
    """Draw what an operator does.

    Args:
        operator: a name of `OPERATORS`.
        image: file of a picture to apply it to, instead of numbers.
        numbers: rows of numbers, "1 2;3 4"; the lecture's when absent.
        kernel: the same, for "transposed".
        box: "x0 y0 x1 y1" in pixels, for "roi".

    Raises: ModelError for an unknown operator; DataError for numbers or pictures that cannot be read or drawn.
    """
    if operator not in OPERATORS:
        raise ModelError(f"there is no operator {operator!r}{nearest(operator, OPERATORS)}")
    entry = OPERATORS[operator]
    options: dict[str, Any] = {}
    for name, text in (("kernel", kernel), ("box", box)):
        if text is None:
            continue
        if name not in entry.takes:
            raise DataError(f"{operator} takes no {name}{_taken_by(name)}")
        options[name] = table(text, name)
    if "box" in options:
        options["box"] = _box(options["box"])
    if image is not None:
        if numbers is not None:
            raise DataError("give numbers or an image, not both")
        return entry.show(picture(image), **options)
    if numbers is not None and not entry.numbers:
        raise DataError(f"the drawing of {operator} takes no numbers; leave them out, or give an image")
    if not entry.numbers:
        return entry.draw(**options)
    return entry.draw(table(entry.numbers if numbers is None else numbers), **options)


def _box(given: tuple[tuple[float, ...], ...]) -> tuple[float, ...]:
    flat = tuple(value for row in given for value in row)
    if len(flat) != 4:
        raise DataError(f'box: {len(flat)} numbers; give four, "x0 y0 x1 y1"')
    return flat


def _taken_by(name: str) -> str:
    takers = [operator for operator, entry in OPERATORS.items() if name in entry.takes]
    return f"; {' and '.join(takers)} does"
