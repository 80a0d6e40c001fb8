"""Regions that later ones cover, so that a part, little or nothing of them is in the masks that are trained on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from ...data.layers import told_covered
from ...errors import counted
from ..exam.examine import Exam, sights
from ..finding import Finding


def covered(split: str, exams: Sequence[Exam]) -> Iterable[Finding]:
    """How many regions of each class are covered, and how many pixels of objects lie under others."""
    if part := [exam for exam in exams if exam.under]:
        pixels = sum(exam.under for exam in part)
        yield Finding(
            "under",
            "note",
            f"{split}: {pixels:,} px of objects in {counted(len(part), 'picture')} lie under objects that are drawn later, "
            "which labels and object numbers show alone.",
            tuple(f"{exam.image_path or exam.place} ({exam.under:,} px)" for exam in part[:5]),
            "Write data.overlaps: true where objects should keep all of their pixels.",
            sights(part),
        )
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
