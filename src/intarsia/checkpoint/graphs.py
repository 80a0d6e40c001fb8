"""Graphs of other runtimes as checkpoints: everything that a checkpoint knows but the weights, which stay in the graph.

texts {"intarsia": JSON of a Checkpoint, "export": JSON, "verdict": JSON, "graph": SHA-256 of graph and weights}

model.onnx              the texts are the model's metadata
model.xml, model.bin    OpenVINO's; the texts are its rt_info, below the layers

A graph without a verdict, or another graph than the one that the verdict is about, is not opened.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple
from xml.etree import ElementTree
from xml.sax.saxutils import quoteattr

from ..errors import CheckpointError, extra
from ..limits import check_document
from . import checksum
from .file import KEY, described, made, parsed
from .record import Checkpoint

FORM = 1  # of "export"
AGAIN = "; export it again with `intarsia export`"
SHORT = f"the file is cut short, or is no such file at all; copy it again{AGAIN}"
LAYERS_END = "</edges>"  # in OpenVINO's files, behind the graph and before the texts


class Graph(NamedTuple):
    """A graph's file, read and found to be as it was written.

    Args:
        path: of the file.
        texts: beside the graph.
        model: `onnx.ModelProto`; None of other forms, which their runtime reads itself.
    """

    path: Path
    texts: dict[str, str]
    model: Any = None

    @property
    def about(self) -> dict[str, Any]:
        """What the engine needs to know."""
        return _tree(self.path, self.texts, "export")

    @property
    def digest(self) -> str:
        """SHA-256 of graph and weights."""
        return self.texts["graph"]


def is_graph(path: str | Path) -> bool:
    """Whether a name is that of a graph's file."""
    return Path(path).suffix.lower() in READERS


def graph_checkpoint(path: str | Path) -> Checkpoint:
    """What an exported file says of its network, as a checkpoint without weights.

    Raises: as `read_graph`.
    """
    return _checkpoint(Path(path), read_graph(path).texts)


def read_graph(path: str | Path) -> Graph:
    """Read a file that `intarsia export` wrote, and see that it is as it was written.

    Raises: CheckpointError for a file that is missing, cut short, somebody else's, changed, or refused by the gate;
        MissingExtra without onnx.
    """
    path = Path(path)
    if not path.is_file():
        raise CheckpointError(f"{path}: there is no such file; `intarsia export` writes one")
    try:
        graph, found = READERS[path.suffix.lower()](path)
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read ({error.strerror or error})") from error
    facts = graph.texts
    if KEY not in facts:
        raise CheckpointError(
            f"{path}: a graph that intarsia did not write: it does not say which classes its numbers are and how "
            "pictures are prepared for it; `intarsia export` writes such files"
        )
    if facts.get("graph") != found:
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
    return graph


def _onnx(path: Path) -> tuple[Graph, str]:
    """An ONNX file and the digest of its graph."""
    onnx = extra("onnx", "export")
    try:
        model = onnx.load(str(path), load_external_data=False)
    except OSError:
        raise
    except Exception as error:  # of protobuf, by whichever of its implementations
        raise CheckpointError(f"{path}: {SHORT}") from error
    if not model.graph.node:
        raise CheckpointError(f"{path}: {SHORT}")
    return Graph(path, {entry.key: entry.value for entry in model.metadata_props}, model), digest(model)


def _openvino(path: Path) -> tuple[Graph, str]:
    """An OpenVINO file and the digest of its layers and weights."""
    weights = path.with_suffix(".bin")
    if not weights.is_file():
        raise CheckpointError(f"{path}: its weights are not beside it; copy {weights.name} too")
    check_document(path.stat().st_size, path)
    text = path.read_text(encoding="utf-8", errors="replace")
    layers, end, rest = text.rpartition(LAYERS_END)
    try:
        tree = ElementTree.fromstring(f"<net>{rest}") if end else None
    except ElementTree.ParseError:
        tree = None
    if tree is None:
        raise CheckpointError(f"{path}: {SHORT}")
    texts = {entry.tag: entry.get("value", "") for entry in tree.iterfind(f"rt_info/{KEY}/*")}
    return Graph(path, texts), digest_of_files(layers, weights)


READERS: dict[str, Callable[[Path], tuple[Graph, str]]] = {".onnx": _onnx, ".xml": _openvino}


def digest_of_files(layers: str, weights: Path) -> str:
    """SHA-256 of the layers in OpenVINO's file and of the file of weights."""
    found = hashlib.sha256(layers.encode())
    with weights.open("rb") as file:
        while part := file.read(1 << 24):
            found.update(part)
    return found.hexdigest()


def digest(model: Any) -> str:
    """SHA-256 of a graph, its functions and its operator sets, whatever is written beside it."""
    found = hashlib.sha256()
    for part in (*model.opset_import, *model.functions, model.graph):
        found.update(part.SerializeToString(deterministic=True))
    return found.hexdigest()


def texts_of(
    stored: Checkpoint, texts: Mapping[str, str], about: Mapping[str, Any], verdict: Any, found: str
) -> dict[str, str]:
    """What stands beside a graph: what its checkpoint knows, what it answers, and the gate's verdict.

    Args:
        texts: for people, such as what goes in and the classes.
        about: plain data for the engine.
        verdict: plain data.
        found: the digest of the graph.
    """
    known = replace(stored, weights={}, state={}, progress={})
    return {
        **texts,
        KEY: checksum.signed(described(known), {}),
        "export": json.dumps({"form": FORM, **about}),
        "verdict": json.dumps(verdict),
        "graph": found,
    }


def describe_onnx(model: Any, texts: Mapping[str, str]) -> None:
    """Write texts beside the graph of an `onnx.ModelProto`; its old ones go."""
    del model.metadata_props[:]
    for key, value in texts.items():
        model.metadata_props.add(key=key, value=value)


def described_openvino(text: str, texts: Mapping[str, str]) -> str:
    """OpenVINO's file with texts below its layers; its old ones go."""
    layers, _, _ = text.rpartition(LAYERS_END)
    lines = "".join(f"\t\t\t<{key} value={quoteattr(value)} />\n" for key, value in texts.items())
    return f"{layers}{LAYERS_END}\n\t<rt_info>\n\t\t<{KEY}>\n{lines}\t\t</{KEY}>\n\t</rt_info>\n</net>\n"


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
