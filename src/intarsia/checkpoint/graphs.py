"""Graphs of other runtimes as checkpoints: everything that a checkpoint knows but the weights, which stay in the graph.

metadata {"intarsia": JSON of a Checkpoint, "export": JSON, "verdict": JSON, "graph": SHA-256 of graph and operator set}

A graph without a verdict, or another graph than the one that the verdict is about, is not opened.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..errors import CheckpointError, extra
from . import checksum
from .file import KEY, described, made, parsed
from .record import Checkpoint

ONNX = ".onnx"
FORM = 1  # of "export"
AGAIN = "; export it again with `intarsia export`"


def is_graph(path: str | Path) -> bool:
    """Whether a name is that of a graph's file."""
    return Path(path).suffix.lower() == ONNX


def graph_checkpoint(path: str | Path) -> Checkpoint:
    """What an exported file says of its network, as a checkpoint without weights.

    Raises: as `read_graph`.
    """
    return _checkpoint(Path(path), facts_of(read_graph(path)))


def read_graph(path: str | Path) -> Any:
    """Read an ONNX file that `intarsia export` wrote, and see that it is as it was written.

    Returns: `onnx.ModelProto`.

    Raises: CheckpointError for a file that is missing, cut short, somebody else's, changed, or refused by the gate;
        MissingExtra without onnx.
    """
    path = Path(path)
    onnx = extra("onnx", "export")
    if not path.is_file():
        raise CheckpointError(f"{path}: there is no such file; `intarsia export` writes one")
    try:
        model = onnx.load(str(path), load_external_data=False)
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read ({error.strerror or error})") from error
    except Exception as error:  # of protobuf, by whichever of its implementations
        raise CheckpointError(f"{path}: the file is cut short, or is no ONNX file; copy it again{AGAIN}") from error
    facts = facts_of(model)
    if not model.graph.node:
        raise CheckpointError(f"{path}: the file is empty or cut short, for it holds no graph; copy it again{AGAIN}")
    if KEY not in facts:
        raise CheckpointError(
            f"{path}: an ONNX graph that intarsia did not write: it does not say which classes its numbers are and how "
            "pictures are prepared for it; `intarsia export` writes such files"
        )
    if facts.get("graph") != digest(model):
        raise CheckpointError(
            f"{path}: its graph is not the one that its verdict is about, but was changed since{AGAIN}"
        )
    about, verdict = (_tree(path, facts, key) for key in ("export", "verdict"))
    if about.get("form") != FORM:
        raise CheckpointError(
            f"{path}: was exported in form {about.get('form')!r}, and this version reads form {FORM}{AGAIN}"
        )
    if verdict.get("passed") is not True:
        raise CheckpointError(f"{path}: the gate has not passed it{AGAIN}")
    stored = _checkpoint(path, facts)
    told = facts.get("classes")
    if told is not None and told != json.dumps(list(stored.labels.names)):
        raise CheckpointError(
            f"{path}: its metadata name other classes ({told[:200]}) than its labels ({', '.join(stored.labels.names)}){AGAIN}"
        )
    return model


def facts_of(model: Any) -> dict[str, str]:
    """The texts beside a graph."""
    return {entry.key: entry.value for entry in model.metadata_props}


def digest(model: Any) -> str:
    """SHA-256 of a graph, its functions and its operator sets, whatever is written beside it."""
    found = hashlib.sha256()
    for part in (*model.opset_import, *model.functions, model.graph):
        found.update(part.SerializeToString(deterministic=True))
    return found.hexdigest()


def describe_graph(
    model: Any, stored: Checkpoint, texts: Mapping[str, str], about: Mapping[str, Any], verdict: Any
) -> None:
    """Write beside a graph what its checkpoint knows, what it answers, and the gate's verdict.

    Args:
        model: `onnx.ModelProto`, whose old texts go.
        texts: for people, such as what goes in and the classes.
        about: plain data for the engine.
        verdict: plain data.
    """
    known = replace(stored, weights={}, state={}, progress={})
    facts = {
        **texts,
        KEY: checksum.signed(described(known), {}),
        "export": json.dumps({"form": FORM, **about}),
        "verdict": json.dumps(verdict),
        "graph": digest(model),
    }
    del model.metadata_props[:]
    for key, value in facts.items():
        model.metadata_props.add(key=key, value=value)


def about_graph(path: str | Path, model: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the engine needs to know of a graph, and the gate's verdict."""
    facts = facts_of(model)
    return _tree(Path(path), facts, "export"), _tree(Path(path), facts, "verdict")


def _checkpoint(path: Path, facts: Mapping[str, str]) -> Checkpoint:
    found = made(path, parsed(path, facts[KEY]), {}, {})
    about, verdict = _tree(path, facts, "export"), _tree(path, facts, "verdict")
    return replace(found, notes={**found.notes, "export": about, "verdict": verdict})


def _tree(path: Path, facts: Mapping[str, str], key: str) -> dict[str, Any]:
    try:
        tree = json.loads(facts[key])
    except (KeyError, ValueError, RecursionError):
        tree = None
    if not isinstance(tree, dict):
        raise CheckpointError(f"{path}: its metadata are damaged ({key} is no mapping){AGAIN}")
    return tree
