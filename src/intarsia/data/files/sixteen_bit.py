"""Images that Pillow would open with half of their bits, or not at all: 16-bit color PNG, and TIFF of many channels or 16-bit color."""

import importlib
import lzma
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from PIL import Image

from ...errors import DataError, extra
from ...limits import check_decoded, check_pixels
from .formats import embedded
from .tags import MOST, pages

CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # color type -> samples a pixel; PNG specification, section 11.2.2
_SMALL = {8: 1 << 16, 32946: 1 << 16, 32773: 1 << 16}  # packed bytes of a compression that cannot grow beyond 70 MB


def read_png16(path: Path) -> np.ndarray:
    """A 16-bit PNG as [H, W, C] uint16. No more of it is unpacked than its pixels need.

    Raises: DataError when it is interlaced, too large or damaged.
    """
    damaged = DataError(f"{path}: the file is truncated or damaged; copy it again from its source")
    with path.open("rb") as file:
        found = chunks(file)
        kind, header = next(found, (b"", b""))
        if kind != b"IHDR" or len(header) != 13 or header[9] not in CHANNELS:
            raise damaged
        width, height = int.from_bytes(header[:4], "big"), int.from_bytes(header[4:8], "big")
        channels, interlaced = CHANNELS[header[9]], header[12]
        if interlaced:
            raise DataError(f"{path}: an interlaced 16-bit PNG cannot be read; save it again without interlacing")
        check_pixels(width, height, path)
        row = width * channels * 2
        need = height * (row + 1)
        unpack, plain = zlib.decompressobj(), bytearray()
        try:
            for kind, body in found:
                if kind == b"IDAT" and len(plain) < need:
                    plain += unpack.decompress(body, need - len(plain))
                    while len(plain) < need and unpack.unconsumed_tail:
                        plain += unpack.decompress(unpack.unconsumed_tail, need - len(plain))
        except zlib.error:
            raise damaged from None
    if len(plain) < need or need == 0:
        raise damaged
    lines = np.frombuffer(plain, np.uint8, need).reshape(height, row + 1)
    pixels = unfilter(lines[:, :1], lines[:, 1:].reshape(height, width, channels * 2))
    return pixels.view(">u2").astype(np.uint16)


def chunks(file: BinaryIO) -> Iterator[tuple[bytes, bytes]]:
    """The header of a PNG and its packed pixels, piece by piece; what lies between is passed over unread."""
    file.seek(8)
    while len(head := file.read(8)) == 8 and head[4:] != b"IEND":
        length, kind = int.from_bytes(head[:4], "big"), head[4:]
        if kind == b"IHDR":
            yield kind, file.read(min(length, 64))
            length -= min(length, 64)
        while kind == b"IDAT" and length > 0 and (body := file.read(min(length, 1 << 20))):
            yield kind, body
            length -= len(body)
        file.seek(length + 4, 1)


def unfilter(kinds: np.ndarray, filtered: np.ndarray) -> np.ndarray:
    """Undo the prediction filters of PNG (specification, section 9.2).

    They work on bytes, each predicted from the byte of the same place in the pixels around it. So the bytes of one place
    are an 8-bit picture of their own, and up to four of them one that Pillow's own decoder restores.

    Args:
        kinds: [H, 1] filter of each row, 0..4.
        filtered: [H, W, bytes a pixel] uint8; one byte where a pixel has less.
    """
    height, width, depth = filtered.shape
    out = np.empty(filtered.shape, np.uint8)
    share = {1: 1, 2: 2, 3: 3, 6: 3}.get(depth, 4)
    for start in range(0, depth, share):
        part = filtered[:, :, start : start + share].reshape(height, -1)
        packed = zlib.compress(np.concatenate([kinds, part], axis=1).tobytes(), 0)
        mode = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}[share]
        plain = np.asarray(Image.frombytes(mode, (width, height), packed, "zip", mode))
        out[:, :, start : start + share] = plain.reshape(height, width, share)
    return out


def check_single(path: Path, image: Image.Image) -> None:
    """Refuse a file that holds several pictures: an animation, pages, or the views of one camera.

    The smaller copies and masks of transparency that maps carry along, and a camera's small previews, are no pictures of
    their own.

    Raises: DataError.
    """
    if image.format == "TIFF":
        kept = pages(path, MOST + 1)
        count = sum(not page.reduced for page in kept)
        if len(kept) > MOST:
            raise DataError(
                f"{path}: holds more than {MOST} pages, one image is needed; save each page as a file of its own"
            )
        what = "pages"
    elif image.format == "GIF":
        count, what = _frames(image), "pages"
    elif image.format == "MPO":
        count, what = _views(image), "pictures"
    else:
        count, what = int(getattr(image, "n_frames", 1)), "frames"
    if count > 1:
        more = "more than " if count > MOST else ""
        raise DataError(
            f"{path}: holds {more}{min(count, MOST)} {what}, one image is needed; save each {what[:-1]} as a file of its own"
        )


def _frames(image: Any) -> int:
    """Frames of a GIF, counted no further than needed: it lists them nowhere."""
    count = 1
    if image.is_animated:
        try:
            while count <= MOST:
                image.seek(count)
                count += 1
        except EOFError:
            pass
        image.seek(0)
    return count


def _views(image: Any) -> int:
    """Pictures of a camera's MPO that are as large as its first one; of the others previews and gain maps are made."""
    size, count = image.size, 1
    for number in range(1, min(int(image.n_frames), MOST)):
        try:
            image.seek(number)
            count += image.size == size
        except (EOFError, OSError, SyntaxError, ValueError):  # a damaged second picture does no harm to the first
            break
    image.seek(0)
    return count


def read_tiff(path: Path) -> tuple[np.ndarray, int]:
    """A TIFF as [H, W, C] of the file's own numbers, and its EXIF orientation.

    Raises: DataError when it holds several pages, is too large or damaged; MissingExtra without tifffile.
    """
    known = pages(path, MOST + 1)
    if not known:
        raise DataError(f"{path}: the TIFF holds no page; copy it again from its source")
    first = known[0]
    check_pixels(first.width, first.height, path)
    check_decoded(first.width * first.height * first.samples * max(first.bits, 8) // 8, path)
    if len(known) > MOST:
        raise DataError(
            f"{path}: holds more than {MOST} pages, one image is needed; save each page as a file of its own"
        )
    tifffile = extra("tifffile", "large")
    try:
        with tifffile.TiffFile(path) as file:
            series, page = file.series[0], file.pages[0]
            axes, count = series.axes, len(file.pages)
            orientation = int(page.tags[274].value) if 274 in page.tags else 1
            check_decoded(int(series.size) * series.dtype.itemsize, path)
            if axes in ("YX", "YXS", "SYX"):
                for one in series.pages:
                    _check_segments(path, one)
            array = series.asarray() if axes in ("YX", "YXS", "SYX") else None
    except DataError:
        raise
    except MemoryError:
        raise DataError(f"{path}: the TIFF needs more memory than is free; cut it into tiles") from None
    except Exception as error:  # tifffile raises many kinds; whatever it is, the file cannot be read
        raise DataError(f"{path}: the TIFF cannot be read ({error}); is it complete?") from None
    if array is None:
        raise DataError(
            f"{path}: holds {count} pages (axes {axes}), one image is needed; save each page as a file of its own"
        )
    if axes == "SYX":
        array = np.moveaxis(array, 0, -1)
    return (array[..., None] if array.ndim == 2 else array), orientation


def _check_segments(path: Path, page: Any) -> None:
    """Refuse strips and tiles that unpack to more than their pixels need.

    Raises: DataError.
    """
    compression = int(page.compression)
    if compression in _BOUNDED:
        return
    if compression not in _PARTS and compression not in _PICTURES and compression != _PACKBITS:
        raise DataError(
            f"{path}: its strips are compressed by {getattr(page.compression, 'name', compression)}, which says nothing of "
            "their size before they are unpacked; save it with Deflate or LZW"
        )
    rows = page.tilelength if page.is_tiled else page.rowsperstrip
    columns = page.tilewidth if page.is_tiled else page.imagewidth
    samples = page.samplesperpixel if page.planarconfig == 1 else 1
    need = min(int(rows), max(int(page.imagelength), int(rows) if page.is_tiled else 1)) * int(columns) * int(samples)
    need = need * max(int(page.bitspersample), 8) // 8
    check_decoded(need, path)
    for offset, size in zip(page.dataoffsets, page.databytecounts, strict=False):
        if size <= _SMALL.get(compression, 0):
            continue
        packed = page.parent.filehandle
        packed.seek(offset)
        if _unpacked(compression, packed.read(size), need, path) > need:
            raise DataError(
                f"{path}: a part of the TIFF unpacks to more than the {need:,} bytes of its pixels; save it again with another program"
            )


def _unpacked(compression: int, packed: bytes, need: int, path: Path) -> int:
    """How many bytes a part unpacks to; never more than one beyond `need` are made."""
    if compression == _PACKBITS:
        return _packbits_size(packed, need)
    if compression in _PICTURES:
        with embedded(packed, f"{path}: a part of the TIFF") as image:
            return image.width * image.height * len(image.getbands())
    return len(_PARTS[compression]().decompress(packed, need + 1))


def _packbits_size(packed: bytes, need: int) -> int:
    """How many bytes PackBits unpacks to (TIFF 6.0, section 9), counted no further than beyond `need`."""
    place = total = 0
    while place < len(packed) and total <= need:
        head = packed[place]
        total += 257 - head if head > 128 else head + 1 if head < 128 else 0
        place += 2 if head > 128 else head + 2 if head < 128 else 1
    return total


def _zstd() -> Any:
    """A decompressor of Zstandard that makes no more than it is asked for.

    Raises: DataError where this Python has none.
    """
    try:
        return importlib.import_module("compression.zstd").ZstdDecompressor()
    except ModuleNotFoundError:
        return _Zstd()


class _Zstd:
    """The same with imagecodecs, which tifffile needs for it anyway: it fills a given number of bytes and no more."""

    def decompress(self, packed: bytes, most: int) -> bytes:
        made = extra("imagecodecs", "large").zstd_decode(packed, out=most)
        return bytes(made)


_PARTS: dict[int, Callable[[], Any]] = {  # compressions of which a few bytes may stand for gigabytes
    8: zlib.decompressobj, 32946: zlib.decompressobj, 34925: lambda: lzma.LZMADecompressor(memlimit=1 << 28), 50000: _zstd,
}  # fmt: skip
_BOUNDED = (1, 5)  # none, and LZW, whose decoder fills the size that it is given
_PACKBITS = 32773
_PICTURES = (6, 7, 99, 33003, 33004, 33005, 34712, 34892, 33007, 34927, 50001, 34933)  # JPEG, JPEG 2000, WebP, PNG
