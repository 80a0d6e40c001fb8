"""The label doctor: everything about a data set that would spoil a run or its numbers, found before the first step.

    each sample --examine (threads)--> Exam --judge--> Audit: findings, frequencies, statistics, hash

It measures and reports; it neither prints nor mends. What it calls an error, training refuses.
"""

from typing import Any

from ..labels import LabelSpace
from .finding import Audit, Finding
from .visit import visit

__all__ = ["Audit", "Finding", "audit"]


def audit(*datasets: Any, labels: LabelSpace | None = None, quick: bool = False, suspect: bool = False) -> Audit:
    """Examine every sample of one or several splits of a data set: the audit of a `visit`.

    Args:
        datasets: our own, or anything with `__len__` and `__getitem__`; give all splits at once, so that samples which
            stand in two of them show. Frequencies and statistics are those of the first. Or one source: a folder, an
            export, a data set's name.
        labels: label space of data sets that have no `.labels`.
        quick: look only at values, sizes, what cannot be read, and pictures that stand twice pixel for pixel.
        suspect: tell, too, what only seems so: findings that are wrong more often than once in 500 sound pairs.
    """
    return visit(datasets if len(datasets) != 1 else datasets[0], labels=labels, quick=quick, suspect=suspect).audit
