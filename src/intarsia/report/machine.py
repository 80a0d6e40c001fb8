"""What a number was measured with: versions and machine, as printed in a report."""

import importlib.metadata
import platform
from datetime import datetime

from ..machine import cores, processor

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
    count = cores()
    return f"{processor()}, {count} {'core' if count == 1 else 'cores'}, {platform.system()} {platform.release().split('-')[0]}"


def now() -> str:
    """The time of day with its zone, to the second."""
    return datetime.now().astimezone().isoformat(sep=" ", timespec="seconds")
