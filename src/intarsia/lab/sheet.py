"""A drawing as a list of marks, in points of a screen, that is written as PNG or as SVG with one layout.

The sheet grows with what is drawn on it: coordinates may start anywhere, and a margin is laid around everything. Words
in a PNG are set in the font that Pillow brings, so that a picture looks the same on every machine; those of an SVG are
text, in the reader's own sans serif.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from ..errors import DataError
from .marks import INK, PAPER, Box, Color, Dot, Line, Mark, Picture, Point, Words, edges, length
from .raster import Canvas, palette_of, reduced
from .vector import svg

MARGIN, FINE = 26, 2  # points around the drawing; pixels drawn, along each side, for each that is kept


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
        sides = [edges(mark) for mark in self.marks] or [(0.0, 0.0, 0.0, 0.0)]
        left, top, right, bottom = zip(*sides, strict=True)
        return min(left) - MARGIN, min(top) - MARGIN, max(right) + MARGIN, max(bottom) + MARGIN

    def png(self, scale: int = 2) -> Image.Image:
        """The drawing as an image of `scale` pixels a point; without photographs it needs few colors, and has few."""
        left, top, right, bottom = self.extent()
        fine = scale * FINE
        size = (scale * round(right - left), scale * round(bottom - top))
        image = Image.new("RGB", (FINE * size[0], FINE * size[1]), PAPER)
        canvas = Canvas(image, lambda x, y: ((x - left) * fine, (y - top) * fine), fine)
        for mark in self.marks:
            canvas.paint(mark)
        image = image.reduce(FINE)
        if any(isinstance(mark, Picture) for mark in self.marks):
            return image
        return reduced(image, palette_of(self.marks))

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
        return "\n".join([head, paper, *map(svg, self.marks), "</svg>\n"])

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
