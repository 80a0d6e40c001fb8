"""Exported ONNX files as engines: ONNX Runtime computes the network, everything around it stays what it is.

raw integers - normalize - network of the file - parts - Output

`Onnx` is what a predictor runs, window by window where it is asked to; `Whole` runs a file from its first input to its last
output, as a program without intarsia does: it is what the gate looks at.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ...checkpoint import Checkpoint, Resizing, about_graph, read_graph
from ...checkpoint.graphs import facts_of
from ...data.normalize import normalize
from ...errors import CheckpointError, DataError, ModelError, extra
from ...structures import Output, SemanticLogits
from .gate import Ran
from .onnx_file import IMAGE, OPSETS, PIXELS, part_of
from .stages import KINDS, back, rebuilt, seen


class About(NamedTuple):
    """What a file says of its graph.

    Args:
        answer: of the graph, a name of `asked.ASKED`.
        outputs: names of the answer's tensors.
        kind: of the network's output.
        parts: of that output.
        bits: of a picture's values.
        precision: "float32" or "int8".
        coarse: whether maps come as coarse as the network makes them.
        smallest: side of the smallest picture that it serves.
    """

    answer: str
    outputs: tuple[str, ...]
    kind: str
    parts: tuple[str, ...]
    bits: int = 8
    precision: str = "float32"
    coarse: bool = False
    smallest: int = 1

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return {key: list(value) if isinstance(value, tuple) else value for key, value in self._asdict().items()}


class Onnx:
    """An engine that runs the network of an exported file.

    Args:
        path: the file.
        stored: what it is described as.
        precision: "float32", or that of the file.

    Raises: CheckpointError for a file that cannot be run here; ModelError for another precision.
    """

    def __init__(self, path: str | Path, stored: Checkpoint, precision: str = "float32") -> None:
        model = read_graph(path)
        self.path, self.about = Path(path), _about(path, model)
        if precision not in ("float32", self.about.precision):
            raise ModelError(f"{path}: computes in {self.about.precision}, as it was exported; leave the precision out")
        self.mean, self.std = stored.mean, stored.std
        self.minimum = self.about.smallest
        self.digest = facts_of(model)["graph"]
        self.__name__ = f"{self.path.name} ({stored.model or 'a network'}, {self.about.precision}, onnxruntime)"
        names = [f"network/{part}" for part in self.about.parts]
        _fits(path, model, names, stored, self.about)
        self.run = session(part_of(model, [PIXELS], names), path)

    def __call__(self, image: Tensor) -> Output:
        """Run the network on raw integers [B, C, H, W]; the output lies on the CPU.

        Raises: DataError for pictures that are too small for the graph.
        """
        output = self.coarse(image)
        if self.about.coarse and isinstance(output, SemanticLogits):
            size = (image.shape[2], image.shape[3])
            return output._replace(logits=F.interpolate(output.logits, size, mode="bilinear", align_corners=False))
        return output

    def coarse(self, image: Tensor) -> Output:
        """Run the network, and leave its maps as they come."""
        size = (int(image.shape[2]), int(image.shape[3]))
        if min(size) < self.minimum:
            raise DataError(
                f"a picture of {size[1]} x {size[0]} pixels, and {self.path} serves sides of {self.minimum} pixels and more; "
                "use the checkpoint that it was exported from"
            )
        pixels = normalize(image.cpu(), self.mean, self.std).contiguous().numpy()
        found = ran(self.run, {PIXELS: pixels}, self.path)
        parts = {name: torch.from_numpy(part) for name, part in zip(self.about.parts, found, strict=True)}
        return rebuilt(KINDS[self.about.kind], parts, size)


class Whole:
    """A file as others run it: raw integers to its answer; and beside it the parts of the network's output.

    Args:
        model: `onnx.ModelProto`.
        about: what it answers.
        rule: by which it resizes pictures.
        where: the file, for messages.
    """

    def __init__(self, model: Any, about: About, rule: Resizing | None, where: object) -> None:
        self.about, self.rule, self.where = about, rule, where
        names = [*about.outputs, *(f"network/{part}" for part in about.parts)]
        self.run = session(part_of(model, [IMAGE], names), where)

    def __call__(self, image: Tensor) -> Ran:
        """Run the file on raw integers [B, C, H, W].

        Raises: ModelError where it fails.
        """
        found = ran(self.run, {IMAGE: image.contiguous().numpy()}, self.where)
        count, size = len(self.about.outputs), (int(image.shape[2]), int(image.shape[3]))
        parts = {name: torch.from_numpy(part) for name, part in zip(self.about.parts, found[count:], strict=True)}
        output = rebuilt(KINDS[self.about.kind], parts, seen(self.rule, *size))
        if self.rule is not None:
            output = back(output, size)
        return Ran(dict(zip(self.about.outputs, found[:count], strict=True)), output)


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


def ran(run: Any, given: dict[str, np.ndarray], where: object) -> list[np.ndarray]:
    """The outputs of a session.

    Raises: ModelError where it fails; MemoryError where memory does not suffice.
    """
    try:
        found: list[np.ndarray] = run.run(None, given)
    except Exception as error:
        if "alloc" in str(error).lower():
            raise MemoryError(str(error)) from error
        shapes = ", ".join(str(list(array.shape)) for array in given.values())
        raise ModelError(f"{where}: ONNX Runtime fails on pictures of {shapes} ({_line(error)})") from error
    return found


def _about(path: str | Path, model: Any) -> About:
    tree, _ = about_graph(path, model)
    try:
        known = {key: tree[key] for key in About._fields if key in tree}
        made = About(**{key: tuple(value) if isinstance(value, list) else value for key, value in known.items()})
        _ = KINDS[made.kind]
    except (KeyError, TypeError) as error:
        raise CheckpointError(f"{path}: its metadata are damaged ({error}); export it again") from error
    return made


def _fits(path: str | Path, model: Any, names: Sequence[str], stored: Checkpoint, about: About) -> None:
    """Raises: CheckpointError where the graph lacks a part, or draws another number of classes than the labels name."""
    shapes = {value.name: value.type.tensor_type.shape.dim for value in model.graph.value_info}
    if missing := [name for name in (PIXELS, *names) if name not in shapes]:
        raise CheckpointError(f"{path}: its graph has no {missing[0]}, which its metadata name; export it again")
    kind, labels = KINDS[about.kind], stored.labels
    part = {"MaskQueries": "classes", "PanopticLogits": "semantic"}.get(about.kind, "logits")
    if part not in about.parts:
        return  # boxes and depth do not show how many classes there are
    wanted = labels.maps(kind) + (about.kind == "MaskQueries")
    side = shapes[f"network/{part}"][2 if about.kind == "MaskQueries" else 1]
    if side.HasField("dim_value") and side.dim_value != wanted:
        raise CheckpointError(
            f"{path}: its graph tells {side.dim_value} classes apart, and its labels are {wanted} "
            f"({', '.join(labels.names[:4])}{', ...' if len(labels.names) > 4 else ''}); export it again"
        )


def _line(error: Exception) -> str:
    """The first line of what a runtime says, shortened."""
    return next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)[:200]
