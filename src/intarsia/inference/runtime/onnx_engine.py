"""ONNX Runtime: sessions of graphs, and of parts of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch

from ...checkpoint.graphs import Graph
from ...errors import CheckpointError, ModelError, extra
from .onnx_file import OPSETS, part_of


def onnx_network(
    graph: Graph, start: str, ends: Sequence[str]
) -> Callable[[Mapping[str, np.ndarray]], list[np.ndarray]]:
    """Run what lies between a value of a file and others.

    Raises: CheckpointError for a graph that lacks one of them, or that ONNX Runtime does not take.
    """
    return onnx_run(graph.model, start, ends, graph.path)


def onnx_run(
    model: Any, start: str, ends: Sequence[str], where: object
) -> Callable[[Mapping[str, np.ndarray]], list[np.ndarray]]:
    """Run what lies between a value of a model and others; as `onnx_network`."""
    known = {value.name for part in (model.graph.input, model.graph.value_info, model.graph.output) for value in part}
    if missing := [name for name in (start, *ends) if name not in known]:
        raise CheckpointError(f"{where}: its graph has no {missing[0]}, which its metadata name; export it again")
    made = session(part_of(model, [start], ends), where)
    return lambda given: ran(made, given, where)


def session(model: Any, where: object) -> Any:
    """A session of ONNX Runtime on the CPU, with as many threads as torch uses.

    Raises: CheckpointError for a graph that it does not take; MissingExtra without onnxruntime.
    """
    runtime = extra("onnxruntime", "export")
    have = max(entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx"))
    if have > OPSETS[1]:
        raise CheckpointError(
            f"{where}: is of opset {have}, and this version reads up to {OPSETS[1]}; export it with --opset {OPSETS[1]}"
        )
    options = runtime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 4
    options.enable_mem_pattern = False  # pictures are of many sizes
    try:
        return runtime.InferenceSession(
            model.SerializeToString(), sess_options=options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:  # of a family of its own
        raise CheckpointError(
            f"{where}: ONNX Runtime {runtime.__version__} cannot run it ({_line(error)}); "
            'export it with an older --opset, or type: pip install --upgrade "intarsia[export]"'
        ) from error


def ran(run: Any, given: Mapping[str, np.ndarray], where: object) -> list[np.ndarray]:
    """The outputs of a session.

    Raises: ModelError where it fails; MemoryError where memory does not suffice.
    """
    try:
        found: list[np.ndarray] = run.run(None, dict(given))
    except Exception as error:
        if "alloc" in str(error).lower():
            raise MemoryError(str(error)) from error
        shapes = ", ".join(str(list(array.shape)) for array in given.values())
        raise ModelError(f"{where}: ONNX Runtime fails on pictures of {shapes} ({_line(error)})") from error
    return found


def _line(error: Exception) -> str:
    """The first line of what a runtime says, shortened."""
    return next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)[:200]
