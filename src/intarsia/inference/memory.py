"""Memory: how much is free on a device, and whether an error says that there was not enough of it."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

import torch

UNKNOWN = 4 << 30  # bytes that are taken to be free where nobody says
CGROUP = Path("/sys/fs/cgroup")  # what a container may use, in its second version


def free_memory(device: torch.device) -> int:
    """Say how many bytes can be allocated on a device now.

    On a GPU, of what the driver has left and torch keeps for later; on the CPU, of what the system can free without
    swapping, within what a container may use.
    """
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        return free + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return min(_available(), _allowed())


def out_of_memory(error: BaseException) -> bool:
    """Tell whether an error is one of the several ways of saying "out of memory"."""
    said = str(error)
    return (
        isinstance(error, MemoryError | torch.OutOfMemoryError)
        or "not enough memory" in said
        or "allocate memory" in said
    )


def _available() -> int:
    with suppress(OSError, ValueError, IndexError):
        for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) << 10
    with suppress(OSError, ValueError, AttributeError):
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2
    return UNKNOWN


def _allowed() -> int:
    """What the container may still use; without end where there is none."""
    with suppress(OSError, ValueError):
        most = (CGROUP / "memory.max").read_text(encoding="ascii").strip()
        if most != "max":
            return max(0, int(most) - int((CGROUP / "memory.current").read_text(encoding="ascii")))
    return 1 << 62
