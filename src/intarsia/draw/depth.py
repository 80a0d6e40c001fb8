"""Pictures of depth: near is bright and warm, far is dark and cold, unknown is hatched; a ramp below says the meters."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from .legend import FRAME, INK, enlarged, usual_font_size
from .maps import WHITE, check_alpha, hatched, same_size, viewable

if TYPE_CHECKING:
    from torch import Tensor

RAMP = np.array(  # from near to far; lightness falls all the way, so that it reads in gray as well
    [(255, 244, 190), (253, 193, 106), (240, 130, 80), (206, 72, 97), (148, 42, 120), (86, 32, 118), (32, 20, 70)],
    float,
)


def colorize_depth(meters: np.ndarray | Tensor, limits: tuple[float, float] | None = None) -> Image.Image:
    """Each pixel in the color of its depth, by its logarithm.

    Args:
        meters: [H, W] float; 0 and below, NaN and infinity are unknown, and hatched.
        limits: the nearest and farthest of the ramp, in meters; None: of this map.
    """
    depth, known = _known(meters)
    near, far = limits or limits_of(depth)
    place = np.zeros(depth.shape)
    if far > near > 0:
        place[known] = np.log(depth[known] / near) / math.log(far / near)
    return Image.fromarray(hatched(_colors(place), ~known))


def overlay_depth(
    image: np.ndarray | Tensor | Image.Image, meters: np.ndarray | Tensor, alpha: float = 0.5
) -> Image.Image:
    """The gray picture under the colors of its depth, with the ramp and its meters below.

    Args:
        image: as `viewable` takes it.
        alpha: strength of the colors, 0..1.

    Returns: an RGB image that starts with the picture, enlarged by a whole factor where it is small.
    """
    check_alpha(alpha)
    depth, known = _known(meters)
    picture = viewable(image)
    same_size(picture, depth.shape, "depth")
    mixed = Image.blend(picture.convert("L").convert("RGB"), colorize_depth(depth), alpha)
    mixed.paste(colorize_depth(depth), mask=Image.fromarray(~known))
    drawn = enlarged(mixed)
    ramp = ramp_legend(limits_of(depth), drawn.width, usual_font_size(drawn), unknown=not known.all())
    sheet = Image.new("RGB", (max(drawn.width, ramp.width), drawn.height + ramp.height), WHITE)
    sheet.paste(drawn, (0, 0))
    sheet.paste(ramp, (0, drawn.height))
    return sheet


def ramp_legend(limits: tuple[float, float], width: int, font_size: int, unknown: bool = False) -> Image.Image:
    """The ramp from near to far with meters below it, `width` pixels wide or as wide as the letters need."""
    font = ImageFont.load_default(font_size)
    near, far = limits
    words = "unknown" if unknown else ""
    side = round(font_size * 1.05)
    right = round(font.getlength(words)) + 3 * side if words else 0
    width = max(width, round(font.getlength(_told(far))) * 4 + right + 2 * font_size)
    sheet = Image.new("RGB", (width, round(4.2 * font_size)), WHITE)
    pen, top = ImageDraw.Draw(sheet), font_size
    first, last = font_size, width - font_size - right
    if words:
        box = (last + side, top, last + 2 * side, top + side)
        swatch = hatched(np.zeros((side + 1, side + 1, 3), np.uint8), np.ones((side + 1, side + 1), bool))
        sheet.paste(Image.fromarray(swatch), box[:2])
        pen.rectangle(box, outline=FRAME)
        pen.text((last + 2 * side + side // 2, top + side // 2), words, INK, font, anchor="lm")
    if not 0 < near <= far:
        pen.text((first, top + side // 2), "no depth is known", INK, font, anchor="lm")
        return sheet
    colors = _colors(np.linspace(0, 1, last - first)[None].repeat(side, axis=0))
    sheet.paste(Image.fromarray(colors), (first, top))
    free = float(first)
    for meters, anchor in _ticks(near, far):
        share = math.log(meters / near) / math.log(far / near) if far > near else 0.0
        x, half = first + share * (last - 1 - first), font.getlength(_told(meters)) / 2
        start = {"l": x, "m": x - half, "r": x - 2 * half}[anchor]
        end = last - 2 * font.getlength(_told(far)) / 2 - font_size / 2 if anchor == "m" else last
        if start >= free and (anchor != "m" or start + 2 * half <= end):
            pen.line((x, top + side, x, top + side + font_size // 4), fill=INK)
            pen.text((start, top + side + font_size // 3), _told(meters), INK, font)
            free = start + 2 * half + font_size / 2
    return sheet


def limits_of(meters: np.ndarray | Tensor) -> tuple[float, float]:
    """The nearest and the farthest known depth of a map; zeros where none is known."""
    depth, known = _known(meters)
    return (float(depth[known].min()), float(depth[known].max())) if known.any() else (0.0, 0.0)


def _known(meters: np.ndarray | Tensor) -> tuple[np.ndarray, np.ndarray]:
    depth = np.asarray(meters, np.float64)
    return depth, np.isfinite(depth) & (depth > 0)


def _colors(place: np.ndarray) -> np.ndarray:
    """[H, W] of 0 (near) to 1 (far) to [H, W, 3] uint8."""
    steps = np.linspace(0, 1, len(RAMP))
    return np.stack([np.interp(place, steps, RAMP[:, c]) for c in range(3)], axis=-1).round().astype(np.uint8)


def _told(meters: float) -> str:
    return f"{meters:.2f} m" if meters < 1 else f"{meters:.1f} m" if meters < 20 else f"{meters:.0f} m"


def _ticks(near: float, far: float) -> list[tuple[float, str]]:
    """The ends and the round numbers between them, each with the side that its letters stand at."""
    powers = range(math.floor(math.log10(near)), math.ceil(math.log10(far)) + 1)
    between = [10.0**p * step for p in powers for step in (1, 1.5, 2, 3, 5, 7)]
    ends = [(near, "l"), (far, "r")] if far > near else [(near, "l")]
    return [ends[0], *((m, "m") for m in between if near < m < far), *ends[1:]]
