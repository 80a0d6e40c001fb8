"""What a network drew beside what was meant: shapes checked, ignored pixels told apart."""

from collections.abc import Sequence

import torch
from torch import Tensor

from ..errors import LabelError, ModelError
from ..structures import Batch

Truth = Tensor | Batch


def labels_of(truth: Truth) -> Tensor:
    """Take the labels out of a batch: [B, H, W], or, of several labels a pixel, [B, K, H, W] of 0, 1 and ignore."""
    if isinstance(truth, Tensor):
        return truth
    if truth.planes is None:
        return truth.labels
    labels = truth.labels[:, None].long()  # 0 where pixels count, else the ignore index
    return torch.where(labels != 0, labels, truth.planes.long())


def paired(logits: Tensor, truth: Truth) -> tuple[Tensor, Tensor]:
    """The logits in full precision, and the labels as 64-bit numbers.

    Args:
        logits: [B, K, H, W].
        truth: a batch; or its labels [B, H, W], or [B, K, H, W] for several labels a pixel.

    Raises: ModelError when the two do not cover the same pixels.
    """
    labels = labels_of(truth)
    same = labels.shape == logits.shape or (labels.ndim == 3 and labels.shape == (logits.shape[0], *logits.shape[2:]))
    if not same:
        raise ModelError(
            f"the network drew {_size(logits)} (images x maps x height x width) and the labels are {_size(labels)}; "
            "a loss compares them pixel by pixel, so the network has to return logits in the image's size"
        )
    return precise(logits), labels.long()


def precise(part: Tensor) -> Tensor:
    """Bring what a network drew to float32, in which losses are computed whatever training runs in; float64 stays."""
    return part if part.dtype == torch.float64 else part.float()


def one_map_each(logits: Tensor, labels: Tensor, ignore_index: int) -> tuple[Tensor, Tensor]:
    """The target of every map by itself, as independent yes-or-no questions.

    Args:
        logits: [B, K, H, W].
        labels: [B, H, W] (0 and 1 for K = 1, otherwise class numbers), or [B, K, H, W] of 0 and 1.

    Returns: targets 0 or 1, and whether they count, both [B, K, H, W] of the logits' type.

    Raises: LabelError for a label that is neither a class nor ignored.
    """
    if labels.ndim == 4 or logits.shape[1] == 1:
        labels = labels if labels.ndim == 4 else labels[:, None]
        held = labels != ignore_index
        target = torch.where(held, labels, 0)  # [B, K, H, W]
        if bool((target > 1).any() | (target < 0).any()):
            refuse(labels, 2, ignore_index)
        return target.to(logits.dtype), held.to(logits.dtype)
    held = labels != ignore_index
    target = torch.zeros_like(logits)
    scatter_ones(target, torch.where(held, labels, 0), ignore_index)
    held = held[:, None].to(logits.dtype)
    return target * held, held.expand_as(logits)


def scatter_ones(target: Tensor, classes: Tensor, ignore_index: int) -> None:
    """Write a one into the map of each pixel's class, [B, H, W] into [B, K, H, W]."""
    try:
        target.scatter_(1, classes[:, None], 1.0)
    except RuntimeError:
        refuse(classes, target.shape[1], ignore_index)
        raise


def refuse(labels: Tensor, count: int, ignore_index: int) -> None:
    """Raise a LabelError when labels hold anything but 0 .. count - 1 and the ignore index."""
    stray = labels[((labels < 0) | (labels >= count)) & (labels != ignore_index)]
    if stray.numel():
        values = stray.unique()  # type: ignore[no-untyped-call]
        shown = ", ".join(map(str, values[:5].tolist()))
        raise LabelError(
            f"the labels hold {shown} ({stray.numel()} px), but the network tells {count} classes apart (0..{count - 1}, "
            f"ignore {ignore_index}); check the list of classes, and map or ignore such values in labels.values"
        )


def class_table(weights: Sequence[float] | None, count: int, like: Tensor) -> Tensor | None:
    """One weight for each of `count` classes, on the device and of the type of `like`.

    Raises: LabelError when there are more or fewer weights than classes.
    """
    if weights is None:
        return None
    if len(weights) != count:
        raise LabelError(f"{len(weights)} class weights for {count} classes; give one for each")
    return torch.tensor(list(weights), dtype=like.dtype, device=like.device)


def in_order(logits: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Logits [B, K, H, W] and labels [B, H, W], as rows [N, K] and [N] where torch is asked for deterministic algorithms.

    On a GPU its cross entropy over maps has none, and that over rows has.
    """
    if logits.is_cuda and torch.are_deterministic_algorithms_enabled():
        return logits.movedim(1, -1).flatten(0, -2), labels.flatten()
    return logits, labels


def mean_of_classes(each: Tensor, counted: Tensor, weights: Sequence[float] | None = None) -> Tensor:
    """Average a loss over classes, then over the images that count.

    Args:
        each: [B, K], of each image and class.
        counted: [B] bool.
        weights: one for each class; those of a head of one map, whose mean has one class, change nothing.
    """
    table = class_table(weights, each.shape[1], each) if each.shape[1] > 1 else None
    mean = each.mean(dim=1) if table is None else (each * table).sum(dim=1) / table.sum()  # [B]
    return (mean * counted).sum() / counted.sum().clamp(min=1)


def above_zero(weight: Tensor) -> Tensor:
    """A divisor: nothing to divide by becomes one, so that 0 / 0 is a zero with a graph."""
    return torch.where(weight > 0, weight, torch.ones_like(weight))


def _size(tensor: Tensor) -> str:
    return " x ".join(map(str, tensor.shape))
