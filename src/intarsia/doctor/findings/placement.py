"""Masks that stand beside the wrong image: every mask is laid on every image, and its own should suit it best.

How a mask's borders lie on an image's edges says little alone, since some images have edges everywhere. Compared with
how other masks of the set lie on the same image it says much: in sound sets the own mask is 1.4 to 13 deviations better.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from ..exam.examine import Exam, sights
from ..exam.fingerprints import TURNS, turn, turned
from ..finding import Finding

_FEW = 5  # samples: among fewer, chance decides
_RARE = 50  # of so many masks one is expected to be wrong, or of as many as there are
_SHIFTS = (2, 3, 4, 5)  # of GRID points, that a mask may have moved
_AT_ONCE = 1500  # samples that are compared with each other; of more, each with its neighbors in order
_PART = 512  # samples whose gains are computed at once
_NONE = 0.5  # median deviations below which masks lie on their images no better than others do
_WIDTH = 0.55  # of the spread of a measure, as a share of the usual loss: no measure is surer than that
_CAPPED = 1.0  # usual losses: what a hypothesis gains beyond says no more
_SURE = 2.5  # deviations that two masks gain together, at least, when they are exchanged
_LAGS = 3  # files that a list of masks may be ahead or behind
_FOLLOWS = 1.0  # median deviations from which on masks of other images, so many files further, are the right ones
EXCHANGED = 0.4  # log odds from which on masks are exchanged without doubt; below, down to 0, they are suspects
MOVED = 2.0  # the same of masks that are turned or shifted


def placing(exams: Sequence[Exam], suspect: bool = False) -> Iterator[Finding]:
    """The findings about masks of other images.

    Args:
        suspect: tell what is likelier than not, too, which in sound sets is wrong more often than once in 500 masks.
    """
    known = [e for e in exams if e.edges.size and e.colors.size and e.grid.size]
    sound: list[float] = []
    after: list[float] = []
    found: list[tuple[float, Exam, Exam]] = []
    for start in range(0, len(known), _AT_ONCE):
        part = known[start : start + _AT_ONCE]
        if len(part) >= _FEW and (suits := suiting(part)) is not None:
            sound += np.diag(suits).tolist()
            after.append(following(suits))
            pairs = exchanged(suits, coloring(part))
            found += [(gain, part[a], part[b]) for gain, a, b in pairs if suspect or gain >= EXCHANGED]
    if sound and float(np.median(sound)) < _NONE and (suspect or max(after) >= _FOLLOWS):
        yield Finding(
            "misplaced",
            "warning",
            f"The masks of {len(sound)} images lie on the edges of their images no better than those of the other images do.",
            tuple(e.place for e in known[:5]),
            "Look at some of them: masks may be turned, or stand beside other images, as when one list lacks a file.",
            sights(known),
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
            sights(both),
        )


def following(suits: np.ndarray) -> float:
    """How well masks suit the images some files before or after their own, in median deviations, at the best such lag.

    Args:
        suits: [N, N] as `suiting` gives them.
    """
    lags = [lag for lag in range(-_LAGS, _LAGS + 1) if lag and len(suits) - abs(lag) >= _FEW]
    return max((float(np.median(np.diagonal(suits, lag))) for lag in lags), default=-np.inf)


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


def coloring(exams: Sequence[Exam]) -> np.ndarray:
    """[N, N] how well mask j divides the colors of image i: minus the logarithm of the share of variance left within classes."""
    colors = np.stack([e.colors.reshape(-1, 3) for e in exams]).astype(np.float32) / 255
    colors -= colors.mean(axis=1, keepdims=True)
    flat = colors.transpose(1, 0, 2).reshape(colors.shape[1], -1)
    whole = (colors**2).sum(axis=(1, 2)) + 1e-3
    found = np.zeros((len(exams), len(exams)), np.float32)
    for mask, exam in enumerate(exams):
        values, place = np.unique(exam.grid, return_inverse=True)
        member = np.eye(len(values), dtype=np.float32)[place.ravel()]  # [P, K]
        sums = ((member.T @ flat) ** 2).reshape(len(values), len(exams), 3)
        found[:, mask] = (sums / member.sum(axis=0)[:, None, None]).sum(axis=(0, 2))
    return np.asarray(-np.log(np.maximum(whole[:, None] - found, 1e-3) / whole[:, None]))


def exchanged(suits: np.ndarray, colored: np.ndarray | None = None) -> list[tuple[float, int, int]]:
    """(odds, one, other) of masks that suit each other's images better than their own, each sample once, best first.

    Args:
        suits, colored: [N, N] how well mask j suits image i, by its borders and by the colors of its classes.
    """
    one, two = np.triu_indices(len(suits), 1)
    gains = []
    for measure in (suits, colored):
        if measure is not None:
            gain = measure - np.diag(measure)[:, None]
            gains.append((gain + gain.T)[one, two])
    values = gains[0]
    middle = float(np.median(values))
    width = 1.48 * float(np.median(np.abs(values - middle)))
    chance = middle + width * float(np.sqrt(2 * np.log(max(len(values), 2))))  # what the best of so many reaches
    gain = suits - np.diag(suits)[:, None]
    clear = (values > max(_SURE, chance)) & (np.minimum(gain, gain.T)[one, two] > 0.3) & (len(suits) >= 8)
    score = odds(gains, (0.3, 0.05)[: len(gains)]) - np.log(max(len(values), _RARE))
    score = np.where(clear, np.maximum(score, 0.01 * values), score)
    hit = score > 0
    result: list[tuple[float, int, int]] = []
    taken: set[int] = set()
    for place in np.flatnonzero(hit)[np.argsort(-score[hit])]:
        a, b = int(one[place]), int(two[place])
        if not taken & {a, b}:
            result.append((float(score[place]), a, b))
            taken |= {a, b}
    return result


def moved(exams: Sequence[Exam], least: float = 0.0) -> list[tuple[Exam, str]]:
    """Single masks that would lie better on their images if they were turned or shifted, and how, surest first.

    Args:
        least: log odds that speak for it.
    """
    known, best, how = moving(exams)
    return [(known[n], turned(how[n]) if how[n] < TURNS else "shifted") for n in np.argsort(-best) if best[n] > least]


def moving(exams: Sequence[Exam]) -> tuple[list[Exam], np.ndarray, np.ndarray]:
    """Masks, the log odds [N] that each was turned or shifted, and how [N]; of fewer than eight, none."""
    known = [e for e in exams if e.fit and e.edges.size and e.colors.size and e.grid.size]
    best, how = np.full(len(known), -np.inf), np.zeros(len(known), int)
    if len(known) < 8:
        return [], best[:0], how[:0]
    edge, color = np.concatenate(
        [_gains(known[start : start + _PART]) for start in range(0, len(known), _PART)], axis=2
    )
    for way in range(1, len(edge)):
        hit = np.flatnonzero(np.isfinite(edge[way]))
        if len(hit) >= 8:
            least, chances = ((0.1, 0.1), 1) if way < TURNS else ((0.05, 0.05), 4)
            score = odds([edge[way, hit], color[way, hit]], least) - np.log(max(len(hit), _RARE) * chances)
            better = score > best[hit]
            best[hit[better]], how[hit[better]] = score[better], way
    return known, best, how


def _gains(exams: Sequence[Exam]) -> np.ndarray:
    """[2, ways, N] what each way to turn or shift a mask would gain: steeper edges under its borders, and colors divided
    better by its classes. Way 0 is as it is; a mask that is not square cannot have been turned by 90 degrees: nan."""
    colors, grids = np.stack([e.colors for e in exams]), np.stack([e.grid for e in exams])
    grids = np.unique(grids, return_inverse=True)[1].reshape(grids.shape)
    edges, borders = (np.stack([getattr(e, what) for e in exams]).astype(np.float32) for what in ("edges", "borders"))
    found = np.full((2, TURNS + 4 * len(_SHIFTS), len(exams)), np.nan)
    own = divided(colors, grids)
    for way in range(1, TURNS):
        found[0, way] = [np.log((e.fit[way] + 0.01) / (e.fit[0] + 0.01)) if len(e.fit) > way else np.nan for e in exams]
        found[1, way] = divided(colors, np.stack([turn(grid, way) for grid in grids])) - own
    way = TURNS
    for axis in (1, 2):
        for step in (*_SHIFTS, *(-s for s in _SHIFTS)):
            found[0, way] = np.log(_along(edges, borders, axis, 2 * step) / _along(edges, borders, axis, 0))
            seen, masks = np.moveaxis(colors, axis, 1), np.moveaxis(grids, axis, 1)
            here, there = (
                (slice(step, None), slice(None, -step)) if step > 0 else (slice(None, step), slice(-step, None))
            )
            found[1, way] = divided(seen[:, here], masks[:, there]) - divided(seen[:, here], masks[:, here])
            way += 1
    return found


def divided(colors: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """[N] how well labels divide the colors of images: minus the logarithm of the share of variance left within classes.

    Args:
        colors: [N, H, W, 3] of so many images.
        labels: [N, H, W] numbers from 0 on, few of them.
    """
    count = len(colors)
    flat = colors.reshape(count, -1, 3).astype(np.float32)
    flat -= flat.mean(axis=1, keepdims=True)
    kinds = int(labels.max(initial=0)) + 1
    slot = (np.arange(count)[:, None] * kinds + labels.reshape(count, -1)).ravel()
    size = count * kinds
    pixels = np.maximum(np.bincount(slot, minlength=size), 1)
    between = sum(np.bincount(slot, flat[..., c].ravel(), size) ** 2 / pixels for c in range(3))
    whole = (flat**2).sum(axis=(1, 2)) + 1.0
    left = whole - np.asarray(between).reshape(count, -1).sum(axis=1)
    return np.asarray(-np.log(np.maximum(left, 1e-3 * whole) / whole))


def _along(edges: np.ndarray, borders: np.ndarray, axis: int, step: int) -> np.ndarray:
    """[N] how steep images are along borders that are shifted, over how steep they are everywhere."""
    images, lines = np.moveaxis(edges, axis, 1), np.moveaxis(borders, axis, 1)
    if step:
        images, lines = (images[:, step:], lines[:, :-step]) if step > 0 else (images[:, :step], lines[:, -step:])
    mean = (images * lines).sum(axis=(1, 2)) / np.maximum(lines.sum(axis=(1, 2)), 1.0)
    return np.asarray(mean / np.maximum(edges.mean(axis=(1, 2)), 1.0) + 0.01)


def _shaped(maps: Sequence[np.ndarray]) -> np.ndarray:
    """[N, P] of unit length: free of contrast, and of what all maps share."""
    flat = np.stack([m.ravel() for m in maps]).astype(np.float32)
    flat -= flat.mean(axis=1, keepdims=True)
    flat /= flat.std(axis=1, keepdims=True) + 1e-6
    flat -= flat.mean(axis=0)
    length = np.linalg.norm(flat, axis=1, keepdims=True)
    return np.where(length > 1e-3, flat / np.maximum(length, 1e-9), 0.0)


def odds(gains: Sequence[np.ndarray], least: Sequence[float]) -> np.ndarray:
    """[N] log odds, without the prior, that a hypothesis holds: that a mask is mirrored, or that two are exchanged.

    In sound masks the hypothesis loses, by so much and so differently from mask to mask; a true one gains about what a
    false one loses, so each measure is weighted by its own spread and needs no threshold.

    Args:
        gains: of each measure, [N] what the hypothesis would gain in each sample; most samples are sound.
        least: of each measure, the smallest width to believe in.
    """
    total = np.zeros(len(gains[0]))
    for gain, floor in zip(gains, least, strict=True):
        loss = -float(np.median(gain))
        if loss <= 0:
            continue  # a measure that does not tell right from wrong in this set
        width = max(1.48 * float(np.median(np.abs(gain + loss))), floor, _WIDTH * loss)
        total += 2 * loss * np.clip(gain, -_CAPPED * loss, _CAPPED * loss) / width**2
    return total
