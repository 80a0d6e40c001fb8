"""Several data sets as one, whose classes agree."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from typing import Any

import numpy as np

from .dataset import Dataset, Notes, agreed, names_of, notes_of, title_of


class Joined:
    """Data sets one after another.

    Args:
        datasets: two or more, of the same classes in the same order.
        weights: how often each is drawn from in training, relative to the others; None: as often as it has samples.

    Raises: DataError when their classes differ.
    """

    def __init__(self, datasets: Sequence[Dataset], weights: Sequence[float] | None = None) -> None:
        self.datasets, self.weights = list(datasets), None if weights is None else list(weights)
        self.ends = list(accumulate(map(len, self.datasets)))
        self.labels = agreed(self.datasets)
        self.name = " + ".join(dict.fromkeys(map(title_of, self.datasets)))

    def __len__(self) -> int:
        return self.ends[-1]

    def __getitem__(self, index: int) -> Any:
        which, number = self.located(index)
        return self.datasets[which][number]

    def located(self, index: int) -> tuple[int, int]:
        """Which data set a sample is of, and its number there."""
        which = bisect_right(self.ends, index)
        return which, index - (self.ends[which] - len(self.datasets[which]))

    @property
    def items(self) -> list[str]:
        """The names of all samples, as far as every data set knows its own; else none."""
        names = [names_of(dataset) for dataset in self.datasets]
        whole = all(len(known) == len(dataset) for known, dataset in zip(names, self.datasets, strict=True))
        return [name for known in names for name in known] if whole else []

    @property
    def notes(self) -> Notes:
        """What the data sets have to say of themselves, together."""
        notes = [notes_of(dataset) for dataset in self.datasets]
        alone = (
            [name for note in notes for name in note.unmatched[0]],
            [name for note in notes for name in note.unmatched[1]],
        )
        return Notes(
            inferred=" ".join(dict.fromkeys(note.inferred for note in notes if note.inferred)),
            unmatched=(tuple(alone[0]), tuple(alone[1])),
            remarks=tuple(remark for note in notes for remark in note.remarks),
            faults=tuple(fault for note in notes for fault in note.faults),
        )

    @property
    def shares(self) -> list[tuple[int, float]] | None:
        """(samples, weight) of each data set; None where each is drawn from as often as it has samples."""
        return None if self.weights is None else list(zip(map(len, self.datasets), self.weights, strict=True))


def drawn(shares: Sequence[tuple[int, float]], rng: np.random.Generator) -> np.ndarray:
    """Draw an epoch's samples of several data sets by weight: as many as there are, none twice before all others once.

    Args:
        shares: (samples, weight) of each data set, one after another.

    Returns: [N] the numbers of the samples, in a random order.
    """
    weights = np.array([weight for _, weight in shares])
    ends = np.round(np.cumsum(weights / weights.sum()) * sum(size for size, _ in shares)).astype(int)
    parts, start = [], 0
    for (size, _), count in zip(shares, np.diff(ends, prepend=0), strict=True):
        rounds = [rng.permutation(size) for _ in range(-(-int(count) // size))]
        parts.append(start + np.concatenate([*rounds, np.empty(0, int)])[: int(count)])
        start += size
    order: np.ndarray = rng.permutation(np.concatenate(parts).astype(int))
    return order
