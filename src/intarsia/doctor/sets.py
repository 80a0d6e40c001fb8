"""Diagnose data sets that somebody opened: what their values mean is known, and every sample is examined by it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ..data.dataset import Dataset, images_of, labels_of, notes_of, split_of, title_of
from ..data.files.ahead import ahead
from ..data.pairs import Pairs
from ..errors import DataError
from ..labels import LabelSpace
from .diagnosis import Diagnosis
from .exam.beyond import examine_any
from .exam.examine import Exam, spooled
from .exam.reading import Case, Split
from .exam.views import Spool
from .finding import Finding
from .findings.duplicates import copies
from .judge import judge

_CLOSELY = 300  # samples of a data set that is made while it is read: of more, not each one's regions are looked at


def diagnose_sets(
    datasets: Sequence[Any],
    labels: LabelSpace | None = None,
    title: str = "",
    found: Sequence[Finding] = (),
    quick: bool = False,
    suspect: bool = False,
) -> Diagnosis:
    """Look at every sample of one or several splits.

    Args:
        labels: label space of data sets that have no `.labels`.
        found: findings that were made before.
        quick: look only at values, sizes, what cannot be read, and pictures that stand twice pixel for pixel.
        suspect: tell, too, what only seems so: findings that are wrong more often than once in 500 sound pairs.

    Raises: DataError for a data set whose items are no images.
    """
    if not datasets:
        raise DataError("audit needs at least one data set")
    for dataset in datasets:
        images_of(dataset, "audited")
    names, spool = _names(datasets), Spool()
    splits = tuple(_examined(d, name, labels, spool, quick) for d, name in zip(datasets, names, strict=True))
    same = copies(names, [split.exams for split in splits])
    audit = judge(splits, same, found, suspect)
    return Diagnosis(title or title_of(datasets[0]), audit, splits[0].labels, splits, same)


def _names(datasets: Sequence[Dataset]) -> list[str]:
    """A name for each data set, no two alike."""
    names: list[str] = []
    for number, dataset in enumerate(datasets, 1):
        name = str(split_of(dataset) or (f"set {number}" if len(datasets) > 1 else "data"))
        names.append(f"{name} ({number})" if name in names else name)
    return names


def _examined(dataset: Dataset, name: str, labels: LabelSpace | None, spool: Spool, quick: bool) -> Split:
    """A data set as a split, with the exam of every sample."""
    space, notes = labels_of(dataset) or labels, notes_of(dataset)
    if isinstance(dataset, Pairs):
        exams = ahead(lambda item: examine_any(dataset, item, quick), dataset.items)
        rows = zip(dataset.items, exams, strict=True)
        cases = tuple(Case(item, spooled(exam, spool), dataset=dataset) for item, exam in rows)
        return Split(name, cases, labels=space, notes=notes)
    samples = tuple(spooled(exam, spool) for exam in _samples(dataset, quick))
    # samples that others made hold class numbers, whatever the files hold
    return Split(name, samples=samples, labels=None if space is None else space.plain, notes=notes)


def _samples(dataset: Dataset, quick: bool) -> Iterator[Exam]:
    from .exam.samples import examine_sample  # which alone needs PyTorch

    step = -(-len(dataset) // _CLOSELY) or 1
    return (examine_sample(dataset, n, n % step == 0, quick) for n in range(len(dataset)))


def recognized(source: Path) -> list[Finding]:
    """What an export is recognized as, and what is known of its splits."""
    from ..datasets.recognize import recognize, richer

    known = richer(source, 0.2) or recognize(source, 0.2)
    lines = [f"{source}: {known.title}.", *(f"{line[0].upper()}{line[1:]}." for line in known.splits)]
    return [Finding("recognized", "note", line) for line in lines]
