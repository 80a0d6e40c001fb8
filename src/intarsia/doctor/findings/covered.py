"""Regions that later ones cover, so that nothing or little of them is in the masks that are trained on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from ...data.layers import told_covered
from ..exam.examine import Exam, sights
from ..finding import Finding


def covered(split: str, exams: Sequence[Exam]) -> Iterable[Finding]:
    """How many regions of each class are covered."""
    hit = [exam for exam in exams if exam.covered]
    if not hit:
        return
    counts = Counter(label for exam in hit for label in exam.covered)
    yield Finding(
        "covered",
        "warning",
        f"{split}: {told_covered(counts, hit[0].name)}.",
        tuple(f"{exam.image_path or exam.place} ({', '.join(dict.fromkeys(exam.covered))})" for exam in hit[:5]),
        "If they count, order the shapes in the tool so that small ones are drawn after large ones, and export again.",
        sights(hit),
    )
