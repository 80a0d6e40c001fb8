"""Verdicts on two models, from what each counted on the same images.

    A, B --counts of each image--> paired bootstrap    how large the difference is, with its interval
                                   permutation test    how often swapping A and B image by image gives as much
                                   `needed`            how many images would tell, where these do not

A difference is called real when the interval of the bootstrap leaves out 0 and p stays below 1 - level. Among classes
the p-values are raised after Holm first, because of twenty classes without any difference one has p < 0.05 by chance.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from ..metrics import ImageCounts
from ..metrics import compare as paired
from ..metrics.protocols import overlap
from ..metrics.records import OF_VIDEOS, Column, Records
from ..metrics.significance import Comparison, Interval

RESAMPLES = 10_000


class Change(NamedTuple):
    """What the step from A to B changes: one class, or all of them.

    Args:
        value: B - A with its interval, of 0..1.
        p: of the permutation test; among classes after Holm.
        real: whether it differs from none.
        needed: about how many such images would tell it; None where there is no difference at all.
    """

    value: Interval
    p: float
    real: bool
    needed: int | None


@dataclass(frozen=True, eq=False)
class Verdict:
    """What the comparison of A and B has found.

    Args:
        names: what A and B are called.
        score: the main measure of A and of B.
        each: the measure of each class, or each error of depth, of A and of B.
        mean: of the main measure; `classes`: of that of each class.
        images: (name, score of A, score of B) of each image alone, the largest change first.
        columns: names, directions and units of the measures; the last is the main one.
        source: what both were held against, as far as it is known: which "pairs", and how "values" of masks were read.
    """

    names: tuple[str, str]
    score: tuple[float, float]
    each: dict[str, tuple[float, float]]
    mean: Change
    classes: dict[str, Change]
    images: list[tuple[str, float, float]]
    protocol: str
    resamples: int
    level: float
    alike: bool
    columns: tuple[Column, ...]
    source: dict[str, str] = field(default_factory=dict)

    @property
    def measure(self) -> str:
        """What the main measure is called."""
        return self.columns[-1].name

    @property
    def miou(self) -> tuple[float, float]:
        """The main measure of A and of B, which is the mIoU of label maps and planes."""
        return self.score

    @property
    def iou(self) -> dict[str, tuple[float, float]]:
        """The measure of each class, which is the IoU of label maps and planes."""
        return self.each

    @property
    def better(self) -> str | None:
        """Which of the two is better, if that can be known."""
        return self.winner(self.mean, self.columns[-1])

    def winner(self, change: Change, column: Column) -> str | None:
        """Which of the two a difference of a measure is in favor of, if that can be known."""
        return self.names[(change.value.value > 0) != column.lower] if change.real else None

    def rows(self) -> list[tuple[str, tuple[float, float], Change, Column]]:
        """Each measure: name, values of A and of B, difference, direction and unit; the main one last."""
        kinds = {column.name: column for column in self.columns[:-1]}
        found = [(name, self.each[name], change, kinds[name]) for name, change in self.classes.items()]
        if self.measure in self.classes:  # of depth the main measure is one of them
            return found
        return [*found, ("all classes", self.score, self.mean, self.columns[-1])]

    @property
    def sentence(self) -> str:
        """The answer in one sentence."""
        lower = self.columns[-1].lower
        return sentence(*self.names, self.mean, len(self.images), alike=self.alike, lower=lower, unit=self.unit)

    @property
    def unit(self) -> str:
        """What was drawn, swapped and counted: an "image", or a whole "video" where objects are followed."""
        return "video" if self.measure in OF_VIDEOS else "image"

    def to_dict(self) -> dict[str, Any]:
        """Return plain data; None where there is no number."""
        plain = lambda c: {  # noqa: E731
            "difference": [_or_none(x) for x in c.value], "p": _or_none(c.p), "real": c.real, "needed": c.needed
        }  # fmt: skip
        return {
            "a": self.names[0],
            "b": self.names[1],
            "sentence": self.sentence,
            "better": self.better,
            "measure": self.measure,
            "score": [_or_none(x) for x in self.score],
            "each": {name: [_or_none(x) for x in values] for name, values in self.each.items()},
            **self._of_pixels(),
            "mean": plain(self.mean),
            "classes": {name: plain(change) for name, change in self.classes.items()},
            "images": len(self.images),
            "per_image": [{"name": n, "a": _or_none(a), "b": _or_none(b)} for n, a, b in self.images],
            "protocol": self.protocol,
            "resamples": self.resamples,
            "level": self.level,
            **self.source,
        }

    def _of_pixels(self) -> dict[str, Any]:
        """The entries that label maps and planes have besides."""
        if self.measure != "mIoU":
            return {}
        each = {name: [_or_none(x) for x in values] for name, values in self.each.items()}
        return {"miou": [_or_none(x) for x in self.score], "iou": each}


def judge(
    a: ImageCounts | Records,
    b: ImageCounts | Records,
    *,
    names: tuple[str, str] = ("A", "B"),
    protocol: str = "dataset",
    resamples: int = RESAMPLES,
    level: float = 0.95,
    seed: int = 0,
) -> Verdict:
    """The verdict on two models from what they counted on the same images, whatever they answer.

    Args:
        a, b: `Score.counts` of both.
        protocol: of `metrics.PROTOCOLS`, where pixels were counted; other measures have their own.

    Raises: DataError when the two do not hold the same images and labels.
    """
    found: Comparison = paired(a, b, protocol, resamples=resamples, seed=seed, level=level)
    place = {name: n for n, name in enumerate(b.names)}
    b = b.take([place[name] for name in a.names])
    raised = holm([change.p for change in found.classes.values()])
    changes = {
        name: told_apart(d.value, p, d.needed, level, len(a))
        for (name, d), p in zip(found.classes.items(), raised, strict=True)
    }
    mean = told_apart(found.mean.value, found.mean.p, found.mean.needed, level, len(a))
    each = list(zip(a.names, a.own.tolist(), b.own.tolist(), strict=True))
    each.sort(key=lambda row: -abs(row[2] - row[1]) if not math.isnan(row[2] - row[1]) else 1.0)
    if isinstance(a, ImageCounts) and isinstance(b, ImageCounts):
        alike = bool(np.array_equal(a.rows, b.rows))
        score = (a.miou(protocol), b.miou(protocol))
        values = [overlap(*counts.rows.sum(axis=0)).tolist() for counts in (a, b)]
    else:
        assert not isinstance(a, ImageCounts) and not isinstance(b, ImageCounts)  # both measure the same
        ones = np.ones((1, len(a)))
        *values_a, score_a = a.measured(ones)[0].tolist()
        *values_b, score_b = b.measured(ones)[0].tolist()
        values, score = [values_a, values_b], (score_a, score_b)
        none = [change.value for change in (*changes.values(), mean) if not math.isnan(change.value.value)]
        alike = np.array_equal(a.own, b.own, equal_nan=True) and not any(any(interval) for interval in none)
    by_class = dict(zip(a.classes, zip(*values, strict=True), strict=True))
    return Verdict(
        names, score, by_class, mean, changes, each, found.protocol, found.resamples, level, alike, tuple(a.columns)
    )


def holm(values: Sequence[float]) -> list[float]:
    """p-values of several questions at once, raised so that the chance of any false yes stays what it says.

    Sture Holm. "A Simple Sequentially Rejective Multiple Test Procedure." Scandinavian Journal of Statistics 1979.
    """
    held = sorted((p, n) for n, p in enumerate(values) if not math.isnan(p))
    raised, highest = [math.nan] * len(values), 0.0
    for rank, (p, n) in enumerate(held):
        highest = max(highest, min(1.0, (len(held) - rank) * p))
        raised[n] = highest
    return raised


def sentence(
    a: str, b: str, change: Change, images: int, alike: bool = False, lower: bool = False, unit: str = "image"
) -> str:
    """A difference in words: "A is better by 1.8 points [0.6, 3.1]"."""
    many = f"{images} {unit}{'s' if images != 1 else ''}"
    value, low, high = change.value
    if alike:
        return f"{a} and {b} score exactly the same on {many}"
    if math.isnan(value):
        return f"{a} and {b} cannot be compared: there is no score on {many}"
    if change.real:
        better, sign = (b if (value > 0) != lower else a), (1 if value > 0 else -1)
        ends = sorted((sign * low, sign * high))
        return f"{better} is better by {100 * abs(value):.1f} points [{100 * ends[0]:.1f}, {100 * ends[1]:.1f}]"
    if change.needed is None:
        return f"no difference can be told apart with {many}"
    return f"no difference can be told apart with {many}; about {change.needed:,} would be needed".replace(
        ",", "\u202f"
    )


def told_apart(value: Interval, p: float, needed: int | None, level: float, images: int) -> Change:
    """A difference with its verdict; where only the permutation test misses it, `needed` follows from its p."""
    real = bool((value.low > 0 or value.high < 0) and p < 1 - level)
    if not real and needed is not None and needed <= images:
        needed = _until(p, level, images)
    return Change(value, p, real, needed)


def _until(p: float, level: float, images: int) -> int | None:
    """About how many images bring p down to 1 - level, if the difference stays; None when that is out of sight."""
    from scipy.special import ndtri

    here, there = -float(ndtri(p / 2)), -float(ndtri((1 - level) / 2))
    if not here > 0.01:
        return None
    exact = max(images * (there / here) ** 2, images + 1)
    unit = 10 ** max(0, math.ceil(math.log10(exact)) - 2)
    return math.ceil(exact / unit - 1e-9) * unit


def _or_none(value: float) -> float | None:
    return None if math.isnan(value) else value
