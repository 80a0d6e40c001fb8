"""Memory that a step has used stays with the process, for the next step to use."""

from __future__ import annotations

import ctypes
import sys

_TRIM_THRESHOLD, _TOP_PAD, _MMAP_MAX = -1, -2, -4  # names of glibc's mallopt(3)


def keep_freed_memory() -> bool:
    """Ask glibc not to give freed memory back to the system.

    A step on the CPU allocates and frees the same hundreds of megabytes every time. By default glibc maps each large
    block anew and the kernel clears it page by page. The price is that the process keeps its largest size until it ends.

    Returns: whether it took effect; elsewhere than on Linux with glibc nothing is changed.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL("libc.so.6").mallopt
    except (OSError, AttributeError):  # another C library
        return False
    return all([mallopt(_MMAP_MAX, 0), mallopt(_TRIM_THRESHOLD, 2**31 - 1), mallopt(_TOP_PAD, 2**28)])
