"""A predictor in three stages, each of which can be written as a graph by itself.

    raw image - prepare (resize, normalize) - pixels - score (the network) - parts of its output - answer - class ids

What an engine of another runtime needs, the network alone, stands between the other two, so that one file serves both.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...blocks.resize import Resize
from ...checkpoint import Resizing, bare
from ...errors import ModelError
from ...labels import LabelSpace
from ...postprocess import recognized
from ...structures import (
    ClassLogits,
    DepthMap,
    Detections,
    MaskQueries,
    Output,
    PanopticLogits,
    SemanticLogits,
)
from ..predictor import Predictor
from ..resized import Coarse, Resized, restored
from .asked import ANSWERS

PARTS: dict[type, tuple[str, ...]] = {  # kind of output -> its tensors in evaluation, in the order of a graph's
    ClassLogits: ("logits",),
    SemanticLogits: ("logits",),
    MaskQueries: ("classes", "masks"),
    PanopticLogits: ("semantic", "centers", "offsets", "depth", "motion"),
    Detections: ("scores", "classes", "boxes", "masks", "windows", "whole"),
    DepthMap: ("depth",),
}
KINDS = {kind.__name__: kind for kind in PARTS}
SIZED = (MaskQueries, Detections)  # outputs that know the picture's size


class Prepare(nn.Module):
    """Raw integers [B, C, H, W] to what the network sees, resized by a rule where there is one."""

    scale: Tensor
    shift: Tensor

    def __init__(self, mean: Sequence[float], std: Sequence[float], bits: int, rule: Resizing | None) -> None:
        if bits not in (8, 16):
            raise ModelError(f"images of {bits} bit; give 8 (uint8) or 16 (int32)")
        super().__init__()
        self.most, self.rule = 2**bits - 1, rule
        # as buffers, so that the graph holds numbers instead of their computation
        center, spread = (torch.tensor(v, dtype=torch.float64).view(-1, 1, 1) for v in (mean, std))
        self.register_buffer("scale", (1 / (self.most * spread)).float())
        self.register_buffer("shift", (-center / spread).float())

    def forward(self, image: Tensor) -> Tensor:
        pixels = image.float()
        if self.rule is not None:
            pixels = self.resized(pixels, self.rule, seen(self.rule, image.shape[2], image.shape[3]))
        return pixels * self.scale + self.shift

    def resized(self, pixels: Tensor, rule: Resizing, size: tuple[int, int]) -> Tensor:
        """Resize as `inference.resized` does: Pillow's way goes along rows first, in whole numbers between."""
        if rule.method == "nearest":
            return F.interpolate(pixels, size, mode="nearest-exact")
        steps = [(pixels.shape[2], size[1]), size] if rule.antialias and self.most == 255 else [size]
        for step in steps:
            pixels = F.interpolate(pixels, step, mode=rule.method, antialias=rule.antialias, align_corners=False)
            if not rule.fractions:
                pixels = (pixels + 0.5).floor().clamp(0, self.most)
        return pixels


class Score(nn.Module):
    """The network with weights of its own: pixels [B, C, h, w] to the parts of its output, those that are tensors."""

    def __init__(self, network: nn.Module, coarse: bool = False) -> None:
        super().__init__()
        # in the usual layout: torch.export.save doubts weights that stand channels last
        self.network = copy.deepcopy(bare(network)).to(memory_format=torch.contiguous_format).float().cpu()
        self.coarse = coarse
        self.eval()

    def output(self, pixels: Tensor) -> Output:
        """What the network returns; its map before the last enlargement, where a rule of sizes makes that later."""
        run: Any = Coarse(self.network, self.network.enlarge) if self.coarse else self.network  # type: ignore[arg-type]
        return recognized(run(pixels), type(self.network).__name__)

    def forward(self, pixels: Tensor) -> tuple[Tensor, ...]:
        return tuple(parts_of(self.output(pixels)).values())


class Answer(nn.Module):
    """The parts of an output, and the raw image whose size they are brought back to, to tensors of an answer.

    Args:
        kind: of the output.
        parts: names of its parts.
        labels, options, temperature: of the predictor.
        rule: by which the image was resized.
    """

    def __init__(
        self,
        answer: str,
        kind: type,
        parts: Sequence[str],
        labels: LabelSpace,
        options: Mapping[str, Any],
        temperature: float,
        rule: Resizing | None,
    ) -> None:
        super().__init__()
        self.answer, self.kind, self.parts, self.rule = answer, kind, tuple(parts), rule
        self.labels, self.options, self.temperature = labels, dict(options), temperature

    def forward(self, image: Tensor, *parts: Tensor) -> tuple[Tensor, ...]:
        return tuple(self.named(image, *parts).values())

    def named(self, image: Tensor, *parts: Tensor) -> dict[str, Tensor]:
        """The tensors of the answer under their names."""
        size = (image.shape[2], image.shape[3])
        output = rebuilt(self.kind, dict(zip(self.parts, parts, strict=True)), seen(self.rule, *size))
        if self.rule is not None:
            output = back(output, size)
        return ANSWERS[self.answer, self.kind](output, self.labels, self.options, self.temperature)


def parts_of(output: Output) -> dict[str, Tensor]:
    """The tensors of an output in evaluation, under their names."""
    found = {name: getattr(output, name) for name in PARTS[type(output)]}
    return {name: part for name, part in found.items() if part is not None}


def rebuilt(kind: type, parts: Mapping[str, Tensor], size: tuple[int, int], agnostic: bool = False) -> Output:
    """An output of its parts, for pictures of a size; of detections, whether their classes say nothing."""
    given: dict[str, Any] = {**({"masks": None, "agnostic": agnostic} if kind is Detections else {}), **parts}
    if kind in SIZED:
        given["size"] = size
    made: Output = kind(**given)
    return made


def back(output: Output, size: tuple[int, int]) -> Output:
    """Bring an output back to the size of the raw image, without a question that a graph would freeze."""
    if isinstance(output, SemanticLogits):
        return output._replace(logits=F.interpolate(output.logits, size, mode="bilinear", align_corners=False))
    if isinstance(output, DepthMap):
        return output._replace(depth=F.interpolate(output.depth, size, mode="bilinear", align_corners=False))
    return restored(output, size)


def rule_of(predictor: Predictor) -> Resizing | None:
    """The rule of sizes of a predictor's model; None where pictures keep theirs."""
    return predictor.engine.rule if isinstance(predictor.engine, Resized) else None


def is_coarse(predictor: Predictor) -> bool:
    """Whether a rule of sizes leaves out a network's last enlargement, and makes it in one step with its own."""
    rule = rule_of(predictor)
    return rule is not None and rule.direct and isinstance(getattr(bare(predictor.model), "enlarge", None), Resize)


def seen(rule: Resizing | None, height: Any, width: Any) -> tuple[Any, Any]:
    """`Resizing.of` for sizes that a graph does not know yet: arithmetic instead of decisions."""
    if rule is None:
        return height, width
    if rule.size is not None:
        rows, columns = rule.size
    elif not rule.shorter:
        rows, columns = height, width
    else:
        short, long = torch.sym_min(height, width), torch.sym_max(height, width)
        if rule.nearest:
            factor = torch.sym_min(rule.shorter / short, rule.longest / long) if rule.longest else rule.shorter / short
            rows, columns = torch.sym_int(height * factor + 0.5), torch.sym_int(width * factor + 0.5)
        else:
            rows, columns = (torch.sym_int(rule.shorter * side / short) for side in (height, width))
            if rule.longest:
                over = torch.sym_min(1, torch.sym_max(0, torch.sym_int(rule.shorter * long / short) - rule.longest))
                less = [torch.sym_int(rule.longest * side / long) for side in (height, width)]
                rows, columns = (
                    over * few + (1 - over) * many for few, many in zip(less, (rows, columns), strict=True)
                )
        rows, columns = torch.sym_max(rows, 1), torch.sym_max(columns, 1)
    up = rule.multiple
    return (rows, columns) if up == 1 else ((rows + up - 1) // up * up, (columns + up - 1) // up * up)
