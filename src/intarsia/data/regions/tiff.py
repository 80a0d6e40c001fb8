"""TIFF files as sources: tiles and strips, BigTIFF, pyramids (SVS and OME among them), and the tags of GeoTIFF.

tifffile decodes single tiles; which of them a region touches is arithmetic, and no other is decoded.
"""

from __future__ import annotations

import math
import re
import threading
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import DataError, MissingExtra, extra
from ...limits import DECODED
from .source import checked_level, checked_numbers

GEO = (33550, 33922, 34264, 34735, 34736, 34737)  # tags of GeoTIFF that the answer keeps; GDAL's speak of the values
_TURNING = (6, 7, 33007)  # compressions by JPEG, whose decoder turns YCbCr into RGB
_MICROMETERS = {2: 25_400.0, 3: 10_000.0}  # of the unit that a resolution is given in: inch, centimeter
_SCREEN = (1.0, 72.0, 96.0, 100.0, 150.0, 200.0, 300.0, 600.0)  # pixels an inch that say nothing of what is seen


class Tiff:
    """One level of a TIFF.

    Args:
        path: the file.
        level: of its pyramid; 0 has the most pixels.
        palette: take the numbers of a picture in palette colors, as of a mask.

    Raises: DataError for a damaged file, several pictures, a level that is not there, and numbers that are no image's;
        MissingExtra without tifffile.
    """

    def __init__(self, path: Path, level: int = 0, *, palette: bool = False) -> None:
        tifffile = extra("tifffile", "large")
        self.path, self._lock, self._palette = path, threading.Lock(), palette
        try:
            self._file = tifffile.TiffFile(path)
        except Exception as error:  # whatever tifffile makes of a damaged directory
            raise DataError(
                f"{path}: the TIFF's directory is truncated or damaged ({str(error)[:200]}); copy it again from its source"
            ) from None
        try:
            self._open(level)
        except BaseException:
            self._file.close()
            raise

    def _open(self, level: int) -> None:
        levels = _levels(self.path, self._file)
        page = levels[checked_level(self.path, level, [(one.imagelength, one.imagewidth) for one in levels])]
        self._page = page
        self.height, self.width, self.channels = int(page.imagelength), int(page.imagewidth), int(page.samplesperpixel)
        _check_colors(self.path, page, self._palette)
        self.dtype = checked_numbers(self.path, page.dtype)
        tiled = page.is_tiled
        self.tile = (page.tilelength, page.tilewidth) if tiled else (min(page.rowsperstrip, self.height), self.width)
        self.planar = int(page.planarconfig) == 2 and self.channels > 1
        self._plain = bool(page.is_contiguous)
        self._check_whole()
        factor = levels[0].imagewidth / self.width
        self.tags = {} if level else {n: page.tags[n] for n in GEO if n in page.tags}
        full = _spacing(self._file, levels[0])
        self.spacing = (full[0] * factor, full[1] * factor) if full else None

    def _check_whole(self) -> None:
        """Refuse a file that ends before its pixels do."""
        page, size = self._page, self._file.filehandle.size
        end = max((o + n for o, n in zip(page.dataoffsets, page.databytecounts, strict=False)), default=0)
        if end > size:
            raise DataError(
                f"{self.path}: the TIFF is cut short: its pixels end at byte {end:,}, and the file has {size:,}; copy it "
                "again from its source"
            )
        down, across = math.ceil(self.height / self.tile[0]), math.ceil(self.width / self.tile[1])
        wanted = down * across * (self.channels if self.planar else 1)
        if not self._plain and len(page.dataoffsets) < wanted:
            raise DataError(
                f"{self.path}: the TIFF lists {len(page.dataoffsets):,} of its {wanted:,} tiles; copy it again from its source"
            )
        held = self.tile[0] * self.tile[1] * self.channels * self.dtype.itemsize
        if not self._plain and held > DECODED:
            raise DataError(
                f"{self.path}: its pieces have {held:,} bytes each; at most {DECODED:,} are decoded at once, so save it in tiles"
            )

    def read(self, top: int, left: int, height: int, width: int) -> np.ndarray:
        """Read a region that lies inside of the picture.

        Returns: [height, width, C] uint8 or uint16.

        Raises: DataError for a tile that cannot be decoded.
        """
        if self._plain:
            return self._stored(top, left, height, width)
        made = np.zeros((height, width, self.channels), self.dtype)
        down, across = self.tile
        wide = math.ceil(self.width / across)
        planes = range(self.channels) if self.planar else range(1)
        for row in range(top // down, math.ceil((top + height) / down)):
            for column in range(left // across, math.ceil((left + width) / across)):
                for plane in planes:
                    number = plane * math.ceil(self.height / down) * wide + row * wide + column
                    piece = self._decoded(number)
                    if piece is not None:
                        y, x = row * down, column * across
                        here = (
                            slice(max(y, top) - top, y + piece.shape[0] - top),
                            slice(max(x, left) - left, x + piece.shape[1] - left),
                        )
                        there = piece[max(top - y, 0) : top + height - y, max(left - x, 0) : left + width - x]
                        if self.planar:
                            made[(*here, plane)] = there[..., 0]
                        else:
                            made[here] = there
        return made

    def _decoded(self, number: int) -> np.ndarray | None:
        """A tile without what lies beyond the picture; None for one that the file leaves out."""
        page = self._page
        offset, size = page.dataoffsets[number], page.databytecounts[number]
        if not size:
            return None
        with self._lock:
            self._file.filehandle.seek(offset)
            data = self._file.filehandle.read(size)
        try:
            piece, _, shape = page.decode(data, number, jpegtables=page.jpegtables)
        except Exception as error:  # decoders raise many kinds
            if "imagecodecs" in str(error):
                raise MissingExtra(
                    f'{self.path}: its compression needs imagecodecs; type: pip install "intarsia[large]"'
                ) from None
            raise DataError(
                f"{self.path}: tile {number} is damaged ({str(error)[:200]}); copy the file again from its source"
            ) from None
        if piece is None:
            return None
        made: np.ndarray = piece[0, : shape[1], : shape[2]]
        return made

    def _stored(self, top: int, left: int, height: int, width: int) -> np.ndarray:
        """The same of pixels that lie in the file one row after the other."""
        stored = np.dtype(self.dtype).newbyteorder(self._file.byteorder)
        planes = self.channels if self.planar else 1
        each = self.channels // planes
        made = np.empty((height, width, self.channels), self.dtype)
        line = self.width * each * stored.itemsize
        for plane in range(planes):
            start = self._page.dataoffsets[0] + (plane * self.height + top) * line
            with self._lock:
                self._file.filehandle.seek(start)
                data = self._file.filehandle.read(height * line)
            rows = np.frombuffer(data, stored).reshape(height, self.width, each)[:, left : left + width]
            made[..., plane * each : (plane + 1) * each] = rows
        return made

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def spacing_of_tiff(path: Path) -> tuple[float, float] | None:
    """Read the micrometers a pixel (down, across) of a TIFF's first page; None where its tags do not say it.

    Raises: MissingExtra without tifffile.
    """
    tifffile = extra("tifffile", "large")
    try:
        with tifffile.TiffFile(path) as file:
            return _spacing(file, file.pages[0])
    except Exception:  # whoever reads the pixels says what is wrong with the file
        return None


def _levels(path: Path, file: Any) -> list[Any]:
    """The pages of the pyramid of the first picture, the largest first.

    Raises: DataError for a stack of pictures.
    """
    try:
        series = file.series[0]
        levels = [
            level.pages[0].aspage() if hasattr(level.pages[0], "aspage") else level.pages[0] for level in series.levels
        ]
        count = len(series.pages)
    except Exception as error:
        raise DataError(f"{path}: the TIFF holds no picture that can be read ({str(error)[:200]})") from None
    if count > 1:
        raise DataError(
            f"{path}: a stack of {count} pictures (axes {series.axes}); large pictures are read one a file, so save each as a "
            "file of its own"
        )
    return levels


def _check_colors(path: Path, page: Any, palette: bool = False) -> None:
    """Refuse pixels that would have to be turned into colors, or around."""
    name = getattr(page.photometric, "name", str(page.photometric))
    if name in ("MINISWHITE", "SEPARATED", "CIELAB", "ICCLAB") or (name == "PALETTE" and not palette):
        raise DataError(f"{path}: a TIFF in {name} colors; save it as gray or RGB")
    if name == "YCBCR" and int(page.compression) not in _TURNING:
        raise DataError(f"{path}: a TIFF in YCbCr colors without JPEG compression; save it as RGB")
    turned = int(page.tags[274].value) if 274 in page.tags else 1
    if turned != 1:
        raise DataError(f"{path}: a large TIFF that lies on its side (orientation {turned}); save it upright")


def _spacing(file: Any, page: Any) -> tuple[float, float] | None:
    """Micrometers a pixel (down, across), by what the tags of the full picture say; None where they say nothing."""
    text = str(page.description or "")
    if found := re.search(r"\bMPP\s*=\s*([\d.]+)", text):  # Aperio's
        return float(found[1]), float(found[1])
    if file.is_ome and (by_axis := _ome(file.ome_metadata or "")):
        return by_axis
    scale, keys = page.tags.get(33550), page.tags.get(34735)
    if scale is not None:
        entries = keys.value if keys is not None else ()
        known = {entries[n]: entries[n + 3] for n in range(4, len(entries) - 3, 4)}
        unit = {9001: 1e6, 9002: 304_800.0, 9003: 304_800.6096}.get(known.get(3076, 9001))
        if known.get(1024) == 2 or unit is None:  # degrees, which are no length
            return None
        return float(scale.value[1]) * unit, float(scale.value[0]) * unit
    unit = _MICROMETERS.get(int(page.tags[296].value)) if 296 in page.tags else None
    if unit and 282 in page.tags and 283 in page.tags:
        across, down = (n / d if d else 0.0 for n, d in (page.tags[282].value, page.tags[283].value))
        per_inch = across * 25_400.0 / unit
        if across > 0 and down > 0 and round(per_inch, 2) not in _SCREEN:
            return unit / down, unit / across
    return None


def _ome(text: str) -> tuple[float, float] | None:
    units = {"µm": 1.0, "um": 1.0, "nm": 1e-3, "mm": 1e3, "cm": 1e4, "m": 1e6}
    sizes = []
    for axis in "YX":
        found = re.search(rf'PhysicalSize{axis}="([\d.eE+-]+)"', text)
        unit = re.search(rf'PhysicalSize{axis}Unit="([^"]+)"', text)
        factor = units.get(unit[1] if unit else "µm")
        if found is None or factor is None:
            return None
        sizes.append(float(found[1]) * factor)
    return sizes[0], sizes[1]
