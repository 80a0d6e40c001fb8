"""An engine whose class scores a dense CRF refines along the edges of the picture."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from ..data.normalize import full_scale
from ..labels import LabelSpace
from ..postprocess.dense_crf import check_crf, refined
from ..structures import Output
from .engine import Engine

LEVELS = 255  # the colors of a CRF are in units of 8-bit levels, whatever a picture holds


class Refined:
    """An engine that refines, by a dense CRF, what another one says of each pixel.

    Args:
        engine: raw integers [B, C, H, W] to an output with class scores of pixels.
        labels: what its classes mean.
        options: of `postprocess.dense_crf`; those that are not given have its defaults.
        temperature: scores are divided by it first; what comes out are logarithms of probabilities.

    Raises: ModelError for options that a CRF does not take.
    """

    def __init__(
        self, engine: Engine, labels: LabelSpace, options: Mapping[str, Any], temperature: float = 1.0
    ) -> None:
        self.engine, self.labels, self.temperature = engine, labels, temperature
        self.options = check_crf(options)

    def __call__(self, image: Tensor) -> Output:
        """Run the engine on raw integers [B, C, H, W], and the CRF on what it returns.

        Raises: ModelError for an output without class scores of pixels.
        """
        levels = image.float() * (LEVELS / full_scale(image))
        return refined(self.engine(image), levels, self.labels, self.options, self.temperature)
