"""Answers that look at each pixel, or each picture, by itself: classes, several labels a pixel, tags, depth."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ..errors import ModelError
from ..labels import LabelSpace
from ..structures import Answer, ClassLogits, Depth, DepthMap, Labels, Planes, SemanticLogits, Tags


def labels_of_logits(
    output: SemanticLogits, space: LabelSpace, threshold: float | Sequence[float] = 0.5, temperature: float = 1.0
) -> list[Answer]:
    """Decide the class of each pixel, or, where a pixel may have several labels, each class by itself.

    Args:
        threshold: of the sigmoid, 0..1: what is more probable is on. Of several labels a pixel, one number for all classes
            or one for each. Of two classes under a softmax it is that of the second one; of more, the most probable class is
            chosen, and there is no threshold.
        temperature: logits are divided by it before they become probabilities.

    Returns: B of `Labels`, or of `Planes` for a label space of planes.
    """
    limits = thresholds(threshold, space)
    if space.head_size > 1 and not space.planes:
        if limits[0] == 0.5:  # no temperature changes which is the largest
            return [Labels(classes) for classes in space.decide(output.logits)]
        second = (output.logits / temperature).softmax(dim=1)[:, 1]
        return [Labels(one.to(torch.uint8)) for one in second > limits[0]]
    logits = output.logits / temperature
    if space.planes:
        on = logits.sigmoid() > torch.tensor(limits, device=logits.device)[:, None, None]
        return [Planes(planes) for planes in on]
    return [Labels(classes) for classes in space.decide(logits, limits[0])]


def tags_of_logits(
    output: ClassLogits, space: LabelSpace, threshold: float | Sequence[float] = 0.5, temperature: float = 1.0
) -> list[Answer]:
    """Decide the class of each picture, or, for a label space of planes, which of the classes it has.

    Args:
        threshold, temperature: as for `labels_of_logits`.

    Returns: B of `Tags`.
    """
    scores = space.probabilities(output.logits[..., None, None] / temperature)[..., 0, 0].float()
    limits = torch.tensor(thresholds(threshold, space), device=scores.device)
    if not space.planes and space.head_size > 1 and float(limits[0]) == 0.5:
        return [Tags(one.argmax()[None], one) for one in scores]
    if not space.planes:
        return [Tags((one[1:] > limits[0]).long(), one) for one in scores]
    return [Tags(_ordered(one, one > limits), one) for one in scores]


def depth_of_map(output: DepthMap, space: LabelSpace) -> list[Answer]:
    """Hand out the depth of each picture."""
    return [Depth(meters.float()) for meters in output.depth[:, 0]]


def thresholds(given: float | Sequence[float], space: LabelSpace) -> list[float]:
    """Check thresholds: one for each class of a label space of planes, else a single one.

    Raises: ModelError for numbers outside 0..1, another number of them, and one that would change nothing.
    """
    many = space.num_classes if space.planes else 1
    limits = [float(given)] * many if isinstance(given, int | float) else [float(limit) for limit in given]
    if len(limits) != many or not all(0 <= limit <= 1 for limit in limits):
        wanted = f"one number of 0 to 1, or {many} of them, one a class" if space.planes else "one number of 0 to 1"
        raise ModelError(f"threshold is {given}; give {wanted}")
    if space.head_size > 2 and not space.planes and limits[0] != 0.5:
        raise ModelError(
            f"threshold is {given}, but of {space.num_classes} classes the most probable one is chosen; a threshold decides "
            "between two classes, or for each of several labels a pixel"
        )
    return limits


def _ordered(scores: Tensor, on: Tensor) -> Tensor:
    """The classes that are on, the most probable first."""
    order = scores.argsort(descending=True)
    return order[on[order]]
