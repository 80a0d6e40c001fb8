"""The label doctor: everything about a data set that would spoil a run or its numbers, told before the first step.

    each sample --examine (threads)--> Exam --gather--> Audit: findings, frequencies, statistics, hash

It measures and tells; it neither prints nor mends. What it calls an error, training refuses.
"""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ..errors import DataError
from ..labels import LabelSpace
from .examine import Exam, examine, examine_sample
from .findings import Audit, Finding
from .gather import gather
from .pairs import Pairs

__all__ = ["Audit", "Finding", "audit"]


def audit(*datasets: Any, labels: LabelSpace | None = None) -> Audit:
    """Examine every sample of one or several splits of a data set.

    Args:
        datasets: our own, or anything with `__len__` and `__getitem__`; give all splits at once, so that samples which
            stand in two of them show. Frequencies and statistics are those of the first.
        labels: label space of data sets that have no `.labels`.
    """
    if not datasets:
        raise DataError("audit needs at least one data set")
    spaces = [getattr(d, "labels", None) or labels for d in datasets]
    exams = [list(_examined(d)) for d in datasets]
    return gather(datasets, spaces, exams)


def _examined(dataset: Any) -> Iterator[Exam]:
    if isinstance(dataset, Pairs):
        # decoding releases the interpreter's lock, so threads pay, and cost no second import of torch
        with ThreadPoolExecutor(min(os.cpu_count() or 1, 16)) as pool:
            yield from pool.map(lambda item: examine(dataset, item), dataset.items)
    else:
        yield from (examine_sample(dataset, n) for n in range(len(dataset)))
