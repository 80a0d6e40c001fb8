"""The numbers of large picture files, region by region, as `codecs.read_image` and `codecs.stored_mask` read them whole.

A file is opened so only where each region is sure to hold the same numbers: PNG that is not interlaced, and TIFF of one upright
picture. All others are read whole: JPEG too, since its reduced decoding gives other numbers.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image, UnidentifiedImageError

from ...limits import PIXELS
from ..files.codecs import Stored, raw_nodata, raw_of, raw_values
from ..files.formats import opened
from ..files.npy import whole
from ..files.tags import as_id, nodata_of, pages
from .png import Png
from .source import Source
from .tiff import Tiff

_SAME = {
    "L": 1,
    "RGB": 3,
    "I;16": 1,
    "I;16B": 1,
    "I;16L": 1,
}  # modes of 8 and 16 bits in which Pillow changes no number
_COLORMAP, _EXTRA_SAMPLES, _PLAIN_ALPHA = 320, 338, (2,)
_ROWS = 1 << 26  # bytes that are read at once where all of a picture is looked at

Part = tuple[int, int, int, int]  # y0, x0, y1, x1


class Numbers(NamedTuple):
    """A file whose numbers are read region by region.

    Args:
        source: of the numbers as they are stored.
        palette: [256, 3 or 4] colors of the numbers; None where they are no places in a palette.
        factor: that each number is multiplied by.
    """

    source: Source
    palette: np.ndarray | None = None
    factor: int = 1

    @property
    def size(self) -> tuple[int, int]:
        """(H, W) of the picture."""
        return self.source.height, self.source.width

    def image(self, part: Part) -> np.ndarray:
        """Read a part of an image, as `read_image` does: [h, w, C] uint8 or uint16."""
        array = self._read(part)
        return array * np.uint8(self.factor) if self.palette is None else self.palette[array[..., 0]]

    def raw(self, part: Part, by_color: bool) -> tuple[np.ndarray, int | None]:
        """Read a part of a mask, as `raw_of` does: raw values [h, w], and the one that stands for no data, or None."""
        array, path = self._read(part), self.source.path
        nodata = nodata_of(path)
        array = whole(array[..., 0] if array.shape[2] == 1 else array, path, nodata)
        stored = Stored(array, self.palette, as_id(nodata))
        return raw_values(array, self.palette, by_color, str(path)), raw_nodata(stored, by_color)

    def parts(self) -> Iterator[Part]:
        """Go through all of the picture, some whole rows of its tiles at a time."""
        source = self.source
        line = source.width * source.channels * source.dtype.itemsize
        step = max(1, _ROWS // max(1, line * source.tile[0])) * source.tile[0]
        for top in range(0, source.height, step):
            yield top, 0, min(top + step, source.height), source.width

    def close(self) -> None:
        """Let go of the file."""
        self.source.close()

    def _read(self, part: Part) -> np.ndarray:
        top, left, bottom, right = part
        return self.source.read(top, left, bottom - top, right - left)


def open_numbers(path: Path, least: int, *, mask: bool = False) -> Numbers | None:
    """Open a picture file of more than `least` pixels whose regions can be read.

    Returns: None for a smaller one, and one that has to be read whole; reading it whole says what is wrong with it.
    """
    try:
        with opened(path, limit=False) as image:
            if image.width * image.height <= least:
                return None
            if image.format == "PNG":
                return _png(path, image, mask)
            return _tiff(path, image, mask) if image.format == "TIFF" else None
    except UnidentifiedImageError:  # TIFF of many channels, which Pillow does not open
        return None if mask else _many(path, least)
    except Exception:  # whatever is wrong with the file
        return None


def _png(path: Path, image: Image.Image, mask: bool) -> Numbers | None:
    source = Png(path)
    layout = source.layout
    deep = layout.bits == 16
    if (
        not layout.plain
        or (layout.bits < 8 and not layout.palette and layout.bits != 1)
        or (mask and deep and layout.channels > 1)
    ):
        return None
    if layout.palette:
        assert image.palette is not None
        return Numbers(source, _colors(image.palette.palette, image.info.get("transparency")))
    return Numbers(source, factor=255 if layout.bits == 1 and not mask else 1)


def _colors(flat: Any, transparency: Any) -> np.ndarray:
    """The colors of a palette's numbers, [256, 3 or 4] uint8, as Pillow paints them."""
    ramp = Image.fromarray(np.arange(256, dtype=np.uint8)[None]).copy()
    ramp.putpalette(flat)
    if transparency is not None:
        ramp.info["transparency"] = transparency
    made: np.ndarray = np.asarray(ramp.convert("RGB" if transparency is None else "RGBA"))[0]
    return made


def _tiff(path: Path, image: Any, mask: bool) -> Numbers | None:
    """A TIFF of one picture whose numbers neither Pillow nor tifffile would change."""
    tags, mode = image.tag_v2, image.mode
    if sum(not page.reduced for page in pages(path)) != 1:
        return None
    many = tags.get(277, 1) > 1 and max(tags.get(258, (8,))) > 8  # read by tifffile anyway
    plain = mode in _SAME or (mode == "RGBA" and tags.get(_EXTRA_SAMPLES) == _PLAIN_ALPHA)
    if not (many or plain or (mask and mode == "P")):
        return None
    source = Tiff(path, palette=mask)
    bands = len(image.getbands())
    if (many and mask) or (not many and source.channels != bands) or (mode == "P" and source.dtype != np.uint8):
        source.close()
        return None
    if mode != "P":
        return Numbers(source)
    colors = np.array(tags[_COLORMAP]).reshape(3, -1).T // 256
    return Numbers(source, colors.astype(np.uint8))


def _many(path: Path, least: int) -> Numbers | None:
    try:
        source = Tiff(path)
    except Exception:  # no TIFF, or one that is read whole or not at all
        return None
    if source.height * source.width > least and sum(not page.reduced for page in pages(path)) == 1:
        return Numbers(source)
    source.close()
    return None


def raw_parts(path: Path) -> Iterator[tuple[np.ndarray, int | None]]:
    """Read a mask of ids as `raw_of` does: as a whole, or of one beyond memory some rows after the others.

    Raises: as `raw_of`.
    """
    numbers = open_numbers(path, PIXELS, mask=True)
    if numbers is None:
        yield raw_of(path, False)
        return
    with closing(numbers):
        for part in numbers.parts():
            yield numbers.raw(part, False)
