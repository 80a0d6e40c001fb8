"""Classical methods as engines: raw integers [B, C, H, W] in, scores of two classes out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..labels import LabelSpace
from ..structures import SemanticLogits
from .catalogue import METHODS
from .learned import LEARNED, Classifier
from .names import PREFIX, is_method, parsed
from .options import checked
from .picture import arrays

SURE = 10.0  # logit of what a method says, which knows no doubt: a probability of 0.99995


class Unlearned:
    """An engine that runs a method that learns nothing; class 0 is the background, class 1 the foreground.

    Args:
        method: a key of `METHODS`.
        options: its parameters.

    Raises: ModelError for parameters that the method does not take.
    """

    def __init__(self, method: str, options: Mapping[str, Any]) -> None:
        self.__name__ = f"{PREFIX}{method}"
        self.method, self.options = method, checked(self.__name__, METHODS[method].run, options)

    def __call__(self, image: Tensor) -> SemanticLogits:
        """Find the foreground of raw integers [B, C, H, W]; returns scores [B, 2, H, W]."""
        run = METHODS[self.method].run
        masks = np.stack([run(pixels, **self.options) for pixels in arrays(image)])
        inside = torch.from_numpy(masks).float() * SURE
        return SemanticLogits(torch.stack([SURE - inside, inside], dim=1))  # [B, 2, H, W]


def is_classical(model: str) -> bool:
    """Whether a checkpoint's model is a method of this room, one that learns or one that does not."""
    return model in LEARNED or is_method(model)


def engine_of(
    model: str, options: Mapping[str, Any], weights: Mapping[str, Tensor], labels: LabelSpace
) -> Unlearned | Classifier:
    """Make the engine of a checkpoint whose model is a classical method.

    Args:
        model, options, weights, labels: as the checkpoint has them.

    Raises: ModelError where it names no method, or parameters that the method does not take; CheckpointError for arrays
        that are no such classifier.
    """
    if model in LEARNED:
        return Classifier(model, options, weights, labels)
    return Unlearned(parsed(model).method, options)
