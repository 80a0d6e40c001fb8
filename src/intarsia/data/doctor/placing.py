"""Masks that stand beside the wrong image: every mask is laid on every image, and its own should suit it best.

How a mask's borders lie on an image's edges says little alone, since some images have edges everywhere. Compared with
how other masks of the set lie on the same image it says much: in sound sets the own mask is 1.4 to 13 deviations better.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from ..examine import Exam
from ..findings import Finding, Sight

_FEW = 8  # samples: among fewer, chance decides
_AT_ONCE = 1500  # samples that are compared with each other; of more, each with its neighbors in order
_NONE = 0.5  # median deviations below which masks lie on their images no better than others do
_SURE = 2.5  # deviations that two masks gain together, at least, when they are exchanged


def placing(exams: Sequence[Exam]) -> Iterator[Finding]:
    """The findings about masks of other images."""
    known = [e for e in exams if e.edges.size]
    sound: list[float] = []
    found: list[tuple[float, Exam, Exam]] = []
    for start in range(0, len(known), _AT_ONCE):
        part = known[start : start + _AT_ONCE]
        if len(part) >= _FEW and (suits := suiting(part)) is not None:
            sound += np.diag(suits).tolist()
            found += [(gain, part[a], part[b]) for gain, a, b in exchanged(suits)]
    if sound and float(np.median(sound)) < _NONE:
        yield Finding(
            "misplaced",
            "warning",
            f"The masks of {len(sound)} images lie on the edges of their images no better than those of the other images do.",
            tuple(e.place for e in known[:5]),
            "Look at some of them: masks may be turned, or stand beside other images, as when one list lacks a file.",
            _sights(known),
        )
        return
    if found:
        found.sort(key=lambda f: -f[0])
        both = [e for _, a, b in found for e in (a, b)]
        yield Finding(
            "swapped",
            "warning",
            f"{len(found)} {'pairs' if len(found) > 1 else 'pair'} of masks would lie far better on each other's images (the first: {found[0][1].name} and {found[0][2].name}), so they seem to be exchanged.",
            tuple(f"{a.place} and {b.place}" for _, a, b in found[:5]),
            "Look at them, and exchange the files of the masks.",
            _sights(both),
        )


def suiting(exams: Sequence[Exam]) -> np.ndarray | None:
    """[N, N] how much better mask j suits image i than masks of the set usually do, in deviations; None where masks do not differ.

    What all images share, and what all masks share, is taken off first: a street lies low in all of them.
    """
    edges, borders = (_shaped([getattr(e, what) for e in exams]) for what in ("edges", "borders"))
    if not (borders.any(axis=1).all() and edges.any(axis=1).all()):
        return None
    suits = edges @ borders.T
    others = ~np.eye(len(exams), dtype=bool)
    rest = suits[others].reshape(len(exams), -1)
    deviation = rest.std(axis=1, keepdims=True)
    return None if (deviation < 1e-6).any() else (suits - rest.mean(axis=1, keepdims=True)) / deviation


def exchanged(suits: np.ndarray) -> list[tuple[float, int, int]]:
    """(gain, one, other) of masks that suit each other's images better than their own, each sample once, best first."""
    own = np.diag(suits)
    gain = suits - own[:, None]
    both = gain + gain.T
    one, two = np.triu_indices(len(suits), 1)
    values = both[one, two]
    middle = float(np.median(values))
    width = 1.48 * float(np.median(np.abs(values - middle)))
    chance = middle + width * float(np.sqrt(2 * np.log(max(len(values), 2))))  # what the best of so many reaches
    hit = (values > max(_SURE, chance)) & (np.minimum(gain, gain.T)[one, two] > 0.3)
    result: list[tuple[float, int, int]] = []
    taken: set[int] = set()
    for place in np.flatnonzero(hit)[np.argsort(-values[hit])]:
        a, b = int(one[place]), int(two[place])
        if not taken & {a, b}:
            result.append((float(values[place]), a, b))
            taken |= {a, b}
    return result


def _shaped(maps: Sequence[np.ndarray]) -> np.ndarray:
    """[N, P] of unit length: free of contrast, and of what all maps share."""
    flat = np.stack([m.ravel() for m in maps]).astype(np.float32)
    flat -= flat.mean(axis=1, keepdims=True)
    flat /= flat.std(axis=1, keepdims=True) + 1e-6
    flat -= flat.mean(axis=0)
    length = np.linalg.norm(flat, axis=1, keepdims=True)
    return np.where(length > 1e-3, flat / np.maximum(length, 1e-9), 0.0)


def _sights(exams: Sequence[Exam]) -> tuple[Sight, ...]:
    return tuple(Sight(e.name, e.image_path, e.mask_path) for e in exams[:5])
