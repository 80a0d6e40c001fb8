"""PNG files as sources: rows are unpacked one after the other and forgotten, so that memory never holds the whole picture.

What lies above a region has to be unpacked to know the region; what lies below it has not.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np

from ...errors import DataError
from ..files.sixteen_bit import CHANNELS, chunks, unfilter

_ROWS = 1 << 22  # bytes of rows that are unpacked at once, at least one row
_TURNED = (
    b"Raw profile type exif",
    b"Raw profile type APP1",
    b"XML:com.adobe.xmp",
)  # texts that may say which way is up
_TEXTS = (b"tEXt", b"zTXt", b"iTXt")


class Layout(NamedTuple):
    """What the header of a PNG says.

    Args:
        height, width: in pixels.
        bits: of a number.
        channels: of a pixel as it is stored; 1 where it is a place in a palette.
        palette: whether it is.
        plain: whether rows lie one after the other in one upright picture: no interlacing, animation, or data of orientation.
    """

    height: int
    width: int
    bits: int
    channels: int
    palette: bool
    plain: bool


class Png:
    """A PNG whose rows are read from the top.

    Raises: DataError for a header that is damaged.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.layout = path, layout_of(path)
        self.height, self.width, self.channels = self.layout.height, self.layout.width, self.layout.channels
        self.dtype = np.dtype(np.uint16 if self.layout.bits == 16 else np.uint8)
        self.tile = (1, self.width)
        self.spacing: tuple[float, float] | None = None

    def read(self, top: int, left: int, height: int, width: int) -> np.ndarray:
        """Read a region that lies inside of the picture: [height, width, C] numbers as they are stored.

        Raises: DataError for a file that is cut short or damaged.
        """
        bits, each = self.layout.bits, max(1, self.channels * self.layout.bits // 8)
        line = -(-self.width * self.channels * bits // 8)
        step = max(1, _ROWS // line)
        made = np.empty((height, line), np.uint8)
        above: np.ndarray | None = None  # the last row before those that are unpacked now
        for start, rows in self._rows(line, step, top + height):
            if above is not None:  # filters look at the row above, which stands in front as one without a filter
                rows = np.concatenate([above, rows])
            plain = unfilter(rows[:, :1], rows[:, 1:].reshape(len(rows), -1, each)).reshape(len(rows), line)
            plain = plain if above is None else plain[1:]
            above = np.concatenate([np.zeros((1, 1), np.uint8), plain[-1:]], axis=1)
            low, high = max(start, top), start + len(plain)
            if high > top:
                made[low - top : high - top] = plain[low - start :]
        return self._numbers(made, left, width)

    def close(self) -> None:
        """Do nothing: the file is open only while it is read."""

    def _rows(self, line: int, step: int, end: int) -> Iterator[tuple[int, np.ndarray]]:
        """The first rows of the file, some at a time: the number of the first, and [n, 1 + line] filters and bytes."""
        unpack, held, start = zlib.decompressobj(), b"", 0
        try:
            with self.path.open("rb") as file:
                for body in self._packed(file):
                    while start < end:
                        need = min(step, end - start) * (line + 1)
                        held += unpack.decompress(body, need - len(held))
                        body = unpack.unconsumed_tail
                        if len(held) < need:
                            break
                        yield start, np.frombuffer(held, np.uint8).reshape(-1, line + 1)
                        start, held = start + need // (line + 1), b""
                    if start >= end:
                        return
        except (OSError, zlib.error) as error:
            raise self._damaged(str(error)) from None
        raise self._damaged(f"its pixels end at row {start:,} of {self.height:,}")

    @staticmethod
    def _packed(file: BinaryIO) -> Iterator[bytes]:
        yield from (body for kind, body in chunks(file) if kind == b"IDAT")
        yield b""  # after which the rest comes that was unpacked and not asked for

    def _numbers(self, rows: np.ndarray, left: int, width: int) -> np.ndarray:
        """The pixels of rows of bytes, from a column on."""
        bits = self.layout.bits
        if bits < 8:
            every = np.unpackbits(rows, axis=1).reshape(len(rows), -1, bits)[:, left : left + width]
            weights = (1 << np.arange(bits - 1, -1, -1)).astype(np.uint8)
            packed: np.ndarray = (every * weights).sum(axis=2, dtype=np.uint8)
            return packed[..., None]
        numbers = rows.view(">u2").astype(np.uint16) if bits == 16 else rows
        return np.ascontiguousarray(numbers.reshape(len(rows), self.width, self.channels)[:, left : left + width])

    def _damaged(self, why: str) -> DataError:
        return DataError(f"{self.path}: the file is truncated or damaged ({why}); copy it again from its source")


def layout_of(path: Path) -> Layout:
    """Read the header of a PNG, and which of its other parts change what its pixels are.

    Raises: DataError where it is damaged.
    """
    plain = True
    with path.open("rb") as file:
        head = file.read(33)
        if len(head) < 33 or head[12:16] != b"IHDR" or head[25] not in CHANNELS:
            raise DataError(f"{path}: the file is truncated or damaged; copy it again from its source")
        while len(mark := file.read(8)) == 8 and mark[4:] != b"IEND":
            length, kind = int.from_bytes(mark[:4], "big"), mark[4:]
            start = file.tell()
            told = kind in _TEXTS and file.read(64).startswith(_TURNED)
            plain = plain and not told and kind not in (b"eXIf", b"acTL")
            file.seek(start + length + 4)
    width, height = int.from_bytes(head[16:20], "big"), int.from_bytes(head[20:24], "big")
    channels, palette = CHANNELS[head[25]], head[25] == 3
    return Layout(height, width, head[24], channels, palette, plain and head[28] == 0)
