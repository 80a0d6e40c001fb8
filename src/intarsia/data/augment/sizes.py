"""The size of the crops of each batch, where it is not one for all: drawn from a list, or growing with the run.

It follows from the number of the batch and the seed alone, so that a resumed run has the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from .pipeline import Augmentation

Size = tuple[int, int]
STEP = 32  # pixels in which crops grow: every size is a new shape for the processor, and most networks like these


@dataclass(frozen=True)
class BatchSizes:
    """The augmentation of each batch, by its number.

    Args:
        augmentation: of crops of the full size, `augmentation.crop`.
        sizes: (height, width) that are drawn from, all alike; empty: the full size.
        first: the size that batches begin with and grow from, in steps of 32 pixels; None: they do not grow. Sizes that are
            drawn are scaled by the same share.
        grown: the number of the batch that has the full size for the first time.
    """

    augmentation: Augmentation
    sizes: Sequence[Size] = ()
    first: Size | None = None
    grown: int = 0
    seed: int = 0

    def __call__(self, batch: int) -> Augmentation:
        """The augmentation of a batch, with a crop of its size."""
        return replace(self.augmentation, crop=self.size(batch))

    def size(self, batch: int) -> Size:
        """(height, width) of the crops of a batch."""
        full = self.augmentation.crop
        assert full is not None
        size = full
        if self.sizes:
            rng = np.random.default_rng((self.seed, batch, len(self.sizes)))
            size = self.sizes[int(rng.integers(len(self.sizes)))]
        if self.first is None or batch >= self.grown:
            return size
        share = batch / self.grown
        now = [low + share * (high - low) for low, high in zip(self.first, full, strict=True)]
        sides = [
            max(STEP, round(part * side / whole / STEP) * STEP)
            for part, side, whole in zip(now, size, full, strict=True)
        ]
        return min(sides[0], size[0]), min(sides[1], size[1])
