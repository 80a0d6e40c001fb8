"""Drawings of atrous, separable and coordinate convolution."""

from __future__ import annotations

import numpy as np
import torch

from ..blocks import (
    add_coordinates,
    atrous_convolution,
    depthwise_convolution,
    full_weights,
    pointwise_convolution,
    receptive_field,
    separable_weights,
)
from ..errors import DataError
from .given import Table
from .marks import ACCENT, BLUE, INK, PAPER, RULE, SOFT, Color, length, tint
from .parts import Figure, arrow, grid, heading, hue, number, panels, stretched, told
from .sheet import Sheet

NEAR, FAR = (1, 2, 3), (6, 12, 18)
WEIGHTS = (1.0, 2.0, 1.0)
SIDE = 250  # points along each side of a square


def atrous_numbers(numbers: Table) -> Figure:
    """The nine taps of a 3x3 kernel at six rates on a grid of pixels; under them a row of numbers at three rates."""
    if len(numbers) != 1 or len(numbers[0]) < 7:
        raise DataError("numbers: atrous reads one row of 7 to 12 numbers here, such as 3 1 4 1 5 9 2 6 5")
    x, w = torch.tensor(numbers), torch.tensor([[WEIGHTS]])
    fields = {rate: receptive_field(3, rate) for rate in (*NEAR, *FAR)}
    answers = {rate: atrous_convolution(x[None], w, rate)[0, 0].tolist() for rate in NEAR}
    sheet = Sheet()
    y = heading(
        sheet,
        "Atrous convolution: the same nine weights, further apart",
        "A 3x3 kernel at rate r sees k + (k - 1)(r - 1) pixels along each side, and still has nine weights.",
    )
    top = y + 24
    for rates, pixels in ((NEAR, 9), (FAR, 37)):
        for n, rate in enumerate(rates):
            _taps(sheet, n * (SIDE + 44), top, rate, fields[rate], pixels)
        top += SIDE + 66
    sheet.text(0, top, "On a row of numbers", 16, INK, "lt", bold=True)
    sheet.text(
        170,
        top + 1,
        f"y[i] = x[i] w[0] + x[i + r] w[1] + x[i + 2r] w[2],  w = {' '.join(map(number, WEIGHTS))}",
        15,
        SOFT,
        "lt",
    )
    _rows(sheet, top + 62, numbers[0], answers)
    held = {"taps": 9, "receptive_field": fields, "x": list(numbers[0]), "w": list(WEIGHTS), "y": answers}
    return Figure(sheet, held)


def _taps(sheet: Sheet, x: float, y: float, rate: int, field: int, pixels: int) -> None:
    """A square of pixels, what the kernel sees of it, and its nine taps."""
    cell = SIDE / pixels
    sheet.box(x, y, SIDE, SIDE, fill=PAPER)
    lo = (pixels - field) / 2 * cell
    sheet.box(x + lo, y + lo, field * cell, field * cell, fill=tint(ACCENT, 0.16))
    for n in range(pixels + 1):
        sheet.line([(x + n * cell, y), (x + n * cell, y + SIDE)], RULE, 0.75)
        sheet.line([(x, y + n * cell), (x + SIDE, y + n * cell)], RULE, 0.75)
    for i in (-1, 0, 1):
        for j in (-1, 0, 1):
            left, up = ((pixels // 2 + step * rate) * cell for step in (j, i))
            sheet.box(
                x + left, y + up, cell, cell, fill=ACCENT if (i or j) else BLUE, line=RULE if pixels < 20 else None
            )
    sheet.box(x + lo, y + lo, field * cell, field * cell, line=ACCENT, width=1.75)
    sheet.box(x, y, SIDE, SIDE, line=SOFT, width=1.25)
    sheet.text(x + SIDE / 2, y - 9, f"rate {rate}", 16, INK, "mb", bold=True)
    sheet.text(x + SIDE / 2, y + SIDE + 9, f"sees {field} x {field} pixels", 14, SOFT, "mt")


def _rows(sheet: Sheet, y: float, x: tuple[float, ...], answers: dict[int, list[float]]) -> None:
    """The row x, and under it y at each rate, each value under its middle tap; the taps of one value drawn in."""
    width = 3 * SIDE + 2 * 44
    gap = 44
    cell = (width - 2 * gap) / 3 / len(x)
    for n, (rate, answer) in enumerate(answers.items()):
        left = n * (cell * len(x) + gap)
        chosen = (len(answer) - 1) // 2
        taps = [chosen + rate * k for k in range(3)]
        fills = {(0, tap): tint(ACCENT, 0.3) for tap in taps}
        grid(sheet, left, y, [x], cell=cell, fills=fills, bold=[(0, tap) for tap in taps], caption=f"x, rate {rate}")
        below = y + cell + 56
        start = left + rate * cell
        target = (start + (chosen + 0.5) * cell, below)
        for tap, weight in zip(taps, WEIGHTS, strict=True):
            from_x = left + (tap + 0.5) * cell
            sheet.line([(from_x, y + cell), target], ACCENT, 1.6)
            middle = ((from_x + target[0]) / 2, (y + cell + below) / 2)
            sheet.dot(*middle, 8.5, PAPER)
            sheet.text(*middle, number(weight), 13, ACCENT, "mm", bold=True)
        grid(
            sheet,
            start,
            below,
            [answer],
            cell=cell,
            fills={(0, chosen): tint(ACCENT, 0.3)},
            bold=[(0, chosen)],
            below=f"y: {len(x)} - {2 * rate} = {len(answer)} values",
        )


def atrous_picture(image: np.ndarray) -> Figure:
    """What a pixel has that the mean of its eight neighbors at the rate's distance has not."""
    x = torch.from_numpy(image).mean(0)[None, None]
    kernel = torch.full((1, 1, 3, 3), -1 / 8)
    kernel[..., 1, 1] = 1
    pictures: dict[str, np.ndarray] = {}
    for rate in (*NEAR, *FAR):
        answer = atrous_convolution(x, kernel, rate, same=True)
        pictures[f"rate {rate}: sees {receptive_field(3, rate)} x {receptive_field(3, rate)}"] = answer[0, 0].numpy()
    sheet = Sheet()
    y = heading(
        sheet,
        "A pixel less the mean of its eight neighbors, near and far",
        "Nine weights each time. At rate 1 they answer to lines and noise, at rate 18 to whole things.",
    )
    panels(sheet, y, {name: stretched(value) for name, value in pictures.items()})
    return Figure(sheet, told(pictures))


def separable_numbers() -> Figure:
    """Three channels, a kernel for each, then mixtures at each pixel; and how many weights that saves."""
    sheet = Sheet()
    y = heading(
        sheet,
        "Separable convolution: look around in each channel, then mix the channels",
        "A full convolution does both at once, and needs a k x k kernel for every pair of input and output channel.",
    )
    top, side = y + 30, 96.0
    colors = [hue(0), hue(1), hue(2)]
    _stack(sheet, 0, top, side, colors, "C channels")
    left, right = side + 96, side + 96 + 48 + 96
    _stack(sheet, right, top, side, colors, "C channels")
    for n, color in enumerate(colors):  # the map in front to the lowest kernel, so that no lines cross
        mini = top + (2 - n) * 62 - 6
        strip = (side + 14 * n - 7, top + 40 - 14 * n + (0.78, 0.5, 0.2)[n] * side)
        sheet.line([strip, (left, mini + 24)], color, 1.6)
        sheet.dot(*strip, 4, color)
        _mini(sheet, left, mini, 3, 16, color)
        edge = (right + 14 * n, top + 40 - 14 * n + (7 if n else side / 2))
        sheet.line([(left + 48, mini + 24), edge], color, 1.6)
        sheet.dot(*edge, 4, color)
    sheet.text(left + 24, top + 3 * 62 + 4, "C kernels k x k", 14, INK, "mt")
    sheet.text(left + 24, top - 18, "depthwise", 16, INK, "mb", bold=True)
    mixes = right + side + 128
    arrow(sheet, right + side + 52, top + side / 2 + 20, mixes - 12)
    for n in range(4):
        for c, color in enumerate(colors):
            strength = (0.9, 0.35, 0.6, 0.2)[(n + 2 * c) % 4]
            sheet.box(mixes + c * 22, top + n * 42 - 4, 22, 26, fill=tint(color, strength), line=PAPER)
        sheet.box(mixes, top + n * 42 - 4, 66, 26, line=SOFT)
    sheet.text(mixes + 33, top - 18, "pointwise", 16, INK, "mb", bold=True)
    sheet.text(mixes + 33, top + 3 * 62 + 4, "C' mixtures 1x1", 14, INK, "mt")
    last = mixes + 66 + 64
    arrow(sheet, mixes + 78, top + side / 2 + 20, last - 12)
    _stack(sheet, last, top, side, [INK] * 4, "C' channels")
    held = _bars(sheet, top + 252)
    return Figure(sheet, held)


def _stack(sheet: Sheet, x: float, y: float, side: float, colors: list[Color], caption: str) -> None:
    """Maps one behind the other."""
    for n, color in reversed(list(enumerate(colors))):
        shift = 14 * n
        sheet.box(x + shift, y + 40 - shift, side, side, fill=tint(color, 0.22), line=tint(color, 0.75), width=1.4)
    sheet.text(x + (side + 14 * (len(colors) - 1)) / 2, y + 3 * 62 + 4, caption, 14, INK, "mt")


def _mini(sheet: Sheet, x: float, y: float, n: int, cell: float, color: Color) -> None:
    """A small kernel without numbers."""
    for i in range(n):
        for j in range(n):
            share = 0.75 if (i, j) == (1, 1) else 0.35 if 1 in (i, j) else 0.18
            sheet.box(x + j * cell, y + i * cell, cell, cell, fill=tint(color, share), line=PAPER)
    sheet.box(x, y, n * cell, n * cell, line=color, width=1.4)


def _bars(sheet: Sheet, y: float, kernel: int = 3, channels: int = 256) -> dict[str, object]:
    """The weights of both, as bars of one scale."""
    full = full_weights(kernel, channels, channels)
    separable = separable_weights(kernel, channels, channels)
    depthwise = kernel * kernel * channels
    title = f"weights for k = {kernel}, C = C' = {channels}"
    sheet.text(0, y, title, 16, INK, "lt", bold=True)
    sheet.text(length(title, 16, bold=True) + 18, y + 1, "one scale, so the bars may be compared", 14, SOFT, "lt")
    unit = 560 / full
    rows = (
        ("full", "k k C C'", [(full, SOFT)], f"{full:,}"),
        ("separable", "k k C + C C'", [(depthwise, ACCENT), (separable - depthwise, BLUE)], f"{separable:,}"),
    )
    for n, (name, formula, parts, said) in enumerate(rows):
        top = y + 36 + 44 * n
        sheet.text(0, top + 13, name, 15, INK, "lm")
        sheet.text(88, top + 13, formula, 14, SOFT, "lm")
        left = 196.0
        for weights, color in parts:
            sheet.box(left, top, max(weights * unit, 2), 26, fill=tint(color, 0.75))
            left += max(weights * unit, 2)
        sheet.text(left + 10, top + 13, said, 15, INK, "lm", bold=True)
        if n == 1:
            words = f"{depthwise:,} depthwise + {separable - depthwise:,} pointwise: {full / separable:.1f} times fewer"
            sheet.text(left + 82, top + 13, words, 14, SOFT, "lm")
    return {
        "kernel": kernel,
        "in_channels": channels,
        "channels": channels,
        "full": full,
        "separable": separable,
        "depthwise": depthwise,
        "pointwise": separable - depthwise,
        "times_fewer": full / separable,
    }


def separable_picture(image: np.ndarray) -> Figure:
    """Red, green and blue each under a kernel of its own, then one mixture of the three."""
    x = torch.from_numpy(image)[None]
    blur = torch.full((3, 3), 1 / 9)
    across = torch.tensor([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]]) / 4
    kernel = torch.stack([across, across.T, blur])
    looked = depthwise_convolution(x, kernel)
    mixed = pointwise_convolution(looked, torch.tensor([[1.0, 1.0, 0.5]]))
    sheet = Sheet()
    y = heading(
        sheet,
        "A picture in two halves",
        "Depthwise: one kernel each for red, green and blue. Pointwise: one sum of the three at each pixel.",
    )
    signed = {"red: change across": looked[0, 0], "green: change down": looked[0, 1]}
    pictures = {"image": image, **{name: stretched(value.numpy()) for name, value in signed.items()}}
    pictures |= {"blue: mean of 3x3": looked[0, 2].numpy(), "pointwise: 1, 1, 0.5": stretched(mixed[0, 0].numpy())}
    return Figure(sheet, panels(sheet, y, pictures))


def coordinates_numbers() -> Figure:
    """The two maps that are added to a feature map of 5x7 pixels."""
    h, w = 5, 7
    across, down = add_coordinates(torch.zeros(1, 1, h, w))[0, 1:]
    sheet = Sheet()
    y = heading(
        sheet,
        "Coordinate convolution: every pixel knows where it stands",
        "Two channels are added to the map: across and down, from -1 at the first pixel to 1 at the last.",
    )
    top, cell = y + 30, 42
    wide, tall = grid(sheet, 0, top, across.tolist(), fills=_signed(across), cell=cell, caption="across", size=14)
    grid(sheet, wide + 40, top, down.tolist(), fills=_signed(down), cell=cell, caption="down", size=14)
    line = top + tall + 62
    side = 84.0
    features = [INK] * 3
    _layers(sheet, 0, line + 30, side, features, "x: C channels")
    sheet.text(side + 62, line + 66, "+", 24, SOFT)
    _layers(sheet, side + 92, line + 30, side, [ACCENT, BLUE], "across, down")
    left = 2 * side + 92 + 46
    arrow(sheet, left, line + 66, left + 128, "convolution", under="C + 2 in, C' out")
    _layers(sheet, left + 152, line + 30, side, [INK] * 4, "C' channels")
    return Figure(sheet, {"across": across.tolist(), "down": down.tolist()})


def _layers(sheet: Sheet, x: float, y: float, side: float, colors: list[Color], caption: str) -> None:
    for n, color in reversed(list(enumerate(colors))):
        shift = 11 * n
        sheet.box(x + shift, y - shift, side, side, fill=tint(color, 0.2), line=tint(color, 0.75), width=1.4)
    sheet.text(x + (side + 11 * (len(colors) - 1)) / 2, y + side + 10, caption, 14, INK, "mt")


def _signed(values: torch.Tensor) -> dict[tuple[int, int], Color]:
    """Blue below zero, the accent above it."""
    return {
        (i, j): tint(ACCENT if value > 0 else BLUE, 0.45 * abs(value))
        for i, row in enumerate(values.tolist())
        for j, value in enumerate(row)
    }


def coordinates_picture(image: np.ndarray) -> Figure:
    """A picture, and the two maps that are added to it."""
    x = add_coordinates(torch.from_numpy(image)[None])[0]
    sheet = Sheet()
    y = heading(sheet, "A picture and its coordinates", "From -1, black, to 1, white.")
    pictures = {"image": image, "across": x[3].numpy() / 2 + 0.5, "down": x[4].numpy() / 2 + 0.5}
    return Figure(sheet, panels(sheet, y, pictures))
