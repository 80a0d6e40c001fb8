"""A predictor as one network from raw pixels to answers, for `torch.export`, TorchScript and ONNX: nothing is left to do outside.

raw image - resize - normalize - network - back to its size - logits / temperature - probabilities, or class ids
"""

from __future__ import annotations

import json
from typing import Any

import torch
from torch import Tensor, nn

from ..postprocess import usual_task
from ..structures import Detections, MaskQueries
from .predictor import Predictor
from .runtime.asked import answer_for, task_for
from .runtime.stages import Answer, Prepare, Score, is_coarse, parts_of, rule_of

SIDES = (64, 96)  # of the noise that a network is shown once, to see what it returns


class Graph(nn.Module):
    """What a predictor answers, as a network in eval mode with weights of its own: one pass, no windows and no views.

    The normalization and the temperature that `intarsia calibrate` fitted are constants in it, as they are now; a checkpoint
    calibrated again is exported again.

    Args:
        predictor: in float32, as checkpoints are loaded unless another precision is asked for.
        bits: of a picture's values: 8, which come as uint8, or 16, as int32.
        answer: "probabilities", "labels", "planes", "objects", "segments" or "depth"; "": what the predictor's task asks for.

    Raises: ModelError for other bits, an answer that no graph of this network can give, and predictors of several networks.
    """

    def __init__(self, predictor: Predictor, bits: int = 8, answer: str = "probabilities") -> None:
        super().__init__()
        self.labels, self.bits = predictor.labels, bits
        self.mean, self.std, self.temperature = predictor.mean, predictor.std, predictor.temperature
        rule, coarse = rule_of(predictor), is_coarse(predictor)
        self.prepare = Prepare(self.mean, self.std, bits, rule)
        self.score = Score(predictor.model, coarse)
        self.eval()
        with torch.no_grad():
            output = self.score.output(self.prepare(self.example(*SIDES)))
        self.kind, self.parts = type(output), tuple(parts_of(output))
        self.agnostic = isinstance(output, Detections) and output.agnostic
        first = parts_of(output)[self.parts[0]]
        self.classes = first.shape[2] - 1 if isinstance(output, MaskQueries) else first.shape[1]  # of maps and queries
        self.answers = answer_for(answer, self.kind, self.labels, predictor.task)
        own = predictor.task or usual_task(self.kind, self.labels)
        options = predictor.decide if task_for(self.answers, self.kind, own) == own else {}
        self.answer = Answer(self.answers, self.kind, self.parts, self.labels, options, self.temperature, rule).eval()

    def forward(self, image: Tensor) -> Tensor | tuple[Tensor, ...]:
        """Raw integers [B, C, H, W] to the answer: one tensor, of objects and segments several."""
        found = self.answer(image, *self.score(self.prepare(image)))
        return found[0] if len(found) == 1 else found

    def example(self, height: int, width: int, count: int = 2) -> Tensor:
        """Noise of a size, as a graph takes it."""
        most, dtype = (256, torch.uint8) if self.bits == 8 else (65536, torch.int32)
        size, random = (count, len(self.mean), height, width), torch.Generator().manual_seed(0)
        return torch.randint(0, most, size, generator=random).to(dtype)

    @property
    def notes(self) -> dict[str, str]:
        """What a file should say beside the graph, as texts: what goes in, what comes out, the classes, the temperature."""
        colors = [f"#{r:02x}{g:02x}{b:02x}" for r, g, b in self.labels.colors]
        told: dict[str, Any] = {
            "input": f"raw integers of {self.bits} bit [B, C, H, W]",
            "output": OUTPUTS[self.answers],
            "classes": list(self.labels.names),
            "colors": colors,
            "temperature": self.temperature,
            "mean": list(self.mean),
            "std": list(self.std),
        }
        return {key: value if isinstance(value, str) else json.dumps(value) for key, value in told.items()}


OUTPUTS = {  # answer -> what comes out, for people
    "labels": "class numbers [B, H, W]; of whole pictures [B]",
    "probabilities": "probabilities [B, K, H, W], temperature applied",
    "planes": "whether each class is there [B, K, H, W]",
    "objects": "scores [B, N] (0: no object), classes [B, N], boxes [B, N, 4] in pixels, masks, and where these lie elsewhere, windows",
    "segments": "segment numbers [B, H, W] (0: none), and class and score of segment n in column n - 1",
    "depth": "meters [B, H, W]",
}
