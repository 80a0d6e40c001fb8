"""A launcher that starts a run again after one of its processes was killed: the run in the folder is then the same one.

torchrun --max-restarts and SLURM's requeueing give the same command line once more, which does not say --resume.
"""

from __future__ import annotations

import os
import socket
from pathlib import Path

from ..checkpoint.file import progress_of
from ..errors import CheckpointError
from .lock import started_at


def job() -> str:
    """The launcher's name of what it runs, the same after each restart; "" without a launcher that starts anything again."""
    if "TORCHELASTIC_RUN_ID" in os.environ:
        name = os.environ["TORCHELASTIC_RUN_ID"]
        if name in ("", "none"):  # nobody named it: known by the launcher's process, which outlives restarts
            parent = os.getppid()
            name = f"{socket.gethostname()}/{parent}/{started_at(parent)}"
        return f"torchrun {name}"
    return f"SLURM {number}" if (number := os.environ.get("SLURM_JOB_ID")) else ""


def restarted(out: Path) -> bool:
    """Whether this process was started again by its launcher, and the run in a folder is the one it was started for."""
    count = os.environ.get("TORCHELASTIC_RESTART_COUNT") or os.environ.get("SLURM_RESTART_COUNT") or "0"
    last = out / "last.safetensors"
    if not count.isdigit() or int(count) == 0 or not last.is_file():
        return False
    try:
        return bool(job()) and progress_of(last).get("job") == job()
    except CheckpointError:
        return False  # opening it says what is wrong
