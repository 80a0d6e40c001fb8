"""The runs of a folder: what each is, how far it came, what it scored, and which of its files may go."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from ..errors import DataError, nearest
from .budget import spoken
from .lock import held_by

FILES = (  # that training writes into a run's folder
    "last.safetensors", "best.safetensors", "recipe.yaml", "audit.json", "defaults.json", "log.jsonl", "profile.json",
    "run.html", "strip.json", "fault.safetensors",
)  # fmt: skip


class RunOf(NamedTuple):
    """A run as its folder tells of it."""

    path: Path
    state: str  # "running", "finished", "stopped" or "nothing": no checkpoint was written
    network: str
    data: str
    budget: str
    step: int
    minutes: float
    best: float | None  # what the best checkpoint was chosen by
    last: str  # the last validation in brief; empty where there is none
    size: int  # bytes of its files
    when: float  # of the last change, in seconds since 1970
    iou: Mapping[str, float]  # of each class, at the last validation


def runs(top: Path) -> list[RunOf]:
    """The runs below a folder, the latest first.

    Raises: DataError for a folder that is not there.
    """
    if not top.is_dir():
        raise DataError(f"{top}: there is no such folder; name the folder that your runs lie in, such as runs")
    found = [one(path.parent) for path in sorted(top.glob("**/recipe.yaml")) if (path.parent / "log.jsonl").is_file()]
    return sorted(found, key=lambda run: -run.when)


def one(path: Path) -> RunOf:
    """What a run's folder tells.

    Raises: DataError where it holds no run, with the nearest name.
    """
    import yaml

    if not (path / "recipe.yaml").is_file():
        names = [p.parent.name for p in path.parent.glob("*/recipe.yaml")] if path.parent.is_dir() else []
        raise DataError(f"{path}: holds no run (no recipe.yaml){nearest(path.name, names)}")
    with suppress(OSError, yaml.YAMLError):
        tree = yaml.safe_load((path / "recipe.yaml").read_text(encoding="utf-8"))
    tree = tree if isinstance(tree, dict) else {}
    lines = list(_lines(path / "log.jsonl"))
    trained = [line for line in lines if line.get("kind") == "train"]
    scored = [line for line in lines if line.get("kind") == "val"]
    wish = tree.get("train") or {}
    end = trained[-1] if trained else {}
    standings = [s for line in scored if isinstance(s := line.get("standing", line.get("miou")), int | float)]
    files = [path / name for name in FILES if (path / name).is_file()]
    model = tree.get("model") or {}
    return RunOf(
        path,
        _state(path, wish, end, scored),
        " ".join(str(model[key]) for key in ("name", "encoder") if model.get(key)) or "its user's own",
        str((tree.get("data") or {}).get("root") or (tree.get("data") or {}).get("name") or ""),
        spoken(wish),
        int(end.get("step", 0)),
        float(end.get("seconds", 0.0)) / 60,
        max(standings) if standings else None,
        str(scored[-1].get("brief", "")) if scored else "",
        sum(file.stat().st_size for file in files),
        max((file.stat().st_mtime for file in files), default=0.0),
        {k: v for k, v in ((scored[-1].get("iou") or {}) if scored else {}).items() if isinstance(v, int | float)},
    )


def _state(path: Path, wish: Mapping[str, Any], end: Mapping[str, Any], scored: list[dict[str, Any]]) -> str:
    """How a run stands: by its lock, its checkpoints, and the share of its budget that is spent."""
    if held_by(path):
        return "running"
    if not any((path / name).is_file() for name in ("last.safetensors", "best.safetensors")):
        return "nothing"
    shares = (
        end.get("seconds", 0) / (60 * wish["minutes"]) if wish.get("minutes") else 0,
        end.get("step", 0) / wish["steps"] if wish.get("steps") else 0,
        end.get("epoch", 0) / wish["epochs"] + 1e-6 if wish.get("epochs") else 0,
    )
    goal = wish.get("until")
    reached = bool(goal and scored and (scored[-1].get("miou") or 0) >= goal)
    return "finished" if max(shares) >= 1 or reached else "stopped"


def differing(first: Path, second: Path) -> list[tuple[str, Any, Any]]:
    """The keys in which two runs' recipes differ, with both values."""
    import yaml

    trees = [yaml.safe_load((path / "recipe.yaml").read_text(encoding="utf-8")) for path in (first, second)]
    a, b = (dict(_flat(tree)) for tree in trees)
    return [(key, a.get(key), b.get(key)) for key in dict.fromkeys([*a, *b]) if a.get(key) != b.get(key)]


def unneeded(found: list[RunOf], resume_files: bool = False) -> list[Path]:
    """The files that may go: all of a run that came to no checkpoint, and where it is wished what only resumes.

    Args:
        resume_files: also `last.safetensors` of finished runs beside whose best checkpoint it lies.
    """
    gone = []
    for run in found:
        if run.state == "nothing":
            gone += [run.path / name for name in FILES if (run.path / name).is_file()]
        elif resume_files and run.state == "finished" and (run.path / "best.safetensors").is_file():
            gone += [path for path in [run.path / "last.safetensors"] if path.is_file()]
    return gone


def _flat(tree: Any, before: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in tree.items() if isinstance(tree, dict) else ():
        if isinstance(value, dict) and value:
            yield from _flat(value, f"{before}{key}.")
        else:
            yield f"{before}{key}", value


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else ():
        try:
            tree = json.loads(line)
        except json.JSONDecodeError:  # the last line of a run that was killed while it wrote
            return
        if isinstance(tree, dict):
            yield tree
