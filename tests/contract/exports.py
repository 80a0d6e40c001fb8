"""A network as `torch.export` and ONNX have it, held against the network itself at sizes other than the traced one.

Tracing a network costs some 7 ms for each node of its graph, and writing it as ONNX twice that again, whatever its widths.
So each row of the catalogue is traced, and written as ONNX by `make test-all`; quick tests write the rows of `IN_ONNX`,
which have every operator that any row has. A row with a new operator says so until the table has it.
"""

import logging
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from torch import Tensor, nn
from torch.export import ExportedProgram

from intarsia.structures import MaskQueries, Output

NODES = 800  # of the graph of a row: a miniature with more has layers that say nothing new
SIZES = [(1, 3, 45, 67), (3, 3, 101, 33), (1, 3, 128, 64)]

# Row -> operators that it shows to be right in ONNX, each listed once.
IN_ONNX: dict[str, str] = {}


def tried(table: dict[str, str]) -> set[str]:
    """Every operator of a table."""
    return {name for names in table.values() for name in names.split()}


def picture(*shape: int) -> Tensor:
    """Noise that depends on the shape alone."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(sum(shape)))


def exported(network: nn.Module) -> ExportedProgram:
    """The network traced at one size, for any number of images of any size."""
    dynamic = torch.export.Dim.DYNAMIC
    return torch.export.export(
        network.eval(), (picture(2, 3, 64, 96),), dynamic_shapes=({0: dynamic, 2: dynamic, 3: dynamic},)
    )


def operators(program: ExportedProgram) -> set[str]:
    """What a graph calls, with the flags it is called with: "max_pool2d", "max_pool2d(True)" where it rounds up."""
    found = set()
    for node in program.graph.nodes:
        if node.op == "call_function":
            name = node.target.__name__ if not isinstance(node.target, torch._ops.OpOverload) else str(node.target)
            flags = ",".join(str(flag) for flag in node.args if isinstance(flag, bool | str))
            found.add(name.removeprefix("aten.").removesuffix(".default") + (f"({flags})" if flags else ""))
    return found


def fits(case: str, program: ExportedProgram) -> None:
    """The row is small enough to be traced with all others, and quick tests try each of its operators in ONNX."""
    nodes, seen = len(program.graph.nodes), operators(program)
    assert nodes <= NODES, (
        f"the graph of {case!r} has {nodes} nodes, and {NODES} are allowed: give `smallest` in the catalogue fewer layers, "
        "or the row an encoder of tests/contract/miniatures.py"
    )
    new = sorted(seen - tried(IN_ONNX))
    assert not new, (
        f"no quick test writes {', '.join(new)} as ONNX: add to IN_ONNX (tests/contract/exports.py) {case!r} with it"
    )
    gone = sorted(set(IN_ONNX.get(case, "").split()) - seen)
    assert not gone, f"{case!r} has no {', '.join(gone)} any more: give it to another row of IN_ONNX"


def tensors(output: Output) -> Iterator[Tensor]:
    """The tensors of an output in order, those of tuples in it included."""
    for part in output:
        if isinstance(part, Tensor):
            yield part
        elif isinstance(part, tuple) and not isinstance(part, torch.Size):
            yield from tensors(part)  # type: ignore[arg-type]


def agrees_in_torch(program: ExportedProgram, network: nn.Module) -> None:
    """The exported graph gives the answer of the network, in the same type, at other sizes."""
    graph = program.module()
    for size in SIZES:
        with torch.no_grad():
            expected, given = network(picture(*size)), graph(picture(*size))
        assert type(given) is type(expected)
        if isinstance(given, MaskQueries):
            assert given.size == size[2:]
        for mine, its in zip(tensors(given), tensors(expected), strict=True):
            torch.testing.assert_close(mine, its, atol=1e-4, rtol=1e-3)


def agrees_in_onnx(program: ExportedProgram, network: nn.Module, folder: Path) -> None:
    """The graph written as ONNX gives the answer of the network at other sizes."""
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)  # it reports the parts of an output that are None
    path = folder / "network.onnx"
    torch.onnx.export(program, dynamo=True, verbose=False).save(path)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    for size in SIZES:
        with torch.no_grad():
            expected = list(tensors(network(picture(*size))))
        given = session.run(None, {session.get_inputs()[0].name: picture(*size).numpy()})
        for mine, its in zip(given, expected, strict=False):  # sizes may come after
            np.testing.assert_allclose(mine, its.numpy(), atol=1e-4, rtol=1e-3)
        assert len(given) >= len(expected) > 0
