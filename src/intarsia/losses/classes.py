"""Losses of whole pictures: the classes that a network gives each picture against the picture's tags."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..errors import DataError, LabelError, ModelError, RecipeError
from ..structures import Batch, ClassLogits
from .targets import class_table, precise


class ClassCrossEntropy(nn.Module):
    """Mean of -log p(true class) over the pictures, each weighted by its class: one class a picture.

    A head of one score tells two classes apart by a sigmoid. Pictures without any tag do not count.

    Args:
        weights: one for each class; the mean divides by the weights of the pictures.
        smoothing: share of the target spread evenly over all classes, 0..1 (Szegedy et al. 2016, section 7).
    """

    def __init__(
        self, *, weights: Sequence[float] | None = None, ignore_index: int = 255, smoothing: float = 0.0
    ) -> None:
        super().__init__()
        if not 0 <= smoothing <= 1:
            raise RecipeError(f"smoothing is {smoothing}; it is a share, 0..1")
        self.weights = None if weights is None else tuple(weights)
        self.smoothing = smoothing

    def forward(self, output: ClassLogits, truth: Batch) -> Tensor:
        logits, tags = tagged(output, truth)
        if logits.shape[1] == 1:
            logits = torch.cat([torch.zeros_like(logits), logits], dim=1)  # softmax of (0, x) is the sigmoid of x
        count = tags.sum(dim=1)
        if bool((count > 1).any()):
            name = truth.names[int(count.argmax())]
            raise LabelError(
                f"{name} has {int(count.max())} classes, and this loss takes one class a picture; use the loss class_bce"
            )
        table = class_table(self.weights, logits.shape[1], logits)
        classes = torch.where(count > 0, tags.long().argmax(dim=1), -1)
        total = F.cross_entropy(
            logits, classes, table, ignore_index=-1, label_smoothing=self.smoothing, reduction="sum"
        )
        weight = count if table is None else tags.to(logits.dtype) @ table
        weight = weight.to(logits.dtype).sum()
        return total / torch.where(weight > 0, weight, torch.ones_like(weight))


class ClassBinaryCrossEntropy(nn.Module):
    """Binary cross entropy of each class by itself: any number of classes a picture; the mean over pictures and classes.

    Args:
        weights: one for each class, of its terms.
    """

    def __init__(self, *, weights: Sequence[float] | None = None, ignore_index: int = 255) -> None:
        super().__init__()
        self.weights = None if weights is None else tuple(weights)

    def forward(self, output: ClassLogits, truth: Batch) -> Tensor:
        logits, tags = tagged(output, truth)
        if logits.shape[1] == 1:
            tags = tags[:, 1:]
        table = class_table(self.weights, logits.shape[1], logits)
        return F.binary_cross_entropy_with_logits(logits, tags.to(logits.dtype), table)


def tagged(output: ClassLogits, truth: Batch) -> tuple[Tensor, Tensor]:
    """Lay the scores of pictures [B, K or 1] in full precision beside their tags [B, K] bool.

    Raises: DataError where the batch has no tags; ModelError for another number of pictures or classes.
    """
    if truth.tags is None:
        raise DataError(
            "the data set has no tags, the classes of each picture as a whole; use a data set that has them, such as "
            "class_folders, or a network that draws maps"
        )
    logits, tags = output.logits, truth.tags
    fits = logits.ndim == 2 and len(logits) == len(tags) and (logits.shape[1] == tags.shape[1] or (logits.shape[1], tags.shape[1]) == (1, 2))  # fmt: skip
    if not fits:
        raise ModelError(
            f"the network returned scores {list(logits.shape)} (images x classes) for tags {list(tags.shape)}; give one "
            "score for each class"
        )
    return precise(logits), tags
