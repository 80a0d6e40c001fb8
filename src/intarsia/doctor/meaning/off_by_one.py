"""Masks whose ids count from one more than those of the others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from ..exam.examine import Exam


def one_more(views: Sequence[tuple[Exam, dict[int, int]]], ids: set[int]) -> tuple[list[Exam], list[Exam]]:
    """Masks whose ids are one too high: those with an id that others lack, and those that only lack the background."""
    pixels: Counter[int] = Counter()
    for _, values in views:
        pixels.update(values)
    sure: list[Exam] = []
    doubt: list[Exam] = []
    for low in {min(pixels, default=0), max(pixels, key=lambda v: pixels[v], default=0)} - {255}:
        hit = [(e, set(v) - {255}) for e, v in views if low not in v and low + 1 in v]
        rest = [set(v) - {255} for _, v in views if low in v or low + 1 not in v]
        held = sum(low in v for v in rest)
        if len(rest) < len(hit) or held < 0.75 * len(rest):
            continue
        base = set().union(*rest)
        if len(base) < 2:  # masks of one value each: some are all of one class, the others all of the next
            continue
        if len(base) > 0.7 * (max(base) + 1 - low):
            base |= set(range(low, max(base) + 1))
        ground = pixels[low] > 0.5 * sum(pixels.values()) and held >= 0.95 * len(rest) and len(rest) >= 7
        for exam, own in hit:
            if exam not in sure and {v - 1 for v in own} <= base:
                if not own <= ids or own.isdisjoint(base) or (ground and not own <= base):
                    sure.append(exam)
                elif ground:
                    doubt.append(exam)
    return sure, [e for e in doubt if e not in sure]


def shifted(value: int, views: Sequence[tuple[Exam, dict[int, int]]], held: Counter[int]) -> bool:
    """Whether an id stands only in masks without the lowest, which nearly all others have: they seem to count from one more."""
    hit, low = [v for _, v in views if value in v], min(held)
    others = len(views) - len(hit)
    return bool(hit) and all(low not in v for v in hit) and others >= len(hit) and held[low] >= 0.75 * others
