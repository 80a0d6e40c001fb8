"""A predictor as a file of PyTorch alone: a program of torch.export (.pt2), or TorchScript by trace (.pt).

    answer, *parts = torch.export.load("model.pt2").module()(image)     image: uint8 [B, C, H, W]
    answer, *parts = torch.jit.load("model.pt")(image)

The tensors of the answer come first, the parts of the network's output after them.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ...checkpoint import Checkpoint
from ...errors import ModelError
from ...output import replaced
from ..graph import Graph
from .gate import Ran, Verdict
from .onnx_file import LARGER, program_of, quiet, reason
from .stages import back, rebuilt, seen

Judge = Callable[[Callable[[Tensor], Ran]], Verdict]


class _Both(nn.Module):
    """The answer of a graph, and the parts of its network's output after it."""

    def __init__(self, graph: Graph) -> None:
        super().__init__()
        self.whole = graph  # `graph` is a name that torch.export keeps for itself

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        parts = self.whole.score(self.whole.prepare(image))
        return (*self.whole.answer(image, *parts), *parts)


def program_file(graph: Graph, path: Path, stored: Checkpoint, judge: Judge) -> tuple[Verdict, tuple[str, ...]]:
    """Write a program of torch.export that passes the gate.

    Returns: the gate's verdict, and the names of its outputs.

    Raises: ModelError where no graph can hold the network, or the gate refuses.
    """
    program = program_of(_Both(graph).eval(), (graph.example(64 * LARGER, 96 * LARGER),))
    outputs = _outputs(graph)
    with replaced(path) as file:
        torch.export.save(program, file)
        verdict = judge(_runner(torch.export.load(file).module(), graph, outputs))
        torch.export.save(program, file, extra_files=_texts(graph, stored, verdict, outputs))
    return verdict, outputs


def script_file(graph: Graph, path: Path, stored: Checkpoint, judge: Judge) -> tuple[Verdict, tuple[str, ...]]:
    """Write TorchScript by trace that passes the gate; as `program_file`."""
    try:
        with quiet(), warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")
            traced = torch.jit.trace(_Both(graph).eval(), graph.example(64 * LARGER, 96 * LARGER), check_trace=False)
    except Exception as error:
        raise ModelError(f"the network cannot be traced: {reason(error)}; try --to torch") from error
    outputs = _outputs(graph)
    with replaced(path) as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it is deprecated, and asked for
        torch.jit.save(traced, str(file))
        verdict = judge(_runner(torch.jit.load(str(file)), graph, outputs))
        torch.jit.save(traced, str(file), _extra_files=_texts(graph, stored, verdict, outputs))
    return verdict, outputs


def _outputs(graph: Graph) -> tuple[str, ...]:
    image = graph.example(64, 96)
    with torch.no_grad():
        names = graph.answer.named(image, *graph.score(graph.prepare(image)))
    return (*names, *(f"network/{part}" for part in graph.parts))


def _runner(module: Callable[[Tensor], Any], graph: Graph, outputs: tuple[str, ...]) -> Callable[[Tensor], Ran]:
    """A file as the gate runs it."""

    def run(image: Tensor) -> Ran:
        try:
            with torch.no_grad():
                found = module(image)
        except Exception as error:
            raise ModelError(f"the file fails on pictures of {list(image.shape)} ({reason(error)})") from error
        count, size = len(outputs) - len(graph.parts), (int(image.shape[2]), int(image.shape[3]))
        rule = graph.prepare.rule
        parts = dict(zip(graph.parts, found[count:], strict=True))
        output = rebuilt(graph.kind, parts, seen(rule, *size), graph.agnostic)
        answers = {name: tensor.numpy() for name, tensor in zip(outputs[:count], found[:count], strict=True)}
        return Ran(answers, output if rule is None else back(output, size))

    return run


def _texts(graph: Graph, stored: Checkpoint, verdict: Verdict, outputs: tuple[str, ...]) -> dict[str, str]:
    """What a file says beside its program."""
    facts = {"recipe": dict(stored.recipe), "protocol": stored.protocol, "data_hash": stored.data_hash}
    told = {"verdict": verdict.to_dict(), "outputs": list(outputs), "labels": graph.labels.to_dict(), **facts}
    return {**graph.notes, **{key: json.dumps(value, default=str) for key, value in told.items()}}
