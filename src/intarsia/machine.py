"""The machine under a measurement: its processor, and the processor time that other processes take meanwhile."""

from __future__ import annotations

import os
import platform
import time
from contextlib import suppress
from pathlib import Path

STAT = Path("/proc/stat")
WORKING = (1, 2, 3, 6, 7, 8)  # its columns: user, nice, system, irq, softirq, steal


class Others:
    """The processor time that other processes use from now on."""

    def __init__(self) -> None:
        self._start = time.perf_counter(), _all_processes(), _this_process()

    def cores(self) -> float | None:
        """How many cores the others kept busy since then, on average; None where the system does not say."""
        began, everyone, own = self._start
        now = _all_processes()
        if everyone is None or now is None:
            return None
        passed = max(time.perf_counter() - began, 1e-9)
        return max(0.0, (now - everyone) - (_this_process() - own)) / passed


def processor() -> str:
    """The processor's own name where the system tells it."""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _all_processes() -> float | None:
    """Seconds of processor time that all processes together have used."""
    with suppress(OSError, ValueError, IndexError, AttributeError):
        fields = STAT.read_text(encoding="ascii").splitlines()[0].split()
        return sum(int(fields[n]) for n in WORKING) / os.sysconf("SC_CLK_TCK")
    return None


def _this_process() -> float:
    used = os.times()
    return used.user + used.system + used.children_user + used.children_system
