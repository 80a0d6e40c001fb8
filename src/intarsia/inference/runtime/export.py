"""A model as one file for another runtime: written, held against the model by the gate, and kept only if that passes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ...checkpoint import Checkpoint
from ...checkpoint.graphs import describe_onnx, digest, texts_of
from ...config import Predict
from ...datasets.shapes import shapes
from ...errors import ModelError, nearest
from ...models.catalogue import ARCHITECTURES
from ...output import replaced
from ..assemble import settings_of
from ..engine import Torch
from ..graph import Graph
from ..predictor import Predictor
from ..resized import Coarse, Resized
from ..windows import Windowed
from .engine import About, Whole
from .gate import BOUNDS, Bounds, Verdict, judge
from .onnx_engine import onnx_run
from .onnx_file import IMAGE, LARGEST, written
from .openvino_engine import openvino_file, openvino_run, openvino_texts
from .stages import is_coarse, rule_of
from .torch_file import program_file, script_file

PLAIN = Predict(window="whole")  # one pass over each picture: what a graph holds
FORMATS = {
    "onnx": ".onnx",
    "int8": ".onnx",
    "openvino": ".xml",
    "torch": ".pt2",
    "torchscript": ".pt",
}  # form -> ending of its file
DRAWN = 4  # pictures that are drawn where none are given
SIDE = 128  # of these


class Export(NamedTuple):
    """A file that passed the gate.

    Args:
        path: of the file.
        verdict: of the gate.
        answer: what it gives, a name of `asked.ASKED`.
        outputs: names of its tensors.
        opset: the operator set of an ONNX file; 0 for others.
        layers: of int8, each layer's name, its error in decibels of signal to noise, and whether it stayed in float32.
        notes: what is not in the file and is made around it by `predict`, in sentences.
    """

    path: Path
    verdict: Verdict
    answer: str
    outputs: tuple[str, ...]
    opset: int = 0
    layers: tuple[tuple[str, float, bool], ...] = ()
    notes: tuple[str, ...] = ()


def plain(model: str | Path | Predictor) -> Predictor:
    """A model as a graph can hold it: one network in float32 on the CPU, one pass over each picture.

    Raises: ModelError for several networks, and what is no network in PyTorch; CheckpointError as `Predictor.load`.
    """
    predictor = model if isinstance(model, Predictor) else Predictor.load(model, device="cpu", settings=PLAIN)
    _ = predictor.pytorch
    engine: Any = predictor.engine
    for around in (Resized, Coarse, Windowed):
        if isinstance(engine, around) and getattr(engine, "size", "whole") in ("whole", "auto"):
            engine = engine.engine
    if not isinstance(engine, Torch):
        raise ModelError(
            f"a graph holds one pass over each picture, and this predictor makes {predictor.way}; load it plain"
        )
    if engine.device.type != "cpu" or engine.precision != "float32":
        raise ModelError(f"the predictor runs on {engine.device} in {engine.precision}; load it on the CPU in float32")
    return predictor


def export(
    model: str | Path | Predictor,
    out: str | Path,
    *,
    to: str = "onnx",
    answer: str = "",
    opset: int = 0,
    bits: int = 8,
    pictures: Sequence[Tensor] = (),
    truths: Sequence[Tensor | None] = (),
    where: str = "",
    bounds: Bounds | None = None,
    tell: Callable[[Verdict], None] | None = None,
) -> Export:
    """Write a model as a file of another runtime, for any number of pictures of any size.

    Args:
        model: what `Predictor.load` takes; or a predictor of one pass.
        out: the file.
        to: "onnx"; "int8", ONNX with whole numbers of eight bits; "openvino", an .xml file with its weights in .bin beside it;
            "torch", a program of torch.export; "torchscript".
        answer: "labels", "probabilities", "planes", "objects", "segments" or "depth"; "": what the model's task asks for.
        opset: operator set of ONNX; 0: the exporter's own.
        bits: of the pictures' values, 8 or 16.
        pictures: [C, H, W] raw integers that the gate looks at, and that int8 is calibrated on; none: drawn ones.
        truths: [H, W] class numbers of each picture, or None: with some the change of mean IoU is bounded as well.
        where: the pictures come from, in words.
        bounds: how far the file may be from the model; None: those of `gate.BOUNDS`.
        tell: gets the verdict, before a file is refused.

    Returns: what was written.

    Raises: ModelError where the network cannot be exported, or the gate refuses the file, which is then not written;
        MissingExtra without onnx and onnxruntime; OSError where it cannot be written.
    """
    if to not in FORMATS:
        raise ModelError(f"there is no format {to!r}{nearest(to, FORMATS)}")
    path = Path(out)
    if path.suffix.lower() != FORMATS[to]:
        raise ModelError(
            f"{path}: {to} is written into a file that ends in {FORMATS[to]}; name it {path.stem}{FORMATS[to]}"
        )
    if opset and to not in ("onnx", "int8"):
        raise ModelError(f"opset is of ONNX, and {to} has none; leave it out")
    predictor = plain(model)
    stored = predictor.checkpoint or _described(predictor)
    if stored.model in ARCHITECTURES and (why := ARCHITECTURES[stored.model].no_graph):
        raise ModelError(f"{stored.model} cannot be exported: {why}; predict with the checkpoint")
    graph = Graph(predictor, bits, answer)
    if not pictures:
        pictures, where = drawn(predictor.in_channels, bits), f"{DRAWN} drawn pictures"
    rule = rule_of(predictor)
    chosen = bounds or BOUNDS["int8" if to == "int8" else "float32" if rule is None else "resized"]
    given = _Given(predictor, graph, list(pictures), list(truths), where, chosen, tell)
    path.parent.mkdir(parents=True, exist_ok=True)
    notes = _left_out(stored)
    if to == "torch":
        verdict, outputs = program_file(graph, path, stored, given.judged)
        return Export(path, verdict, graph.answers, outputs, notes=notes)
    if to == "torchscript":
        verdict, outputs = script_file(graph, path, stored, given.judged)
        return Export(path, verdict, graph.answers, outputs, notes=notes)
    layers: tuple[tuple[str, float, bool], ...] = ()
    made = written(graph, opset)
    if made.ByteSize() > LARGEST:
        raise ModelError(
            f"{path}: the network has {made.ByteSize():,} bytes, and one ONNX file holds {LARGEST:,}; use --to torch"
        )
    outputs = tuple(value.name for value in made.graph.output)
    about = About(
        graph.answers,
        outputs,
        graph.kind.__name__,
        graph.parts,
        bits,
        "int8" if to == "int8" else "float32",
        is_coarse(predictor),
        classes=graph.classes,
        agnostic=graph.agnostic,
    )
    ends = [*outputs, *(f"network/{part}" for part in graph.parts)]

    def judged(model: Any) -> Verdict:
        return given.measured(Whole(onnx_run(model, IMAGE, ends, path), about, rule))

    def texts(verdict: Verdict, found: str) -> dict[str, str]:
        told = {**graph.notes, "outputs": ", ".join(outputs)}
        known = about._replace(smallest=verdict.smallest).to_dict()
        return texts_of(stored, told, known, verdict.to_dict(), found)

    version = int(made.opset_import[0].version)
    if to == "openvino":
        with replaced(path) as file, replaced(path.with_suffix(".bin")) as weights:
            found = openvino_file(made, file)
            verdict = given.judged(Whole(openvino_run(file, IMAGE, ends), about, rule))
            openvino_texts(file, texts(verdict, found))
            file.with_suffix(".bin").replace(weights)
        return Export(path, verdict, graph.answers, outputs, version, notes=notes)
    if to == "int8":
        from .int8 import quantized

        made, layers, verdict = quantized(made, about.parts, graph, given.pictures, judged)
    else:
        verdict = judged(made)
    given.accept(verdict)
    describe_onnx(made, texts(verdict, digest(made)))
    with replaced(path) as file:
        file.write_bytes(made.SerializeToString())
    return Export(path, verdict, graph.answers, outputs, version, tuple(layers), notes)


class _Given(NamedTuple):
    """What the gate needs beside the file."""

    predictor: Predictor
    graph: Graph
    pictures: list[Tensor]
    truths: list[Tensor | None]
    where: str
    bounds: Bounds
    tell: Callable[[Verdict], None] | None

    def measured(self, run: Any) -> Verdict:
        """What the gate finds of a file."""
        return judge(
            self.predictor,
            run,
            self.graph.answers,
            self.pictures,
            self.truths,
            bounds=self.bounds,
            where=self.where,
            fixed=rule_of(self.predictor) is not None,
        )

    def accept(self, verdict: Verdict) -> None:
        """Raises: ModelError where the gate refuses."""
        if self.tell is not None:
            self.tell(verdict)
        if not verdict.passed:
            raise ModelError(
                f"the exported file does not say what the model says, and is not kept: {'; '.join(verdict.faults)}"
            )

    def judged(self, run: Any) -> Verdict:
        """What the gate finds of a file that it passes.

        Raises: ModelError where it refuses.
        """
        verdict = self.measured(run)
        self.accept(verdict)
        return verdict


def drawn(channels: int, bits: int) -> list[Tensor]:
    """Draw pictures [C, H, W] where nobody gives any: scenes of shapes, whose colors are repeated for further channels."""
    scenes = shapes(split="val", size=SIDE, count=DRAWN)
    order = [n % 3 for n in range(channels)]
    images = [scenes[n].image[order].contiguous() for n in range(DRAWN)]
    return images if bits == 8 else [image.to(torch.int32) * 257 for image in images]


def _described(predictor: Predictor) -> Checkpoint:
    """The checkpoint of a predictor that came from none."""
    return Checkpoint(
        model=None,
        options={},
        labels=predictor.labels,
        in_channels=predictor.in_channels,
        mean=predictor.mean,
        std=predictor.std,
        weights={},
        recipe={"task": predictor.task, "decide": predictor.decide},
        calibration={"temperature": predictor.temperature},
        resize=rule.to_dict() if (rule := rule_of(predictor)) else {},
    )


def _left_out(stored: Checkpoint) -> tuple[str, ...]:
    """What the recipe of a checkpoint asks for around its network, which no file of one pass holds."""
    asked, usual = settings_of(stored.recipe).model_dump(), Predict().model_dump()
    keys = [key for key in usual if asked[key] != usual[key] and key not in ("precision", "overlap", "blend")]
    if not keys:
        return ()
    told = ", ".join(f"{key} {asked[key]}" for key in keys)
    return (f"the recipe predicts with {told}; the file is one pass, and `intarsia predict FILE` does that around it",)
