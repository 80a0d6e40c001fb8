"""Files to arrays and back: images of any number of channels, 8 or 16 bit, and masks in every usual encoding.

    a file of `formats.SUFFIXES` --read_image-> [H, W, C] uint8 | uint16
                                 --read_mask--> [H, W] raw values: ids, palette indices, or packed colors
                                 --read_labels> [H, W] class numbers and ignore      (LabelSpace maps them)
    labels --write_labels--> palette PNG, or 16-bit gray PNG beyond 255 classes

A file whose EXIF says that it lies on its side is turned upright, images and masks alike, as every viewer shows it;
the audit warns where an image and its mask disagree about that.
"""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from ...errors import DataError, LabelError, OddValues
from ...labels import LabelSpace, pack_colors
from .decoding import exif_orientation, read_picture
from .formats import SUFFIXES as SUFFIXES
from .formats import opened
from .npy import read_npy, whole
from .tags import as_id, nodata_of

_IGNORED_COLOR = (255, 255, 255)


class Stored(NamedTuple):
    """A mask as its file holds it, upright."""

    array: np.ndarray  # [H, W] numbers or [H, W, 3 or 4] colors
    palette: np.ndarray | None = None  # [256, 3 or 4] colors of the numbers
    nodata: int | None = None  # the number that stands for "holds nothing", where the file says so


def read_image(path: str | Path) -> np.ndarray:
    """An image, upright: [H, W, C] uint8 or uint16.

    Raises: DataError when the file is missing, is no image, is damaged, or holds other numbers than 8 or 16 bit.
    """
    path = Path(path)
    array, orientation = read_npy(path) if path.suffix.lower() == ".npy" else read_picture(path, as_mask=False)[:2]
    array = array[..., None] if array.ndim == 2 else array
    if (
        array.dtype.kind == "i"
        and array.itemsize >= 4
        and path.suffix.lower() != ".npy"
        and array.min() >= 0
        and array.max() <= 65535
    ):
        array = array.astype(np.uint16)  # Pillow opens some 16-bit files as 32-bit ones
    if array.dtype == bool:
        array = array.astype(np.uint8) * np.uint8(255)
    if array.dtype not in (np.uint8, np.uint16):
        raise DataError(
            f"{path}: an image of {array.dtype} numbers; images are 8 or 16 bit, so scale it and save it as uint8 or uint16"
        )
    return upright(array, orientation)


def read_mask(path: str | Path, space: LabelSpace) -> np.ndarray:
    """A mask's raw values, upright: [H, W] ids, or colors packed as `space.encode` reads them.

    Palette files give their indices to a label space of ids, and their colors to one of colors.

    Raises: DataError when the file cannot be read; LabelError when it holds colors and the label space ids.
    """
    return raw_of(path, space.by_color)[0]


def read_labels(path: str | Path, space: LabelSpace) -> np.ndarray:
    """A mask as labels: [H, W] of `space.dtype`, class numbers and the ignore index.

    What the file itself says to be no data is ignored, unless `space` gives it a meaning; see `LabelSpace.ignoring`.

    Raises: LabelError naming the file and each value outside the label space; DataError as `read_mask`.
    """
    raw, nodata = raw_of(path, space.by_color)
    try:
        return space.ignoring(nodata).encode(raw)
    except LabelError as error:
        raise LabelError(f"{path}: {error}") from None


def write_image(path: str | Path, image: np.ndarray) -> None:
    """Write an image [H, W, C] of 8 bits with up to four channels, or of 16 bits with one, as PNG.

    Raises: DataError for another image, or when the file cannot be written.
    """
    deep = image.dtype != np.uint8
    if image.shape[2] > (1 if deep else 4):
        raise DataError(f"{path}: an image of {image.shape[2]} channels of {8 * image.itemsize} bits is no PNG")
    try:
        Image.fromarray(image if image.shape[2] > 1 else image[..., 0]).save(path, format="PNG")
    except OSError as error:
        raise DataError(f"{path}: cannot be written ({error.strerror or error})") from None


def write_labels(path: str | Path, labels: np.ndarray, space: LabelSpace) -> None:
    """Write [H, W] class numbers as a palette PNG in the classes' colors, or as 16-bit gray beyond 255 classes.

    Raises: LabelError when a number is neither a class nor the ignore index; DataError when the file cannot be written.
    """
    labels = np.asarray(labels)
    wrong = (labels < 0) | ((labels >= space.num_classes) & (labels != space.ignore_index))
    if wrong.any():
        raise LabelError(
            f"{path}: {int(labels[wrong][0])} is no class number (0..{space.num_classes - 1}) and not the ignore index {space.ignore_index}"
        )
    image = Image.fromarray(labels.astype(space.dtype))
    if space.dtype is np.uint8:
        palette = np.zeros((256, 3), np.uint8)
        palette[: space.num_classes] = space.colors
        palette[space.ignore_index] = _IGNORED_COLOR
        image = image.copy()
        image.putpalette(palette.tobytes())
    try:
        image.save(path, format="PNG")
    except OSError as error:
        raise DataError(f"{path}: cannot be written ({error.strerror or error})") from None


def decode_mask(path: str | Path) -> tuple[np.ndarray, np.ndarray | None]:
    """A mask as it is stored, upright: ([H, W] numbers or [H, W, 3 or 4] colors, the palette [256, 3 or 4] or None)."""
    stored = stored_mask(path)
    return stored.array, stored.palette


def stored_mask(path: str | Path) -> Stored:
    """A mask as it is stored, and what its file says of pixels without data.

    Raises: DataError when it cannot be read, or holds numbers that are no ids.
    """
    path = Path(path)
    palette = nodata = None
    if path.suffix.lower() == ".npy":
        array, orientation = read_npy(path, planes=True)
    else:
        array, orientation, palette = read_picture(path, as_mask=True)
        nodata = nodata_of(path) if path.suffix.lower() != ".png" else None  # the usual masks are opened once
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[..., 0]
    array = whole(array, path, nodata)
    if array.ndim == 3 and (array.shape[2] not in (2, 3, 4) or array.dtype != np.uint8):
        raise DataError(
            f"{path}: a mask of {array.shape[2]} channels of {array.dtype}; masks are one map of ids, or 8-bit colors"
        )
    return Stored(upright(array, orientation), palette, as_id(nodata))


def raw_of(path: str | Path, by_color: bool) -> tuple[np.ndarray, int | None]:
    """A mask's raw values as `read_mask` gives them, and the one that stands for no data, where the file names one."""
    stored = stored_mask(path)
    return raw_values(stored.array, stored.palette, by_color, str(path)), raw_nodata(stored, by_color)


def raw_nodata(stored: Stored, by_color: bool) -> int | None:
    """The raw value, in the words of `raw_values`, of pixels that hold nothing; None where the file names none."""
    array, palette, nodata = stored
    if nodata is None or not np.iinfo(array.dtype).min <= nodata <= np.iinfo(array.dtype).max:
        return None
    one = np.full((1, 1, *array.shape[2:]), nodata, array.dtype)
    if one.ndim == 3 and one.shape[2] in (2, 4):
        one[..., -1] = 255
    try:
        return int(raw_values(one, palette, by_color, "")[0, 0])
    except LabelError:
        return None


def raw_values(array: np.ndarray, palette: np.ndarray | None, by_color: bool, where: str) -> np.ndarray:
    """What `decode_mask` gave, as one whole number a pixel: ids, or packed colors. See `read_mask`."""
    if by_color:
        if palette is not None:
            array = palette[array]
        elif array.ndim == 2 or array.shape[2] == 2:
            if array.dtype != np.uint8:
                found = f"the mask holds {array.dtype} ids, but labels.values lists colors"
                raise OddValues(found=found, remedy="list ids", where=where)
            gray = array if array.ndim == 2 else array[..., 0]
            array = np.dstack([gray, gray, gray] if array.ndim == 2 else [gray, gray, gray, array[..., 1]])
        return pack_colors(array)
    if array.ndim == 2:
        return array
    color = array[..., :3] if array.shape[2] >= 3 else array[..., :1]
    if (array.shape[2] in (2, 4)) and (array[..., -1] != 255).any():
        found = "the mask has transparent pixels, but labels.values lists ids"
        raise OddValues(found=found, remedy="list colors and `transparent`", where=where)
    if (color != color[..., :1]).any():
        remedy = 'say in labels.values which color is which class ("#804080": road), or let `intarsia init` write it'
        raise OddValues(found="the mask is a color image, but the labels are ids", remedy=remedy, where=where)
    return color[..., 0]


def orientation_of(path: str | Path) -> int:
    """The EXIF orientation that `read_image` and `read_mask` undo: 1 (upright) .. 8."""
    try:
        with opened(Path(path), limit=False) as image:
            if image.format == "PNG" and "exif" not in image.info:
                return 1
            return exif_orientation(image)
    except Exception:  # whatever is wrong with the file, reading it tells
        return 1


def upright(array: np.ndarray, orientation: int) -> np.ndarray:
    """Undo an EXIF orientation."""
    return np.ascontiguousarray(_TURNS[orientation](array)) if orientation in _TURNS else array


_TURNS: dict[int, Any] = {
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: a.swapaxes(0, 1)[:, ::-1],
    7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
    8: lambda a: a.swapaxes(0, 1)[::-1],
}
