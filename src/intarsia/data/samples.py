"""Turn what a data set of the user hands out into a Sample."""

from typing import Any

import torch

from ..errors import DataError
from ..structures import Sample
from .files.npy import whole
from .pairs import as_tensor


def as_sample(item: Any, index: int) -> Sample:
    """What a data set handed out, as a Sample, or a sentence about what it is instead."""
    if not isinstance(item, Sample):
        if not isinstance(item, tuple) or len(item) not in (2, 3):
            raise DataError(
                f"item {index} of the data set is {type(item).__name__}; return intarsia.Sample(image, labels, name)"
            )
        name = str(item[2]) if len(item) == 3 else f"{index:06d}"
        item = Sample(torch.as_tensor(item[0]), torch.as_tensor(item[1]), name)
    if item.image.ndim != 3 or item.labels.shape != item.image.shape[1:]:
        raise DataError(
            f"{item.name}: image {list(item.image.shape)} and labels {list(item.labels.shape)}; expected [C, H, W] and [H, W] of one size"
        )
    if item.labels.is_floating_point() or item.labels.is_complex() or item.labels.dtype == torch.bool:
        item = item._replace(labels=as_tensor(whole(item.labels.numpy(), item.name)))
    if item.image.is_floating_point() or item.image.is_complex() or item.image.dtype == torch.bool:
        raise DataError(
            f"{item.name}: image of {item.image.dtype}; data sets hand out raw integers: uint8, or int32 for 16-bit values"
        )
    return item
