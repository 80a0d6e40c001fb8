"""A predictor as one network from raw pixels to probabilities, for `torch.export` and ONNX: nothing is left to do outside.

raw image - normalize - network - logits / temperature - softmax, or sigmoid and its complement - probabilities
"""

from __future__ import annotations

import copy
import json
from typing import Any

import torch
from torch import Tensor, nn

from ..checkpoint import bare
from ..errors import ModelError
from ..postprocess import recognized, semantic_view
from .predictor import Predictor


class Graph(nn.Module):
    """What `Predictor.probabilities` computes, as a network in eval mode with weights of its own.

    The normalization and the temperature that `intarsia calibrate` fitted are constants in it, as they are now; a checkpoint
    calibrated again is exported again.

    Args:
        predictor: in float32, as checkpoints are loaded unless another precision is asked for.
        bits: of a picture's values: 8, which come as uint8, or 16, as int32.

    Raises: ModelError for other bits.
    """

    scale: Tensor  # [C, 1, 1]
    shift: Tensor  # [C, 1, 1]

    def __init__(self, predictor: Predictor, bits: int = 8) -> None:
        if bits not in (8, 16):
            raise ModelError(f"images of {bits} bit; give 8 (uint8) or 16 (int32)")
        super().__init__()
        # in the usual layout: torch.export.save doubts weights that stand channels last
        self.network = copy.deepcopy(bare(predictor.model)).to(memory_format=torch.contiguous_format)
        self.labels = predictor.labels
        self.mean, self.std, self.temperature = predictor.mean, predictor.std, predictor.temperature
        self.bits = bits
        # as buffers, so that the graph holds numbers instead of their computation
        mean, std = (torch.tensor(v, dtype=torch.float64).view(-1, 1, 1) for v in (self.mean, self.std))
        self.register_buffer("scale", (1 / ((2**bits - 1) * std)).float())
        self.register_buffer("shift", (-mean / std).float())
        self.eval()

    def forward(self, image: Tensor) -> Tensor:
        """Raw integers [B, C, H, W] to probabilities [B, K, H, W], float32."""
        output = recognized(self.network(image.float() * self.scale + self.shift), type(self.network).__name__)
        found = semantic_view(output)
        if found is None:
            raise ModelError(
                f"{type(self.network).__name__} returns {type(output).__name__}, which has no probabilities of pixels to export"
            )
        return self.labels.probabilities(found.logits.float() / self.temperature)

    @property
    def notes(self) -> dict[str, str]:
        """What a file should say beside the graph, as texts: what goes in, what comes out, the classes, the temperature."""
        told: dict[str, Any] = {
            "input": f"raw integers of {self.bits} bit [B, C, H, W]",
            "output": "probabilities [B, K, H, W], temperature applied",
            "classes": list(self.labels.names),
            "temperature": self.temperature,
            "mean": list(self.mean),
            "std": list(self.std),
        }
        return {key: value if isinstance(value, str) else json.dumps(value) for key, value in told.items()}
