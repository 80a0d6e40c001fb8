"""A data set that can only be read from its beginning, as one whose samples have numbers: those of their order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from ..errors import DataError
from .dataset import labels_of


class Streamed:
    """The samples of an iterable, by the number in which they come; when it ends it begins again.

    Numbers that rise are read on; a smaller one than before begins anew, so that a resumed run reads what it skips. The
    first sample is kept, for it is looked at before training begins.

    Args:
        source: an iterable data set, such as torch's IterableDataset, whose `iter()` begins at the first sample each time.
        length: how many samples are read in all.
    """

    def __init__(self, source: Iterable[Any], length: int) -> None:
        self.source, self.length = source, length
        self.labels = labels_of(source)
        self.reading: Iterator[Any] = iter(())
        self.position = 0  # of the next sample; 0 before the source was begun
        self.first: Any = None

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> Any:
        if not 0 <= index < self.length:
            raise IndexError(index)
        if index == 0 and self.first is not None:
            return self.first
        if index < self.position or self.position == 0:
            self.reading, self.position = iter(self.source), 0
        while True:
            sample = self._next()
            self.position += 1
            if self.position == 1:
                self.first = sample
            if self.position == index + 1:
                return sample

    def _next(self) -> Any:
        for _ in range(2):
            for sample in self.reading:
                return sample
            self.reading = iter(self.source)
        raise DataError(
            f"the data set {type(self.source).__name__} yields no samples; an iterable one is read anew by iter()"
        )
