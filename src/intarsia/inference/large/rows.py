"""Rows of a source's pixels, read in order by a thread while the network runs; each tile is decoded once.

source - chunks of whole tile rows, read ahead - the few that windows still touch - window [1, C, h, w]
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
from torch import Tensor

from ...data.regions.source import Source
from ...errors import DataError
from ..inputs import fit_channels, to_tensor

LEAST = 128  # rows that are read at once, at least
AHEAD = 1 << 26  # bytes that are read ahead, at least one chunk


class Chunk(NamedTuple):
    """Some rows: the first of them, and their pixels [h, W, in_channels]."""

    top: int
    pixels: np.ndarray


class Rows:
    """The rows of a source from one on, handed out as windows that move downward.

    Args:
        source: that is read from the top to the bottom.
        in_channels: of the network.
        first: the first row that is needed.
        seen: is given each chunk's first row and its pixels as the source has them.
    """

    def __init__(
        self,
        source: Source,
        in_channels: int,
        first: int = 0,
        seen: Callable[[int, np.ndarray], None] | None = None,
    ) -> None:
        self.source, self.channels, self.seen, self.note = source, in_channels, seen, ""
        self.height = math.ceil(LEAST / source.tile[0]) * source.tile[0]
        self._next = first // source.tile[0] * source.tile[0]
        self._waiting: deque[Future[Chunk]] = deque()
        self._kept: deque[Chunk] = deque()
        self._pool = ThreadPoolExecutor(1)
        bytes_of = self.height * source.width * source.channels * source.dtype.itemsize
        self._ahead = max(1, AHEAD // max(1, bytes_of))

    def window(self, box: tuple[int, int, int, int]) -> Tensor:
        """Cut a window y0, x0, y1, x1; no later one begins above it.

        Returns: [1, in_channels, h, w] raw integers.

        Raises: DataError for pixels that cannot be read, or do not fit the network.
        """
        top, left, bottom, right = box
        self.fetch(top, bottom)
        parts = [
            chunk.pixels[max(0, top - chunk.top) : bottom - chunk.top, left:right]
            for chunk in self._kept
            if chunk.top < bottom
        ]
        return to_tensor(np.concatenate(parts) if len(parts) > 1 else np.ascontiguousarray(parts[0]))

    def fetch(self, top: int, bottom: int) -> None:
        """Wait until the rows down to `bottom` are read; those above `top` are forgotten."""
        while self._kept and self._kept[0].top + len(self._kept[0].pixels) <= top:
            self._kept.popleft()
        while not self._kept or self._kept[-1].top + len(self._kept[-1].pixels) < bottom:
            self._ask()
            chunk = self._waiting.popleft().result()
            self._ask()
            if chunk.top + len(chunk.pixels) > top:
                self._kept.append(chunk)

    def close(self) -> None:
        """Stop reading ahead."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _ask(self) -> None:
        while len(self._waiting) < self._ahead and self._next < self.source.height:
            bottom = min(self._next + self.height, self.source.height)
            self._waiting.append(self._pool.submit(self._read, self._next, bottom))
            self._next = bottom

    def _read(self, top: int, bottom: int) -> Chunk:
        pixels = self.source.read(top, 0, bottom - top, self.source.width)
        if self.seen:
            self.seen(top, pixels)
        try:
            fitted, self.note = fit_channels(pixels, self.channels)
        except DataError as error:
            raise DataError(f"{self.source.path}: rows {top} to {bottom}: {error}") from None
        return Chunk(top, fitted)
