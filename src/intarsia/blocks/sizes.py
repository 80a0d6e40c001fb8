"""The larger of two sizes, in eager mode and in exported graphs."""

from typing import Any

import torch
from torch import Tensor


def larger(one: int, other: int) -> int:
    """Take the larger of two sizes, in pixels, such that a graph exported at one size is right at all others.

    `max` would freeze the choice; `torch.sym_max` keeps it, but knows no tensors, which is what sizes are for the exporter
    that traces.
    """
    sizes: list[Any] = [one, other]
    if any(isinstance(size, Tensor) for size in sizes):
        found: Any = torch.maximum(*map(torch.as_tensor, sizes))
    else:
        found = torch.sym_max(one, other)
    chosen: int = found
    return chosen
