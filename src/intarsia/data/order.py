"""Which samples stand in which batch of a run: by the seed and the number of the batch alone, in however many processes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from ..errors import DataError
from .joined import drawn


class Order:
    """The samples of each epoch in their order, cut into batches, of which each process has its part.

    Args:
        samples: how many there are.
        batch_size: of one of `processes`. A last batch of an epoch may be smaller, but not 1: batch norm cannot train on it,
            so that sample waits for another epoch; `dropped` says whether it does.
        presence, balance, shares, in_order, seed: as for `Loader`.
        rank, world: this process's part of every batch, when several train together.
        processes: how many the batch size is meant for, which together have `processes * batch_size` samples at a time. In
            another number of processes these samples, and so all batches of a run, stay the same.
    """

    def __init__(
        self,
        samples: int,
        batch_size: int,
        *,
        seed: int = 0,
        presence: np.ndarray | None = None,
        balance: float = 0.0,
        shares: Sequence[tuple[int, float]] | None = None,
        in_order: bool = False,
        rank: int = 0,
        world: int = 1,
        processes: int = 1,
    ) -> None:
        self.samples, self.seed, self.rank, self.world, self.processes = samples, seed, rank, world, processes
        self.balance, self.shares, self.in_order = balance, shares, in_order
        self.holders = [np.flatnonzero(held) for held in presence.T if held.any()] if presence is not None else []
        if balance and not self.holders:
            raise DataError("a balanced order needs to know which classes each sample holds; let the audit run")
        share = samples // processes
        whole, rest = divmod(share, batch_size)
        self.dropped = rest == 1 and batch_size > 1 and whole > 0
        self.batches = whole + (1 if rest and not self.dropped else 0)
        self.size = batch_size * processes  # of a batch of all processes
        self.places = (share - rest if self.dropped else share) * processes  # in an epoch's batches

    def __call__(self, epoch: int) -> np.ndarray:
        """The samples of an epoch, in their order, of all processes together."""
        count = self.samples // self.processes * self.processes
        if self.in_order:
            return np.arange(count)
        rng = np.random.default_rng((self.seed, epoch))
        shuffled = rng.permutation(self.samples) if self.shares is None else drawn(self.shares, rng)
        for place in range(round(self.balance * len(shuffled))):
            holders = self.holders[int(rng.integers(len(self.holders)))]
            shuffled[place] = holders[int(rng.integers(len(holders)))]
        if self.balance:
            shuffled = rng.permutation(shuffled)
        return shuffled[:count]

    def batches_from(self, start: int) -> Iterator[tuple[int, int, np.ndarray]]:
        """(number, epoch, samples of this process) of batch `start` and all that follow."""
        epoch, first = divmod(start, self.batches)
        while True:
            order = self(epoch)
            for n in range(first, self.batches):
                together = order[n * self.size : min((n + 1) * self.size, self.places)]
                own = together[self.rank :: self.world]
                # the others wait for the gradient of a process that has no part; `weight` leaves it out
                yield epoch * self.batches + n, epoch, own if len(own) else together[:1]
            epoch, first = epoch + 1, 0

    def weight(self, number: int) -> float:
        """The weight of this process's part of a batch in the mean over processes; 1 where all parts are of one size.

        With it the mean of the processes' gradients is that of all samples of the batch.
        """
        n = number % self.batches
        together = min((n + 1) * self.size, self.places) - n * self.size
        return len(range(self.rank, together, self.world)) * self.world / together
