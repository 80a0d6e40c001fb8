"""Sources: a large picture whose regions are read without decoding more than the tiles that they touch.

path - open_source -> Source: .height .width .channels .dtype .tile .spacing;  read(top, left, height, width)
"""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import numpy as np

from ...errors import DataError
from ...limits import DECODED, PIXELS
from ..files.tags import is_tiff, pages

SLIDES = (".ndpi", ".mrxs", ".vms", ".vmu", ".scn", ".bif", ".svslide")  # that OpenSlide reads; SVS is a TIFF
ARRAYS = (".zarr",)


class Source(Protocol):
    """A picture whose regions can be read.

    Args:
        path: its file or folder.
        height, width, channels: of its pixels.
        dtype: uint8 or uint16.
        tile: (height, width) of the pieces that it is stored in.
        spacing: micrometers a pixel (down, across); None where nothing says it.
    """

    path: Path
    height: int
    width: int
    channels: int
    dtype: np.dtype
    tile: tuple[int, int]
    spacing: tuple[float, float] | None

    def read(self, top: int, left: int, height: int, width: int) -> np.ndarray:
        """Read a region that lies inside of the picture: [height, width, C]."""
        ...

    def close(self) -> None:
        """Let go of the file."""
        ...


def open_source(path: str | Path, level: int = 0) -> Source:
    """Open a large picture.

    Args:
        path: a TIFF (BigTIFF, GeoTIFF, SVS), another slide, a Zarr array, or a folder of tiles.
        level: of a pyramid; 0 has the most pixels.

    Raises: DataError that says what is wrong with it; MissingExtra without the library that reads it.
    """
    path = Path(path)
    if not path.exists():
        raise DataError(f"{path}: there is no such file or folder")
    if path.is_dir() and path.suffix.lower() not in ARRAYS and not _is_array(path):
        from .tiles import TileFolder

        _one_level(path, level)
        return TileFolder(path)
    if path.is_dir():
        from .zarr_array import ZarrArray

        return ZarrArray(path, level)
    if path.suffix.lower() in SLIDES:
        from .slide import Slide

        return Slide(path, level)
    if not _is_tiff(path):
        if path.suffix.lower() in (".tif", ".tiff", ".svs"):
            raise DataError(f"{path}: is no TIFF, whatever its name says; copy it again from its source")
        raise DataError(
            f"{path}: is read as a whole or not at all; large pictures are tiled TIFFs, slides, Zarr arrays and folders of "
            "tiles, so save it as a tiled TIFF"
        )
    from .tiff import Tiff

    return Tiff(path, level)


def is_large(path: Path) -> bool:
    """Tell whether a picture is only ever read region by region: a slide, a Zarr array, a TIFF beyond what memory may take."""
    if path.suffix.lower() in (*SLIDES, *ARRAYS, ".svs") or (path.is_dir() and _is_array(path)):
        return True
    if path.is_dir() or not _is_tiff(path):
        return False
    try:
        first = pages(path, 1)
    except DataError:
        return False  # whoever reads it says what is wrong with it
    if not first:
        return False
    pixels = first[0].width * first[0].height
    return pixels > PIXELS or pixels * first[0].samples * max(first[0].bits, 8) // 8 > DECODED


def spacing_of(path: Path | None) -> tuple[float, float] | None:
    """Read the micrometers a pixel (down, across) that the tags of a TIFF say; None for any other picture."""
    if path is None or not path.is_file() or not _is_tiff(path):
        return None
    from .tiff import spacing_of_tiff

    return spacing_of_tiff(path)


def checked_level(path: Path, level: int, sizes: list[tuple[int, int]]) -> int:
    """Refuse a level that a pyramid does not have.

    Args:
        sizes: (height, width) of its levels.

    Raises: DataError.
    """
    if not 0 <= level < len(sizes):
        shown = ", ".join(f"{width} x {height}" for height, width in sizes)
        count = f"{len(sizes)} levels" if len(sizes) > 1 else "one level"
        raise DataError(
            f"{path}: level {level} was asked for, and it has {count} ({shown}); give --level 0 to {len(sizes) - 1}"
            if len(sizes) > 1
            else f"{path}: level {level} was asked for, and it has {count} ({shown}); leave --level out"
        )
    return level


def checked_numbers(path: Path, dtype: np.dtype) -> np.dtype:
    """Refuse pixels that are neither of 8 nor of 16 bits.

    Raises: DataError.
    """
    if dtype not in (np.uint8, np.uint16):
        raise DataError(
            f"{path}: an image of {dtype} numbers; images are 8 or 16 bit, so scale it and save it as uint8 or uint16"
        )
    return np.dtype(dtype)


def _one_level(path: Path, level: int) -> None:
    if level:
        raise DataError(f"{path}: level {level} was asked for, and a folder of tiles has one level; leave --level out")


def _is_array(path: Path) -> bool:
    return any((path / name).is_file() for name in ("zarr.json", ".zarray", ".zgroup"))


def _is_tiff(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return is_tiff(file.read(4))
    except OSError:
        return False
