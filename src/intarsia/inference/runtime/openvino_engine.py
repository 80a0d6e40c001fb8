"""OpenVINO: files of its own made from ONNX, and parts of them run."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ...checkpoint.graphs import LAYERS_END, Graph, described_openvino, digest_of_files
from ...errors import CheckpointError, ModelError, extra

Run = Callable[[Mapping[str, np.ndarray]], list[np.ndarray]]


def openvino_network(graph: Graph, start: str, ends: Sequence[str]) -> Run:
    """Run what lies between a value of a file and others.

    Raises: CheckpointError for a graph that lacks one of them, or that OpenVINO does not take; MissingExtra without it.
    """
    return openvino_run(graph.path, start, ends)


def openvino_run(path: Path, start: str, ends: Sequence[str]) -> Run:
    """Run what lies between a value of a file and others, in float32 on the CPU; as `openvino_network`."""
    openvino = extra("openvino", "openvino")
    core = openvino.Core()
    try:
        model = _cut(openvino, core.read_model(str(path)), start, ends, path)
        # float32 is asked for: left alone, OpenVINO computes in bfloat16 where the processor has units for it
        settings = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": torch.get_num_threads()}
        compiled = core.compile_model(model, "CPU", settings)
    except RuntimeError as error:
        raise CheckpointError(
            f"{path}: OpenVINO {openvino.__version__} cannot run it ({_line(error)}); export it again"
        ) from error
    lock = threading.Lock()  # a compiled model serves one call at a time

    def run(given: Mapping[str, np.ndarray]) -> list[np.ndarray]:
        try:
            with lock:
                found = compiled([given[start]])
        except RuntimeError as error:
            shape = list(given[start].shape)
            raise ModelError(f"{path}: OpenVINO fails on pictures of {shape} ({_line(error)})") from error
        return [np.array(found[port]) for port in compiled.outputs]

    return run


def openvino_file(made: Any, path: Path) -> str:
    """Write an ONNX model as OpenVINO's two files, without texts.

    Args:
        made: `onnx.ModelProto`, whose inner values are outputs too, so that they keep their names.
        path: of the .xml file; the weights stand beside it, in .bin.

    Returns: the digest of both.

    Raises: MissingExtra without OpenVINO; ModelError for a network that it does not take.
    """
    openvino = extra("openvino", "openvino")
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "model.onnx"
        source.write_bytes(made.SerializeToString())
        try:
            model = openvino.Core().read_model(str(source))
            openvino.save_model(model, str(path), compress_to_fp16=False)
        except RuntimeError as error:
            raise ModelError(f"the network cannot be written for OpenVINO ({_line(error)}); try --to onnx") from error
    layers, _, _ = path.read_text(encoding="utf-8").rpartition(LAYERS_END)
    return digest_of_files(layers, path.with_suffix(".bin"))


def openvino_texts(path: Path, texts: Mapping[str, str]) -> None:
    """Write texts below the layers of an .xml file."""
    path.write_text(described_openvino(path.read_text(encoding="utf-8"), texts), encoding="utf-8")


def _cut(openvino: Any, model: Any, start: str, ends: Sequence[str], path: Path) -> Any:
    """A model of what lies between values of another one."""
    inner = [
        node for node in model.get_ordered_ops() if node.get_type_name() != "Result"
    ]  # which share their source's names
    ports = {name: port for node in inner for port in node.outputs() for name in port.get_names()}
    if missing := [name for name in (start, *ends) if name not in ports]:
        raise CheckpointError(f"{path}: its graph has no {missing[0]}, which its metadata name; export it again")
    source = ports[start]
    if source.get_node().get_type_name() == "Parameter":
        first = source.get_node()
    else:
        first = openvino.opset13.parameter(source.get_partial_shape(), source.get_element_type())
        for target in source.get_target_inputs():
            target.replace_source_output(first.output(0))
    return openvino.Model([_result(openvino, ports[name]) for name in ends], [first], "network")


def _result(openvino: Any, port: Any) -> Any:
    """The node that hands out a value: the one there is, or a new one."""
    consumers = (target.get_node() for target in port.get_target_inputs())
    there = next((node for node in consumers if node.get_type_name() == "Result"), None)
    return openvino.opset13.result(port) if there is None else there


def _line(error: Exception) -> str:
    """The last line of what OpenVINO says, which names the cause, shortened."""
    return next((line.strip() for line in reversed(str(error).splitlines()) if line.strip()), type(error).__name__)[
        :200
    ]
