"""Exported files as engines: a runtime computes the network, everything around it stays what it is.

raw integers - normalize - network of the file - parts - Output

`Exported` is what a predictor runs, window by window where it is asked to; `Whole` runs a file from its first input to its
last output, as a program without intarsia does: it is what the gate looks at. `OPENERS` has a row for each runtime.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ...checkpoint import Checkpoint, Resizing, read_graph
from ...checkpoint.graphs import Graph
from ...data.normalize import normalize
from ...errors import CheckpointError, DataError, ModelError
from ...structures import Output, SemanticLogits
from .gate import Ran
from .onnx_engine import onnx_network
from .onnx_file import IMAGE, PIXELS
from .openvino_engine import openvino_network
from .stages import KINDS, back, rebuilt, seen

Run = Callable[[Mapping[str, np.ndarray]], Sequence[np.ndarray]]
OPENERS: dict[
    str, tuple[str, Callable[[Graph, str, Sequence[str]], Run]]
] = {  # ending -> (runtime, from a value to others)
    ".onnx": ("onnxruntime", onnx_network),
    ".xml": ("openvino", openvino_network),
}


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
        classes: that the network tells apart.
        agnostic: its objects have no class.
    """

    answer: str
    outputs: tuple[str, ...]
    kind: str
    parts: tuple[str, ...]
    bits: int = 8
    precision: str = "float32"
    coarse: bool = False
    smallest: int = 1
    classes: int = 0
    agnostic: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return {key: list(value) if isinstance(value, tuple) else value for key, value in self._asdict().items()}


class Exported:
    """An engine that runs the network of an exported file.

    Args:
        path: the file.
        stored: what it is described as.
        precision: "float32", or that of the file.

    Raises: CheckpointError for a file that cannot be run here; ModelError for another precision; MissingExtra without its
        runtime.
    """

    def __init__(self, path: str | Path, stored: Checkpoint, precision: str = "float32") -> None:
        graph = read_graph(path)
        self.path, self.about, self.digest = graph.path, _about(graph), graph.digest
        if precision not in ("float32", self.about.precision):
            raise ModelError(f"{path}: computes in {self.about.precision}, as it was exported; leave the precision out")
        self.mean, self.std = stored.mean, stored.std
        self.minimum = self.about.smallest
        runtime, opener = OPENERS[self.path.suffix.lower()]
        self.__name__ = f"{self.path.name} ({stored.model or 'a network'}, {self.about.precision}, {runtime})"
        _fits(graph, stored, self.about)
        self.run = opener(graph, PIXELS, [f"network/{part}" for part in self.about.parts])

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
        found = self.run({PIXELS: pixels})
        parts = {name: torch.from_numpy(part) for name, part in zip(self.about.parts, found, strict=True)}
        return rebuilt(KINDS[self.about.kind], parts, size, self.about.agnostic)


class Whole:
    """A file as others run it: raw integers to its answer; and beside it the parts of the network's output.

    Args:
        run: from "image" to the outputs and then the parts, each under "network/".
        about: what it answers.
        rule: by which it resizes pictures.
    """

    def __init__(self, run: Run, about: About, rule: Resizing | None) -> None:
        self.run, self.about, self.rule = run, about, rule

    def __call__(self, image: Tensor) -> Ran:
        """Run the file on raw integers [B, C, H, W].

        Raises: ModelError where it fails.
        """
        found = self.run({IMAGE: image.contiguous().numpy()})
        count, size = len(self.about.outputs), (int(image.shape[2]), int(image.shape[3]))
        parts = {name: torch.from_numpy(part) for name, part in zip(self.about.parts, found[count:], strict=True)}
        output = rebuilt(KINDS[self.about.kind], parts, seen(self.rule, *size), self.about.agnostic)
        if self.rule is not None:
            output = back(output, size)
        return Ran(dict(zip(self.about.outputs, found[:count], strict=True)), output)


def _about(graph: Graph) -> About:
    tree = graph.about
    try:
        known: dict[str, Any] = {key: tree[key] for key in About._fields if key in tree}
        known |= {key: tuple(value) for key, value in known.items() if isinstance(value, list)}
        made = About(**known)
        _ = KINDS[made.kind]
    except (KeyError, TypeError) as error:
        raise CheckpointError(f"{graph.path}: its metadata are damaged ({error}); export it again") from error
    return made


def _fits(graph: Graph, stored: Checkpoint, about: About) -> None:
    """Raises: CheckpointError where a graph draws another number of classes than the labels name, or does not say."""
    if about.kind in ("Detections", "DepthMap"):
        return  # boxes and depth do not show how many classes there are
    labels = stored.labels
    wanted = labels.maps(KINDS[about.kind])
    if about.classes != wanted:
        raise CheckpointError(
            f"{graph.path}: its graph tells {about.classes} classes apart, and its labels are {wanted} "
            f"({', '.join(labels.names[:4])}{', ...' if len(labels.names) > 4 else ''}); export it again"
        )
