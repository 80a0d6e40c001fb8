"""What is counted in masks of several labels a pixel: each plane by itself, and all of them for their borders."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .regions import SPECK, gaps, regions, sizes, specks


class Drawn(NamedTuple):
    """The regions of each plane, by its class number."""

    specks: dict[int, int]  # class -> tiny regions
    objects: dict[int, np.ndarray]  # class -> regions of 1, 2-3, 4-7, ... pixels, [24]
    gaps: dict[int, int]  # class -> lines that almost close
    speck_at: tuple[int, int] | None  # (row, column) of one
    gap_at: tuple[int, int] | None


def pixels(planes: np.ndarray, ignored: int, ignore_index: int) -> dict[int, int]:
    """Count the pixels of each plane [K, H, W], and those that are ignored; classes of no pixel are left out."""
    counts = {number: int(plane.sum()) for number, plane in enumerate(planes)}
    return {number: count for number, count in ({**counts, ignore_index: ignored}).items() if count}


def drawn(planes: np.ndarray) -> Drawn:
    """Find the regions of each plane [K, H, W] bool."""
    found = Drawn({}, {}, {}, None, None)
    for number, plane in enumerate(planes):
        parts = regions(plane.view(np.uint8)) if plane.any() else None
        if parts is None:
            continue
        on = parts.values == 1
        tiny = np.flatnonzero(on & (parts.areas < SPECK))
        if len(tiny):
            found.specks[number] = specks(parts)[1]
            at = int(parts.boxes[tiny[0], 0]), int(parts.boxes[tiny[0], 1])
            found = found._replace(speck_at=found.speck_at or at)
        found.objects[number] = sizes(parts)[1]
        if holes := [hole for hole in gaps(parts) if hole[0] == 1]:
            found.gaps[number] = len(holes)
            found = found._replace(gap_at=found.gap_at or (holes[0][1], holes[0][2]))
    return found


def combined(planes: np.ndarray, ignored: np.ndarray) -> np.ndarray:
    """Number the combinations of planes [K, H, W], [H, W] int64: it has a border wherever any plane has one."""
    weights = np.random.default_rng(0).integers(1, 1 << 62, len(planes) + 1)
    codes = np.where(ignored, weights[-1], 0)
    for plane, weight in zip(planes, weights[:-1], strict=True):
        codes[plane] ^= weight
    return codes
