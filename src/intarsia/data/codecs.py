"""Files to arrays and back: images of any number of channels, 8 or 16 bit, and masks in every usual encoding.

    PNG JPEG TIFF BMP GIF npy --read_image--> [H, W, C] uint8 | uint16
                              --read_mask--->  [H, W] raw values: ids, palette indices, or packed colors
                              --read_labels->  [H, W] class numbers and ignore      (LabelSpace maps them)
    labels --write_labels--> palette PNG, or 16-bit gray PNG beyond 255 classes

A file whose EXIF says that it lies on its side is turned upright, images and masks alike, as every viewer shows it;
the audit warns where an image and its mask disagree about that.
"""

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ..errors import DataError, LabelError
from ..labels import LabelSpace, pack_colors
from .arrays import read_npy, whole
from .deep import full_pages, read_png16, read_tiff

SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".gif", ".npy")
_IGNORED_COLOR = (255, 255, 255)
_ORIENTATION = 274  # EXIF tag: which way is up, 1..8


def read_image(path: str | Path) -> np.ndarray:
    """An image, upright: [H, W, C] uint8 or uint16.

    Raises: DataError when the file is missing, is no image, is damaged, or holds other numbers than 8 or 16 bit.
    """
    path = Path(path)
    array, orientation = read_npy(path) if path.suffix.lower() == ".npy" else _read_picture(path, as_mask=False)[:2]
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
    return raw_values(*decode_mask(path), space.by_color, str(path))


def read_labels(path: str | Path, space: LabelSpace) -> np.ndarray:
    """A mask as labels: [H, W] of `space.dtype`, class numbers and the ignore index.

    Raises: LabelError naming the file and each value outside the label space; DataError as `read_mask`.
    """
    raw = read_mask(path, space)
    try:
        return space.encode(raw)
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
    path = Path(path)
    palette = None
    if path.suffix.lower() == ".npy":
        array, orientation = read_npy(path, planes=True)
    else:
        array, orientation, palette = _read_picture(path, as_mask=True)
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[..., 0]
    array = array.astype(np.uint8) if array.dtype == bool else whole(array)
    if array.dtype.kind not in "iu":
        raise DataError(f"{path}: a mask of {array.dtype} numbers; masks hold whole numbers or colors")
    if array.ndim == 3 and (array.shape[2] not in (2, 3, 4) or array.dtype != np.uint8):
        raise DataError(
            f"{path}: a mask of {array.shape[2]} channels of {array.dtype}; masks are one map of ids, or 8-bit colors"
        )
    return upright(array, orientation), palette


def raw_values(array: np.ndarray, palette: np.ndarray | None, by_color: bool, where: str) -> np.ndarray:
    """What `decode_mask` gave, as one whole number a pixel: ids, or packed colors. See `read_mask`."""
    if by_color:
        if palette is not None:
            array = palette[array]
        elif array.ndim == 2 or array.shape[2] == 2:
            if array.dtype != np.uint8:
                raise LabelError(f"{where}: the mask holds {array.dtype} ids, but labels.values lists colors; list ids")
            gray = array if array.ndim == 2 else array[..., 0]
            array = np.dstack([gray, gray, gray] if array.ndim == 2 else [gray, gray, gray, array[..., 1]])
        return pack_colors(array)
    if array.ndim == 2:
        return array
    color = array[..., :3] if array.shape[2] >= 3 else array[..., :1]
    if (array.shape[2] in (2, 4)) and (array[..., -1] != 255).any():
        raise LabelError(
            f"{where}: the mask has transparent pixels, but labels.values lists ids; list colors and `transparent`"
        )
    if (color != color[..., :1]).any():
        raise LabelError(
            f"{where}: the mask is a color image, but the labels are ids; say in labels.values which color is which class "
            '("#804080": road), or let `intarsia init` write it'
        )
    return color[..., 0]


def orientation_of(path: str | Path) -> int:
    """The EXIF orientation that `read_image` and `read_mask` undo: 1 (upright) .. 8."""
    try:
        with Image.open(path) as image:
            if image.format == "PNG" and "exif" not in image.info:
                return 1
            return int(image.getexif().get(_ORIENTATION, 1))
    except Exception:  # whatever is wrong with the file, reading it tells
        return 1


def _read_picture(path: Path, as_mask: bool) -> tuple[np.ndarray, int, np.ndarray | None]:
    """The numbers of a file, its EXIF orientation, and, for a mask, its palette."""
    try:
        with Image.open(path) as image:
            if (
                image.format == "PNG"
                and image.mode in ("RGB", "RGBA", "LA")
                and any(";16" in str(tile[3]) for tile in image.tile)
            ):
                return read_png16(path), _exif(image), None
            if image.format == "TIFF" and image.tag_v2.get(277, 1) > 1 and max(image.tag_v2.get(258, (8,))) > 8:  # type: ignore[attr-defined]
                return (*read_tiff(path), None)
            pages = full_pages(image) if image.format in ("GIF", "TIFF") else 1
            if pages > 1:
                raise DataError(
                    f"{path}: holds {pages} pages, one image is needed; save each page as a file of its own"
                )
            image.load()
            orientation = _exif(image)  # after loading: Pillow turns TIFFs itself, and then says so
            if image.mode in ("P", "PA"):
                seen = "RGBA" if image.mode == "PA" or "transparency" in image.info else "RGB"
                if as_mask and image.mode == "P":
                    return np.asarray(image), orientation, _palette(image, seen)
                return np.asarray(image.convert(seen)), orientation, None
            if image.mode in ("1", "L", "LA", "RGB", "RGBA", "F") or image.mode.startswith("I"):
                array = np.asarray(image)
                return array.astype(array.dtype.newbyteorder("="), copy=False), orientation, None
            raise DataError(f"{path}: a picture in {image.mode} colors; save it as gray, RGB or RGBA")
    except DataError:
        raise
    except FileNotFoundError:
        raise DataError(f"{path}: there is no such file") from None
    except (IsADirectoryError, PermissionError) as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from None
    except Image.UnidentifiedImageError:
        if path.suffix.lower() in (".tif", ".tiff") and _head(path)[:2] in (b"II", b"MM"):
            return (*read_tiff(path), None)
        raise DataError(f"{path}: {_what_it_is(path)}") from None
    except Image.DecompressionBombError:
        raise DataError(f"{path}: the picture is too large to be read as a whole; cut it into tiles") from None
    except (
        OSError,
        SyntaxError,
        ValueError,
        EOFError,
        IndexError,
        KeyError,
        TypeError,
    ) as error:  # what Pillow's decoders raise for damaged files
        raise DataError(
            f"{path}: the file is truncated or damaged ({str(error).rstrip('.')}); copy it again from its source"
        ) from None


def _exif(image: Image.Image) -> int:
    return int(image.getexif().get(_ORIENTATION, 1) or 1)


def _palette(image: Image.Image, mode: str) -> np.ndarray:
    """The colors of a palette image's indices: [256, 3 or 4] uint8, found by painting the indices themselves."""
    ramp = Image.fromarray(np.arange(256, dtype=np.uint8)[None]).copy()
    ramp.putpalette(image.getpalette("RGB") or [])
    if mode == "RGBA":
        ramp.info["transparency"] = image.info["transparency"]
    return np.asarray(ramp.convert(mode))[0]


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


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(512)


def _what_it_is(path: Path) -> str:
    """What a file is that is no image, from its first bytes."""
    head = _head(path)
    if not head:
        return "the file is empty"
    if head.startswith(b"version https://git-lfs"):
        return "a Git LFS pointer, not the image itself; fetch it with `git lfs pull`"
    if not any(byte < 9 for byte in head):
        return (
            f"a text file, not an image, in spite of its name; it begins with {head[:24].decode('utf-8', 'replace')!r}"
        )
    if head.startswith((b"\x89PNG", b"\xff\xd8", b"GIF8", b"BM", b"II", b"MM")):
        return "the file is truncated or damaged; copy it again from its source"
    return f"not an image that can be read; allowed are {', '.join(s[1:] for s in SUFFIXES)}"
