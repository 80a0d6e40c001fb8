"""A PyTorch network computed by ONNX Runtime, written in memory and held against itself before it is used."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ...data.normalize import normalize
from ...errors import ModelError, extra
from ...structures import Detections, Output
from ..engine import Torch, name_of
from .gate import BOUNDS, apart
from .onnx_engine import ran, session
from .onnx_file import LARGER, PIXELS, stage_in_onnx
from .stages import Score, parts_of, rebuilt

SIZES = [(1, 320, 480), (3, 161, 275), (1, 288, 192)]  # count, height, width of the pictures that both are shown


class Live:
    """An engine that gives what a PyTorch engine gives, computed by ONNX Runtime on the CPU.

    Args:
        engine: in float32. Weights that change afterwards change nothing here.

    Raises: ModelError for a network that no graph can hold, or whose graph gives something else; MissingExtra without onnx,
        onnxscript and onnxruntime.
    """

    def __init__(self, engine: Torch) -> None:
        for module in ("onnx", "onnxscript"):
            extra(module, "export")
        self.mean, self.std = engine.mean, engine.std
        self.__name__ = f"{name_of(engine)} by onnxruntime"
        score = Score(engine.model)
        with torch.no_grad():
            output = score.output(torch.zeros(2, len(self.mean), 64, 96))
        self.kind, self.parts = type(output), tuple(parts_of(output))
        self.agnostic = isinstance(output, Detections) and output.agnostic
        traced = (torch.zeros(2, len(self.mean), 64 * LARGER, 96 * LARGER),)
        self.run = session(stage_in_onnx(score, traced, [PIXELS], self.parts, 0, "network"), self.__name__)
        self._check(engine, SIZES)

    def __call__(self, image: Tensor) -> Output:
        """Run the network on raw integers [B, C, H, W]; the output lies on the CPU."""
        pixels = normalize(image.cpu(), self.mean, self.std).contiguous().numpy()
        found = ran(self.run, {PIXELS: pixels}, self.__name__)
        parts = {name: torch.from_numpy(part) for name, part in zip(self.parts, found, strict=True)}
        return rebuilt(self.kind, parts, (int(image.shape[2]), int(image.shape[3])), self.agnostic)

    def _check(self, engine: Torch, sizes: Sequence[tuple[int, int, int]]) -> None:
        random = torch.Generator().manual_seed(0)
        for count, height, width in sizes:
            image = torch.randint(0, 256, (count, len(self.mean), height, width), generator=random).to(torch.uint8)
            with torch.inference_mode():
                found = apart(engine(image), self(image))
            if found > BOUNDS["float32"].logits:
                raise ModelError(
                    f"{self.__name__} differs from PyTorch by {found:.2g} of its largest value at {count} x {height} x {width}, and "
                    f"{BOUNDS['float32'].logits:g} is allowed; choose another backend"
                )
