"""The average of a network's weights over its steps, which is what gets evaluated and shipped."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from ..checkpoint import state_of


class MovingAverage:
    """An average of every floating-point tensor of a network over its steps, running statistics included.

    Args:
        decay: of an exponential average: the share of the old average that is kept at each step, 0..1. Early on it is less,
            (1 + t) / (10 + t) at step t, so that the random start is soon forgotten. None: the last step's weights.
        since: share of the budget, 0..1, from which on the average is the plain mean of the steps' weights (Izmailov et al.
            "Averaging Weights Leads to Wider Optima and Better Generalization." UAI 2018. arXiv:1803.05407); None: never.
    """

    def __init__(self, model: nn.Module, decay: float | None, since: float | None = None) -> None:
        self.decay, self.since, self.steps = decay, since, 0
        self.averaged = 0  # steps in the plain mean
        tensors = {n: t for n, t in state_of(model, keep_vars=True).items() if isinstance(t, Tensor)}
        self.current = {n: t for n, t in tensors.items() if t.is_floating_point()}
        self.average = {n: t.detach().clone(memory_format=torch.preserve_format) for n, t in self.current.items()}

    @torch.no_grad()
    def update(self, progress: float = 0.0) -> None:
        """Take one more step of the network into the average.

        Args:
            progress: share of the budget that was spent before the step, 0..1.
        """
        self.steps += 1
        plain = self.since is not None and progress >= self.since
        self.averaged = self.averaged + 1 if plain else 0
        if plain:
            keep = 1 - 1 / self.averaged
        else:
            keep = 0.0 if self.decay is None else min(self.decay, (1 + self.steps) / (10 + self.steps))
        torch._foreach_lerp_(list(self.average.values()), [t.detach() for t in self.current.values()], 1 - keep)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Let the network hold its average for a while; afterwards it holds bit for bit what it held before."""
        with torch.no_grad():
            held = {n: t.detach().clone(memory_format=torch.preserve_format) for n, t in self.current.items()}
            for name, tensor in self.current.items():
                tensor.copy_(self.average[name])
        try:
            yield
        finally:
            with torch.no_grad():
                for name, tensor in self.current.items():
                    tensor.copy_(held[name])

    def load(self, tensors: Mapping[str, Tensor], steps: int) -> None:
        """Continue an average that was saved; each tensor keeps the memory layout of the network's.

        Args:
            steps: that the network had made; `averaged` is set by whoever saved it.
        """
        self.steps = steps
        with torch.no_grad():
            for name, tensor in self.average.items():
                tensor.copy_(tensors[name])
