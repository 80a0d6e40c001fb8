"""What a drawing is made of: boxes, lines, dots, words and pictures, in points of a screen, and their colors."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

from PIL import Image, ImageFont

Color = tuple[int, int, int]
Point = tuple[float, float]

INK, SOFT, RULE, CARD, PAPER = (32, 29, 26), (106, 99, 92), (205, 197, 187), (247, 245, 242), (255, 255, 255)
ACCENT, BLUE, GREEN, GOLD, PLUM = (162, 84, 28), (46, 111, 163), (72, 138, 90), (196, 146, 30), (126, 79, 140)
HUES = (ACCENT, BLUE, GREEN, GOLD, PLUM)
HEAVY = 0.022  # of its size, by which the letters of a heavy line stand further apart


def tint(color: Color, share: float) -> Color:
    """A color mixed with paper: share 0 is paper, 1 the color itself."""
    red, green, blue = (round(255 + share * (c - 255)) for c in color)
    return red, green, blue


class Box(NamedTuple):
    """A rectangle, filled, outlined or both; a dashed outline for `dash` above 0."""

    x: float
    y: float
    w: float
    h: float
    fill: Color | None
    line: Color | None
    width: float
    dash: float


class Line(NamedTuple):
    """A line through points; closed and filled it is a shape."""

    points: tuple[Point, ...]
    color: Color
    width: float
    dash: float
    filled: bool


class Dot(NamedTuple):
    """A disk around (x, y), with a rim."""

    x: float
    y: float
    radius: float
    fill: Color
    rim: Color


class Words(NamedTuple):
    """One line of text; `anchor` as Pillow has it: l m r across, then t m b down."""

    x: float
    y: float
    words: str
    size: float
    color: Color
    anchor: str
    bold: bool


class Picture(NamedTuple):
    """Pixels, each a rectangle of its own."""

    x: float
    y: float
    w: float
    h: float
    image: Image.Image


Mark = Box | Line | Dot | Words | Picture


def length(words: str, size: float, *, bold: bool = False) -> float:
    """Width of a line of text."""
    return size * (font(100).getlength(words) / 100 + HEAVY * bold * max(0, len(words) - 1))


@cache
def font(size: float) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Return the font that Pillow brings, in pixels."""
    return ImageFont.load_default(size)


def edges(mark: Mark) -> tuple[float, float, float, float]:
    """Left, top, right and bottom of a mark."""
    match mark:
        case Line(points=points):
            xs, ys = zip(*points, strict=True)
            return min(xs), min(ys), max(xs), max(ys)
        case Dot(x=x, y=y, radius=r):
            return x - r, y - r, x + r, y + r
        case Words(x=x, y=y, words=words, size=size, anchor=anchor, bold=bold):
            w = length(words, size, bold=bold)
            left = x - {"l": 0.0, "m": w / 2, "r": w}[anchor[0]]
            top = y - {"t": 0.0, "m": size / 2, "b": size}[anchor[1]]
            return left, top, left + w, top + size
    return mark.x, mark.y, mark.x + mark.w, mark.y + mark.h
