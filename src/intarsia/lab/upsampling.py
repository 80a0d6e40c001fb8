"""Drawings of transposed convolution and of bilinear enlargement."""

from __future__ import annotations

import numpy as np
import torch

from ..blocks import apply_conv, bilinear_kernel, bilinear_upsample, nearest_unpool, transposed_convolution
from ..errors import DataError
from .given import Table
from .marks import CARD, INK, PAPER, RULE, SOFT, Color, tint
from .parts import Cell, Figure, arrow, grid, heading, heat, hue, number, panels
from .sheet import Sheet

SMALL: Table = ((1, 2), (0, 1))
LARGE: Table = ((1, 2, 1), (2, 4, 2), (1, 2, 1))
MOST = 6  # stamps that fit side by side


def transposed_numbers(numbers: Table, kernel: Table | None = None) -> Figure:
    """Every input value lays down the kernel scaled by itself; the stamps are added."""
    x = torch.tensor(numbers)
    if x.numel() > MOST:
        raise DataError(f"numbers: {x.numel()} stamps do not fit side by side; give up to {MOST} numbers, such as 2x2")
    small, large = (SMALL, LARGE) if kernel is None else (kernel, kernel)
    if max(len(large), len(large[0])) > 5:
        raise DataError(f"kernel: {len(large)}x{len(large[0])} is too large to draw; 5x5 is most")
    settings = [(small, 1, 0, 0), (small, 2, 0, 0)]
    if min(len(large), len(large[0])) > 2:
        settings.append((large, 2, 1, 1))
    elif all(2 * (n - 1) + k > 2 for n, k in zip(x.shape, (len(large), len(large[0])), strict=True)):
        settings.append((large, 2, 1, 0))
    sheet = Sheet()
    y = heading(
        sheet,
        "Transposed convolution: scaled kernels, laid down and added",
        "Each input value lays down the whole kernel, times itself. The stride is the step from one stamp to the next in"
        " the output.\nPadding crops the sum; output padding gives back rows and columns at its end.",
    )
    told = []
    for weights, stride, padding, extra in settings:
        w = torch.tensor(weights, dtype=x.dtype)
        y, held = _stamped(sheet, y, x, w, stride, padding, extra)
        told.append(held)
    return Figure(sheet, {"input": x.tolist(), "settings": told})


def _stamped(
    sheet: Sheet, y: float, x: torch.Tensor, w: torch.Tensor, stride: int, padding: int, extra: int
) -> tuple[float, dict[str, object]]:
    """One line of the drawing; returns where the next may start, and its numbers."""
    cell = 27.0
    result = transposed_convolution(x[None, None], w[None, None], stride=stride, padding=padding, output_padding=extra)
    whole = torch.zeros(*((n - 1) * stride + k + extra for n, k in zip(x.shape, w.shape, strict=True)))
    rows, columns = whole.shape
    kept = (rows - 2 * padding, columns - 2 * padding)
    setting = f"kernel {w.shape[0]}x{w.shape[1]}, stride {stride}"
    setting += f", padding {padding}" if padding else ""
    setting += f", output padding {extra}" if extra else ""
    title = f"{setting}:  {x.shape[0]}x{x.shape[1]} becomes {kept[0]}x{kept[1]}"
    sheet.text(0, y + 6, title, 16, INK, "lt", bold=True)
    top = y + 58
    tall = rows * cell
    middle = top + tall / 2
    columns_in = x.shape[1]
    inputs = {(n // columns_in, n % columns_in): tint(hue(n), 0.28) for n in range(x.numel())}
    small = 34
    wide, high = grid(
        sheet, 0, middle - x.shape[0] * small / 2, x.tolist(), fills=inputs, caption="input", cell=small, size=16
    )
    left = wide + 26
    wide, _ = grid(sheet, left, middle - w.shape[0] * cell / 2, w.tolist(), caption="kernel", cell=cell, size=14)
    left += wide + 18
    arrow(sheet, left, middle, left + 42)
    left += 60
    count: dict[Cell, list[int]] = {}
    steps = []
    for n, value in enumerate(x.flatten().tolist()):
        i, j = n // columns_in * stride, n % columns_in * stride
        cells: list[list[float | None]] = [[None] * columns for _ in range(rows)]
        fills: dict[Cell, Color] = {}
        for p in range(w.shape[0]):
            for q in range(w.shape[1]):
                cells[i + p][j + q] = value * float(w[p, q])
                fills[i + p, j + q] = tint(hue(n), 0.28)
                count.setdefault((i + p, j + q), []).append(n)
        stamp = torch.zeros_like(whole)
        stamp[i : i + w.shape[0], j : j + w.shape[1]] = value * w
        whole += stamp
        steps.append(stamp.tolist())
        wide, _ = grid(
            sheet, left, top, cells, fills=fills, caption=f"{number(value)} times kernel", cell=cell, size=13
        )
        left += wide
        last = n == x.numel() - 1
        sheet.text(left + 13, middle, "=" if last else "+", 20, SOFT)
        left += 26
    fills = {place: tint(hue(ns[0]), 0.28) if len(ns) == 1 else tint(INK, 0.16) for place, ns in count.items()}
    outside = [
        (i, j)
        for i in range(rows)
        for j in range(columns)
        if not (padding <= i < rows - padding and padding <= j < columns - padding)
    ]
    fills |= dict.fromkeys(outside, CARD)
    shared = [place for place, ns in count.items() if len(ns) > 1 and place not in outside]
    grid(
        sheet,
        left,
        top,
        whole.tolist(),
        fills=fills,
        bold=shared,
        pale=outside,
        caption="output" if not padding else "sum, cropped",
        cell=cell,
        size=13,
    )
    if padding:
        inset = padding * cell
        sheet.box(left + inset, top + inset, kept[1] * cell, kept[0] * cell, line=INK, width=2.5)
    held: dict[str, object] = {
        "kernel": w.tolist(),
        "stride": stride,
        "padding": padding,
        "output_padding": extra,
        "steps": steps,
        "sum": whole.tolist(),
        "output": result[0, 0].tolist(),
    }
    return top + tall + 30, held


def transposed_picture(image: np.ndarray, kernel: Table | None = None) -> Figure:
    """A picture enlarged by flat kernels that meet, overlap unevenly, and overlap evenly."""
    x = torch.from_numpy(image)[:, None]  # each channel by itself, with one kernel
    h, w = x.shape[-2:]
    flat2, flat3 = torch.ones(2, 2), torch.ones(3, 3) / 2.25
    sheet = Sheet()
    y = heading(
        sheet,
        "A picture through transposed convolutions of stride 2",
        "A 3x3 kernel covers every second pixel twice: the checkerboard of unlearned kernels. The bilinear one is even.",
    )
    given = flat3 if kernel is None else torch.tensor(kernel, dtype=x.dtype)
    options = {"transposed": True, "stride": 2}
    cut = slice(h // 2 - min(24, h // 2), h // 2 + 24), slice(w // 2 - min(32, w // 2), w // 2 + 32)
    x = x[..., cut[0], cut[1]]
    pictures = {
        "2x2, flat": apply_conv(x, flat2, **options),  # type: ignore[arg-type]
        f"{given.shape[0]}x{given.shape[1]}, {'flat' if kernel is None else 'yours'}": apply_conv(
            x,
            given,
            **options,  # type: ignore[arg-type]
        ),
        "4x4, bilinear": bilinear_upsample(x, 2),
    }
    return Figure(sheet, panels(sheet, y, {name: value[:, 0].numpy() for name, value in pictures.items()}))


def bilinear_numbers(numbers: Table) -> Figure:
    """Two kernels, the sides of others, and a row of values enlarged four times by adding tents."""
    if len(numbers) != 1 or not 2 <= len(numbers[0]) <= 8:
        raise DataError("numbers: bilinear enlarges one row of 2 to 8 numbers here, such as 1 4 2 3")
    values = torch.tensor(numbers[0])
    factor = 4
    # A map whose rows are all alike, so that its middle rows show the interpolation along them alone.
    enlarged = bilinear_upsample(values.expand(1, 1, 3, -1), factor)[0, 0, factor + factor // 2]
    tent = bilinear_kernel(factor).sum(0) / factor
    sheet = Sheet()
    y = heading(
        sheet,
        "Bilinear enlargement is a transposed convolution with a fixed kernel",
        "Each value lays down a tent; tents overlap halfway, and their sum runs straight from value to value.",
    )
    top = y + 28
    left = 0.0
    kernels = {}
    for f, unit, cell in ((2, 16, 40), (3, 9, 32)):
        kernel = (bilinear_kernel(f) * unit).round()
        kernels[f"{f}"] = bilinear_kernel(f).tolist()
        fills = {
            (i, j): heat(float(kernel[i, j]), float(kernel.max()))
            for i in range(len(kernel))
            for j in range(len(kernel))
        }
        wide, _ = grid(
            sheet,
            left,
            top,
            kernel.tolist(),
            fills=fills,
            cell=cell,
            caption=f"twice as large, in 1/{unit}" if f == 2 else f"three times, in 1/{unit}",
        )
        left += wide + 74
    sides = {f: len(bilinear_kernel(f)) for f in (2, 3, 4, 8, 16, 32)}
    sheet.text(left, top - 9, "factor", 14, INK, "lb")
    sheet.text(left + 150, top - 9, "side of the kernel", 14, INK, "mb")
    for n, (f, side) in enumerate(sides.items()):
        line = top + 14 + 25 * n
        sheet.text(left + 22, line, str(f), 15, INK, "mm")
        sheet.text(left + 150, line, str(side), 15, INK, "mm")
        sheet.line([(left, line + 12.5), (left + 215, line + 12.5)], RULE, 1)
    _tents(sheet, top + 250, values, tent, enlarged, factor)
    return Figure(
        sheet,
        {
            "values": values.tolist(),
            "factor": factor,
            "enlarged": enlarged.tolist(),
            "kernels": kernels,
            "sides": sides,
        },
    )


def _tents(sheet: Sheet, y: float, values: torch.Tensor, tent: torch.Tensor, total: torch.Tensor, factor: int) -> None:
    """The tents of a row of values, and their sum."""
    n = len(values)
    step = 780 / (n * factor)
    low, high = min(0.0, float(values.min())), max(float(values.max()), 0.0)
    unit = 170 / ((high - low) or 1)
    base = y + high * unit
    foot = base - low * unit  # the lowest point of a tent
    at = lambda j, v: ((j + 0.5) * step, base - v * unit)  # noqa: E731
    sheet.text(0, y - 34, f"a row of values, {factor} times as long", 16, INK, "lb", bold=True)
    right = n * factor * step
    tents = []
    for i, value in enumerate(values.tolist()):
        start = i * factor - factor // 2
        peak = ((i + 0.5) * factor * step, base - value * unit)
        half = base - value * unit / 2
        outline = [(start * step, base), peak, ((start + len(tent)) * step, base)]
        if i == 0:  # the map begins in the middle of a slope
            outline[:1] = [(0, base), (0, half)]
        if i == n - 1:
            outline[-1:] = [(right, half), (right, base)]
        tents.append(outline)
        sheet.shape(outline, tint(hue(i), 0.14))
        sheet.text(peak[0], foot + 30, number(value), 17, hue(i), "mm", bold=True)
    for i, (outline, value) in enumerate(zip(tents, values.tolist(), strict=True)):
        sheet.line([*outline, outline[0]], hue(i), 1.5)
        points = [at(i * factor - factor // 2 + k, value * float(t)) for k, t in enumerate(tent)]
        for px, py in points:
            if 0 <= px <= right:
                sheet.dot(px, py, 3.2, hue(i))
    sheet.line([(0, base), (right, base)], SOFT, 1.5)
    for j in range(n * factor + 1):
        sheet.line([(j * step, base), (j * step, base + 5)], RULE, 1)
    curve = [at(j, v) for j, v in enumerate(total.tolist())]
    sheet.line(curve, INK, 2.5)
    for px, py in curve:
        sheet.dot(px, py, 5, INK)
    sheet.text(right + 16, curve[-1][1], "sum", 15, INK, "lm", bold=True)
    sheet.text(right + 16, foot + 30, "values", 14, SOFT, "lm")
    sheet.text(
        0, foot + 62, "At both ends zeros creep in: pad the map with copies of its border first.", 14, SOFT, "lm"
    )


def bilinear_picture(image: np.ndarray) -> Figure:
    """A small part of a picture, repeated and interpolated eight times as large."""
    x = torch.from_numpy(image)[None]
    h, w = x.shape[-2:]
    x = x[..., max(0, h // 2 - 16) : h // 2 + 16, max(0, w // 2 - 20) : w // 2 + 20]
    sheet = Sheet()
    y = heading(
        sheet,
        "A part of a picture, eight times as large",
        "The fixed transposed convolution with a 16x16 kernel darkens the border, where zeros creep in.",
    )
    pictures = {"pixels": x, "nearest": nearest_unpool(x, 8), "bilinear": bilinear_upsample(x, 8)}
    sheet.box(0, y, 1, 1, fill=PAPER)
    return Figure(sheet, panels(sheet, y, {name: value[0].numpy() for name, value in pictures.items()}))
