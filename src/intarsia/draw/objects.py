"""Pictures of objects and segments: each in a color of its own that its number keeps, outlined, with its name and score."""

from __future__ import annotations

import colorsys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ..errors import counted
from ..labels import Color, LabelSpace
from ..metrics.image_matches import SURE
from ..structures import Objects, Segments
from .legend import INK, Row, enlarged, font_for, percent, usual_font_size, with_rows
from .maps import WHITE, check_alpha, cleared, hatched, line_width, rim, same_size, viewable
from .shapes import drawn_of, whole

if TYPE_CHECKING:
    from torch import Tensor

COVERED = 0.12  # of the picture, by names at most
BOXES = 40  # masks that get a box and a name; of more, these would hide them
_GOLDEN = 0.618034  # of a turn: neighbors in number are far apart in hue


class Named(NamedTuple):
    """What is written at an object."""

    text: str
    color: Color
    box: tuple[float, float, float, float]  # x0, y0, x1, y1 in pixels


def color_of(number: int) -> Color:
    """The color of the object of that number: the same in every picture, and unlike its neighbors'."""
    hue = (number * _GOLDEN) % 1
    red, green, blue = colorsys.hls_to_rgb(hue, (0.5, 0.62, 0.42)[number // 3 % 3], 0.85)
    return round(255 * red), round(255 * green), round(255 * blue)


def overlay_objects(
    image: np.ndarray | Tensor | Image.Image,
    objects: Objects,
    space: LabelSpace,
    alpha: float = 0.5,
    min_score: float = SURE,
) -> Image.Image:
    """The picture under its objects: masks tinted and outlined, boxes, names and scores; a legend counts the classes.

    Args:
        image: as `viewable` takes it.
        objects: of the image's size. Object n has the color of number n + 1; the best scores are on top.
        alpha: strength of the tint, 0..1.
        min_score: objects that score less are only counted, in the legend's last line.

    Returns: an RGB image that starts with the picture, enlarged by a whole factor where it is small.
    """
    check_alpha(alpha)
    picture, (parts, left) = viewable(image), drawn_of(objects, min_score)
    colors = [color_of(n + 1) for n in range(len(parts.classes))]
    order = range(len(colors)) if parts.scores is None else np.argsort(-parts.scores, kind="stable").tolist()
    pixels, width = np.array(picture), max(1, line_width(picture.width * picture.height))
    for n in reversed(order):
        if parts.masks is not None:
            same_size(picture, parts.masks[n].size, "objects")
            _tint(pixels, whole(parts.masks[n]), colors[n], alpha, width)
    drawn = enlarged(Image.fromarray(pixels))
    scale, pen = drawn.width / picture.width, ImageDraw.Draw(drawn)
    named = []
    for n in order:
        score = "" if parts.scores is None else f" {parts.scores[n]:.2f}"
        x0, y0, x1, y1 = parts.boxes[n] * scale
        named.append(Named(space.names[parts.classes[n]] + score, colors[n], (x0, y0, x1, y1)))
    if parts.masks is None or len(named) <= BOXES:
        for one in reversed(named):
            _frame(pen, one, drawn.size)
        write_names(drawn, named)
    rows = _rows(zip(parts.classes.tolist(), colors, strict=True), space)
    return with_rows(drawn, [*rows, *([Row(WHITE, f"below {min_score:g}", str(left))] if left else [])])


def overlay_segments(
    image: np.ndarray | Tensor | Image.Image,
    segments: Segments,
    space: LabelSpace,
    alpha: float = 0.5,
    clear: str | None = None,
) -> Image.Image:
    """The picture under its segments: stuff in the color of its class, each thing in that of its number, named.

    Args:
        segments: of the image's size; pixels without a segment stay as they are.
        alpha: strength of the tint, 0..1.
        clear: a class that is left clear, as for `cleared`.

    Returns: an RGB image that starts with the picture, enlarged by a whole factor where it is small.
    """
    check_alpha(alpha)
    picture, left = viewable(image), cleared(space, clear)
    same_size(picture, segments.ids.shape, "segments")
    pixels = np.array(picture)
    colors = colors_of(segments, space)
    named, boxes, width = [], _boxes(segments.ids), max(1, line_width(segments.ids.size))
    for number, color in colors.items():
        rows, columns = boxes[number]
        kind = segments.classes[number]
        if kind != left:
            around = tuple(slice(max(0, side.start - width), side.stop + width) for side in (rows, columns))
            _tint(
                pixels[around], segments.ids[around] == number, color, alpha, width
            )  # an edge shows beside its outside
        if space.names[kind] in space.things:
            score = f" {segments.scores[number]:.2f}" if number in segments.scores else ""
            box = (columns.start, rows.start, columns.stop, rows.stop)
            named.append(Named(space.names[kind] + score, color, box))
    drawn = enlarged(Image.fromarray(pixels))
    scale = drawn.width / picture.width
    named.sort(key=lambda one: -(one.box[2] - one.box[0]) * (one.box[3] - one.box[1]))
    write_names(drawn, [one._replace(box=tuple(scale * side for side in one.box)) for one in named])  # type: ignore[arg-type]
    return with_rows(drawn, _segment_rows(segments, space, colors, left))


def colorize_segments(segments: Segments, space: LabelSpace) -> Image.Image:
    """Each segment in its color; pixels without one hatched."""
    colors = colors_of(segments, space)
    numbers, places = np.unique(segments.ids, return_inverse=True)
    table = np.array([colors.get(int(n), (0, 0, 0)) for n in numbers], np.uint8)
    return Image.fromarray(hatched(table[places.reshape(segments.ids.shape)], segments.ids == 0))


def colorize_objects(objects: Objects, size: tuple[int, int], min_score: float = SURE) -> Image.Image:
    """Each object in its color on white; of boxes alone, their frames.

    Args:
        size: (H, W) of the picture.
        min_score: objects that score less are not drawn.
    """
    parts, _ = drawn_of(objects, min_score)
    pixels = np.full((*size, 3), 255, np.uint8)
    order = range(len(parts.classes)) if parts.scores is None else np.argsort(-parts.scores, kind="stable").tolist()
    if parts.masks is not None:
        for n in reversed(order):
            pixels[whole(parts.masks[n])] = color_of(n + 1)
        return Image.fromarray(pixels)
    picture = Image.fromarray(pixels)
    for n in reversed(order):
        _frame(ImageDraw.Draw(picture), Named("", color_of(n + 1), tuple(parts.boxes[n])), picture.size)
    return picture


def colors_of(segments: Segments, space: LabelSpace) -> dict[int, Color]:
    """The color of each segment that is in view: its class's for stuff, its number's for things."""
    present = set(np.unique(segments.ids).tolist())
    return {
        number: color_of(number) if space.names[kind] in space.things else space.colors[kind]
        for number, kind in segments.classes.items()
        if number in present
    }


def write_names(picture: Image.Image, named: Sequence[Named]) -> None:
    """Write names at their boxes, in place: inside the picture, none over another, the first ones first.

    Names for which no place is left, because the picture would be hidden under them, are not written.
    """
    pen, size = ImageDraw.Draw(picture), max(11, round(0.62 * usual_font_size(picture)))
    plain, left = ImageFont.load_default(size), COVERED * picture.width * picture.height
    placed: list[tuple[int, int, int, int]] = []
    for one in named:
        text, font = font_for(one.text, plain, size)
        wide, high = round(font.getlength(text)) + size // 2, round(size * 1.35)
        if wide * high > left or wide > picture.width or high > picture.height:
            continue
        x0, y0, _, y1 = one.box
        for x, y in ((x0, y0 - high), (x0, y0), (x0, y1), (x0, y1 - high)):
            x, y = min(max(0, round(x)), picture.width - wide), round(y)
            spot = (x, y, x + wide, y + high)
            if y >= 0 and spot[3] <= picture.height and not any(_meet(spot, other) for other in placed):
                placed.append(spot)
                left -= wide * high
                pen.rectangle((x, y, spot[2] - 1, spot[3] - 1), fill=one.color)
                pen.text((x + size // 4, y + high // 2), text, _ink_on(one.color), font, anchor="lm")
                break


def _meet(a: tuple[int, int, int, int], b: tuple[int, int, int, int]) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def _ink_on(color: Color) -> Color:
    """Black or white, whichever is read better on a color."""
    red, green, blue = color
    return INK if 0.299 * red + 0.587 * green + 0.114 * blue > 130 else WHITE


def _tint(pixels: np.ndarray, inside: np.ndarray, color: Color, alpha: float, width: int) -> None:
    """Lay a color over the pixels of a mask, and draw its outline in full, in place."""
    pixels[inside] = np.round((1 - alpha) * pixels[inside] + alpha * np.array(color)).astype(np.uint8)
    pixels[rim(inside, width)] = color


def _frame(pen: ImageDraw.ImageDraw, one: Named, size: tuple[int, int]) -> None:
    """Draw a box, as far as it lies in the picture."""
    x0, y0, x1, y1 = one.box
    inside = [max(0, round(x0)), max(0, round(y0)), min(size[0], round(x1)) - 1, min(size[1], round(y1)) - 1]
    if inside[2] >= inside[0] and inside[3] >= inside[1]:
        pen.rectangle(inside, outline=one.color, width=max(1, round((size[0] * size[1]) ** 0.5 / 350)))


def _boxes(ids: np.ndarray) -> dict[int, tuple[slice, slice]]:
    """The box around each number of a map."""
    from scipy.ndimage import find_objects

    numbers, places = np.unique(ids, return_inverse=True)
    boxes = find_objects(places.reshape(ids.shape) + 1)
    return {int(n): box for n, box in zip(numbers, boxes, strict=True)}


def _rows(items: Iterable[tuple[int, Color]], space: LabelSpace) -> list[Row]:
    """A legend's lines of objects: the colors of up to three of a class, and how many there are."""
    held: dict[int, list[Color]] = {}
    for kind, color in items:
        held.setdefault(kind, []).append(color)
    ordered = sorted(held.items(), key=lambda item: (-len(item[1]), item[0]))
    return [Row(colors[0], space.names[kind], str(len(colors)), tuple(colors[:3])) for kind, colors in ordered] or [
        Row(WHITE, "no objects", "")
    ]


def _segment_rows(segments: Segments, space: LabelSpace, colors: dict[int, Color], left: int | None) -> list[Row]:
    numbers, counts = np.unique(segments.ids, return_counts=True)
    area = dict(zip(numbers.tolist(), counts.tolist(), strict=True))
    things = {n: c for n, c in colors.items() if space.names[segments.classes[n]] in space.things}
    stuff: dict[int, int] = {}
    for number in colors.keys() - things.keys():
        stuff[segments.classes[number]] = stuff.get(segments.classes[number], 0) + area[number]
    listed = [
        Row(WHITE if kind == left else space.colors[kind], space.names[kind], percent(count, segments.ids.size))
        for kind, count in sorted(stuff.items(), key=lambda item: -item[1])
    ]
    if things:
        counts_of = _rows(((segments.classes[n], color) for n, color in things.items()), space)
        listed += [row._replace(share=counted(int(row.share), "object")) for row in counts_of]
    if area.get(0):
        listed.append(Row(None, "void", percent(area[0], segments.ids.size)))
    return listed
