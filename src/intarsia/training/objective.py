"""What is minimized: one batch to the named terms of its loss, and the sentences about what cannot be."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torch import Tensor, nn

from ..data.normalize import normalize
from ..errors import TrainingError
from ..labels import LabelSpace
from ..postprocess import checked
from ..postprocess.checked import PARTS
from ..postprocess.outputs import spelled
from ..structures import Batch


class Objective:
    """A batch to the named terms of its loss; their sum is minimized.

    Args:
        net: returns one of the outputs of `structures`, or logits in any form that `postprocess/outputs.py` knows. One
            whose `forward` has a parameter `truth` is handed the batch as well.
        criterion: (output, batch) -> a number or named numbers.
        mean, std: one number for each channel, in units of the full scale.
        labels: the classes.
        truthful: whether the network is handed the batch; None: as its `forward` says.
        teacher: one more term, of the network's output and the batch; None: none.
    """

    def __init__(
        self,
        net: nn.Module,
        criterion: nn.Module,
        mean: Sequence[float],
        std: Sequence[float],
        labels: LabelSpace,
        truthful: bool | None = None,
        teacher: Callable[[Any, Batch], Tensor] | None = None,
    ) -> None:
        self.net, self.criterion, self.mean, self.std, self.labels = net, criterion, mean, std, labels
        self.truthful = takes_truth(net) if truthful is None else truthful
        self.teacher = teacher
        self.remark = ""  # how the network's last output was read, where that is a choice

    def __call__(self, batch: Batch) -> dict[str, Tensor]:
        """The terms of the loss of one batch, which lies on the network's device.

        Raises: ModelError when the network's output has not the shapes it should; TrainingError when batch norm cannot
            train on the batch, or the loss returns something else than numbers.
        """
        image = normalize(batch.image, self.mean, self.std)
        try:
            output = self.net(image, truth=batch) if self.truthful else self.net(image)
        except ValueError as error:
            if "more than 1 value per channel" not in str(error):
                raise
            height, width = image.shape[2:]
            raise TrainingError(
                f"batch norm cannot train on a batch of {len(batch.names)} image of {width}x{height}: one of its maps is "
                "a single pixel, which has no spread; raise train.batch_size to 2 or more, or use a larger augment.crop"
            ) from None
        found: Any = checked(output, image, self.labels)
        if not isinstance(output, Tensor) and type(output) not in PARTS:
            heads = f", {len(found.auxiliary)} more for auxiliary heads" if found.auxiliary else ""
            self.remark = f"the network returns {spelled(output)}: one tensor is taken for the logits{heads}"
        terms = self._terms(self.criterion(found, batch))
        if self.teacher is not None:
            terms["teacher"] = self.teacher(found, batch)
        return terms

    def _terms(self, value: Any) -> dict[str, Tensor]:
        terms = dict(value) if isinstance(value, Mapping) else {"loss": value}
        for name, term in terms.items():
            if not isinstance(term, Tensor) or term.numel() != 1:
                what = f"a tensor {list(term.shape)}" if isinstance(term, Tensor) else f"a {type(term).__name__}"
                where = "" if name == "loss" else f" under {name!r}"
                raise TrainingError(
                    f"the loss returned {what}{where}; return one number as a tensor, or a dict of them"
                )
        if not terms:
            raise TrainingError("the loss returned an empty dict; return one number as a tensor, or a dict of them")
        return terms


def takes_truth(model: nn.Module) -> bool:
    """Whether the `forward` of a network has a parameter `truth`, for the batch that it is trained on."""
    return "truth" in inspect.signature(model.forward).parameters
