"""What a number was measured with: versions and machine, as printed in a report."""

import importlib.metadata
import os
import platform
from datetime import datetime
from pathlib import Path

PACKAGES = ("intarsia", "torch", "timm", "numpy", "pillow")


def versions() -> dict[str, str]:
    """Python and the packages that a score depends on, those that are installed."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def machine() -> str:
    """Processor, cores and operating system in one line."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return f"{processor()}, {cores} {'core' if cores == 1 else 'cores'}, {platform.system()} {platform.release().split('-')[0]}"


def processor() -> str:
    """The processor's own name where the system tells it."""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def now() -> str:
    """The time of day with its zone, to the second."""
    return datetime.now().astimezone().isoformat(sep=" ", timespec="seconds")
