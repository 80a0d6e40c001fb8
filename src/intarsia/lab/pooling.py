"""Drawings of pooling and unpooling."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ..blocks import average_pool, bed_of_nails, max_pool, max_unpool, nearest_unpool
from .given import Table
from .marks import SOFT, tint
from .parts import Cell, Figure, arrow, grid, heading, hue, panels, windows
from .sheet import Sheet

CELL = 42


def pool_numbers(numbers: Table) -> Figure:
    """Each 2x2 window of the map in a color, its maximum heavy; then the maxima, their places and the means."""
    x = torch.tensor(numbers)
    maxima, places = max_pool(x[None, None])
    means = average_pool(x[None, None])
    held = {"input": x, "max": maxima[0, 0], "places": places[0, 0], "average": means[0, 0]}
    sheet = Sheet()
    y = heading(
        sheet,
        "Pooling: one number for each window",
        "The maximum says that a feature is there, the mean how much of it. A place counts the pixels row by row, from 0.",
    )
    top = y + 28
    w, h = grid(
        sheet,
        0,
        top,
        numbers,
        fills=windows(x.shape, 2),
        bold=_cells(places, x.shape[1]),
        caption=f"input, {_size(x)}",
        cell=CELL,
    )
    left, middle = w + 108, top + h / 2
    arrow(sheet, w + 16, middle, w + 92, "windows", under="of 2x2")
    for name, caption in {"max": "max pooling", "places": "places of the maxima", "average": "average pooling"}.items():
        value = held[name]
        tall = value.shape[0] * CELL
        wide, _ = grid(
            sheet, left, middle - tall / 2, value.tolist(), fills=windows(value.shape, 1), caption=caption, cell=CELL
        )
        left += max(wide, 142) + 34
    return Figure(sheet, _plain(held))


def pool_picture(image: np.ndarray) -> Figure:
    """A picture, its maxima and its means over windows of 8x8 pixels."""
    x = torch.from_numpy(image)[None]
    sheet = Sheet()
    y = heading(
        sheet, "Pooling a picture: windows of 8x8", "Maxima keep what is bright, means what is there on average."
    )
    pictures = {"image": x, "max pooling": max_pool(x, 8)[0], "average pooling": average_pool(x, 8)}
    return Figure(sheet, panels(sheet, y, {name: value[0].numpy() for name, value in pictures.items()}))


def unpool_numbers(numbers: Table) -> Figure:
    """Max pooling and unpooling with the places between them; nearest and bed of nails beneath."""
    x = torch.tensor(numbers)
    maxima, places = max_pool(x[None, None])
    small = torch.arange(1.0, maxima.numel() + 1).reshape(maxima.shape)  # what the rest of the network made of them
    held = {
        "input": x,
        "max": maxima[0, 0],
        "places": places[0, 0],
        "values": small[0, 0],
        "max_unpool": max_unpool(small, places, *x.shape)[0, 0],
        "nearest": nearest_unpool(small)[0, 0],
        "bed_of_nails": bed_of_nails(small)[0, 0],
    }
    kept = _cells(places, x.shape[1])
    sheet = Sheet()
    y = heading(
        sheet,
        "Unpooling: three ways back to the larger map",
        "Max unpooling lays each value where its maximum stood; the others know nothing of where it came from.",
    )
    top = y + 28
    w, h = grid(sheet, 0, top, numbers, fills=windows(x.shape, 2), bold=kept, caption="input", cell=CELL)
    middle = top + h / 2
    small_w, small_h = (side * CELL for side in reversed(small.shape[2:]))
    a = w + 92
    arrow(sheet, w + 14, middle, a - 14, "max", under="pooling")
    tints = windows(small.shape[2:], 1)
    grid(sheet, a, middle - small_h / 2, held["max"].tolist(), fills=tints, caption="maxima", cell=CELL)
    b = a + small_w + 118
    arrow(sheet, a + small_w + 14, middle, b - 14, "rest of", under="the network")
    grid(sheet, b, middle - small_h / 2, held["values"].tolist(), fills=tints, caption="values", cell=CELL)
    c = b + small_w + 102
    arrow(sheet, b + small_w + 14, middle, c - 14, "max", under="unpooling")
    nailed = {cell: tint(hue(n), 0.2) for n, cell in enumerate(kept)}
    _laid(sheet, c, top, held["max_unpool"], nailed, "max unpooling")
    low = top + h + 26
    sheet.line([(w / 2, top + h + 5), (w / 2, low), (c + w / 2, low), (c + w / 2, top + h + 14)], SOFT, 1.5, 5)
    sheet.shape([(c + w / 2, top + h + 5), (c + w / 2 - 5.5, top + h + 15), (c + w / 2 + 5.5, top + h + 15)], SOFT)
    words = "places of the maxima: " + ", ".join(str(n) for n in places.flatten().tolist())
    sheet.text((w / 2 + c + w / 2) / 2, low + 8, words, 14, SOFT, "mt")
    top = low + 84
    left = 0.0
    for name, caption in {"nearest": "nearest", "bed_of_nails": "bed of nails"}.items():
        value = held[name]
        tall, wide = (side * CELL for side in value.shape)
        grid(
            sheet, left, top + tall / 2 - small_h / 2, held["values"].tolist(), fills=tints, caption="values", cell=CELL
        )
        right = left + small_w + 102
        arrow(sheet, left + small_w + 14, top + tall / 2, right - 14, "repeat" if name == "nearest" else "nail down")
        if name == "nearest":
            grid(sheet, right, top, value.tolist(), fills=windows(value.shape, 2), caption=caption, cell=CELL)
        else:
            across = small.shape[3]
            corners = {(2 * (n // across), 2 * (n % across)): tint(hue(n), 0.2) for n in range(small.numel())}
            _laid(sheet, right, top, value, corners, caption)
        left = c - small_w - 102 if name == "nearest" else left
        left = max(left, right + wide + 60) if name == "nearest" else left
    return Figure(sheet, _plain(held))


def unpool_picture(image: np.ndarray) -> Figure:
    """A picture of few pixels, its maxima over 2x2 windows, and three ways back to its size."""
    x = torch.from_numpy(image).mean(0)[None, None]
    x = average_pool(x, max(1, round(max(x.shape[-2:]) / 96)))  # so that single pixels can be seen
    maxima, places = max_pool(x)
    h, w = x.shape[-2:]
    pictures = {
        "image, in gray": x,
        "max pooling": maxima,
        "nearest": nearest_unpool(maxima)[..., :h, :w],
        "bed of nails": bed_of_nails(maxima)[..., :h, :w],
        "max unpooling": max_unpool(maxima, places, h, w),
    }
    sheet = Sheet()
    y = heading(
        sheet,
        "Unpooling a picture of few pixels",
        "Bed of nails and max unpooling lay down the same values; only the second lays them where they stood.",
    )
    return Figure(sheet, panels(sheet, y, {name: value[0, 0].numpy() for name, value in pictures.items()}))


def _laid(sheet: Sheet, x: float, y: float, value: Tensor, fills: dict[Cell, tuple[int, int, int]], name: str) -> None:
    """A map of zeros with a few values on it."""
    empty = [(i, j) for i in range(value.shape[0]) for j in range(value.shape[1]) if (i, j) not in fills]
    grid(sheet, x, y, value.tolist(), fills=fills, bold=list(fills), pale=empty, caption=name, cell=CELL)


def _cells(places: Tensor, columns: int) -> list[Cell]:
    return [(n // columns, n % columns) for n in places.flatten().tolist()]


def _size(x: Tensor) -> str:
    return f"{x.shape[0]}x{x.shape[1]}"


def _plain(held: dict[str, Tensor]) -> dict[str, object]:
    return {name: value.tolist() for name, value in held.items()}
