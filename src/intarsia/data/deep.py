"""Images that Pillow would open with half of their bits, or not at all: 16-bit color PNG, and TIFF of many channels or 16-bit color."""

import zlib
from pathlib import Path

import numpy as np
from PIL import Image

from ..errors import DataError, extra

_SUBFILE = 254  # TIFF tag NewSubfileType: 1 is a reduced copy, 4 a mask of transparency; TIFF 6.0, section 8
_PNG_CHANNELS = {0: 1, 2: 3, 4: 2, 6: 4}  # color type -> samples a pixel; PNG specification, section 11.2.2


def read_png16(path: Path) -> np.ndarray:
    """A 16-bit PNG as [H, W, C] uint16.

    Raises: DataError when it is interlaced or damaged.
    """
    data = path.read_bytes()
    place, packed, header = 8, [], b""
    while place + 8 <= len(data):
        length, kind = int.from_bytes(data[place : place + 4], "big"), data[place + 4 : place + 8]
        body = data[place + 8 : place + 8 + length]
        if kind == b"IHDR":
            header = body
        elif kind == b"IDAT":
            packed.append(body)
        place += 12 + length
    width, height = int.from_bytes(header[:4], "big"), int.from_bytes(header[4:8], "big")
    channels, interlaced = _PNG_CHANNELS[header[9]], header[12]
    if interlaced:
        raise DataError(f"{path}: an interlaced 16-bit PNG cannot be read; save it again without interlacing")
    row = width * channels * 2
    try:
        plain = zlib.decompress(b"".join(packed))
    except zlib.error:
        plain = b""
    if len(plain) < height * (row + 1):
        raise DataError(f"{path}: the file is truncated or damaged; copy it again from its source")
    lines = np.frombuffer(plain, np.uint8, height * (row + 1)).reshape(height, row + 1)
    pixels = _unfilter(lines[:, 0], lines[:, 1:].reshape(height, width, channels * 2))
    return pixels.view(">u2").astype(np.uint16)


def _unfilter(kinds: np.ndarray, filtered: np.ndarray) -> np.ndarray:
    """Undo the prediction filters of PNG (specification, section 9.2) for all rows at once.

    A pixel needs its neighbors to the left, above, and above left, so the pixels of one anti-diagonal can be restored
    together: H + W steps instead of H x W.

    Args:
        kinds: [H] filter of each row, 0..4.
        filtered: [H, W, bytes a pixel] uint8.
    """
    height, width, depth = filtered.shape
    out = np.zeros((height + 1, width + 1, depth), np.uint8)  # a border of zeros above and to the left
    for wave in range(height + width - 1):
        y = np.arange(max(0, wave - width + 1), min(height, wave + 1))
        x = wave - y
        left, up, corner = (out[y + 1, x].astype(np.int16), out[y, x + 1].astype(np.int16), out[y, x].astype(np.int16))
        far_left, far_up, far_corner = abs(up - corner), abs(left - corner), abs(left + up - 2 * corner)
        paeth = np.where(
            (far_left <= far_up) & (far_left <= far_corner), left, np.where(far_up <= far_corner, up, corner)
        )
        kind = kinds[y, None]
        guess = np.select(
            [kind == 1, kind == 2, kind == 3, kind == 4], [left, up, (left + up) // 2, paeth], np.int16(0)
        )
        out[y + 1, x + 1] = filtered[y, x] + guess.astype(np.uint8)
    return np.ascontiguousarray(out[1:, 1:])


def full_pages(image: Image.Image) -> int:
    """How many pages an open GIF or TIFF has, without the smaller copies and masks of transparency that maps carry along."""
    count = getattr(image, "n_frames", 1)
    if count == 1 or image.format != "TIFF":
        return count
    full = 0
    for page in range(count):
        image.seek(page)
        full += not image.tag_v2.get(_SUBFILE, 0) & 5  # type: ignore[attr-defined]
    image.seek(0)
    return full


def read_tiff(path: Path) -> tuple[np.ndarray, int]:
    """A TIFF as [H, W, C] of the file's own numbers, and its EXIF orientation.

    Raises: DataError when it holds several pages or is damaged; MissingExtra without tifffile.
    """
    tifffile = extra("tifffile", "large")
    try:
        with tifffile.TiffFile(path) as file:
            series, page = file.series[0], file.pages[0]
            axes, pages = series.axes, len(file.pages)
            orientation = int(page.tags[274].value) if 274 in page.tags else 1
            array = series.asarray() if axes in ("YX", "YXS", "SYX") else None
    except Exception as error:  # tifffile raises many kinds; whatever it is, the file cannot be read
        raise DataError(f"{path}: the TIFF cannot be read ({error}); is it complete?") from None
    if array is None:
        raise DataError(
            f"{path}: holds {pages} pages (axes {axes}), one image is needed; save each page as a file of its own"
        )
    if axes == "SYX":
        array = np.moveaxis(array, 0, -1)
    return (array[..., None] if array.ndim == 2 else array), orientation
