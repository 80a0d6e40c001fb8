"""A predictor as one ONNX file: three stages written one by one and joined, so that any of them can be cut out again.

image - prepare/ - pixels - network/ - parts - answer/ - labels

Values are called by their stage: "pixels" is what the network sees, "network/logits" a part of its output.
"""

from __future__ import annotations

import logging
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from ...errors import ModelError, extra
from ..graph import Graph

LARGER = 5  # times 64 x 96: the size that networks are traced at, so that no map of theirs has a single row
OPSETS = (18, 23)  # the operator sets that files may be written in
IMAGE, PIXELS = "image", "pixels"
LARGEST = (1 << 31) - 1  # bytes of one file: what protobuf can hold


def written(graph: Graph, opset: int = 0) -> Any:
    """Write a graph in ONNX, without a description.

    Args:
        opset: the operator set; 0: the exporter's own.

    Returns: `onnx.ModelProto` with the input "image" and the answer's tensors as outputs.

    Raises: MissingExtra without onnx; ModelError for an operator set that is not written, a network that no graph can hold,
        and an operator that ONNX has not.
    """
    for module in ("onnx", "onnxscript"):
        extra(module, "export")
    if opset and not OPSETS[0] <= opset <= OPSETS[1]:
        raise ModelError(f"opset is {opset}; give one of {OPSETS[0]} to {OPSETS[1]}, which runtimes of today read")
    image = graph.example(64, 96)
    with torch.no_grad():
        pixels = graph.prepare(image)
        parts = graph.score(pixels)
        names = list(graph.answer.named(image, *parts))
    larger = (graph.example(64 * LARGER, 96 * LARGER).float(),)
    stages = [
        stage_in_onnx(graph.prepare, (image,), [IMAGE], [PIXELS], opset, "prepare"),
        stage_in_onnx(graph.score, larger, [PIXELS], list(graph.parts), opset, "network"),
        stage_in_onnx(graph.answer, (image, *parts), [IMAGE, *graph.parts], names, opset, "answer"),
    ]
    return joined(stages, graph.parts, names)


def program_of(stage: nn.Module, inputs: tuple[Any, ...]) -> Any:
    """Trace a stage for any number of pictures of any size.

    Raises: ModelError where the network decides by what it sees, so that no graph can hold it.
    """
    auto, dynamic = torch.export.Dim.AUTO, torch.export.Dim.DYNAMIC
    first = {0: dynamic, 2: dynamic, 3: dynamic}
    shapes = tuple(
        first if place == 0 else {n: auto for n in range(one.ndim) if n != 1} for place, one in enumerate(inputs)
    )
    wanted: Any = (shapes[0], shapes[1:]) if len(inputs) > 1 else shapes
    try:
        with quiet():
            return torch.export.export(stage, inputs, dynamic_shapes=wanted)
    except Exception as error:
        name = type(stage.network).__name__ if hasattr(stage, "network") else "its answer"
        raise ModelError(f"{name} cannot be exported: {reason(error)}; predict with the checkpoint") from error


def stage_in_onnx(
    stage: nn.Module, inputs: tuple[Any, ...], taken: Sequence[str], given: Sequence[str], opset: int, prefix: str
) -> Any:
    """One stage in ONNX, all of its values and nodes called "prefix/...", but for its inputs and outputs."""
    import onnx

    program = program_of(stage, inputs)
    try:
        with quiet():
            made = torch.onnx.export(program, dynamo=True, verbose=False, opset_version=opset or None)
        assert made is not None
        model = made.model_proto
    except Exception as error:
        found = re.search(r"No ONNX function found for <OpOverload\(op='([\w.]+)'", _whole(error))
        what = f"ONNX has no operator for {found[1]}" if found else reason(error)
        raise ModelError(f"the network cannot be written as ONNX: {what}; try --to torch") from error
    have = model.opset_import[0].version
    if opset and have != opset:
        raise ModelError(
            f"the network cannot be written in opset {opset}, but in {have}: some operator has no older form"
        )
    for value in (*model.graph.input, *model.graph.output, *model.graph.node, *model.graph.initializer):
        del value.metadata_props[:]  # places in our source, which nobody needs in a file
    del model.graph.value_info[:]
    old = [value.name for value in model.graph.input], [value.name for value in model.graph.output]
    model = onnx.compose.add_prefix(model, f"{prefix}/", inplace=True)
    names = {f"{prefix}/{name}": new for name, new in zip(old[0], taken, strict=False)}
    ends = [f"{prefix}/{name}" for name in old[1]]
    _renamed(model.graph, names)
    _ended(model.graph, ends, [f"{prefix}/{name}" if prefix != "prepare" else name for name in given])
    return model


def _renamed(graph: Any, names: Mapping[str, str]) -> None:
    """Rename values in a graph and in the graphs inside of its nodes."""
    for value in (*graph.input, *graph.output, *graph.value_info, *graph.initializer):
        value.name = names.get(value.name, value.name)
    for node in graph.node:
        for side in (node.input, node.output):
            side[:] = [names.get(name, name) for name in side]
        for attribute in node.attribute:
            for inner in (*attribute.graphs, *([attribute.g] if attribute.HasField("g") else [])):
                _renamed(inner, names)


def _ended(graph: Any, old: Sequence[str], new: Sequence[str]) -> None:
    """Give the outputs of a graph names of their own, behind a node each: one value may be several outputs, or an input."""
    import onnx

    for value, before, after in zip(graph.output, old, new, strict=False):
        before = value.name if before != value.name else before
        value.name = after
        graph.node.append(onnx.helper.make_node("Identity", [before], [after], name=f"{after}/named"))


def joined(stages: Sequence[Any], parts: Sequence[str], names: Sequence[str]) -> Any:
    """One model of three stages.

    Args:
        parts: of the network's output.
        names: of the answer's tensors.
    """
    import onnx

    prepare, network, answer = (stage.graph for stage in stages)
    _renamed(answer, {part: f"network/{part}" for part in parts} | {f"answer/{name}": name for name in names})
    nodes = [*prepare.node, *network.node, *answer.node]
    weights = [*prepare.initializer, *network.initializer, *answer.initializer]
    image = next(value for value in prepare.input if value.name == IMAGE)
    graph = onnx.helper.make_graph(nodes, "intarsia", [image], list(answer.output), weights)
    graph.value_info.extend([*prepare.output, *network.output])
    opset = max(stage.opset_import[0].version for stage in stages)
    return onnx.helper.make_model(
        graph,
        opset_imports=[onnx.helper.make_opsetid("", opset)],
        ir_version=stages[0].ir_version,
        producer_name="intarsia",
    )


def part_of(model: Any, inputs: Sequence[str], outputs: Sequence[str]) -> Any:
    """Cut out what lies between values of a model, such as the network between "pixels" and "network/logits"."""
    import onnx

    known = {value.name: value for value in (*model.graph.input, *model.graph.value_info, *model.graph.output)}
    made = {name: node for node in model.graph.node for name in node.output}
    needed: set[int] = set()
    waiting = list(outputs)
    seen = set(inputs)
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        if (node := made.get(name)) is not None:
            needed.add(id(node))
            waiting += [*node.input, *_inner(node)]
    nodes = [node for node in model.graph.node if id(node) in needed]
    weights = [weight for weight in model.graph.initializer if weight.name in seen]
    graph = onnx.helper.make_graph(
        nodes, model.graph.name, [known[name] for name in inputs], [known[name] for name in outputs], weights
    )
    made_model = onnx.helper.make_model(graph, opset_imports=list(model.opset_import), ir_version=model.ir_version)
    made_model.functions.extend(model.functions)
    return made_model


def _inner(node: Any) -> list[str]:
    """What the graphs inside of a node read, whosever it is."""
    found: list[str] = []
    for attribute in node.attribute:
        for inner in (*attribute.graphs, *([attribute.g] if attribute.HasField("g") else [])):
            for each in inner.node:
                found += [*each.input, *_inner(each)]
            found += [value.name for value in inner.output]
    return found


@contextmanager
def quiet() -> Iterator[None]:
    """Keep the exporter's reports to itself; what fails is raised."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "torch.fx.experimental.symbolic_shapes")]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)


def _whole(error: BaseException) -> str:
    """What an error and those that it came of say."""
    told, one = "", error
    while one is not None:
        told += f"{one}\n"
        one = one.__cause__ or one.__context__  # type: ignore[assignment]
    return told


def reason(error: BaseException) -> str:
    """Why a network cannot be traced, in a clause."""
    text = _whole(error)
    if re.search(r"(?i)unbacked|data-dependent|GuardOnDataDependent", text):
        return "what it computes depends on the values of the picture, which a graph cannot follow"
    deepest = error
    while deepest.__cause__ is not None:
        deepest = deepest.__cause__
    first = next((line.strip() for line in str(deepest).splitlines() if line.strip()), type(deepest).__name__)
    return first[:300]
