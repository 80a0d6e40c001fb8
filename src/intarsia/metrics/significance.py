"""How far a score can be trusted: intervals over images, comparisons of two models, and the spread of several seeds.

    a data set is one draw of images; another draw would have given another mIoU

    bootstrap   draw N of the N images with repetition, R times, score each draw: the middle 95 % are the interval
    compare     both models on the same images: the bootstrap of B - A, and a permutation test that swaps A and B image
                by image, which makes no difference if they are equally good
    over_seeds  training again gives another model: mean, deviation and Student's interval of several runs

Images are the unit that is drawn: neighboring pixels, or frames of one video, are no independent evidence.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..errors import DataError
from .image_matches import ImageMatches
from .per_image import ImageCounts
from .protocols import Protocol
from .protocols import protocol as named
from .records import Records

_CHUNK = 1 << 22  # weights at once: 32 MB
_EFFORT = 3_000_000  # detections in all resamples together


class Interval(NamedTuple):
    """A number and the range that its uncertainty leaves it; NaN where there is none."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{100 * self.value:.1f} ({100 * self.low:.1f} to {100 * self.high:.1f})"


class Bootstrap(NamedTuple):
    """Percentile intervals of a score: `mean` of the main measure, such as mIoU, `classes` of each class's by name."""

    mean: Interval
    classes: dict[str, Interval]
    protocol: str
    images: int
    resamples: int
    seed: int
    level: float

    def to_dict(self) -> dict[str, Any]:
        """Return plain data; NaN stays."""
        return {**self._asdict(), "mean": list(self.mean), "classes": {k: list(v) for k, v in self.classes.items()}}


class Difference(NamedTuple):
    """How much better B is than A.

    Args:
        value: B - A, with its bootstrap interval.
        p: of the permutation test, two-sided: how often swapping A and B image by image gives as large a difference.
        needed: how many such images would tell this difference from none: as many as bring its standard error down to
            the difference / 1.96 (then half of all repetitions would find it), rounded up to two digits. None where
            there is no difference.
    """

    value: Interval
    p: float
    needed: int | None


class Comparison(NamedTuple):
    """Two models on the same images: `mean` compares their main measure, such as mIoU, `classes` each class's by name."""

    mean: Difference
    classes: dict[str, Difference]
    protocol: str
    images: int
    resamples: int
    seed: int
    level: float

    def to_dict(self) -> dict[str, Any]:
        """Return plain data; NaN stays."""

        def plain(difference: Difference) -> dict[str, Any]:
            return {"difference": list(difference.value), "p": difference.p, "needed": difference.needed}

        return {**self._asdict(), "mean": plain(self.mean), "classes": {k: plain(v) for k, v in self.classes.items()}}


class Seeds(NamedTuple):
    """Several runs of one recipe: mean, standard deviation (of n - 1) and Student's interval of the mean."""

    mean: float
    deviation: float
    low: float
    high: float
    runs: int


def bootstrap(
    counts: ImageCounts | Records,
    protocol: str = "dataset",
    *,
    resamples: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> Bootstrap:
    """Intervals of the main measure and of each class's, from drawing the images again.

    Args:
        counts: `ImageCounts`, for mIoU and IoU under a protocol; or records of another measure, such as `ImageMatches`,
            whose protocol is their own.
        resamples: at most; fewer, down to 200, where each takes long, as with average precision of many detections.
        level: share of the resamples within an interval. A class that is in no image of some resamples has the interval
            of the others.

    Raises: DataError for no images, fewer than 2 resamples or a level outside 0..1; RecipeError for an unknown protocol.
    """
    _checked(counts, resamples, level)
    found, resamples = _measure(counts, protocol), _affordable(counts, resamples)
    values = found(np.ones((1, len(counts))))[0]
    drawn = np.concatenate([found(weights) for weights in _chunks(_draws, len(counts), resamples, seed)])
    spans = [Interval(*map(float, row)) for row in zip(values, *_range(drawn, level), strict=True)]
    classes = dict(zip(counts.classes, spans, strict=False))
    return Bootstrap(spans[-1], classes, _called(counts, protocol), len(counts), resamples, seed, level)


def compare(
    a: ImageCounts | Records,
    b: ImageCounts | Records,
    protocol: str = "dataset",
    *,
    resamples: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> Comparison:
    """Whether B is better than A on the same images, and how many images it would take to know.

    Args:
        a, b, resamples: as for `bootstrap`, and both of one sort.

    Raises: DataError when the two do not hold the same images and labels.
    """
    _checked(a, resamples, level)
    b = _paired(a, b)
    found_a, found_b, resamples = _measure(a, protocol), _measure(b, protocol), _affordable(a, resamples)
    ones = np.ones((1, len(a)))
    value = (found_b(ones) - found_a(ones))[0]
    drawn = np.concatenate([found_b(w) - found_a(w) for w in _chunks(_draws, len(a), resamples, seed)])
    swap = _swapping(a, b, protocol)
    swapped = [swap(flips) for flips in _chunks(_flips, len(a), resamples, seed + 1)]
    extreme = np.abs(np.concatenate(swapped)) >= np.abs(value) - 1e-12  # NaN is not
    p = np.where(np.isnan(value), np.nan, (1 + extreme.sum(axis=0)) / (1 + resamples))
    error = _deviation(drawn)
    found = [
        Difference(Interval(*map(float, row[:3])), float(row[3]), _needed(len(a), float(row[4]), float(row[0])))
        for row in zip(value, *_range(drawn, level), p, error, strict=True)
    ]
    classes = dict(zip(a.classes, found, strict=False))
    return Comparison(found[-1], classes, _called(a, protocol), len(a), resamples, seed, level)


def over_seeds(values: Sequence[float], level: float = 0.95) -> Seeds:
    """The spread of one score over runs that differ in nothing but the seed.

    Returns: deviation and interval are NaN for a single run.

    Raises: DataError for no values.
    """
    from scipy.special import stdtrit

    numbers = np.asarray(values, np.float64)
    if not numbers.size:
        raise DataError("no runs to summarize; give the score of each seed")
    mean, count = float(numbers.mean()), len(numbers)
    if count == 1:
        return Seeds(mean, math.nan, math.nan, math.nan, 1)
    deviation = float(numbers.std(ddof=1))
    half = float(stdtrit(count - 1, (1 + level) / 2)) * deviation / math.sqrt(count)
    return Seeds(mean, deviation, mean - half, mean + half, count)


def _checked(counts: ImageCounts | Records, resamples: int, level: float) -> None:
    if not len(counts):
        raise DataError("there are no images to draw from")
    if resamples < 2:
        raise DataError(f"{resamples} resamples make no interval; take 1000")
    if not 0 < level < 1:
        raise DataError(f"level is {level}; it is a share between 0 and 1, such as 0.95")


def _paired(a: Any, b: Any) -> Any:
    """B's images in A's order."""
    if type(a) is not type(b) or a.columns[-1] != b.columns[-1]:
        raise DataError(
            f"one of the two was scored by {a.columns[-1].name} and the other by {b.columns[-1].name}; compare models of one task"
        )
    if a.classes != b.classes:
        raise DataError("the two models do not have the same classes; a comparison needs the same labels for both")
    if a.names != b.names:
        if len(set(a.names)) < len(a) or sorted(a.names) != sorted(b.names):
            odd = sorted(set(a.names) ^ set(b.names))
            told = f", such as {odd[0]!r}" if odd else " (names repeat)"
            raise DataError(
                f"the two were not scored on the same images: {len(a)} and {len(b)}{told}; score both on one data set"
            )
        place = {name: n for n, name in enumerate(b.names)}
        b = b.take([place[name] for name in a.names])
    if not np.array_equal(a.truth, b.truth):
        first = a.names[int(np.flatnonzero((a.truth != b.truth).any(axis=1))[0])]
        raise DataError(f"{first}: the two were scored against different labels; score both on one data set")
    return b


def _measure(counts: Any, protocol: str) -> Callable[[np.ndarray], np.ndarray]:
    """Weights [R, N] of images to the measures [R, K + 1] of the draws: each class's, then the main one."""
    if not isinstance(counts, ImageCounts):
        measured: Callable[[np.ndarray], np.ndarray] = counts.measured
        return measured
    way = named(protocol)
    parts = _parts(way, counts)
    return lambda weights: _found(way, weights @ parts)


def _swapping(a: Any, b: Any, protocol: str) -> Callable[[np.ndarray], np.ndarray]:
    """Flips [R, N] to B - A [R, K + 1] after the flipped images have changed sides."""
    if not isinstance(a, ImageCounts):
        both = a.joined(b)

        def of_both(flips: np.ndarray) -> np.ndarray:
            other: np.ndarray = both.measured(np.concatenate([flips, 1 - flips], axis=1))
            return np.asarray(other - both.measured(np.concatenate([1 - flips, flips], axis=1)))

        return of_both
    way = named(protocol)
    parts_a, parts_b = _parts(way, a), _parts(way, b)
    sums_a, sums_b, change = parts_a.sum(axis=0), parts_b.sum(axis=0), parts_b - parts_a

    def of_sums(flips: np.ndarray) -> np.ndarray:
        moved = flips @ change
        return np.asarray(_found(way, sums_b - moved) - _found(way, sums_a + moved))

    return of_sums


def _affordable(counts: Any, resamples: int) -> int:
    """As many resamples as take a few seconds where a draw is no sum, but sorts all detections."""
    numbers = counts.detections if isinstance(counts, ImageMatches) else 0
    return min(resamples, max(200, _EFFORT // numbers)) if numbers else resamples


def _called(counts: Any, protocol: str) -> str:
    return protocol if isinstance(counts, ImageCounts) else str(counts.columns[-1].name)


def _parts(way: Protocol, counts: ImageCounts) -> np.ndarray:
    return way.parts(counts.hit, counts.truth, counts.predicted)


def _found(way: Protocol, sums: np.ndarray) -> np.ndarray:
    """[R, K + 1]: the IoU of each class, then the mean."""
    classes, mean = way.totals(sums)
    return np.concatenate([classes, mean[:, None]], axis=1)


def _chunks(make: Callable[[np.random.Generator, int, int], np.ndarray], images: int, resamples: int, seed: int) -> Any:
    """Weights [r, N], as many resamples at a time as fit into a few megabytes."""
    random = np.random.default_rng(seed)
    size = max(1, _CHUNK // images)
    for start in range(0, resamples, size):
        yield make(random, min(size, resamples - start), images)


def _draws(random: np.random.Generator, rows: int, images: int) -> np.ndarray:
    """How often each of N images is drawn in N draws with repetition: multinomial counts [rows, N]."""
    picks = random.integers(0, images, (rows, images), dtype=np.int32).astype(np.int64)
    picks += np.arange(rows)[:, None] * images
    return np.bincount(picks.ravel(), minlength=rows * images).reshape(rows, images).astype(np.float64)


def _flips(random: np.random.Generator, rows: int, images: int) -> np.ndarray:
    """Which images are swapped, 0 or 1, [rows, N]."""
    return random.integers(0, 2, (rows, images), dtype=np.int8).astype(np.float64)


def _range(drawn: np.ndarray, level: float) -> tuple[np.ndarray, np.ndarray]:
    """The two percentiles of each column, its NaNs left out."""
    ranked = np.sort(drawn, axis=0)  # NaN comes last
    held = (~np.isnan(ranked)).sum(axis=0)
    ends = []
    for share in ((1 - level) / 2, (1 + level) / 2):
        place = share * np.maximum(held - 1, 0)
        below = np.floor(place).astype(int)
        above = np.minimum(below + 1, np.maximum(held - 1, 0))
        columns = np.arange(ranked.shape[1])
        low, high = ranked[below, columns], ranked[above, columns]
        ends.append(low + (high - low) * (place - below))
    return ends[0], ends[1]


def _deviation(drawn: np.ndarray) -> np.ndarray:
    held = ~np.isnan(drawn)
    count = held.sum(axis=0)
    mean = np.where(held, drawn, 0).sum(axis=0) / np.maximum(count, 1)
    squares = (np.where(held, drawn - mean, 0) ** 2).sum(axis=0)
    return np.where(count > 1, np.sqrt(squares / np.maximum(count - 1, 1)), np.nan)


def _needed(images: int, error: float, difference: float) -> int | None:
    if not difference or math.isnan(error) or math.isnan(difference):
        return None
    exact = images * (1.96 * error / difference) ** 2
    unit: int = 10 ** max(0, math.ceil(math.log10(max(exact, 1))) - 2)
    return max(1, math.ceil(exact / unit - 1e-9) * unit)
