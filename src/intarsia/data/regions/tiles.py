"""A folder of tiles as one source: files whose names say their row and column, in a grid without gaps.

tile_003_017.png, r3_c17.png       row and column, counted from anything
x17_y3.png, [x=1024,y=2048].tif    named by letters; numbers may be pixels as well, only their order counts
"""

from __future__ import annotations

import re
from collections import OrderedDict
from pathlib import Path

import numpy as np

from ...errors import DataError, counted
from ..files.codecs import read_image
from ..files.formats import SUFFIXES, opened
from .source import checked_numbers

_NAMED = {
    "x": re.compile(r"(?:^|[^a-z])(?:x|c|col|column)[ =_-]?(\d+)", re.IGNORECASE),
    "y": re.compile(r"(?:^|[^a-z])(?:y|r|row)[ =_-]?(\d+)", re.IGNORECASE),
}
_LAST = re.compile(r"(\d+)\D+(\d+)\D*$")
_KEPT = 2  # tiles that stay decoded: the parts of a row that are read one after the other touch the same ones


class TileFolder:
    """The tiles of a folder, put together.

    Raises: DataError for names without row and column, gaps in the grid, and tiles that do not fit together.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        files = sorted(p for p in path.iterdir() if p.suffix.lower() in SUFFIXES and not p.name.startswith("."))
        if not files:
            raise DataError(f"{path}: the folder holds no tiles ({', '.join(SUFFIXES)})")
        places = {file: _place(file) for file in files}
        rows, columns = (sorted({place[n] for place in places.values()}) for n in (0, 1))
        self._grid: dict[tuple[int, int], Path] = {}
        for file, (y, x) in places.items():
            place = rows.index(y), columns.index(x)
            if place in self._grid:
                raise DataError(f"{file} and {self._grid[place].name} are both row {y}, column {x}; keep one of them")
            self._grid[place] = file
        gaps = [(y, x) for r, y in enumerate(rows) for c, x in enumerate(columns) if (r, c) not in self._grid]
        if gaps:
            shown = ", ".join(f"row {y} column {x}" for y, x in gaps[:3]) + (", ..." if len(gaps) > 3 else "")
            raise DataError(
                f"{path}: {counted(len(gaps), 'tile')} of {len(rows)} x {len(columns)} missing: {shown}; add them"
            )
        heights = [self._size(self._grid[row, 0])[0] for row in range(len(rows))]
        widths = [self._size(self._grid[0, column])[1] for column in range(len(columns))]
        self._tops, self._lefts = np.cumsum([0, *heights]), np.cumsum([0, *widths])
        first = read_image(self._grid[0, 0])
        self.height, self.width, self.channels = int(self._tops[-1]), int(self._lefts[-1]), first.shape[2]
        self.dtype = checked_numbers(path, first.dtype)
        self.tile = (max(heights), max(widths))
        self.spacing: tuple[float, float] | None = None
        self._decoded: OrderedDict[tuple[int, int], np.ndarray] = OrderedDict()

    def read(self, top: int, left: int, height: int, width: int) -> np.ndarray:
        """Read a region that lies inside of the picture: [height, width, C].

        Raises: DataError for a tile that cannot be read, or does not fit to its neighbors.
        """
        made = np.empty((height, width, self.channels), self.dtype)
        rows, columns = (
            range(int(np.searchsorted(ends, start, "right")) - 1, int(np.searchsorted(ends, start + length, "left")))
            for ends, start, length in ((self._tops, top, height), (self._lefts, left, width))
        )
        for row in rows:
            for column in columns:
                y, x = int(self._tops[row]), int(self._lefts[column])
                piece = self._tile(row, column)[max(top - y, 0) : top + height - y, max(left - x, 0) : left + width - x]
                at = max(y, top) - top, max(x, left) - left
                made[at[0] : at[0] + piece.shape[0], at[1] : at[1] + piece.shape[1]] = piece
        return made

    def close(self) -> None:
        """Forget what is decoded."""
        self._decoded.clear()

    def _tile(self, row: int, column: int) -> np.ndarray:
        if (row, column) not in self._decoded:
            file = self._grid[row, column]
            piece = read_image(file)
            size = (int(np.diff(self._tops)[row]), int(np.diff(self._lefts)[column]), self.channels)
            if piece.shape != size or piece.dtype != self.dtype:
                raise DataError(
                    f"{file}: a tile of {piece.shape[1]} x {piece.shape[0]} pixels, {piece.shape[2]} channels, {piece.dtype}; its row and "
                    f"column have {size[1]} x {size[0]}, {size[2]}, {self.dtype}"
                )
            self._decoded[row, column] = piece
            while len(self._decoded) > _KEPT:
                self._decoded.popitem(last=False)
        return self._decoded[row, column]

    def _size(self, file: Path) -> tuple[int, int]:
        try:
            with opened(file) as image:
                return image.height, image.width
        except Exception:  # whoever decodes it says what is wrong, or reads what Pillow does not
            return read_image(file).shape[:2]


def _place(file: Path) -> tuple[int, int]:
    """Row and column by the name of a tile."""
    named = {axis: pattern.search(file.stem) for axis, pattern in _NAMED.items()}
    if named["y"] and named["x"]:
        return int(named["y"][1]), int(named["x"][1])
    last = _LAST.search(file.stem)
    if last is None:
        raise DataError(
            f"{file}: its name says no row and column; call tiles NAME_ROW_COLUMN, such as tile_003_017{file.suffix}"
        )
    return int(last[1]), int(last[2])
