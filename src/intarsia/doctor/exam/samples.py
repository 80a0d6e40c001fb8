"""Measure one item of a data set that is not made of files: what a user's own code returns."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ...data.dataset import Dataset, labels_of
from ...data.samples import as_sample
from ...errors import DataError
from .examine import Exam, compared, counted, measured, of_planes


def examine_sample(dataset: Dataset, index: int, closely: bool = True, quick: bool = False) -> Exam:
    """Look at one item of a data set that is not made of files; at its regions too, if `closely` and not `quick`."""
    try:
        sample = as_sample(dataset[index], index)
    except DataError as error:
        return Exam(f"item {index}", f"item {index}", ("unreadable", str(error)))
    except Exception as error:  # a user's own code: whatever it raises is a finding about that item
        return Exam(
            f"item {index}",
            f"item {index}",
            ("unreadable", f"item {index} of the data set raised {type(error).__name__}: {error}"),
        )
    image = sample.image.permute(1, 2, 0).numpy()
    exam = Exam(sample.name, sample.name)
    if image.dtype != np.uint8:
        if image.min(initial=0) < 0 or image.max(initial=0) > 65535:
            told = f"{sample.name}: image values from {image.min()} to {image.max()}; give uint8, or int32 of 0..65535"
            return replace(exam, error=("unreadable", told))
        image = image.astype(np.uint16)
    exam = measured(exam, image, None, quick)
    raw = sample.labels.numpy()
    closely = closely and not quick
    if sample.planes is not None:
        space = labels_of(dataset)
        ignore_index = 255 if space is None else space.ignore_index
        return of_planes(exam, image, sample.planes.numpy(), raw == ignore_index, ignore_index, closely, quick)
    exam = counted(exam, raw, quick)
    return compared(exam, image, raw, "") if closely else exam
