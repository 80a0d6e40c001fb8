"""The gate: an exported file runs beside the predictor on pictures, and is refused unless both say the same.

    pictures - three sizes, one and three at once - predictor ---,
                                                  ` file -------- changed pixels, largest differences - under the bounds?
    pictures with truth - both scored ------------------------- change of the score ------------------'

A bound is a number that is printed and kept in the file; nobody has to believe it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from ...errors import IntarsiaError
from ...metrics import ConfusionMatrix
from ...postprocess import usual_task
from ...structures import (
    Answer,
    Detections,
    Labels,
    Output,
    SemanticLogits,
)
from ..predictor import Predictor
from .asked import task_for
from .compared import answers_of, changed, probabilities_of
from .stages import parts_of

SMALLEST = (1, 17, 33, 65, 129, 257)  # sides of pictures that a file is tried on, to learn the smallest that it serves
TOGETHER = (1, 3)  # pictures at once
MOST = 100  # pictures that are looked at, the first ones


class Bounds(NamedTuple):
    """What a file may differ by at most.

    Args:
        pixels: share of all pixels whose answer changes, 0..1.
        logits: largest difference of a part of the network's output, in shares of that part's largest value.
        probability: largest difference of a probability, 0..1.
        score: loss of mean IoU, 0..1; a gain may be as large.
    """

    pixels: float
    logits: float
    probability: float
    score: float


BOUNDS = {
    "float32": Bounds(1e-4, 1e-3, 1e-3, 1e-4),  # another order of the same sums
    "resized": Bounds(2e-3, 5e-2, 5e-2, 1e-3),  # and a gray level more or less where a resized pixel lies between two
    "int8": Bounds(2e-2, 0.25, 1.0, 5e-3),  # what eight bits may cost: half a point of mean IoU
}


class Measured(NamedTuple):
    """One comparison: pictures of one size, and the largest differences that they showed."""

    images: int
    height: int
    width: int
    pixels: float  # share of them that changed
    logits: float  # nan where the file does not give them
    probability: float  # nan where there is none
    failed: str = ""  # why the file gave no answer


class Verdict(NamedTuple):
    """What the gate found.

    Args:
        rows: one a size and number of pictures.
        bounds: that the worst of them was held against.
        scores: mean IoU of the predictor and of the file on pictures with truth; None without any.
        scored: how many pictures that was.
        pictures: where they come from, in words.
        smallest: side of the smallest picture that the file serves.
        faults: what exceeds its bound, in clauses; none: passed.
    """

    rows: tuple[Measured, ...]
    bounds: Bounds
    scores: tuple[float, float] | None
    scored: int
    pictures: str
    smallest: int
    faults: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Whether nothing exceeds its bound."""
        return not self.faults

    @property
    def changed(self) -> float:
        """The share of all pixels, over all rows, whose answer changed."""
        whole = sum(row.images * row.height * row.width for row in self.rows)
        return sum(row.pixels * row.images * row.height * row.width for row in self.rows) / max(whole, 1)

    @property
    def lost(self) -> float:
        """How much mean IoU the file loses, 0..1; nan where no picture has truth."""
        return self.scores[0] - self.scores[1] if self.scores else math.nan

    def worst(self, name: str) -> float:
        """The largest value of a column; nan where no row has one."""
        found = [value for row in self.rows if not math.isnan(value := getattr(row, name))]
        return max(found, default=math.nan)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data, for the file."""
        return {
            "passed": self.passed,
            "pictures": self.pictures,
            "smallest": self.smallest,
            "changed": self.changed,
            "logits": _number(self.worst("logits")),
            "probability": _number(self.worst("probability")),
            "scores": None if self.scores is None else list(self.scores),
            "scored": self.scored,
            "bounds": self.bounds._asdict(),
            "sizes": [[row.images, row.height, row.width] for row in self.rows],
            "faults": list(self.faults),
        }


class Ran(NamedTuple):
    """What an exported file gives for raw images: the tensors of its answer, and the network's output, where it has it,
    in the images' own size."""

    answer: Mapping[str, np.ndarray]
    output: Output | None


def judge(
    reference: Predictor,
    run: Callable[[Tensor], Ran],
    answer: str,
    pictures: Sequence[Tensor],
    truths: Sequence[Tensor | None] = (),
    *,
    bounds: Bounds,
    where: str = "",
    fixed: bool = False,
) -> Verdict:
    """Hold an exported file against the predictor that it was made of.

    Args:
        reference: one pass over each picture, without windows and views.
        run: the file.
        answer: what it answers.
        pictures: [C, H, W] raw integers, at least one.
        truths: [H, W] class numbers and the ignore index, of each picture or None.
        where: the pictures come from.
        fixed: whether pictures are resized before the network, whatever their size, so that none is too small.
    """
    compare = _Comparison(reference, run, answer)
    smallest = 1 if fixed else _smallest(compare, pictures[0], bounds)
    each = [picture[None] for picture in pictures[1:MOST] if min(picture.shape[1:]) >= smallest]
    rows = [compare.row(images) for images in [*batches(pictures, smallest), *each]]
    scores, scored = (None, 0) if answer != "labels" else _scores(compare, pictures, truths)
    verdict = Verdict(tuple(rows), bounds, scores, scored, where, smallest, ())
    return verdict._replace(faults=tuple(_faults(verdict)))


def batches(pictures: Sequence[Tensor], smallest: int = 1) -> list[Tensor]:
    """Pictures at three sizes, odd ones and another shape among them, alone and three at once.

    Args:
        pictures: [C, H, W] raw integers; parts of them are cut out, and small ones are mirrored at their borders.
        smallest: no side is shorter.

    Returns: six batches [B, C, h, w].
    """
    height, width = (int(side) for side in pictures[0].shape[1:])
    sizes = [(height, width), (height * 5 // 8 | 1, width * 7 // 8 | 1), (height * 7 // 8, width * 5 // 8 | 1)]
    made = []
    for h, w in sizes:
        size = max(h, smallest), max(w, smallest)
        for count in TOGETHER:
            chosen = [pictures[n % len(pictures)] for n in range(count)]
            made.append(torch.stack([_cut(picture, size, n) for n, picture in enumerate(chosen)]))
    return made


def _cut(picture: Tensor, size: tuple[int, int], number: int) -> Tensor:
    """A part of a picture, of another corner and side for each number; what is missing is the picture mirrored."""
    for axis, side in zip((1, 2), size, strict=True):
        while picture.shape[axis] < side:
            picture = torch.cat([picture, picture.flip(axis)], dim=axis)
    top, left = ((picture.shape[axis] - side) * (number % 2) for axis, side in zip((1, 2), size, strict=True))
    part = picture[:, top : top + size[0], left : left + size[1]]
    return part.flip(2) if number % 3 == 2 else part


class _Comparison:
    """The predictor and the file side by side."""

    def __init__(self, reference: Predictor, run: Callable[[Tensor], Ran], answer: str) -> None:
        self.reference, self.run, self.answer = reference, run, answer

    @torch.inference_mode()
    def both(self, images: Tensor) -> tuple[list[Answer], Output, list[Answer], Output | None]:
        """Answers and outputs of both, the file's last."""
        output = self.reference.output(images)
        own = self.reference.task or usual_task(type(output), self.reference.labels)
        task = task_for(self.answer, type(output), own)
        judge = self.reference if task == own else self.reference.deciding(task)
        ran = self.run(images)
        given = answers_of(self.answer, ran.answer, self.reference.labels, images)
        return judge.answers(output), output, given, ran.output

    def row(self, images: Tensor) -> Measured:
        """How far both are apart on some pictures."""
        count, _, height, width = images.shape
        nothing = Measured(count, height, width, 1.0, math.nan, math.nan)
        try:
            true, output, given, its = self.both(images)
        except IntarsiaError as error:
            return nothing._replace(failed=str(error))
        if len(given) != len(true):
            return nothing._replace(failed=f"{len(given)} answers for {len(true)} pictures")
        shares = [changed(one, other) for one, other in zip(true, given, strict=True)]
        space, warmth = self.reference.labels, self.reference.temperature
        far, unsure = math.nan, math.nan
        if its is not None:
            far = apart(output, its)
            sure, other = (probabilities_of(one, space, warmth) for one in (output, its))
            if sure is not None and other is not None:
                unsure = _largest(sure - other) if sure.shape == other.shape else 1.0
        return nothing._replace(pixels=float(np.mean(shares)), logits=far, probability=unsure)


def apart(output: Output, other: Output) -> float:
    """The largest difference of all parts, each in shares of its largest value; of objects that of their scores, because
    another rounding may change places of two."""
    worst = 0.0
    mine, its = parts_of(output), parts_of(other)
    for name in ["scores"] if isinstance(output, Detections) else mine:
        if mine[name].shape != its[name].shape:
            return math.inf
        scale = float(mine[name].abs().max()) if mine[name].numel() else 0.0
        worst = max(worst, _largest(mine[name].float() - its[name].float()) / max(scale, 1e-6))
    return worst


def _largest(difference: Tensor) -> float:
    found = float(difference.abs().max()) if difference.numel() else 0.0
    return math.inf if math.isnan(found) else found


def _smallest(compare: _Comparison, picture: Tensor, bounds: Bounds) -> int:
    """The side of the smallest square picture from which on the file agrees."""
    for side in SMALLEST:
        row = compare.row(_cut(picture, (side, side), 0)[None])
        if not row.failed and not row.logits > bounds.logits and row.pixels <= max(bounds.pixels, 1 / side**2):
            return side
    return SMALLEST[0]  # the rows will say what is wrong


def _scores(
    compare: _Comparison, pictures: Sequence[Tensor], truths: Sequence[Tensor | None]
) -> tuple[tuple[float, float] | None, int]:
    """Mean IoU of both on pictures with truth, and how many these are."""
    space = compare.reference.labels
    pairs = [(one, true) for one, true in zip(pictures, truths, strict=False) if true is not None][:MOST]
    counts = [ConfusionMatrix(space.num_classes, space.ignore_index) for _ in range(2)]
    for picture, true in pairs:
        try:
            mine, output, given, _ = compare.both(picture[None])
        except IntarsiaError:
            return None, 0  # the rows say why
        if (
            not isinstance(mine[0], Labels)
            or not isinstance(given[0], Labels)
            or not isinstance(output, SemanticLogits)
        ):
            return None, 0
        for count, answer in zip(counts, (mine[0], given[0]), strict=True):
            count.update(answer.classes, true)
    if not pairs:
        return None, 0
    before, after = (float(count.compute().miou) for count in counts)
    return (before, after), len(pairs)


def _faults(verdict: Verdict) -> list[str]:
    """What exceeds its bound, each in a clause."""
    bounds = verdict.bounds
    failed = [row for row in verdict.rows if row.failed]
    told = [f"{row.images} x {row.height} x {row.width}: {row.failed}" for row in failed[:1]]
    if verdict.changed > bounds.pixels:
        told.append(f"{100 * verdict.changed:.3g} % of the pixels change, and {100 * bounds.pixels:g} % may")
    for name, words in (
        ("logits", "the output differs by {} of its largest value"),
        ("probability", "a probability differs by {}"),
    ):
        worst = verdict.worst(name)
        if worst > getattr(bounds, name):
            told.append(f"{words.format(f'{worst:.2g}')}, and {getattr(bounds, name):g} is allowed")
    if verdict.scores is not None and abs(verdict.lost) > bounds.score and (verdict.lost > 0 or bounds.score < 1e-3):
        told.append(
            f"mean IoU goes from {100 * verdict.scores[0]:.2f} to {100 * verdict.scores[1]:.2f}, and "
            f"{100 * bounds.score:g} points are allowed"
        )
    return told


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None
