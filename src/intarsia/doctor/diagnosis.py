"""What the label doctor knows of a source after a visit."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ..data.pairs import Pair
from ..labels import LabelSpace
from .exam.reading import Split, reader
from .finding import Audit, Sight
from .findings.duplicates import Copies
from .meaning.reading import Table


@dataclass(frozen=True)
class Diagnosis:
    """All that is known of a folder, an export, a data set by name, or data sets that somebody opened.

    Attributes:
        title: what was looked at.
        audit: the findings and the statistics.
        labels: what the values in the masks mean; None where nobody knows.
        splits: the samples and their exams, by the values that `labels` knows.
        copies: the samples of one picture.
        dataset: the name in `datasets.catalogue` of what read it; empty for a folder that nobody described.
        root: the folder that was looked at; None for data sets.
        tables: place of a mask -> its own values -> the common ones, where they differ.
        lost: place of a mask -> why no rule reads it.
        proposed: kind of finding -> tables as above: what looks likely, and is done where a person accepts that kind.
        spelled: pairs whose names are one to a reader only.
        unlabeled: images that are part of no pair.
    """

    title: str
    audit: Audit
    labels: LabelSpace | None
    splits: tuple[Split, ...]
    copies: Copies = field(default_factory=Copies)
    dataset: str = ""
    root: Path | None = None
    tables: Mapping[str, Table] = field(default_factory=dict)
    lost: Mapping[str, str] = field(default_factory=dict)
    proposed: Mapping[str, Mapping[str, Table]] = field(default_factory=dict)
    spelled: tuple[Pair, ...] = ()
    unlabeled: tuple[Path, ...] = ()

    def reader(self) -> Callable[[Sight], tuple[np.ndarray | None, np.ndarray | None]]:
        """A function that reads what a report shows of a sight: its image, and its class numbers, -1 where a value has no meaning."""
        if self.labels is None:
            return lambda sight: (None, None)
        return reader([case for split in self.splits for case in split.cases], self.labels, self.tables)
