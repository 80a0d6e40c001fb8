"""Which color is which class, and how much of the picture it covers."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from math import sqrt
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ..labels import IGNORE, Color, LabelSpace
from .maps import WHITE, checked, cleared, counted, hatched

if TYPE_CHECKING:
    from torch import Tensor

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

INK, FAINT, FRAME = (31, 35, 40), (101, 109, 118), (208, 215, 222)
SMALL = 320  # pictures whose longer side is shorter than this are enlarged beside a legend
OTHER_FONTS = (
    "DejaVuSans.ttf",
    "NotoSans-Regular.ttf",
    "Arial Unicode.ttf",
    "arial.ttf",
    "NotoSansCJK-Regular.ttc",
    "msyh.ttc",
)


class Row(NamedTuple):
    """One line of a legend."""

    color: Color | None  # None: hatched
    name: str
    share: str  # as it is printed; empty for none
    stripes: tuple[Color, ...] = ()  # of several things under one name, instead of the color


def rows(space: LabelSpace, labels: np.ndarray | Tensor | None = None, clear: str | None = "") -> list[Row]:
    """The lines of a legend: the classes in `labels`, largest share first, then "ignored"; all classes without labels.

    Args:
        clear: the class whose swatch is empty, as for `cleared`.
    """
    left = cleared(space, clear)
    colors = [WHITE if n == left else color for n, color in enumerate(space.colors)]
    if labels is None:
        return [Row(color, name, "") for name, color in zip(space.names, colors, strict=True)]
    labels = checked(labels, space)
    counts = counted(labels, space)
    order = [int(n) for n in np.argsort(-counts[: len(space.names)], kind="stable") if counts[n]]
    listed = [Row(colors[n], space.names[n], percent(counts[n], labels.size)) for n in order]
    if ignored := counts[space.ignore_index]:
        listed.append(Row(None, f"{IGNORE}d", percent(ignored, labels.size)))
    return listed


def legend(
    space: LabelSpace, labels: np.ndarray | Tensor | None = None, *, columns: int = 1, font_size: int = 15
) -> Image.Image:
    """Swatch, name and share of each class in `labels`; of every class, without shares, when there are none.

    Args:
        columns: in how many columns the rows stand, filled downward.
        font_size: in pixels.
    """
    return _draw_legend(_Layout(rows(space, labels), font_size), columns)


def with_legend(
    picture: Image.Image,
    labels: np.ndarray | Tensor | None,
    space: LabelSpace,
    *,
    font_size: int | None = None,
    clear: str | None = "",
) -> Image.Image:
    """The picture, untouched, and its legend to the right of it or below it, whichever fits better.

    Args:
        labels: [H, W], the classes to list with their shares; None lists every class.
        font_size: in pixels; None follows the size of the picture.
        clear: the class that the picture leaves clear, as for `cleared`.

    Returns: an RGB image that starts with the picture at its upper left corner. A picture whose longer side is below
        320 pixels is enlarged by a whole factor, each pixel to a square.
    """
    return with_rows(picture, rows(space, labels, clear), font_size=font_size)


def with_rows(picture: Image.Image, rows: Sequence[Row], *, font_size: int | None = None) -> Image.Image:
    """The picture and a legend of these rows, as `with_legend` puts it there."""
    picture = enlarged(picture)
    layout = _Layout(rows, usual_font_size(picture) if font_size is None else font_size)
    right, columns = _arrange(picture.size, layout)
    drawn = _draw_legend(layout, columns)
    width = picture.width + drawn.width if right else max(picture.width, drawn.width)
    height = max(picture.height, drawn.height) if right else picture.height + drawn.height
    sheet = Image.new("RGB", (width, height), WHITE)
    sheet.paste(picture, (0, 0))
    sheet.paste(drawn, (picture.width, 0) if right else (0, picture.height))
    return sheet


def enlarged(picture: Image.Image) -> Image.Image:
    """A small picture by the whole factor that it is shown in; another as it is."""
    factor = max(1, SMALL // max(picture.size))
    return picture.convert("RGB").resize((picture.width * factor, picture.height * factor), Image.Resampling.NEAREST)


def usual_font_size(picture: Image.Image) -> int:
    """The size of letters beside a picture, in pixels."""
    return min(120, max(13, round(0.034 * sqrt(picture.width * picture.height))))


class _Layout:
    """The sizes of a legend's parts, in pixels."""

    def __init__(self, rows: Sequence[Row], font_size: int) -> None:
        self.rows = rows
        self.font = ImageFont.load_default(font_size)
        self.fonts = [font_for(row.name, self.font, font_size) for row in rows]
        self.names = [_fitted(name, font, 16 * font_size) for name, font in self.fonts]
        self.pad = font_size
        self.line = round(font_size * 1.7)
        self.swatch = round(font_size * 1.05)
        self.indent = self.swatch + round(font_size * 0.65)
        names = [font.getlength(name) for name, (_, font) in zip(self.names, self.fonts, strict=True)]
        shares = [self.font.getlength(row.share) for row in rows]
        between = font_size * 1.4 if any(shares) else 0
        self.column = round(self.indent + max(names, default=0) + between + max(shares, default=0))
        self.gap = round(font_size * 1.8)

    def size(self, columns: int) -> tuple[int, int]:
        """Width and height of the legend."""
        lines = -(-len(self.rows) // columns)
        return 2 * self.pad + columns * self.column + (columns - 1) * self.gap, 2 * self.pad + lines * self.line


def _arrange(picture: tuple[int, int], layout: _Layout) -> tuple[bool, int]:
    """Whether the legend stands to the right, and in how many columns: the sheet with the least area that is no ribbon."""
    best: tuple[float, bool, int] | None = None
    for columns in range(1, max(1, len(layout.rows)) + 1):
        width, height = layout.size(columns)
        for right in (True, False):
            w = picture[0] + width if right else max(picture[0], width)
            h = max(picture[1], height) if right else picture[1] + height
            # a legend to the right keeps names and objects on one level of the eye: worth a tenth more area
            cost = w * h * (1.0 if right else 1.1) * max(1.0, w / h / 2, h / w / 2)
            if best is None or cost < best[0]:
                best = (cost, right, columns)
        if width > 4 * max(picture) + 4000:
            break
    assert best is not None
    return best[1], best[2]


def _draw_legend(layout: _Layout, columns: int) -> Image.Image:
    columns = max(1, min(columns, len(layout.rows)))
    sheet = Image.new("RGB", layout.size(columns), WHITE)
    draw = ImageDraw.Draw(sheet)
    lines = -(-len(layout.rows) // columns)
    for n, (row, name, (_, font)) in enumerate(zip(layout.rows, layout.names, layout.fonts, strict=True)):
        x = layout.pad + n // max(1, lines) * (layout.column + layout.gap)
        middle = layout.pad + n % max(1, lines) * layout.line + layout.line // 2
        top = middle - layout.swatch // 2
        box = (x, top, x + layout.swatch - 1, top + layout.swatch - 1)
        _draw_swatch(sheet, draw, box, row.color, row.stripes)
        draw.text((x + layout.indent, middle), name, INK, font, anchor="lm")
        draw.text((x + layout.column, middle), row.share, FAINT, layout.font, anchor="rm")
    return sheet


def _draw_swatch(
    sheet: Image.Image,
    draw: ImageDraw.ImageDraw,
    box: tuple[int, int, int, int],
    color: Color | None,
    stripes: tuple[Color, ...] = (),
) -> None:
    side = box[2] - box[0] + 1
    if stripes:
        for n, one in enumerate(stripes):
            first, last = (box[0] + side * place // len(stripes) for place in (n, n + 1))
            draw.rectangle((first, box[1], last - 1, box[3]), fill=one)
        return
    if color is None:
        everything = np.ones((side, side), bool)
        sheet.paste(Image.fromarray(hatched(np.zeros((side, side, 3), np.uint8), everything)), box[:2])
        draw.rectangle(box, outline=FRAME)
    else:
        draw.rectangle(box, fill=color, outline=FRAME if min(color) > 200 else color)


def font_for(name: str, font: Font, size: int) -> tuple[str, Font]:
    """A name and a font that can write it: Pillow's own font knows little beyond ASCII, the system's often do."""
    name = " ".join(name.split()) or "(blank)"
    for candidate in _fonts(name, font, size):
        if all(_knows(candidate, letter) for letter in set(name)):
            return name, candidate
    plain = unicodedata.normalize("NFKD", name).replace("ß", "ss").encode("ascii", "ignore").decode().strip()
    if len(plain) >= 0.6 * len(name):
        return plain, font
    return name.encode("unicode_escape").decode(), font


def _fonts(name: str, font: Font, size: int) -> Sequence[Font]:
    found = [font]
    if not name.isascii():
        for file in OTHER_FONTS:
            try:
                found.append(ImageFont.truetype(file, size))
            except OSError:
                continue
    return found


def _knows(font: Font, letter: str) -> bool:
    if letter.isspace():
        return True
    missing = font.getmask("\U000fffff")
    shape = font.getmask(letter)
    return shape.size != missing.size or bytes(shape) != bytes(missing)


def _fitted(name: str, font: Font, width: int) -> str:
    """A name that is no wider than `width` pixels: a long one keeps its start and its end."""
    if font.getlength(name) <= width:
        return name
    for keep in range(len(name) - 1, 1, -1):
        short = f"{name[: keep - keep // 3]}...{name[len(name) - keep // 3 :]}"
        if font.getlength(short) <= width:
            return short
    return name[:1] + "..."


def percent(count: int, total: int) -> str:
    """A share as a legend prints it: one decimal, and 100 for all alone."""
    percent = 100 * int(count) / total
    if percent < 0.05:
        return "< 0.1 %"
    return f"{min(percent, 99.9) if count < total else 100.0:.1f} %"
