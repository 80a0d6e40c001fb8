"""What an evaluation leaves behind: scores.json, the records of each image, report.html, and the call that repeats it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .. import report
from ..inference import Predictor
from ..inference.engine import name_of, networks_of
from ..output import Output
from .tallies import LabelScore, Score, TrackScore


def write(results: Output, found: Score, predictor: Predictor, model: Any, command: str) -> None:
    """Write the files of an evaluation into their folder."""
    results.text("scores.json", json.dumps(found.to_dict(), indent=1, ensure_ascii=False) + "\n")
    records = found.sequences if isinstance(found, TrackScore) else found.counts
    if records is not None:
        with results.file("images.safetensors") as file:
            records.save(file)
    facts = {key: value for key, value in _facts(found, predictor, model).items() if value}
    title = " on ".join(filter(None, (facts["model"], facts.get("data", ""))))
    with results.file("report.html") as file:
        if isinstance(found, LabelScore):
            report.write(
                file,
                scores=found.scores,
                space=found.space,
                title=title,
                command=command,
                facts=facts,
                images=found.per_image,
                seconds=found.seconds,
                worst=found.worst,
                best=found.best,
                log=_log_of(model),
                baseline=found.baseline,
                trust=found.trust,
                anatomy=found.anatomy,
            )
        else:
            report.write_answers(file, score=found, title=title, command=command, facts=facts, log=_log_of(model))


def _facts(found: Score, predictor: Predictor, model: Any) -> dict[str, str]:
    """What a report says of how it was made."""
    kept, networks = predictor.checkpoint, networks_of(predictor.engine)
    count = sum(p.numel() for network in networks for p in network.model.parameters())
    return {
        "model": (kept.model if kept and len(networks) == 1 else "") or name_of(predictor.engine),
        "checkpoint": str(model) if isinstance(model, str | Path) else "",
        "parameters": f"{count:,}" if networks else "",
        "data": " ".join(found.source.get(key, "") for key in ("data", "split")).strip(),
        "folder": found.source.get("root", ""),
        "predicted": predictor.way,
        "training data": kept.data_hash if kept else "",
        "device": f"{predictor.device}, {predictor.precision}",
    }


def _log_of(model: Any) -> Path | None:
    """The run's log, where the checkpoint lies in its folder."""
    if not isinstance(model, str | Path):
        return None
    folder = Path(model) if Path(model).is_dir() else Path(model).parent
    return folder / "log.jsonl" if (folder / "log.jsonl").is_file() else None


def called(model: Any) -> str:
    """Name a model: its path, or the class of its network."""
    if isinstance(model, Predictor):
        return name_of(model.engine)
    return str(model) if isinstance(model, str | Path) else type(model).__name__


def spelled(
    model: Any,
    data: Any,
    split: str | None,
    root: Any,
    protocol: str,
    batch_size: int,
    out: Any,
    metrics: Sequence[str],
    full: bool,
    task: str = "",
    settings: Mapping[str, Any] | None = None,
    decide: Mapping[str, Any] | None = None,
) -> str:
    """Spell the call, as it would be typed."""
    given = [repr(str(model)) if isinstance(model, str | Path) else called(model)]
    if data is not None:
        given.append(repr(str(data)) if isinstance(data, str | Path) else type(data).__name__)
    places = {"split": split, "root": None if root is None else str(root), "out": str(out)}
    standard = {"split": None, "root": None}
    given += [f"{key}={value!r}" for key, value in places.items() if value != standard.get(key)]
    given += [f"protocol={protocol!r}"] if protocol != "dataset" else []
    given += [f"batch_size={batch_size}"] if batch_size != 1 else []
    given += [f"metrics={list(metrics)}"] if metrics else []
    given += ["full=True"] if full else []
    given += [f"task={task!r}"] if task else []
    given += [f"settings={dict(settings)}"] if settings else []
    given += [f"decide={dict(decide)}"] if decide else []
    return f"intarsia.evaluate({', '.join(given)})"
