"""One picture file as the numbers that lie in it: Pillow's decoders, and ours where Pillow would change or refuse them."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, UnidentifiedImageError

from ... import limits
from ...errors import DataError, OddMode
from ...limits import check_decoded
from .formats import SUFFIXES, depth_of_jpeg2000, kind_of, opened
from .page_bands import read_bands
from .sixteen_bit import check_single, read_png16, read_tiff
from .tags import is_tiff

_ORIENTATION = 274  # EXIF tag: which way is up, 1..8
_MODES = {"LA": 2, "RGB": 3, "RGBA": 4, "PA": 4, "CMYK": 4, "I": 4, "F": 4}  # bytes a pixel, where it is not one


def read_picture(path: Path, as_mask: bool) -> tuple[np.ndarray, int, np.ndarray | None]:
    """The numbers of a file as they lie in it, its EXIF orientation, and, for a mask, its palette.

    Raises: DataError that says what is wrong with the file.
    """
    try:
        with opened(path) as image:
            return _pixels(path, image, as_mask)
    except DataError:
        raise
    except FileNotFoundError:
        raise DataError(f"{path}: there is no such file") from None
    except (IsADirectoryError, PermissionError) as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from None
    except UnidentifiedImageError:
        if is_tiff(_head(path)):  # of many channels, which Pillow does not open
            return (*read_tiff(path), None)
        raise DataError(f"{path}: {_what_it_is(path)}") from None
    except MemoryError:
        raise DataError(f"{path}: the picture needs more memory than is free; cut it into tiles") from None
    except Exception as error:  # whatever a decoder makes of a damaged file
        raise DataError(
            f"{path}: the file is truncated or damaged ({str(error).rstrip('.')[:200]}); copy it again from its source"
        ) from None


def _pixels(path: Path, image: Image.Image, as_mask: bool) -> tuple[np.ndarray, int, np.ndarray | None]:
    """What `read_picture` gives, of an open file."""
    kind, mode = image.format, image.mode
    if kind == "TIFF" and (tags := image.tag_v2).get(277, 1) > 1 and max(tags.get(258, (8,))) > 8:  # type: ignore[attr-defined]
        return (*read_tiff(path), None)
    if kind == "TIFF" and not as_mask and (bands := read_bands(path, image)) is not None:
        return bands.astype(bands.dtype.newbyteorder("="), copy=False), exif_orientation(image), None
    check_single(path, image)
    check_decoded(image.width * image.height * _MODES.get(mode, 2), path)
    if kind == "PNG" and mode in ("RGB", "RGBA", "LA") and any(";16" in str(tile[3]) for tile in image.tile):  # type: ignore[attr-defined]
        return read_png16(path), exif_orientation(image), None
    if kind == "PPM" and (scaled := _unscaled(path, image)) is not None:
        return scaled, 1, None
    if kind == "JPEG2000":
        _check_depth(path, mode, as_mask)
    if kind == "TIFF" and image.width * image.height > (Image.MAX_IMAGE_PIXELS or limits.PIXELS):
        with warnings.catch_warnings():  # our limit was held already; only Pillow's TIFF asks a second time
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            image.load()
    image.load()
    orientation = exif_orientation(image)  # after loading: Pillow turns TIFFs itself, and then says so
    if mode in ("P", "PA"):
        seen = "RGBA" if mode == "PA" or "transparency" in image.info else "RGB"
        if as_mask and mode == "P":
            return np.asarray(image), orientation, _palette(image, seen)
        return np.asarray(image.convert(seen)), orientation, None
    if mode in ("1", "L", "LA", "RGB", "RGBA", "F") or mode.startswith("I"):
        array = np.asarray(image)
        return array.astype(array.dtype.newbyteorder("="), copy=False), orientation, None
    raise OddMode(f"{path}: a picture in {mode} colors; save it as gray, RGB or RGBA")


def _unscaled(path: Path, image: Any) -> np.ndarray | None:
    """The numbers of a PGM or PPM as they are, where its largest value is none that Pillow keeps; None where it is."""
    (decoder, _, offset, given), bands = image.tile[0], len(image.getbands())
    top = given[1] if isinstance(given, tuple) else 255
    if decoder == "raw" or image.mode == "1" or top == (65535 if image.mode == "I" else 255):
        return None
    if decoder != "ppm":
        raise DataError(f"{path}: a {image.format} written as text, with values up to {top}; save it as PNG")
    dtype = np.dtype(np.uint8 if top < 256 else ">u2")
    flat = np.fromfile(path, dtype, image.width * image.height * bands, offset=offset)
    return flat.reshape(image.height, image.width, bands).astype(dtype.newbyteorder("="), copy=False)


def _check_depth(path: Path, mode: str, as_mask: bool) -> None:
    """Refuse JPEG 2000 whose numbers Pillow cuts or shifts."""
    with path.open("rb") as file:
        bits = depth_of_jpeg2000(file.read(1 << 16))
    if (bits > 8 and not mode.startswith("I")) or (as_mask and bits not in (8, 16)):
        raise DataError(
            f"{path}: a JPEG 2000 picture of {bits} bits, whose values would be changed; save it as TIFF or PNG"
        )


def exif_orientation(image: Image.Image) -> int:
    """Which way is up by the EXIF data of an open file, 1 (upright) .. 8."""
    return int(image.getexif().get(_ORIENTATION, 1) or 1)


def _palette(image: Image.Image, mode: str) -> np.ndarray:
    """The colors of a palette image's indices: [256, 3 or 4] uint8, found by painting the indices themselves."""
    ramp = Image.fromarray(np.arange(256, dtype=np.uint8)[None]).copy()
    ramp.putpalette(image.getpalette("RGB") or [])
    if mode == "RGBA":
        ramp.info["transparency"] = image.info["transparency"]
    colors: np.ndarray = np.asarray(ramp.convert(mode))[0]
    return colors


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
    if kind_of(head) or head.startswith((b"\x89PNG", b"\xff\xd8", b"GIF8", b"II", b"MM")):
        return "the file is truncated or damaged; copy it again from its source"
    if head.startswith(b"\x93NUMPY"):
        return "an array of NumPy in spite of its name; give it the ending .npy"
    return f"not an image that can be read; allowed are {', '.join(s[1:] for s in SUFFIXES)}"
