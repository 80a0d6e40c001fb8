"""Colors of classes: written, packed into one integer a pixel, and made up where none are given."""

import colorsys
import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..errors import LabelError

TRANSPARENT = "transparent"  # the raw value of a fully transparent pixel of an RGBA mask
CLEAR = 1 << 24  # its code among packed colors
HEX = re.compile(r"#[0-9a-fA-F]{6}")

Color = tuple[int, int, int]


def parse_color(color: Any) -> Color:
    """`"#804080"` or three integers to (128, 64, 128)."""
    if isinstance(color, str) and HEX.fullmatch(color):
        return int(color[1:3], 16), int(color[3:5], 16), int(color[5:7], 16)
    if (
        isinstance(color, Sequence)
        and not isinstance(color, str)
        and len(color) == 3
        and all(isinstance(c, int) and 0 <= c <= 255 for c in color)
    ):
        return color[0], color[1], color[2]
    raise LabelError(f"{color!r} is no color; write '#804080', or three numbers of 0..255")


def pack_colors(rgb: np.ndarray) -> np.ndarray:
    """An RGB or RGBA mask as one integer a pixel, which `LabelSpace.encode` of colors reads.

    Args:
        rgb: [H, W, 3 or 4] uint8. Alpha must be 0 or 255: a pixel that is half there has no one class.

    Returns: [H, W] int32, 0xRRGGBB; fully transparent pixels have a code of their own.
    """
    packed = _joined(rgb, ">i4", 8)
    if rgb.shape[-1] == 4:
        alpha = rgb[..., 3]
        if half := int(((alpha != 0) & (alpha != 255)).sum()):
            raise LabelError(
                f"{half} pixels of the mask are half transparent; save masks without smoothing, alpha 0 or 255"
            )
        packed[alpha == 0] = CLEAR
    return packed


def pack_numbers(rgb: np.ndarray) -> np.ndarray:
    """Segments' numbers as COCO's panoptic masks write them, R + 256 G + 65536 B.

    Args:
        rgb: [H, W, 3] uint8.

    Returns: [H, W] int32.
    """
    return _joined(rgb, "<i4", 0)


def _joined(rgb: np.ndarray, order: str, shift: int) -> np.ndarray:
    """[H, W] int32: the four bytes that begin at each pixel, without the one that is the next pixel's.

    Args:
        order: whether the first byte is the lowest, "<i4", or the highest, ">i4".
        shift: bits that the byte too many takes below the others.
    """
    if rgb.dtype != np.uint8:
        raise LabelError(f"colors are bytes, 0..255, and these are {rgb.dtype}; give [H, W, 3] of uint8")
    pixels = np.ascontiguousarray(rgb[..., :3]).reshape(-1, 3)
    found = np.zeros(len(pixels), np.int32)
    if len(pixels) > 1:
        found[:-1] = np.ndarray((len(pixels) - 1,), order, pixels, strides=(3,))
    if len(pixels):  # of the last no four bytes are there
        found[-1:] = np.frombuffer(pixels[-1].tobytes() + b"\0", order)
    found >>= shift
    found &= 0xFFFFFF
    return found.reshape(rgb.shape[:-1])


def packed(key: int | str) -> int:
    """A color as `labels.values` writes it, as `pack_colors` packs it."""
    return CLEAR if key == TRANSPARENT else int(str(key)[1:], 16)


def spelled(value: int) -> str:
    """A color that `pack_colors` packed, as `labels.values` writes it."""
    return TRANSPARENT if value == CLEAR else f"#{value:06x}"


def unpacked(value: int) -> Color:
    """The color that `pack_colors` packed."""
    return value >> 16 & 255, value >> 8 & 255, value & 255


def distinct_colors(count: int) -> tuple[Color, ...]:
    """A number of different colors: the golden angle around the color wheel, six hues to a shade, then ever finer shades."""
    shades = ((0.62, 0.95), (0.85, 0.70), (0.40, 1.00))
    colors: dict[Color, None] = {}
    n = 0
    while len(colors) < count:
        saturation, value = shades[n // 6 % 3]
        fade = 1 - 0.5 * (n // 360 * 0.618034 % 1)  # hues repeat to the eye, and at last to the byte
        r, g, b = colorsys.hsv_to_rgb((0.58 + n * 0.381966) % 1, saturation * fade, value * (1 + fade) / 2)
        colors.setdefault((round(r * 255), round(g * 255), round(b * 255)))
        n += 1
    return tuple(colors)
