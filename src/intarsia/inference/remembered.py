"""What was measured once on this machine, kept as JSON in the user's cache folder for the next process."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch

from ..machine import processor
from ..output import cache_folder, replaced

MOST = 500  # measurements that a file keeps; the oldest go first


def circumstances(device: str | torch.device = "cpu") -> str:
    """What a measurement of speed depends on beside the network, in one line: processor or GPU, PyTorch, threads."""
    place = torch.device(device)
    name = torch.cuda.get_device_name(place) if place.type == "cuda" else processor()
    return f"{name}, torch {torch.__version__}, {torch.get_num_threads()} threads"


def recalled(name: str, key: str, folder: Path | None = None) -> Any:
    """What was remembered under a key in the file `name` of a folder, by default the user's cache folder; None for nothing."""
    known = _read((folder or cache_folder()) / name)
    return known.get(key)


def remember(name: str, key: str, value: Any, folder: Path | None = None) -> None:
    """Keep plain data under a key; where it cannot be written it is measured again next time."""
    path = (folder or cache_folder()) / name
    known = {other: kept for other, kept in _read(path).items() if other != key}
    kept = dict(list(known.items())[-(MOST - 1) :])
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        with replaced(path) as fresh:
            fresh.write_text(json.dumps({**kept, key: value}), encoding="utf-8")


def _read(path: Path) -> dict[str, Any]:
    with suppress(OSError, ValueError, RecursionError):
        known = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(known, dict):
            return known
    return {}
