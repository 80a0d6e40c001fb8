"""One run in one folder: a file that says which process writes there, and tells a process that is gone from one that runs.

    run.lock: {"host": "node7", "process": 4711, "started": "123456", "boot": ..., "space": ..., "since": "2026-01-31 12:00:00"}

A number of a process is given to another one later, so the time of its start is kept beside it. On this machine a lock
whose process is gone is taken over; of another machine's, or another container's, nobody here can tell, so it is refused
with the way to remove it.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from ..errors import TrainingError
from .folder import writing

NAME = "run.lock"


@contextmanager
def locked(out: Path) -> Iterator[None]:
    """Hold a run's folder, which is made where it is missing; a folder that stays empty is taken away again.

    Raises: TrainingError when another run holds it, saying which, or when it cannot be made.
    """
    path, made = out / NAME, [folder for folder in (out, *out.parents) if not folder.exists()]
    with writing(out):
        out.mkdir(parents=True, exist_ok=True)
        mine = _claimed(path)
    try:
        yield
    finally:
        with suppress(OSError):
            if os.getpid() == mine["process"] and _read(path) == mine:
                path.unlink()
        with suppress(OSError):
            for folder in made:
                folder.rmdir()  # only where nothing was written


def held_by(out: Path) -> str:
    """Say which process holds a run's folder; "" where none does, or the one that did is gone."""
    path = out / NAME
    try:
        return _held(_read(path), path)
    except OSError:
        return ""


def _claimed(path: Path) -> dict[str, Any]:
    """Write this process into the lock, unless another one that may be running stands in it."""
    mine = _here(os.getpid())
    with _alone(path) as number:
        text = os.read(number, 10_000).decode("utf-8", "replace")
        if text and (told := _held(_parsed(text), path)):
            raise TrainingError(told)
        os.ftruncate(number, 0)
        os.lseek(number, 0, os.SEEK_SET)
        os.write(number, json.dumps(mine).encode())
        os.fsync(number)
    return mine


@contextmanager
def _alone(path: Path) -> Iterator[int]:
    """The lock's file, opened, while no other process of this machine looks at it."""
    try:
        import fcntl
    except ImportError:  # Windows
        fcntl = None  # type: ignore[assignment]
    while True:
        number = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            if fcntl is not None:
                with suppress(OSError):  # some network disks have no such locks
                    fcntl.flock(number, fcntl.LOCK_EX)
            with suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(number), path.stat()):  # else it was removed while we waited
                    yield number
                    return
        finally:
            os.close(number)


def _held(other: dict[str, Any], path: Path) -> str:
    """The sentence that refuses a folder whose lock says `other`; empty for a process that is gone."""
    if not other:  # half written: by a process that was killed, or on a disk that was full
        return ""
    here = _here(int(other["process"]))
    removed = f"if it has ended, remove {path}"
    who = f"process {other['process']} on {other['host']}, since {other.get('since', 'some time')}"
    if other["host"] != here["host"] or other.get("space") != here["space"]:
        where = "another machine" if other["host"] != here["host"] else "another container"
        return (
            f"{path.parent} is being written by a run of {where} ({who}), of which nobody here can tell whether it still "
            f"runs; choose another --out, or {removed}"
        )
    if other.get("boot") != here["boot"] or not here["started"] or other.get("started") not in ("?", here["started"]):
        return ""
    return f"{path.parent} is being written by another run ({who}); wait for it, or choose another --out; {removed}"


def _here(process: int) -> dict[str, Any]:
    """A process of this machine as the lock tells of it."""
    boot = space = ""
    with suppress(OSError):
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        space = os.readlink("/proc/self/ns/pid")
    return {
        "host": socket.gethostname(),
        "process": process,
        "started": started_at(process),
        "boot": boot,
        "space": space,
        "since": time.strftime("%Y-%m-%d %H:%M:%S"),
    }


def started_at(process: int) -> str:
    """Find when a process started, as the system writes it; "" when there is no such process, "?" when the system does not say."""
    if sys.platform == "linux":
        try:
            words = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return ""
        return "" if words[0] in "ZX" else words[19]  # a zombie has ended; field 22 of proc(5)
    if os.name == "nt":
        return "?"
    asked = subprocess.run(["ps", "-o", "lstart=", "-p", str(process)], capture_output=True, text=True, check=False)
    return asked.stdout.strip()


def _read(path: Path) -> dict[str, Any]:
    return _parsed(path.read_text(encoding="utf-8"))


def _parsed(text: str) -> dict[str, Any]:
    with suppress(ValueError):
        tree = json.loads(text)
        if isinstance(tree, dict) and isinstance(tree.get("process"), int) and "host" in tree:
            return tree
    return {}
