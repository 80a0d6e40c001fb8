"""A drawing's marks as pixels, and the few colors that a drawing without photographs needs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
from PIL import Image, ImageDraw

from .marks import HEAVY, PAPER, Box, Color, Dot, Line, Mark, Picture, Point, Words, font, length, tint

STEPS = 6  # between each color and paper, for the edges of letters and lines


class Canvas:
    """Pixels that marks are painted on.

    Args:
        image: where to paint.
        at: a place in points to one in pixels.
        fine: pixels a point.
    """

    def __init__(self, image: Image.Image, at: Callable[[float, float], Point], fine: int) -> None:
        self.image, self.at, self.fine = image, at, fine
        self.draw = ImageDraw.Draw(image)

    def paint(self, mark: Mark) -> None:
        """Paint a mark over what is there."""
        match mark:
            case Box():
                self._box(mark)
            case Line():
                self._line(mark)
            case Dot():
                self._dot(mark)
            case Words():
                self._words(mark)
            case Picture():
                self._picture(mark)

    def _box(self, mark: Box) -> None:
        (x0, y0), (x1, y1) = self.at(mark.x, mark.y), self.at(mark.x + mark.w, mark.y + mark.h)
        if mark.fill is not None:
            self.draw.rectangle((round(x0), round(y0), round(x1) - 1, round(y1) - 1), mark.fill)
        if mark.line is None:
            return
        half = mark.width * self.fine / 2
        corners = [(x0, y0), (x1, y0), (x1, y1), (x0, y1), (x0, y0)]
        for (a, b), (c, d) in pairwise(corners):
            for p, q, r, s in _pieces(a, b, c, d, mark.dash * self.fine):
                lo, hi = (min(p, r) - half, min(q, s) - half), (max(p, r) + half, max(q, s) + half)
                self.draw.rectangle((round(lo[0]), round(lo[1]), round(hi[0]) - 1, round(hi[1]) - 1), mark.line)

    def _line(self, mark: Line) -> None:
        points = [self.at(*point) for point in mark.points]
        width = max(1, round(mark.width * self.fine))
        if mark.filled:
            self.draw.polygon(points, mark.color)
        elif not mark.dash:
            self.draw.line(points, mark.color, width, joint="curve")
        else:
            for (a, b), (c, d) in pairwise(points):
                for piece in _pieces(a, b, c, d, mark.dash * self.fine):
                    self.draw.line(piece, mark.color, width)

    def _dot(self, mark: Dot) -> None:
        x, y = self.at(mark.x, mark.y)
        r = mark.radius * self.fine
        self.draw.ellipse((x - r, y - r, x + r, y + r), mark.rim)
        r -= self.fine
        self.draw.ellipse((x - r, y - r, x + r, y + r), mark.fill)

    def _words(self, mark: Words) -> None:
        x, y = self.at(mark.x, mark.y)
        size = mark.size * self.fine
        # "m" is the middle of a capital, so that figures and words share a line
        y += {"m": 0.36, "t": 0.86, "b": -0.14}[mark.anchor[1]] * size
        letters = font(size)
        if not mark.bold:
            self.draw.text((x, y), mark.words, mark.color, letters, anchor=mark.anchor[0] + "s")
            return
        # Pillow brings one weight: heavier letters are drawn with a rim, and stand further apart by as much.
        x -= {"l": 0.0, "m": 0.5, "r": 1.0}[mark.anchor[0]] * length(mark.words, mark.size, bold=True) * self.fine
        for n, letter in enumerate(mark.words):
            place = x + letters.getlength(mark.words[: n + 1]) - letters.getlength(letter) + n * HEAVY * size
            self.draw.text((place, y), letter, mark.color, letters, anchor="ls", stroke_width=0.02 * size)

    def _picture(self, mark: Picture) -> None:
        (x0, y0), (x1, y1) = self.at(mark.x, mark.y), self.at(mark.x + mark.w, mark.y + mark.h)
        size = (max(1, round(x1) - round(x0)), max(1, round(y1) - round(y0)))
        how = Image.Resampling.NEAREST if size[0] >= mark.image.width else Image.Resampling.LANCZOS
        self.image.paste(mark.image.resize(size, how), (round(x0), round(y0)))


def palette_of(marks: Sequence[Mark]) -> list[Color]:
    """List the colors of the marks, and for their edges those between the darker ones and paper: 256 at most."""
    used: dict[Color, None] = {PAPER: None}
    for mark in marks:
        match mark:
            case Box(fill=first, line=second) | Dot(fill=first, rim=second):
                used |= {color: None for color in (first, second) if color is not None}
            case Line(color=color) | Words(color=color):
                used[color] = None
    dark = [color for color in used if sum(color) < 480]
    edges = dict.fromkeys(tint(color, step / STEPS) for step in range(1, STEPS) for color in dark)
    return [*used, *edges][:256]


def reduced(image: Image.Image, palette: list[Color]) -> Image.Image:
    """Each pixel in the nearest color of a palette; Pillow's own reduction compares roughly, and tints the paper."""
    pixels = np.asarray(image).astype(np.int32)
    packed = (pixels[..., 0] << 16) + (pixels[..., 1] << 8) + pixels[..., 2]
    codes, index = np.unique(packed, return_inverse=True)
    colors = np.stack([codes >> 16, codes >> 8 & 255, codes & 255], axis=1)
    apart = ((colors[:, None] - np.array(palette)) ** 2).sum(axis=2)
    reduced = Image.fromarray(apart.argmin(axis=1).astype(np.uint8)[index.reshape(packed.shape)])
    reduced.putpalette([part for color in palette for part in color])
    return reduced


def _pieces(a: float, b: float, c: float, d: float, dash: float) -> list[tuple[float, float, float, float]]:
    """A straight line as its dashes, or as one piece."""
    far = float(np.hypot(c - a, d - b))
    if dash <= 0 or far == 0:
        return [(a, b, c, d)]
    count = max(1, round(far / dash / 2))
    ends = [(n / (count - 0.5 + 1e-9), min(1.0, (n + 0.5) / (count - 0.5 + 1e-9))) for n in range(count)]
    return [(a + (c - a) * s, b + (d - b) * s, a + (c - a) * t, b + (d - b) * t) for s, t in ends]
