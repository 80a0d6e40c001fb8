"""Labels as pictures of the same size: colors, overlays, boundaries, error maps."""

from __future__ import annotations

from math import sqrt
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from ..errors import DataError, LabelError, nearest
from ..labels import Color, LabelSpace

if TYPE_CHECKING:
    from torch import Tensor

WHITE = (255, 255, 255)
HATCH: tuple[Color, Color] = ((112, 112, 112), (168, 168, 168))
WRONG = (214, 32, 39)


def colorize(labels: np.ndarray | Tensor, space: LabelSpace) -> Image.Image:
    """Each class in its color; ignored pixels hatched.

    Args:
        labels: [H, W] class numbers and the ignore index, of any integer type.

    Raises: LabelError naming a value that is neither a class nor the ignore index.
    """
    labels = checked(labels, space)
    colors = _palette(space)[labels]
    return Image.fromarray(hatched(colors, labels == space.ignore_index))


def overlay(
    image: np.ndarray | Tensor | Image.Image,
    labels: np.ndarray | Tensor,
    space: LabelSpace,
    alpha: float = 0.5,
    boundary: int | None = None,
    clear: str | None = None,
) -> Image.Image:
    """The picture under its labels: classes tinted, outlined in their full color; ignored pixels untouched.

    Args:
        image: as `viewable` takes it.
        labels: [H, W] class numbers and the ignore index, of the image's size.
        alpha: strength of the tint; 0 shows the picture alone (with outlines), 1 the colors alone.
        boundary: width of the outlines in pixels; None follows the size of the picture, 0 draws none.
        clear: as for `cleared`.

    Returns: an RGB image of the picture's own size.
    """
    check_alpha(alpha)
    picture, labels = viewable(image), checked(labels, space)
    same_size(picture, labels.shape)
    colors = Image.fromarray(_palette(space)[labels])
    tinted = Image.blend(picture, colors, alpha)
    width = line_width(labels.size) if boundary is None else boundary
    untouched = labels == space.ignore_index
    edges = boundaries(labels, width) if width > 0 else None
    if (left := cleared(space, clear)) is not None:
        bare = labels == left
        untouched |= bare
        if edges is not None and bare.any():
            edges |= rim(~bare, width)  # on the other side of the border, where the color is
    if edges is not None:
        tinted.paste(colors, mask=Image.fromarray(edges))
    if untouched.any():
        tinted.paste(picture, mask=Image.fromarray(untouched))
    return tinted


def cleared(space: LabelSpace, clear: str | None) -> int | None:
    """The class that an overlay leaves clear.

    Args:
        clear: its name; "": none; None: "background" where there are two classes, else none.

    Raises: LabelError with the nearest name, for a name that is no class.
    """
    if clear is None:
        return space.names.index("background") if space.num_classes == 2 and "background" in space.names else None
    if clear and clear not in space.names:
        raise LabelError(f"there is no class {clear!r} to leave clear{nearest(clear, space.names)}")
    return space.names.index(clear) if clear else None


def rim(mask: np.ndarray, width: int) -> np.ndarray:
    """[H, W] bool: the pixels of a mask that are at most `width` pixels from its outside; the picture's edge is none."""
    inner = mask.copy()
    for _ in range(width):
        kept = inner.copy()
        kept[1:] &= inner[:-1]
        kept[:-1] &= inner[1:]
        kept[:, 1:] &= inner[:, :-1]
        kept[:, :-1] &= inner[:, 1:]
        inner = kept
    return mask & ~inner


def line_width(pixels: int) -> int:
    """The width of outlines in a picture of so many pixels; 0 in a tiny one."""
    return round(sqrt(pixels) / 450)


def check_alpha(alpha: float) -> None:
    """Raises: DataError for a strength that is none."""
    if not 0 <= alpha <= 1:
        raise DataError(f"alpha is {alpha}; give a number between 0, the picture alone, and 1, the colors alone")


def error_map(
    truth: np.ndarray | Tensor,
    predicted: np.ndarray | Tensor,
    space: LabelSpace,
    image: np.ndarray | Tensor | Image.Image | None = None,
) -> Image.Image:
    """Where a prediction is wrong: red; right pixels pale; pixels that the truth ignores hatched.

    Args:
        truth, predicted: [H, W] class numbers and the ignore index.
        image: shown pale in gray under the errors; without it, the true classes are shown pale.
    """
    truth, predicted = checked(truth, space), checked(predicted, space)
    if truth.shape != predicted.shape:
        raise DataError(
            f"the truth is {_size(truth)} pixels and the prediction {_size(predicted)}; compare maps of one size"
        )
    under = Image.fromarray(_palette(space)[truth]) if image is None else viewable(image).convert("L").convert("RGB")
    same_size(under, truth.shape)
    pale = np.array(Image.blend(under, Image.new("RGB", under.size, WHITE), 0.72))
    ignored = truth == space.ignore_index
    pale[(truth != predicted) & ~ignored] = WRONG
    return Image.fromarray(hatched(pale, ignored))


def boundaries(labels: np.ndarray | Tensor, width: int = 1) -> np.ndarray:
    """[H, W] bool: pixels whose right or lower neighbor has another label, widened to lines of `width` pixels."""
    labels = np.asarray(labels)
    edge = np.zeros(labels.shape, bool)
    edge[:, :-1] |= labels[:, :-1] != labels[:, 1:]
    edge[:-1] |= labels[:-1] != labels[1:]
    for axis in (0, 1):  # a line grows to both sides of the border in turn, along rows and then along columns
        edge = np.moveaxis(edge, axis, 0)
        grown = edge.copy()
        for step in range(1, width):
            shift = (step + 1) // 2
            if shift < len(edge):
                if step % 2:
                    grown[shift:] |= edge[:-shift]
                else:
                    grown[:-shift] |= edge[shift:]
        edge = np.moveaxis(grown, 0, axis)
    return edge


def viewable(image: np.ndarray | Tensor | Image.Image) -> Image.Image:
    """Any picture as 8-bit RGB for the eye, not for a network.

    Args:
        image: an image of PIL's, an array [H, W] or [H, W, C], or a tensor [C, H, W]. Of three and more channels the
            first three are shown, of fewer the first one, in gray. What is not 8-bit is stretched from its darkest to
            its brightest value.
    """
    if isinstance(image, Image.Image):
        if image.mode.startswith("I") or image.mode == "F":
            return viewable(np.asarray(image))
        return image.convert("RGB")
    pixels = np.asarray(image)
    if pixels.ndim == 3 and not isinstance(image, np.ndarray):
        pixels = pixels.transpose(1, 2, 0)
    if pixels.ndim not in (2, 3) or not pixels.size:
        raise DataError(f"an image of shape {tuple(pixels.shape)} cannot be shown; give [H, W] or [H, W, C]")
    if pixels.ndim == 3:
        pixels = pixels[..., :3] if pixels.shape[-1] >= 3 else pixels[..., 0]
    if pixels.dtype == bool:
        pixels = pixels.astype(np.uint8) * 255
    if pixels.dtype != np.uint8:
        low, high = float(pixels.min()), float(pixels.max())
        pixels = (
            ((pixels - np.float32(low)) * np.float32(255 / ((high - low) or 1)) + np.float32(0.5))
            .clip(0, 255)
            .astype(np.uint8)
        )
    return Image.fromarray(np.ascontiguousarray(pixels)).convert("RGB")


def counted(labels: np.ndarray, space: LabelSpace) -> np.ndarray:
    """How many pixels hold each label, [ignore index + 1]."""
    if labels.dtype == np.uint8:  # in place, where bincount would first make eight bytes of each
        return np.array(Image.fromarray(labels).histogram())
    return np.bincount(labels.ravel(), minlength=space.ignore_index + 1)


def _palette(space: LabelSpace) -> np.ndarray:
    """[ignore index + 1, 3] uint8: the color of every label."""
    table = np.full((space.ignore_index + 1, 3), HATCH[0], np.uint8)
    table[: len(space.names)] = space.colors
    return table


def hatched(colors: np.ndarray, where: np.ndarray) -> np.ndarray:
    """`colors` [H, W, 3] with diagonal stripes of two grays `where` [H, W] holds."""
    if where.any():
        y, x = np.nonzero(where)
        width = max(2, round(sqrt(where.size) / 120))
        colors[y, x] = np.array(HATCH, np.uint8)[(x + y) // width % 2]
    return colors


def checked(labels: np.ndarray | Tensor, space: LabelSpace) -> np.ndarray:
    """Labels as an array [H, W] of the label space's type, or a LabelError."""
    array = np.asarray(labels)
    if array.ndim != 2 or not array.size:
        raise LabelError(f"labels of shape {tuple(array.shape)} cannot be drawn; give one map [H, W]")
    if array.dtype.kind not in "iub":
        raise LabelError(f"labels of type {array.dtype} cannot be drawn; give class numbers, which are integers")
    stray = (array < 0) | (array >= len(space.names)) & (array != space.ignore_index)
    if stray.any():
        raise LabelError(
            f"the labels hold {int(array[stray][0])} ({int(stray.sum())} px with such values), but there are "
            f"{len(space.names)} classes (0..{len(space.names) - 1}) and the ignore index {space.ignore_index}; "
            "map raw values with LabelSpace.encode first"
        )
    return array.astype(space.dtype, copy=False)


def same_size(picture: Image.Image, shape: tuple[int, ...], what: str = "labels") -> None:
    """See that a picture and what is drawn on it are of one size [H, W].

    Raises: DataError saying both.
    """
    if picture.size != tuple(shape)[::-1]:
        raise DataError(
            f"the image is {picture.width} x {picture.height} pixels and its {what} {shape[1]} x {shape[0]}; both must have one size"
        )


def _size(labels: np.ndarray) -> str:
    return f"{labels.shape[1]} x {labels.shape[0]}"
