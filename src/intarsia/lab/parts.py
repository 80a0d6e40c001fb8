"""What the drawings share: grids of numbers, arrows, headings, pictures in a row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from .marks import ACCENT, CARD, HUES, INK, PAPER, RULE, SOFT, Color, length, tint
from .sheet import Sheet

Cell = tuple[int, int]


class Figure(NamedTuple):
    """A drawing, and every number that stands on it."""

    sheet: Sheet
    numbers: dict[str, object]


def number(value: float) -> str:
    """A number as people write it: 3, 2.75, -0.5, 1.33."""
    said = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if said in ("-0", "") else said


def hue(n: int) -> Color:
    """The n-th of the colors that tell parts of a drawing apart."""
    return HUES[n % len(HUES)]


def heading(sheet: Sheet, words: str, below: str = "", *, x: float = 0, y: float = 0) -> float:
    """A title, and a line that says what there is to see; returns where the drawing may start."""
    sheet.text(x, y, words, 23, INK, "lt", bold=True)
    if not below:
        return y + 50
    for line in below.split("\n"):
        sheet.text(x, y + 37, line, 15, SOFT, "lt")
        y += 22
    return y + 58


def grid(
    sheet: Sheet,
    x: float,
    y: float,
    values: Sequence[Sequence[float | str | None]],
    *,
    cell: float = 42,
    fills: Mapping[Cell, Color] | None = None,
    bold: Sequence[Cell] = (),
    pale: Sequence[Cell] = (),
    caption: str = "",
    below: str = "",
    size: float | None = None,
) -> tuple[float, float]:
    """Cells with a number each; None leaves one blank.

    Args:
        fills: colors of cells.
        bold, pale: cells whose number is heavy, or faint.
        caption, below: a line above and one under the grid.

    Returns: the width and height of the grid itself.
    """
    rows, columns = len(values), len(values[0])
    said = [[v if isinstance(v, str) else "" if v is None else number(v) for v in row] for row in values]
    widest = max(max(length(words, 1) for words in row) for row in said) or 1
    size = size or min(0.44 * cell, 0.76 * cell / widest)
    for i, row in enumerate(said):
        for j, words in enumerate(row):
            left, top = x + j * cell, y + i * cell
            sheet.box(left, top, cell, cell, fill=(fills or {}).get((i, j), PAPER), line=RULE)
            if words:
                color = SOFT if (i, j) in pale else INK
                sheet.text(left + cell / 2, top + cell / 2, words, size, color, "mm", (i, j) in bold)
    w, h = columns * cell, rows * cell
    sheet.box(x, y, w, h, line=SOFT, width=1.5)
    if caption:
        sheet.text(x + w / 2, y - 9, caption, 14, INK, "mb")
    if below:
        sheet.text(x + w / 2, y + h + 9, below, 13, SOFT, "mt")
    return w, h


def arrow(
    sheet: Sheet, x: float, y: float, to: float, words: str = "", *, color: Color = SOFT, under: str = ""
) -> None:
    """An arrow from (x, y) to (to, y), with words above and under it."""
    sheet.line([(x, y), (to - 7, y)], color, 2)
    sheet.shape([(to, y), (to - 10, y - 5.5), (to - 10, y + 5.5)], color)
    for line, said in zip((-10, 10), (words, under), strict=True):
        if said:
            sheet.text((x + to) / 2, y + line, said, 13, color, "mb" if line < 0 else "mt")


def windows(shape: Sequence[int], side: int) -> dict[Cell, Color]:
    """The tint of each cell of a map whose windows of `side` have a color each."""
    rows, columns = shape
    across = -(-columns // side)
    return {(i, j): tint(hue(i // side * across + j // side), 0.2) for i in range(rows) for j in range(columns)}


def heat(value: float, top: float) -> Color:
    """Paper for 0, the accent for `top`."""
    return tint(ACCENT, 0.6 * max(0.0, min(1.0, value / top if top else 0)))


def shown(pixels: np.ndarray) -> np.ndarray:
    """Numbers of 0..1, [h, w] or [3, h, w], as pixels that a sheet takes."""
    pixels = np.asarray(pixels, np.float32)
    pixels = pixels.transpose(1, 2, 0) if pixels.ndim == 3 else pixels
    return np.ascontiguousarray((pixels.clip(0, 1) * 255 + 0.5).astype(np.uint8))


def stretched(values: np.ndarray) -> np.ndarray:
    """Signed numbers as 0..1: nothing is middle gray, and all but the outermost percent lie inside."""
    values = np.asarray(values, np.float32)
    reach = float(np.quantile(np.abs(values), 0.99)) or 1.0
    return 0.5 + 0.5 * values / reach


def panels(
    sheet: Sheet, y: float, pictures: Mapping[str, np.ndarray], *, columns: int = 3, width: float = 300
) -> dict[str, object]:
    """Pictures side by side, each with its name under it, all as wide as the first; returns their numbers."""
    height = 0.0
    for n, (name, pixels) in enumerate(pictures.items()):
        h, w = pixels.shape[-2:]
        tall = width * h / w
        x = n % columns * (width + 22)
        if n and n % columns == 0:
            y, height = y + height + 52, 0.0
        height = max(height, tall)
        sheet.box(x, y, width, tall, fill=CARD)
        sheet.picture(x, y, width, tall, shown(pixels))
        sheet.box(x, y, width, tall, line=RULE)
        sheet.text(x + width / 2, y + tall + 11, name, 15, INK, "mt")
    return told(pictures)


def told(pictures: Mapping[str, np.ndarray]) -> dict[str, object]:
    """Numbers about each picture: shape, mean and largest value."""
    return {
        name: {"shape": list(p.shape), "mean": float(np.mean(p)), "largest": float(np.max(p))}
        for name, p in pictures.items()
    }
