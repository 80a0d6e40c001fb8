"""Several rasters of one place as the channels of one source, such as a file for each band of a satellite."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...errors import DataError
from .source import Source

_GRID = (33550, 33922, 34264)  # tags of GeoTIFF that say where pixels lie


class Stacked:
    """Sources of one grid, one behind the other.

    Raises: DataError for rasters of different sizes, places on earth, or kinds of numbers.
    """

    def __init__(self, sources: Sequence[Source]) -> None:
        first = sources[0]
        for other in sources[1:]:
            if difference := _difference(first, other):
                raise DataError(
                    f"{first.path} and {other.path.name} have different grids ({difference}); warp them to one grid first, such "
                    "as with gdalwarp"
                )
        self.path, self.height, self.width, self.dtype = first.path, first.height, first.width, first.dtype
        self.paths = [source.path for source in sources]
        self.channels = sum(source.channels for source in sources)
        self.tile, self.spacing = first.tile, first.spacing
        self.tags = getattr(first, "tags", {})
        self._sources = tuple(sources)

    def read(self, top: int, left: int, height: int, width: int) -> np.ndarray:
        """Read a region of all rasters: [height, width, C]."""
        return np.concatenate([source.read(top, left, height, width) for source in self._sources], axis=2)

    def close(self) -> None:
        """Close all files."""
        for source in self._sources:
            source.close()


def _difference(first: Source, other: Source) -> str:
    """What differs between two grids, in a few words; "" for nothing."""
    if (first.height, first.width) != (other.height, other.width):
        return f"{first.width} x {first.height} and {other.width} x {other.height} pixels"
    if first.dtype != other.dtype:
        return f"{first.dtype} and {other.dtype} numbers"
    tags = [
        {code: tuple(np.ravel(one.tags[code].value).tolist()) for code in _GRID if code in one.tags}
        if hasattr(one, "tags")
        else {}
        for one in (first, other)
    ]
    return "other places on earth" if tags[0] != tags[1] else ""
