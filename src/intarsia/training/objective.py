"""What is minimized: one batch to the named terms of its loss, and the sentences about what cannot be."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn

from ..config import Recipe
from ..data.normalize import normalize
from ..errors import TrainingError
from ..losses import LOSSES
from ..losses.auxiliary import Auxiliary
from ..postprocess.outputs import ALLOWED, semantic, spelled
from ..structures import Batch, SemanticLogits


def criterion(recipe: Recipe, weights: Sequence[float] | None, ignore_index: int) -> nn.Module:
    """The recipe's loss, on the main head and on the auxiliary ones.

    Raises: TrainingError when the loss takes no class weights and some are asked for.
    """
    constructor = LOSSES[recipe.loss.name]
    if weights is not None and "weights" not in inspect.signature(constructor).parameters:
        raise TrainingError(f"loss {recipe.loss.name} takes no class weights; set loss.class_weights=none")
    given = {} if weights is None else {"weights": weights}
    return Auxiliary(constructor(**given, ignore_index=ignore_index, **recipe.loss.options), recipe.loss.auxiliary)


class Objective:
    """A batch to the named terms of its loss; their sum is minimized.

    Args:
        net: returns SemanticLogits, their tensor alone, or a mapping or tuple that holds it (`postprocess/outputs.py`).
        criterion: (output, labels) -> terms.
        mean, std: one number for each channel, in units of the full scale.
        head_size: how many maps the network must draw.
    """

    def __init__(
        self, net: nn.Module, criterion: nn.Module, mean: Sequence[float], std: Sequence[float], head_size: int
    ) -> None:
        self.net, self.criterion, self.mean, self.std, self.head_size = net, criterion, mean, std, head_size
        self.remark = ""  # how the network's last output was read, where that is a choice

    def __call__(self, batch: Batch) -> dict[str, Tensor]:
        """The terms of the loss of one batch, which lies on the network's device.

        Raises: TrainingError when the network's output is no scores of these pixels, or batch norm cannot train on it.
        """
        height, width = batch.labels.shape[1:]
        try:
            output = self.net(normalize(batch.image, self.mean, self.std))
        except ValueError as error:
            if "more than 1 value per channel" not in str(error):
                raise
            raise TrainingError(
                f"batch norm cannot train on a batch of {len(batch.names)} image of {width}x{height}: one of its maps is "
                "a single pixel, which has no spread; raise train.batch_size to 2 or more, or use a larger augment.crop"
            ) from None
        found = self._read(output)
        wanted = [len(batch.names), self.head_size, height, width]
        if list(found.logits.shape) != wanted:
            raise TrainingError(
                f"the network returns logits {list(found.logits.shape)}; expected {wanted}: "
                "one map for each class, at the image's size"
            )
        terms = self.criterion(found, batch.labels)
        return terms if isinstance(terms, dict) else {"loss": terms}

    def _read(self, output: Any) -> SemanticLogits:
        found = semantic(output)
        if found is None:
            raise TrainingError(f"the network returns {spelled(output)}; {ALLOWED}")
        if not isinstance(output, Tensor | SemanticLogits):
            heads = f", {len(found.auxiliary)} more for auxiliary heads" if found.auxiliary else ""
            self.remark = f"the network returns {spelled(output)}: one tensor is taken for the logits{heads}"
        return found
