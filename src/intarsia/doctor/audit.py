"""The label doctor: everything about a data set that would spoil a run or its numbers, told before the first step.

    each sample --examine (threads)--> Exam --gather--> Audit: findings, frequencies, statistics, hash

It measures and tells; it neither prints nor mends. What it calls an error, training refuses.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ..data.dataset import Dataset, images_of, labels_of
from ..data.files.ahead import ahead
from ..data.pairs import Pairs
from ..errors import DataError
from ..labels import LabelSpace
from .exam.examine import Exam, examine, examine_sample, spooled
from .exam.views import Spool
from .finding import Audit, Finding
from .judge import gather

_CLOSELY = 300  # samples of a data set that is made while it is read: of more, not each one's regions are looked at

__all__ = ["Audit", "Finding", "audit"]


def audit(*datasets: Any, labels: LabelSpace | None = None, quick: bool = False) -> Audit:
    """Examine every sample of one or several splits of a data set.

    Args:
        datasets: our own, or anything with `__len__` and `__getitem__`; give all splits at once, so that samples which
            stand in two of them show. Frequencies and statistics are those of the first. Or one folder of images and
            masks that nobody described: then what its masks mean is inferred, and is among the findings.
        labels: label space of data sets that have no `.labels`.
        quick: look only at values, sizes, what cannot be read, and pictures that stand twice pixel for pixel.
    """
    if datasets and isinstance(datasets[0], str | Path):
        from .diagnose import diagnose

        return diagnose(datasets[0], quick=quick).audit
    return judge(datasets, examined(datasets, quick), labels)


def examined(datasets: Sequence[Dataset], quick: bool = False) -> list[list[Exam]]:
    """The exam of every sample of each data set; a `quick` one looks at values, sizes, and what cannot be read.

    Raises: DataError for a data set whose items are no images.
    """
    for dataset in datasets:
        images_of(dataset, "audited")
    spool = Spool()
    return [[spooled(exam, spool) for exam in _examined(d, quick)] for d in datasets]


def judge(
    datasets: Sequence[Dataset],
    exams: Sequence[list[Exam]],
    labels: LabelSpace | None = None,
    said: Sequence[Finding] = (),
) -> Audit:
    """What follows from the exams, after what was found before; see `audit`."""
    if not datasets:
        raise DataError("audit needs at least one data set")
    return gather(datasets, [_read_by(d, labels) for d in datasets], exams, said)


def _read_by(dataset: Dataset, labels: LabelSpace | None) -> LabelSpace | None:
    """What the values that were counted mean: raw ones in files, class numbers in samples that others made."""
    space = labels_of(dataset) or labels
    if space is None or isinstance(dataset, Pairs):
        return space
    return space.plain


def _examined(dataset: Dataset, quick: bool) -> Iterator[Exam]:
    if isinstance(dataset, Pairs):
        yield from ahead(lambda item: examine(dataset, item, quick), dataset.items)
    else:
        step = -(-len(dataset) // _CLOSELY) or 1
        yield from (examine_sample(dataset, n, n % step == 0, quick) for n in range(len(dataset)))
