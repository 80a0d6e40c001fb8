"""Count the numbers of label maps, and how often two maps' numbers meet, run by run instead of pixel by pixel."""

from __future__ import annotations

import numpy as np


def runs(*maps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Cut maps of one size into runs of neighboring pixels in which no map changes.

    Args:
        maps: [H, W] whole numbers, each.

    Returns: (the place of each run's first pixel in the flat maps, the pixels of each run).
    """
    first, *others = (values.reshape(-1) for values in maps)
    changes = first[1:] != first[:-1]
    for values in others:
        changes |= values[1:] != values[:-1]
    starts = np.concatenate([np.zeros(min(1, first.size), np.int64), np.flatnonzero(changes) + 1])
    return starts, np.diff(starts, append=first.size)


def occurring(values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """List the numbers of a map.

    Returns: (the numbers that occur, ascending; the place of each pixel's among them, flat; how often each occurs).
    """
    starts, lengths = runs(values)
    present, place = np.unique(values.reshape(-1)[starts], return_inverse=True)
    return present, np.repeat(place, lengths), weighed(place, lengths, len(present))


def meetings(first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Count how often each number of one map lies where each number of another lies.

    Args:
        first, second: [H, W] whole numbers.

    Returns: (the pairs that occur, [N, 2] int64 in ascending order; the pixels of each, [N] int64).
    """
    starts, lengths = runs(first, second)
    (names, place), (others, other) = (
        np.unique(values.reshape(-1)[starts], return_inverse=True) for values in (first, second)
    )
    joint, back = np.unique(place * max(1, len(others)) + other, return_inverse=True)
    pairs = np.stack([names[joint // max(1, len(others))], others[joint % max(1, len(others))]], axis=1)
    return pairs.astype(np.int64), weighed(back, lengths, len(joint))


def weighed(place: np.ndarray, lengths: np.ndarray, count: int) -> np.ndarray:
    """Add up the pixels of runs by their place, [count] int64; exact below 2^53 pixels."""
    return np.bincount(place, lengths, count).astype(np.int64)
