"""The same bits from the same seed on a GPU: algorithms whose order of additions is fixed, for the time of a run.

On a CPU runs are equal already. On a GPU the gradients of bilinear resizing, of cross entropy over maps and of some
convolutions add up in whatever order threads come; torch then takes others, which are slower: bilinear resizing is written
out in sums whose order is fixed (by `torch.nn.functional.interpolate` itself), and cross entropy runs over rows of pixels.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from ..errors import TrainingError

WORKSPACE = "CUBLAS_WORKSPACE_CONFIG"  # cuBLAS adds up in a fixed order only with a workspace of a fixed size
NO_WAY = "does not have a deterministic implementation"


@contextmanager
def deterministic(asked: bool) -> Iterator[None]:
    """Let torch take deterministic algorithms alone while the block runs; afterwards it does what it did before.

    Args:
        asked: whether to do so at all.

    Raises: TrainingError naming an operation that has no such algorithm on this device.
    """
    if not asked:
        yield
        return
    strict, warned = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    cudnn = torch.backends.cudnn.benchmark, torch.backends.cudnn.deterministic
    os.environ.setdefault(WORKSPACE, ":4096:8")
    torch.use_deterministic_algorithms(True)
    torch.backends.cudnn.benchmark, torch.backends.cudnn.deterministic = False, True
    try:
        yield
    except RuntimeError as error:
        if NO_WAY not in str(error):
            raise
        operation = str(error).partition(NO_WAY)[0].strip()
        raise TrainingError(
            f"train.deterministic: {operation} has no deterministic form on this device; take another loss or network, train "
            "on a CPU, or leave train.deterministic out"
        ) from error
    finally:
        torch.use_deterministic_algorithms(strict, warn_only=warned)
        torch.backends.cudnn.benchmark, torch.backends.cudnn.deterministic = cudnn
