"""Pictures of several labels a pixel: where classes overlap, stripes in the color of each."""

from __future__ import annotations

from math import sqrt
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from ..errors import LabelError
from ..labels import LabelSpace
from .legend import Row, percent, with_rows
from .maps import WHITE, check_alpha, cleared, line_width, rim, same_size, viewable

if TYPE_CHECKING:
    from torch import Tensor


def colorize_planes(planes: np.ndarray | Tensor, space: LabelSpace) -> Image.Image:
    """Each pixel in the color of its class, striped where it has several, white where it has none.

    Args:
        planes: [K, H, W] bool.
    """
    held = _checked(planes, space)
    return Image.fromarray(_striped(held, space, np.full((*held.shape[1:], 3), 255, np.uint8)))


def overlay_planes(
    image: np.ndarray | Tensor | Image.Image,
    planes: np.ndarray | Tensor,
    space: LabelSpace,
    alpha: float = 0.5,
    clear: str | None = None,
) -> Image.Image:
    """The picture under its planes: classes tinted, striped where they overlap, each outlined in its full color.

    Args:
        image: as `viewable` takes it.
        planes: [K, H, W] bool, of the image's size.
        alpha: strength of the tint, 0..1.
        clear: a class that is left clear, as for `cleared`.

    Returns: an RGB image that starts with the picture, with a legend of each class's share of the pixels.
    """
    check_alpha(alpha)
    held, picture, left = _checked(planes, space), viewable(image), cleared(space, clear)
    same_size(picture, held.shape[1:], "planes")
    shown = held if left is None else np.concatenate([held[:left], np.zeros_like(held[:1]), held[left + 1 :]])
    bare = np.array(picture)
    colors = _striped(shown, space, bare.copy())
    tinted = np.array(Image.blend(picture, Image.fromarray(colors), alpha))
    width = max(1, line_width(held[0].size))
    for n in np.argsort(-shown.sum(axis=(1, 2)), kind="stable"):  # small ones last, over large ones
        tinted[rim(shown[n], width)] = space.colors[n]
    return with_rows(Image.fromarray(tinted), _rows(held, space, left))


def _checked(planes: np.ndarray | Tensor, space: LabelSpace) -> np.ndarray:
    array = np.asarray(planes)
    if array.ndim != 3 or array.dtype != bool or len(array) != space.num_classes or not array.size:
        raise LabelError(
            f"planes of shape {tuple(array.shape)} of {array.dtype} cannot be drawn; give bool [{space.num_classes}, H, W], "
            "one plane a class"
        )
    return array


def _striped(planes: np.ndarray, space: LabelSpace, pixels: np.ndarray) -> np.ndarray:
    """Paint each pixel in the color of one of its classes, in turn along diagonals; in place."""
    many = planes.sum(axis=0)
    height, width = many.shape
    stripe = max(2, round(sqrt(many.size) / 90))
    turn = (np.arange(height)[:, None] + np.arange(width)) // stripe % np.maximum(many, 1)
    before = np.zeros_like(many)
    for plane, color in zip(planes, space.colors, strict=True):
        pixels[plane & (before == turn)] = color
        before += plane
    return pixels


def _rows(planes: np.ndarray, space: LabelSpace, left: int | None) -> list[Row]:
    counts = planes.sum(axis=(1, 2))
    order = [int(n) for n in np.argsort(-counts, kind="stable") if counts[n]]
    return [
        Row(WHITE if n == left else space.colors[n], space.names[n], percent(int(counts[n]), planes[0].size))
        for n in order
    ] or [Row(WHITE, "no class", "")]
