"""What a reader could not use of an export, and what it left out: findings over all splits, so that each comes once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ...data.dataset import notes_of
from ...data.faults import advice, first_of, of
from ..finding import Finding


def left_out(splits: Sequence[str], datasets: Sequence[object]) -> Iterable[Finding]:
    """Annotations that cannot be used, all of them, and the remarks of data sets with the splits that have them."""
    if faults := of(datasets):
        yield Finding("annotation", "error", f"{first_of(faults)}.", tuple(map(str, faults)), advice(datasets))
    held: dict[str, list[str]] = {}
    for split, dataset in zip(splits, datasets, strict=True):
        for remark in notes_of(dataset).remarks:
            held.setdefault(remark, []).append(split)
    wish = "Mend it in the tool where it counts, and export again; otherwise all is well."
    for remark, whose in held.items():
        start = "" if 1 < len(splits) == len(whose) else f"{' and '.join(whose)}: "
        yield Finding("left_out", "warning", f"{start}{remark.rstrip('.')}.", (), wish)
