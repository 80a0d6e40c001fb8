"""Regions that are drawn over each other: of which of them nothing is left to see."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ..errors import counted

FAINT = 0.1  # share of a region's pixels below which next to nothing of it is seen


def hidden(labels: Sequence[str], areas: Sequence[int], seen: Sequence[int]) -> tuple[str, ...]:
    """The labels of the regions of which less than a tenth is seen; those of no pixel are not among them.

    Args:
        areas: the pixels of each region by itself.
        seen: those of them that no later region covers.
    """
    return tuple(label for label, area, left in zip(labels, areas, seen, strict=True) if area and left < FAINT * area)


def hidden_planes(planes: np.ndarray, names: Sequence[str]) -> tuple[str, ...]:
    """The names of the planes [K, H, W] bool of which less than a tenth is seen when later ones cover earlier ones."""
    above = np.zeros(planes.shape[1:], bool)
    seen = []
    for plane in planes[::-1]:
        seen.append(int((plane & ~above).sum()))
        above |= plane
    return hidden(names, [int(plane.sum()) for plane in planes], seen[::-1])


def told_covered(counts: Mapping[str, int], first: str) -> str:
    """The sentence about regions that later ones cover, by their class; `first` is the picture of the first."""
    total = sum(counts.values())
    classes = ", ".join(f"{count} {label}" for label, count in sorted(counts.items(), key=lambda c: -c[1]))
    are, them = ("is", "it") if total == 1 else ("are", "them")
    share = f"{FAINT:.0%}"
    return (
        f"{counted(total, 'region')} {are} covered by later ones, so that nothing or less than {share} of {them} is seen: "
        f"{classes} (the first in {first})"
    )
