"""Join what several views of a picture, or several networks, say of it into one output of the same kind.

    outputs - back into the picture's pose - probabilities - mean or maximum - scores

`GATHERED` says for each kind of output what its parts are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

from ..errors import ModelError
from ..structures import (
    ClassLogits,
    CompetingMasks,
    DepthMap,
    Detections,
    DetectionsAndStuff,
    MaskQueries,
    Output,
    PanopticLogits,
    SemanticLogits,
)
from .gather_objects import Queries, Union
from .poses import View, upright

HOWS = ("mean", "max")


def gathered(
    outputs: Iterable[tuple[Output, View, float]], size: tuple[int, int], how: str = "mean", *, sigmoid: bool = False
) -> Output:
    """Join outputs of one kind, one after the other.

    Args:
        outputs: each with the view it is of, and the temperature that its scores are divided by; of one size in a row.
        size: (H, W) of the picture.
        how: "mean" or "max" of probabilities; whatever else is averaged.
        sigmoid: whether scores become probabilities by a sigmoid and not by a softmax; so does a single map anyway.

    Returns: an output of that kind in the picture's size, whose scores are those of temperature 1.

    Raises: ModelError for a kind that cannot be joined, and outputs of two kinds.
    """
    kind: type | None = None
    joined: Any = None
    for output, view, temperature in outputs:
        if kind is None:
            kind = type(output)
            if kind not in GATHERED:
                raise ModelError(
                    f"{kind.__name__} of several views or networks cannot be averaged; leave out flip, scales and "
                    "rotations, and name one model"
                )
            joined = GATHERED[kind](size, how, sigmoid)
        if type(output) is not kind:
            raise ModelError(f"networks that return {kind.__name__} and {type(output).__name__} cannot be averaged")
        joined.add(output, view, temperature)
    found: Output = joined.output()
    return found


class _Maps:
    """The mean, or maximum, of outputs that say something of each pixel, or of the picture."""

    def __init__(self, size: tuple[int, int], how: str, sigmoid: bool) -> None:
        self.size, self.how, self.sigmoid = size, how, sigmoid
        self.count = 0
        self.kind: Any = None
        self.near: dict[str, Tensor] = {}  # of the views of one size, in that size
        self.whole: dict[str, Tensor] = {}  # in the picture's

    def add(self, output: Output, view: View, temperature: float) -> None:
        self.kind, self.count = type(output), self.count + 1
        parts = {name: getattr(output, name).float() for name in PARTS[self.kind] if getattr(output, name) is not None}
        if self.near and self._shapes(parts, view) != {name: part.shape for name, part in self.near.items()}:
            self._enlarge()
        for name, part in parts.items():
            how = PARTS[self.kind][name]
            part = self._probable(part / temperature if temperature != 1 else part) if how == "scores" else part
            if part.ndim == 4:
                part = upright(part, view, vectors=how == "vectors")
            self._join(self.near, name, part)

    def output(self) -> Output:
        self._enlarge()
        parts = {}
        for name, part in self.whole.items():
            scores = PARTS[self.kind][name] == "scores"
            mean = part if scores and self.how == "max" else part / self.count
            parts[name] = self._scores(mean) if scores else mean
        made: Output = self.kind(**parts)
        return made

    def _shapes(self, parts: dict[str, Tensor], view: View) -> dict[str, torch.Size]:
        turned = lambda shape: torch.Size([*shape[:2], *view.size]) if len(shape) == 4 else shape  # noqa: E731
        return {name: turned(part.shape) for name, part in parts.items()}

    def _join(self, into: dict[str, Tensor], name: str, part: Tensor) -> None:
        scores = PARTS[self.kind][name] == "scores"
        if name not in into:
            into[name] = part
        elif scores and self.how == "max":
            torch.maximum(into[name], part, out=into[name])
        else:
            into[name] = into[name].add_(part) if scores else into[name] + part  # others may be the engine's own

    def _enlarge(self) -> None:
        """Bring what the views of one size say into the picture's size."""
        for name, part in self.near.items():
            if part.ndim == 4 and part.shape[2:] != self.size:
                height, width = part.shape[2:]
                part = nn.functional.interpolate(part, self.size, mode="bilinear", align_corners=False)
                if PARTS[self.kind][name] == "vectors":
                    part = part * part.new_tensor([self.size[0] / height, self.size[1] / width])[:, None, None]
            self._join(self.whole, name, part)
        self.near = {}

    def _probable(self, scores: Tensor) -> Tensor:
        if self.sigmoid or scores.shape[1] == 1:
            return scores.sigmoid()
        return scores.contiguous().softmax(dim=1)  # on channels last the softmax alone takes longer than both

    def _scores(self, probabilities: Tensor) -> Tensor:
        tiny = torch.finfo(torch.float32).tiny
        if self.sigmoid or probabilities.shape[1] == 1:
            return probabilities.clamp_min(tiny).log() - (1 - probabilities).clamp_min(tiny).log()
        return probabilities.clamp_min(tiny).log_()


class _Both:
    """The objects of all outputs, and the mean of what they say of the pixels between them."""

    def __init__(self, size: tuple[int, int], how: str, sigmoid: bool) -> None:
        self.objects, self.stuff = Union(size, how, sigmoid), _Maps(size, how, sigmoid)

    def add(self, output: DetectionsAndStuff, view: View, temperature: float) -> None:
        self.objects.add(output.objects, view, temperature)
        self.stuff.add(SemanticLogits(output.semantic), view, temperature)

    def output(self) -> DetectionsAndStuff:
        joined = self.stuff.output()
        assert isinstance(joined, SemanticLogits)
        return DetectionsAndStuff(self.objects.output(), joined.logits)


PARTS: dict[type, dict[str, str]] = {
    ClassLogits: {"logits": "scores"},
    SemanticLogits: {"logits": "scores"},
    DepthMap: {"depth": "values"},
    PanopticLogits: {
        "semantic": "scores",
        "centers": "values",
        "offsets": "vectors",
        "depth": "values",
        "motion": "vectors",
    },
}
GATHERED: dict[type, Callable[[tuple[int, int], str, bool], Any]] = {
    ClassLogits: _Maps,
    SemanticLogits: _Maps,
    DepthMap: _Maps,
    PanopticLogits: _Maps,
    Detections: Union,
    DetectionsAndStuff: _Both,
    MaskQueries: Queries,
    CompetingMasks: Queries,
}
