"""A contact sheet: pictures in rows of equal height, each row and column named."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFont

GAP, LINE = 10, 18


def sheet(
    rows: Sequence[tuple[str, Sequence[Image.Image]]], columns: Sequence[str], *, height: int = 180
) -> Image.Image:
    """Pictures in rows and columns.

    Args:
        rows: a name and as many pictures as there are columns.
        columns: what each column shows.
        height: of every picture on the sheet, in pixels; widths follow.
    """
    scaled = [
        (name, [p.resize((max(1, round(p.width * height / p.height)), height), _filter(p, height)) for p in row])
        for name, row in rows
    ]
    widths = [max(row[n].width for _, row in scaled) for n in range(len(columns))]
    whole = Image.new(
        "RGB", (GAP + sum(w + GAP for w in widths), GAP + LINE + len(rows) * (height + LINE + GAP)), "white"
    )
    pen, font = ImageDraw.Draw(whole), ImageFont.load_default(13)
    x = GAP
    for name, width in zip(columns, widths, strict=True):
        pen.text((x, GAP // 2), name, "#202020", font)
        x += width + GAP
    y = GAP + LINE
    for name, row in scaled:
        x = GAP
        for picture, width in zip(row, widths, strict=True):
            whole.paste(picture, (x, y))
            x += width + GAP
        pen.text((GAP, y + height + 1), name, "#606060", font)
        y += height + LINE + GAP
    return whole


def _filter(picture: Image.Image, height: int) -> Image.Resampling:
    return Image.Resampling.NEAREST if picture.height * 2 <= height else Image.Resampling.LANCZOS
