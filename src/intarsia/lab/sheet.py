"""A drawing as a list of marks, in points of a screen, that is written as PNG or as SVG with one layout.

The sheet grows with what is drawn on it: coordinates may start anywhere, and a margin is laid around everything. Words
in a PNG are set in the font that Pillow brings, so that a picture looks the same on every machine; those of an SVG are
text, in the reader's own sans serif.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Sequence
from functools import cache
from html import escape
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ..errors import DataError

Color = tuple[int, int, int]
Point = tuple[float, float]

INK, SOFT, RULE, CARD, PAPER = (32, 29, 26), (106, 99, 92), (205, 197, 187), (247, 245, 242), (255, 255, 255)
ACCENT, BLUE, GREEN, GOLD, PLUM = (162, 84, 28), (46, 111, 163), (72, 138, 90), (196, 146, 30), (126, 79, 140)
HUES = (ACCENT, BLUE, GREEN, GOLD, PLUM)
MARGIN, FINE = 26, 2  # points around the drawing; pixels drawn, along each side, for each that is kept
STEPS = 6  # between each color and paper, for the edges of letters and lines
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


class Sheet:
    """Marks, in the order they are drawn."""

    def __init__(self) -> None:
        self.marks: list[Mark] = []

    def box(
        self,
        x: float,
        y: float,
        w: float,
        h: float,
        *,
        fill: Color | None = None,
        line: Color | None = None,
        width: float = 1,
        dash: float = 0,
    ) -> None:
        """A rectangle with its upper left corner at (x, y)."""
        self.marks.append(Box(x, y, w, h, fill, line, width, dash))

    def line(self, points: Sequence[Point], color: Color = INK, width: float = 1.5, dash: float = 0) -> None:
        """A line through the points."""
        self.marks.append(Line(tuple(points), color, width, dash, False))

    def shape(self, points: Sequence[Point], color: Color) -> None:
        """A filled polygon."""
        self.marks.append(Line(tuple(points), color, 0, 0, True))

    def dot(self, x: float, y: float, radius: float = 4, fill: Color = INK, rim: Color = PAPER) -> None:
        """A disk."""
        self.marks.append(Dot(x, y, radius, fill, rim))

    def text(
        self,
        x: float,
        y: float,
        words: str,
        size: float = 14,
        color: Color = INK,
        anchor: str = "mm",
        bold: bool = False,
    ) -> float:
        """One line of text; returns its width."""
        self.marks.append(Words(x, y, words, size, color, anchor, bold))
        return length(words, size, bold=bold)

    def picture(self, x: float, y: float, w: float, h: float, pixels: np.ndarray) -> None:
        """Pixels [h, w] or [h, w, 3], uint8, drawn w x h points large."""
        self.marks.append(Picture(x, y, w, h, Image.fromarray(pixels).convert("RGB")))

    def extent(self) -> tuple[float, float, float, float]:
        """Left, top, right and bottom of everything, margin included."""
        edges = [_edges(mark) for mark in self.marks] or [(0.0, 0.0, 0.0, 0.0)]
        left, top, right, bottom = zip(*edges, strict=True)
        return min(left) - MARGIN, min(top) - MARGIN, max(right) + MARGIN, max(bottom) + MARGIN

    def png(self, scale: int = 2) -> Image.Image:
        """The drawing as an image of `scale` pixels a point; without photographs it needs few colors, and has few."""
        left, top, right, bottom = self.extent()
        fine = scale * FINE
        size = (scale * round(right - left), scale * round(bottom - top))
        image = Image.new("RGB", (FINE * size[0], FINE * size[1]), PAPER)
        draw = ImageDraw.Draw(image)
        for mark in self.marks:
            _paint(draw, image, mark, lambda x, y: ((x - left) * fine, (y - top) * fine), fine)
        image = image.reduce(FINE)
        if any(isinstance(mark, Picture) for mark in self.marks):
            return image
        return _reduced(image, _palette(self.marks))

    def svg(self) -> str:
        """The drawing as one SVG document that needs nothing beside it."""
        left, top, right, bottom = self.extent()
        w, h = right - left, bottom - top
        head = (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{w:.0f}" height="{h:.0f}" '
            f'viewBox="{left:.1f} {top:.1f} {w:.1f} {h:.1f}" '
            "font-family=\"system-ui, 'Segoe UI', 'Helvetica Neue', Arial, sans-serif\">"
        )
        paper = f'<rect x="{left:.1f}" y="{top:.1f}" width="{w:.1f}" height="{h:.1f}" fill="#fff"/>'
        return "\n".join([head, paper, *map(_svg, self.marks), "</svg>\n"])

    def save(self, path: str | Path) -> Path:
        """Write the drawing; the name's ending decides, .png or .svg.

        Raises: DataError for another ending.
        """
        path = Path(path)
        if path.suffix.lower() not in (".png", ".svg"):
            raise DataError(f"{path}: drawings are written as .png or .svg")
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix.lower() == ".svg":
            path.write_text(self.svg(), encoding="utf-8")
        else:
            self.png().save(path, optimize=True)
        return path


def length(words: str, size: float, *, bold: bool = False) -> float:
    """Width of a line of text."""
    return size * (_font(100).getlength(words) / 100 + HEAVY * bold * max(0, len(words) - 1))


@cache
def _font(size: float) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


def _palette(marks: Sequence[Mark]) -> list[Color]:
    """The colors of the marks, and for their edges those between the darker ones and paper: 256 at most."""
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


def _reduced(image: Image.Image, palette: list[Color]) -> Image.Image:
    """Each pixel in the nearest color of a palette; Pillow's own reduction compares roughly, and tints the paper."""
    pixels = np.asarray(image).astype(np.int32)
    packed = (pixels[..., 0] << 16) + (pixels[..., 1] << 8) + pixels[..., 2]
    codes, index = np.unique(packed, return_inverse=True)
    colors = np.stack([codes >> 16, codes >> 8 & 255, codes & 255], axis=1)
    apart = ((colors[:, None] - np.array(palette)) ** 2).sum(axis=2)
    reduced = Image.fromarray(apart.argmin(axis=1).astype(np.uint8)[index.reshape(packed.shape)])
    reduced.putpalette([part for color in palette for part in color])
    return reduced


def _edges(mark: Mark) -> tuple[float, float, float, float]:
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


def _paint(
    draw: ImageDraw.ImageDraw, image: Image.Image, mark: Mark, at: Callable[[float, float], Point], fine: int
) -> None:
    match mark:
        case Box():
            (x0, y0), (x1, y1) = at(mark.x, mark.y), at(mark.x + mark.w, mark.y + mark.h)
            if mark.fill is not None:
                draw.rectangle((round(x0), round(y0), round(x1) - 1, round(y1) - 1), mark.fill)
            if mark.line is not None:
                half = mark.width * fine / 2
                corners = [(x0, y0), (x1, y0), (x1, y1), (x0, y1), (x0, y0)]
                for (a, b), (c, d) in pairwise(corners):
                    for p, q, r, s in _pieces(a, b, c, d, mark.dash * fine):
                        lo, hi = (min(p, r) - half, min(q, s) - half), (max(p, r) + half, max(q, s) + half)
                        draw.rectangle((round(lo[0]), round(lo[1]), round(hi[0]) - 1, round(hi[1]) - 1), mark.line)
        case Line():
            points = [at(*point) for point in mark.points]
            if mark.filled:
                draw.polygon(points, mark.color)
                return
            width = max(1, round(mark.width * fine))
            if not mark.dash:
                draw.line(points, mark.color, width, joint="curve")
                return
            for (a, b), (c, d) in pairwise(points):
                for p, q, r, s in _pieces(a, b, c, d, mark.dash * fine):
                    draw.line((p, q, r, s), mark.color, width)
        case Dot():
            x, y = at(mark.x, mark.y)
            r = mark.radius * fine
            draw.ellipse((x - r, y - r, x + r, y + r), mark.rim)
            r -= fine
            draw.ellipse((x - r, y - r, x + r, y + r), mark.fill)
        case Words():
            x, y = at(mark.x, mark.y)
            if mark.anchor[1] == "m":  # the middle of a capital, so that figures and words share a line
                y += 0.36 * mark.size * fine
            elif mark.anchor[1] == "t":
                y += 0.86 * mark.size * fine
            else:
                y -= 0.14 * mark.size * fine
            font = _font(mark.size * fine)
            if not mark.bold:
                draw.text((x, y), mark.words, mark.color, font, anchor=mark.anchor[0] + "s")
                return
            # Pillow brings one weight: heavier letters are drawn with a rim, and stand further apart by as much.
            x -= {"l": 0.0, "m": 0.5, "r": 1.0}[mark.anchor[0]] * length(mark.words, mark.size, bold=True) * fine
            for n, letter in enumerate(mark.words):
                place = x + font.getlength(mark.words[: n + 1]) - font.getlength(letter) + n * HEAVY * mark.size * fine
                draw.text((place, y), letter, mark.color, font, anchor="ls", stroke_width=0.02 * mark.size * fine)
        case Picture():
            (x0, y0), (x1, y1) = at(mark.x, mark.y), at(mark.x + mark.w, mark.y + mark.h)
            size = (max(1, round(x1) - round(x0)), max(1, round(y1) - round(y0)))
            larger = size[0] >= mark.image.width
            how = Image.Resampling.NEAREST if larger else Image.Resampling.LANCZOS
            image.paste(mark.image.resize(size, how), (round(x0), round(y0)))


def _pieces(a: float, b: float, c: float, d: float, dash: float) -> list[tuple[float, float, float, float]]:
    """A straight line as its dashes, or as one piece."""
    far = float(np.hypot(c - a, d - b))
    if dash <= 0 or far == 0:
        return [(a, b, c, d)]
    count = max(1, round(far / dash / 2))
    ends = [(n / (count - 0.5 + 1e-9), min(1.0, (n + 0.5) / (count - 0.5 + 1e-9))) for n in range(count)]
    return [(a + (c - a) * s, b + (d - b) * s, a + (c - a) * t, b + (d - b) * t) for s, t in ends]


def _svg(mark: Mark) -> str:
    match mark:
        case Box():
            line = "" if mark.line is None else f' stroke="{_hex(mark.line)}" stroke-width="{mark.width}"'
            line += f' stroke-dasharray="{mark.dash}"' if mark.line is not None and mark.dash else ""
            fill = "none" if mark.fill is None else _hex(mark.fill)
            where = f'x="{mark.x:.2f}" y="{mark.y:.2f}" width="{mark.w:.2f}" height="{mark.h:.2f}"'
            return f'<rect {where} fill="{fill}"{line}/>'
        case Line():
            points = " ".join(f"{x:.2f},{y:.2f}" for x, y in mark.points)
            if mark.filled:
                return f'<polygon points="{points}" fill="{_hex(mark.color)}"/>'
            dash = f' stroke-dasharray="{mark.dash}"' if mark.dash else ""
            look = f'stroke="{_hex(mark.color)}" stroke-width="{mark.width}" stroke-linejoin="round"{dash}'
            return f'<polyline points="{points}" fill="none" {look}/>'
        case Dot():
            look = f'fill="{_hex(mark.fill)}" stroke="{_hex(mark.rim)}"'
            return f'<circle cx="{mark.x:.2f}" cy="{mark.y:.2f}" r="{mark.radius - 0.5:.2f}" {look}/>'
        case Words():
            y = mark.y + {"m": 0.36, "t": 0.86, "b": -0.14}[mark.anchor[1]] * mark.size
            anchor = {"l": "start", "m": "middle", "r": "end"}[mark.anchor[0]]
            weight = ' font-weight="600"' if mark.bold else ""
            look = f'font-size="{mark.size:g}" fill="{_hex(mark.color)}" text-anchor="{anchor}"{weight}'
            return f'<text x="{mark.x:.2f}" y="{y:.2f}" {look}>{escape(mark.words)}</text>'
    buffer = io.BytesIO()
    mark.image.save(buffer, "PNG", optimize=True)
    data = base64.b64encode(buffer.getvalue()).decode()
    look = 'preserveAspectRatio="none" style="image-rendering: pixelated"' if mark.image.width <= mark.w else ""
    where = f'x="{mark.x:.2f}" y="{mark.y:.2f}" width="{mark.w:.2f}" height="{mark.h:.2f}"'
    return f'<image {where} {look} href="data:image/png;base64,{data}"/>'


def _hex(color: Color) -> str:
    return "#{:02x}{:02x}{:02x}".format(*color)
