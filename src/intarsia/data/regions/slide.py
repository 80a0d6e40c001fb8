"""Slides of microscopes that are no TIFF, read by OpenSlide: NDPI, MRXS, VMS, SCN, BIF."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ...errors import DataError, extra
from .source import checked_level

_TILE = (256, 256)  # where a slide does not say it


class Slide:
    """One level of a slide; what lies outside of it is white.

    Args:
        path: the file.
        level: of its pyramid; 0 has the most pixels.

    Raises: DataError for a slide that cannot be opened; MissingExtra without openslide.
    """

    def __init__(self, path: Path, level: int = 0) -> None:
        openslide = extra("openslide", "slides")
        self.path = path
        try:
            self._slide: Any = openslide.OpenSlide(str(path))
        except Exception as error:  # openslide raises errors of its own for each kind of damage
            raise DataError(
                f"{path}: the slide cannot be opened ({str(error)[:200]}); a slide of several files needs all of them, so copy "
                "its folder as well"
            ) from None
        sizes = [(int(height), int(width)) for width, height in self._slide.level_dimensions]
        self.level = checked_level(path, level, sizes)
        self.height, self.width = sizes[level]
        self.channels, self.dtype = 3, np.dtype(np.uint8)
        self.factor = float(self._slide.level_downsamples[level])
        told = self._slide.properties
        tall, wide = (
            int(told.get(f"openslide.level[{level}].tile-{side}", usual))
            for side, usual in zip(("height", "width"), _TILE, strict=True)
        )
        self.tile = (tall, wide)
        down, across = (told.get(f"openslide.mpp-{axis}") for axis in "yx")
        self.spacing = (float(down) * self.factor, float(across) * self.factor) if down and across else None

    def read(self, top: int, left: int, height: int, width: int) -> np.ndarray:
        """Read a region that lies inside of the level: [height, width, 3].

        Raises: DataError for a part that cannot be read.
        """
        corner = (round(left * self.factor), round(top * self.factor))
        try:
            part = np.asarray(self._slide.read_region(corner, self.level, (width, height)))
        except Exception as error:
            raise DataError(
                f"{self.path}: a region cannot be read ({str(error)[:200]}); copy the slide again"
            ) from None
        colors, seen = part[..., :3].astype(np.uint16), part[..., 3:].astype(np.uint16)
        return ((colors * seen + 255 * (255 - seen) + 127) // 255).astype(np.uint8)

    def close(self) -> None:
        """Close the slide."""
        self._slide.close()
