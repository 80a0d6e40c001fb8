"""The moving average of a network's weights, which is what gets evaluated and shipped."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from ..checkpoint import state_of


class MovingAverage:
    """An exponential moving average of every floating-point tensor of a network, running statistics included.

    Args:
        decay: the share of the old average that is kept at each step, 0..1. Early on it is less, (1 + t) / (10 + t) at
            step t, so that the random start is soon forgotten.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.decay, self.steps = decay, 0
        tensors = {n: t for n, t in state_of(model, keep_vars=True).items() if isinstance(t, Tensor)}
        self.current = {n: t for n, t in tensors.items() if t.is_floating_point()}
        self.average = {n: t.detach().clone(memory_format=torch.preserve_format) for n, t in self.current.items()}

    @torch.no_grad()
    def update(self) -> None:
        """Take one more step of the network into the average."""
        self.steps += 1
        keep = min(self.decay, (1 + self.steps) / (10 + self.steps))
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
        """Continue an average that was saved; each tensor keeps the memory layout of the network's."""
        self.steps = steps
        with torch.no_grad():
            for name, tensor in self.average.items():
                tensor.copy_(tensors[name])
