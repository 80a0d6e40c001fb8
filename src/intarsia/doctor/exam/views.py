"""Small pictures of each sample that findings compare: in memory while samples are few, in a temporary file beyond."""

from __future__ import annotations

import tempfile
import weakref
from threading import Lock
from typing import IO, NamedTuple

import numpy as np

_IN_MEMORY = 4000  # samples, of some 10 KB each; of a million, that would be 10 GB
_NOTHING = np.zeros((0, 0), np.uint8)
_NOTHING.flags.writeable = False


class Views(NamedTuple):
    """Small pictures of one sample, uint8; each is empty where there was too little to see."""

    thumb: np.ndarray = _NOTHING  # [64, 64] the image in gray
    edges: np.ndarray = _NOTHING  # [48, 48] how steep the image is
    borders: np.ndarray = _NOTHING  # [48, 48] border of the mask
    colors: np.ndarray = _NOTHING  # [24, 24, 3] of the image


class Filed(NamedTuple):
    """The same in a file, from which each is read when it is asked for."""

    spool: Spool
    start: int
    shapes: tuple[tuple[int, ...], ...]

    @property
    def thumb(self) -> np.ndarray:
        """[64, 64] the image in gray."""
        return self._read(0)

    @property
    def edges(self) -> np.ndarray:
        """[48, 48] how steep the image is."""
        return self._read(1)

    @property
    def borders(self) -> np.ndarray:
        """[48, 48] border of the mask."""
        return self._read(2)

    @property
    def colors(self) -> np.ndarray:
        """[24, 24, 3] colors of the image."""
        return self._read(3)

    def _read(self, place: int) -> np.ndarray:
        sizes = [int(np.prod(shape)) for shape in self.shapes[: place + 1]]
        if not sizes[-1]:
            return _NOTHING
        return self.spool.read(self.start + sum(sizes[:-1]), sizes[-1]).reshape(self.shapes[place])


class Spool:
    """Where the views of one audit are kept.

    Args:
        in_memory: samples whose views stay in memory; those of the rest go to a temporary file, which ends with the audit.
    """

    def __init__(self, in_memory: int = _IN_MEMORY) -> None:
        self.left = in_memory
        self.file: IO[bytes] | None = None
        self.end = 0
        self.lock = Lock()
        self.shapes: dict[tuple[tuple[int, ...], ...], tuple[tuple[int, ...], ...]] = {}

    def keep(self, views: Views | Filed) -> Views | Filed:
        """The same views, in the file where memory is used up; in memory all the same where no file can be written."""
        if isinstance(views, Filed) or not any(view.size for view in views):
            return views
        if self.left > 0:
            self.left -= 1
            return views
        shapes = tuple(view.shape for view in views)
        data = b"".join(np.ascontiguousarray(view, np.uint8).tobytes() for view in views)
        try:
            with self.lock:
                if self.file is None:
                    self.file = tempfile.TemporaryFile(prefix="intarsia-audit-")  # noqa: SIM115  closed with the spool
                    weakref.finalize(self, self.file.close)
                start = self.end
                self.file.seek(start)
                self.file.write(data)
                self.end = start + len(data)
        except OSError:
            return views
        return Filed(self, start, self.shapes.setdefault(shapes, shapes))

    def read(self, start: int, size: int) -> np.ndarray:
        """[size] bytes from a place of the file."""
        assert self.file is not None
        with self.lock:
            self.file.seek(start)
            data = self.file.read(size)
        return np.frombuffer(data, np.uint8)
