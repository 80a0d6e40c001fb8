"""Publish a model: checkpoint, config and a card made from its run, in a folder or as a repository of the hub.

RUN - checkpoint - card (data, scores with intervals, license, limits) - folder - owner/name
    ` scores.json, images.safetensors, log.jsonl
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from ..checkpoint import Checkpoint, resolve
from ..checkpoint.hub import check_name, public, send, write_pretrained
from ..errors import CheckpointError, DataError
from ..inference import Predictor
from ..inference.opened import task_of
from ..metrics import bootstrap
from ..metrics.stored import load as load_records
from ..report.card import Scored, card
from ..report.curves import lines_of

SCORES, RECORDS = "scores.json", "images.safetensors"


def save_pretrained(
    model: str | Path,
    folder: str | Path,
    *,
    licence: str = "",
    scores: str | Path | None = None,
    name: str = "",
    overwrite: bool = False,
) -> Path:
    """Write a model into a folder as a repository of the hub has it: model.safetensors, config.json, README.md.

    Args:
        model: the folder of a run, a checkpoint, or any other name of a model.
        licence: of the weights, such as "apache-2.0"; needed where the model does not bring one along.
        scores: the folder that `evaluate(model, ..., out=folder)` wrote; None: beside the model, where they are.
        name: "owner/name" for the card; "": the name of the folder.
        overwrite: also replace files that this program did not write, or that were changed since.

    Returns: the folder, which is a model by itself: `Predictor.load(folder)`.

    Raises: CheckpointError for no license, or a model that cannot be opened; DataError for scores of another model, and for
        somebody else's files in the folder.
    """
    checkpoint = resolve(model)
    licence = licence or str(checkpoint.notes.get("licence", ""))
    if not licence:
        raise CheckpointError(
            f"{model}: under which license may others use it? Give its SPDX identifier, such as --licence apache-2.0"
        )
    if not checkpoint.weights:
        raise CheckpointError(f"{model}: a method without weights has nothing to publish; give a trained network")
    found = scored(model, scores)
    text = card(
        public(checkpoint), name or Path(folder).name, licence, found, _validated(Path(model)), _task(checkpoint)
    )  # fmt: skip
    return write_pretrained(checkpoint, folder, text, overwrite=overwrite)


def push_to_hub(
    model: str | Path,
    to: str,
    *,
    licence: str = "",
    scores: str | Path | None = None,
    private: bool = False,
) -> str:
    """Publish a model as a repository of the Hugging Face hub; `from_pretrained(to)` and "hf:owner/name" open it.

    Args:
        model, licence, scores: as for `save_pretrained`.
        to: "owner/name".
        private: whether a new repository is.

    Returns: the address of the repository.

    Raises: as `save_pretrained`; CheckpointError without a login, and where the hub does not take it.
    """
    check_name(to)
    with tempfile.TemporaryDirectory(prefix="intarsia-") as place:
        folder = save_pretrained(model, Path(place) / "repository", licence=licence, scores=scores, name=to)
        return send(folder, to, private=private)


def from_pretrained(name: str | Path, **options: Any) -> Predictor:
    """Open what `save_pretrained` or `push_to_hub` made: a folder, or "owner/name" on the Hugging Face hub.

    Args:
        options: as for `Predictor.load`.

    Raises: as `Predictor.load`.
    """
    known = Path(name).exists() or ":" in str(name) or str(name).count("/") != 1
    return Predictor.load(name if known else f"hf:{name}", **options)


def scored(model: str | Path, scores: str | Path | None = None) -> Scored | None:
    """What an evaluation has found of a model; None where none lies beside it.

    Args:
        scores: the folder of the evaluation, or the scores.json in it; None: the folder of the model.

    Raises: DataError for a folder without scores, and for scores of another model.
    """
    path = Path(model)
    folder = Path(scores) if scores is not None else path if path.is_dir() else path.parent
    folder = folder.parent if folder.name == SCORES else folder
    if not (folder / SCORES).is_file() or not (folder / RECORDS).is_file():
        if scores is None:
            return None
        raise DataError(
            f"{folder}: holds no {SCORES} with {RECORDS}; `intarsia evaluate {model} --out {folder}` writes both"
        )
    try:
        tree = json.loads((folder / SCORES).read_text(encoding="utf-8"))
    except ValueError:
        tree = None
    if not isinstance(tree, dict):
        raise DataError(f"{folder / SCORES} is damaged; evaluate the model again")
    if (of := tree.get("model")) is None or _file(of) != _file(model):
        if scores is None:
            return None
        raise DataError(f"{folder}: holds the scores of {of}, and {model} is published; evaluate that one")
    records = load_records(folder / RECORDS)
    trust = bootstrap(records, str(tree.get("protocol") or "dataset"))
    return Scored(_measure(records), trust, tree)


def _measure(records: Any) -> str:
    return str(records.columns[-1].name)


def _file(model: object) -> Path:
    """The file that a name of a model means."""
    path = Path(str(model))
    return (path / "last.safetensors" if path.is_dir() else path).resolve()


def _validated(path: Path) -> str:
    """The last validation of a run in brief; "" where it is not known."""
    log = (path if path.is_dir() else path.parent) / "log.jsonl"
    validations = lines_of(log)[1] if log.is_file() else []
    return str(validations[-1].get("brief", "")) if validations else ""


def _task(checkpoint: Checkpoint) -> str:
    return task_of(checkpoint, "", {})[0]
