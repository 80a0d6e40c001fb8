"""The objects of a batch as detectors compare themselves with them: boxes, classes, masks, and what does not count."""

from typing import NamedTuple

from torch import Tensor

from ..errors import ModelError
from ..structures import Batch, objects_in
from .boxes import boxes_around


class TrueObjects(NamedTuple):
    """The true objects of one image."""

    boxes: Tensor  # M x 4
    classes: Tensor  # M
    masks: Tensor  # M x H x W bool
    ignored: Tensor  # I x 4, of the objects that do not count


def true_objects(truth: Batch, n: int, num_classes: int) -> TrueObjects:
    """List the true objects of image n, and the boxes of those of the ignore index.

    Raises: ModelError for an object of a class that the network does not know.
    """
    masks, classes, *_ = objects_in(truth.sample(n), -1)
    assert isinstance(masks, Tensor) and isinstance(classes, Tensor)
    none = 255 if num_classes <= 255 else 65535  # as label spaces have it
    known = (classes >= 0) & (classes < num_classes)
    if odd := classes[~known & (classes != none)].tolist():
        span = "0 alone" if num_classes == 1 else f"0 to {num_classes - 1}"
        raise ModelError(
            f"{truth.names[n]}: an object has class {odd[0]}, but the network is built for {num_classes} ({span}); give it "
            f"one of these, or {none} where it does not count"
        )
    return TrueObjects(boxes_around(masks[known]), classes[known], masks[known], boxes_around(masks[~known]))
