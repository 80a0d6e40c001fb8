"""The most memory that a call takes at once."""

from __future__ import annotations

import ctypes
import gc
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch

STATUS, CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def peak_memory(call: Callable[[], Any], device: str | torch.device = "cpu") -> int | None:
    """The most bytes that a call has allocated at once, beside what was there before; None where that cannot be measured.

    On a GPU as PyTorch counts them; on a CPU as Linux counts the memory of the process. Where the process has trained before,
    its heap keeps what is freed, and blocks that follow each other may count twice.
    """
    place = torch.device(device)
    if place.type == "cuda":
        torch.cuda.synchronize(place)
        torch.cuda.reset_peak_memory_stats(place)
        before = torch.cuda.memory_allocated(place)
        call()
        torch.cuda.synchronize(place)
        return torch.cuda.max_memory_allocated(place) - before
    if place.type != "cpu":
        return None
    gc.collect()
    with suppress(OSError, AttributeError):  # another C library keeps what was freed, and the peak is too small
        ctypes.CDLL("libc.so.6").malloc_trim(0)
    try:
        CLEAR.write_text("5", encoding="ascii")  # the peak starts anew
    except OSError:
        return None
    before_bytes = _status("VmRSS")
    call()
    peak = _status("VmHWM")
    return None if before_bytes is None or peak is None else max(0, peak - before_bytes)


def _status(name: str) -> int | None:
    with suppress(OSError, ValueError, IndexError):
        for line in STATUS.read_text(encoding="ascii", errors="replace").splitlines():
            if line.startswith(f"{name}:"):
                return int(line.split()[1]) << 10
    return None
