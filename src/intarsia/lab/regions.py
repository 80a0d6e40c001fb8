"""Drawings of RoIPool, RoIWarp and RoIAlign."""

from __future__ import annotations

from collections.abc import Callable
from math import ceil
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..blocks import roi_align, roi_pool, roi_warp
from ..blocks.regions import cell_bounds, sample_points
from ..errors import DataError
from .given import Table
from .marks import ACCENT, INK, PAPER, RULE, SOFT, Color, tint
from .parts import Cell, Figure, grid, heading, hue, number, panels
from .sheet import Sheet

CELLS, SAMPLES = 2, 2
TYPED = (1.4, 0.8, 5.45, 5.8)  # the box that is drawn when none is given


def roi_numbers(numbers: Table, box: tuple[float, float, float, float] | None = None) -> Figure:
    """One box on one map, cut out in three ways; what each rounds is what its panel shows."""
    x = torch.tensor(numbers)
    h, w = x.shape
    x0, y0, x1, y1 = _inside(box or TYPED, w, h)
    boxes = torch.tensor([[x0, y0, x1, y1]])
    held: dict[str, Any] = {"map": x.tolist(), "box": [x0, y0, x1, y1], "cells": CELLS, "samples": SAMPLES}
    ways: dict[str, dict[str, Callable[..., Tensor]]] = {
        "RoIPool": {"max": roi_pool},
        "RoIWarp": {"max": roi_warp, "average": roi_warp},
        "RoIAlign": {"max": roi_align, "average": roi_align},
    }
    for name, reduces in ways.items():
        held[name] = {r: f(x[None, None], boxes, CELLS, reduce=r)[0, 0].tolist() for r, f in reduces.items()}
    across, down = cell_bounds(boxes[:, 0], boxes[:, 2], CELLS)[0], cell_bounds(boxes[:, 1], boxes[:, 3], CELLS)[0]
    held["RoIPool"]["columns"], held["RoIPool"]["rows"] = across.tolist(), down.tolist()
    rounded = (float(across[0, 0]), float(down[0, 0]), float(across[-1, 1]), float(down[-1, 1]))
    sheet = Sheet()
    y = heading(
        sheet,
        "One box, three ways to bring it to 2x2 cells",
        f"The detector's box, dashed, runs from ({number(x0)}, {number(y0)}) to ({number(x1)}, {number(y1)}); "
        "the center of the first pixel is at (0.5, 0.5).",
    )
    top = y + 52
    cell = 288 / max(h, w)
    gap = 54
    notes = {
        "RoIPool": "rounds the box and the cells",
        "RoIWarp": "rounds the box, samples the cells",
        "RoIAlign": "rounds nothing, samples the cells",
    }
    for n, (name, reduces) in enumerate(ways.items()):
        left = n * (288 + gap)
        sheet.text(left + w * cell / 2, top - 28, name, 18, INK, "mb", bold=True)
        sheet.text(left + w * cell / 2, top - 9, notes[name], 14, SOFT, "mb")
        if name == "RoIPool":
            chosen = _pooled(sheet, left, top, x, across, down, cell)
            held[name]["places"] = chosen
        else:
            _map(sheet, left, top, x, cell)
            edges = (x0, y0, x1, y1) if name == "RoIAlign" else rounded
            held[name]["points"] = _sampled(sheet, left, top, edges, cell)
        sheet.box(left + x0 * cell, top + y0 * cell, (x1 - x0) * cell, (y1 - y0) * cell, line=INK, width=2, dash=5)
        low = top + max(h, rounded[3]) * cell + 46  # a rounded box may end a pixel below the map
        place = left + (w * cell - len(reduces) * 112 - (len(reduces) - 1) * 36) / 2
        for reduce in reduces:
            values = held[name][reduce]
            fills = {(i, j): tint(hue(2 * i + j), 0.2) for i in range(2) for j in range(2)}
            grid(sheet, place, low, values, cell=56, fills=fills, caption=reduce, size=18)
            place += 112 + 36
    return Figure(sheet, held)


def _pooled(
    sheet: Sheet, left: float, top: float, x: Tensor, across: Tensor, down: Tensor, cell: float
) -> list[tuple[int, int]]:
    """RoIPool's cells, which may share pixels, and the largest value of each; returns where those stand."""
    h, w = x.shape
    chosen = []
    for a, b in down.tolist():
        for c, d in across.tolist():
            part = x[max(a, 0) : min(b, h), max(c, 0) : min(d, w)]
            if not part.numel():
                continue
            at = int(part.argmax())
            chosen.append((max(a, 0) + at // part.shape[1], max(c, 0) + at % part.shape[1]))
    fills = {place: tint(hue(n), 0.35) for n, place in enumerate(chosen)}
    _map(sheet, left, top, x, cell, fills)
    for n, ((a, b), (c, d)) in enumerate([(r, s) for r in down.tolist() for s in across.tolist()]):
        inset = 1.6 + 1.3 * (n % 2 + n // 2)  # so that cells which share pixels can be told apart
        sheet.box(
            left + c * cell + inset,
            top + a * cell + inset,
            (d - c) * cell - 2 * inset,
            (b - a) * cell - 2 * inset,
            line=hue(n),
            width=2,
        )
    return chosen


def _sampled(
    sheet: Sheet, left: float, top: float, edges: tuple[float, float, float, float], cell: float
) -> dict[str, list[float]]:
    """The cells of a box, and the points at which each is read; returns the points, in pixels."""
    x0, y0, x1, y1 = edges
    points = {}
    for name, lo, hi in (("x", x0, x1), ("y", y0, y1)):
        points[name] = sample_points(torch.tensor([lo]), torch.tensor([hi - lo]), CELLS, SAMPLES)[0].tolist()
    for i in range(CELLS):
        for j in range(CELLS):
            w, h = (x1 - x0) / CELLS, (y1 - y0) / CELLS
            sheet.box(
                left + (x0 + j * w) * cell + 1.5,
                top + (y0 + i * h) * cell + 1.5,
                w * cell - 3,
                h * cell - 3,
                line=hue(2 * i + j),
                width=2,
            )
    for i, py in enumerate(points["y"]):
        for j, px in enumerate(points["x"]):
            sheet.dot(left + px * cell, top + py * cell, 4.5, hue(2 * (i // SAMPLES) + j // SAMPLES))
    return points


def roi_picture(image: np.ndarray, box: tuple[float, float, float, float] | None = None) -> Figure:
    """A picture with a box, and what the three make of it with 14x14 cells on a feature map of stride 8."""
    x = torch.from_numpy(image)[None]
    h, w = x.shape[-2:]
    stride = 8
    small = torch.nn.functional.avg_pool2d(x, stride, ceil_mode=True, count_include_pad=False)
    x0, y0, x1, y1 = _inside(box or (0.28 * w + min(3, 0.1 * w), 0.22 * h + min(3, 0.1 * h), 0.72 * w, 0.78 * h), w, h)
    boxes = torch.tensor([[x0, y0, x1, y1]])
    sheet = Sheet()
    y = heading(
        sheet,
        "A box of a picture, cut out of a map of stride 8",
        "14x14 cells each. RoIPool repeats and shifts pixels of the map; RoIAlign lies where the box does.",
    )
    pictures = {
        "image": x,
        "map of stride 8": small,
        "in the box": x[..., int(y0) : ceil(y1), int(x0) : ceil(x1)],
        "RoIPool, max": roi_pool(small, boxes, 14, scale=1 / stride),
        "RoIWarp, average": roi_warp(small, boxes, 14, reduce="average", scale=1 / stride),
        "RoIAlign, average": roi_align(small, boxes, 14, scale=1 / stride),
    }
    numbers = panels(sheet, y, {name: value[0].numpy() for name, value in pictures.items()})
    unit = 300 / w
    sheet.box(x0 * unit, y + y0 * unit, (x1 - x0) * unit, (y1 - y0) * unit, line=PAPER, width=4)
    sheet.box(x0 * unit, y + y0 * unit, (x1 - x0) * unit, (y1 - y0) * unit, line=ACCENT, width=2)
    return Figure(sheet, {"box": [x0, y0, x1, y1], **numbers})


def _inside(box: tuple[float, float, float, float], w: int, h: int) -> tuple[float, float, float, float]:
    x0, y0, x1, y1 = box
    if not (0 <= x0 < x1 <= w and 0 <= y0 < y1 <= h):
        raise DataError(
            f"the box {number(x0)} {number(y0)} {number(x1)} {number(y1)} does not lie inside of {w} x {h} pixels; "
            "give x0 y0 x1 y1, upper left before lower right"
        )
    return box


def _map(sheet: Sheet, x: float, y: float, values: Tensor, cell: float, fills: dict[Cell, Color] | None = None) -> None:
    """A map in grays, its numbers small and to the left of each pixel's middle, where few lines and points lie."""
    low, high = float(values.min()), float(values.max())
    for i, row in enumerate(values.tolist()):
        for j, value in enumerate(row):
            left, top = x + j * cell, y + i * cell
            gray = tint(SOFT, 0.3 * (value - low) / ((high - low) or 1))
            marked = fills is not None and (i, j) in fills
            sheet.box(left, top, cell, cell, fill=fills[i, j] if fills and marked else gray, line=RULE)
            sheet.text(left + 0.15 * cell, top + cell / 2, number(value), 0.3 * cell, INK, "lm", bold=marked)
    sheet.box(x, y, values.shape[1] * cell, values.shape[0] * cell, line=SOFT, width=1.5)
