"""What a study has found: its networks in order, which differences between them are real, and that in a sentence.

The seeds of one network are counted together: its IoU is that of all its predictions of the same images. The paired
test says whether these trained networks differ on images of this kind; that training again would give the same order
is another question, and with two seeds and more a difference is only called real if, besides, no run of the worse
network reaches one of the better.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from ..evaluation import judge
from ..evaluation.verdict import holm, sentence, told_apart
from ..metrics.records import Column
from ..metrics.significance import Interval, Seeds


class Entry(NamedTuple):
    """One network of a study: its score over its seeds, and what it costs.

    Args:
        score: the main measure of all its predictions together, with the interval over images.
        seeds: mean and deviation of its runs' own scores; `runs`: those.
        classes: the measure of each class.
        parameters, gflops: of the network, the latter at the size of the first validation image.
        speed: images a second, one image at a time, on this machine.
        steps: optimizer steps of each run within the budget.
    """

    name: str
    model: str
    encoder: str | None
    score: Interval
    seeds: Seeds
    runs: tuple[float, ...]
    classes: dict[str, float]
    parameters: int
    gflops: float
    speed: float
    steps: tuple[int, ...]


class Pair(NamedTuple):
    """Two networks: B - A, its p after Holm, and the verdict: "real", "these runs only" or "not told apart"."""

    a: str
    b: str
    value: Interval
    p: float
    verdict: str
    says: str


@dataclass(frozen=True, eq=False)
class Study:
    """What a study has found, the best network first."""

    entries: list[Entry]
    pairs: list[Pair]
    images: int
    size: tuple[int, int]
    budget: str
    data: str
    protocol: str
    trained: int  # runs trained in this call; the others were finished before
    column: Column  # the main measure

    @property
    def measure(self) -> str:
        """What the main measure is called."""
        return self.column.name

    @property
    def answer(self) -> str:
        """The result in one or two sentences."""
        best = self.entries[0]
        how = f"has the lowest {self.measure}," if self.column.lower else f"scores highest, {self.measure}"
        told = f"{best.name} {how} {best.score}"
        if len(self.entries) == 1:
            return told
        mine = [p for p in self.pairs if best.name in (p.a, p.b)]
        beaten = [p.a if p.b == best.name else p.b for p in mine if p.verdict == "real"]
        others = [p.a if p.b == best.name else p.b for p in mine if p.verdict != "real"]
        if not beaten:
            return f"{told}, but no other network can be told from it on {self.images} images"
        once = "; one seed each, so training again may turn it" if len(best.runs) == 1 else ""
        if not others:
            return f"{told}, and every difference from it is real{once}"
        return f"{told}; it is really better than {listed(beaten)}, and cannot be told from {listed(others)}{once}"

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON; None where there is no number."""
        tree = {
            "answer": self.answer,
            "entries": [
                {**e._asdict(), **self._scored(e), "seeds": e.seeds._asdict(), "runs": list(e.runs), "steps": list(e.steps)}
                for e in self.entries
            ],
            "pairs": [{**p._asdict(), "value": list(p.value)} for p in self.pairs],
            "images": self.images,
            "size": list(self.size),
            "budget": self.budget,
            "data": self.data,
            "protocol": self.protocol,
            "measure": self.measure,
            "trained": self.trained,
        }  # fmt: skip
        plain: dict[str, Any] = plain_json(tree)
        return plain

    def _scored(self, entry: Entry) -> dict[str, Any]:
        """The main measure of a network, under its own name as well where it is the mIoU."""
        values = list(entry.score)
        return {"score": values, **({"miou": values} if self.measure == "mIoU" else {})}


def together(counts: Sequence[Any]) -> Any:
    """Several predictions of the same images, counted together, image by image."""
    return counts[0].pooled(counts[1:]) if len(counts) > 1 else counts[0]


def pairs(entries: Sequence[Entry], pooled: Mapping[str, Any], protocol: str) -> list[Pair]:
    """Every two networks, the better one last: by how much it is better, and whether that is real; p after Holm."""
    couples = [(a, b) for n, b in enumerate(entries) for a in entries[n + 1 :]]  # b is the better one
    verdicts = [judge(pooled[a.name], pooled[b.name], names=(a.name, b.name), protocol=protocol) for a, b in couples]
    found = []
    for (a, b), verdict, p in zip(couples, verdicts, holm([v.mean.p for v in verdicts]), strict=True):
        change = told_apart(verdict.mean.value, p, verdict.mean.needed, verdict.level, len(verdict.images))
        lower = verdict.columns[-1].lower
        apart = max(b.runs) < min(a.runs) if lower else min(b.runs) > max(a.runs)
        word = "not told apart" if not change.real else "real" if apart else "these runs only"
        says = sentence(a.name, b.name, change, len(verdict.images), alike=verdict.alike, lower=lower)
        if word == "these runs only":
            says += ", but its seeds overlap with the other's"
        found.append(Pair(a.name, b.name, change.value, p, word, says))
    return found


def listed(words: Sequence[str]) -> str:
    """Words as a sentence has them: a, b and c."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def plain_json(tree: Any) -> Any:
    """What JSON gives back of it: tuples are lists, NaN is None."""
    if isinstance(tree, Mapping):
        return {str(key): plain_json(value) for key, value in tree.items()}
    if isinstance(tree, list | tuple):
        return [plain_json(value) for value in tree]
    return None if isinstance(tree, float) and not math.isfinite(tree) else tree
