"""Region similarity J and contour accuracy F of objects that are followed through videos, by the rules of DAVIS.

Federico Perazzi et al. "A Benchmark Dataset and Evaluation Methodology for Video Object Segmentation." CVPR 2016.
Jordi Pont-Tuset et al. "The 2017 DAVIS Challenge on Video Object Segmentation." 2017. arXiv:1704.00675

    J       IoU of an object's mask in a frame; 1 where it is in neither map
    F       of its outline's pixels, matched within 0.8 % of the diagonal, rounded up
    mean    over frames        recall  share of frames above 0.5
    decay   mean of the first quarter of the frames minus mean of the last

Each object of each sequence counts the same. Its objects are those of a sequence's first true frame. Where their numbers
are given (semi-supervised), the first and the last frame do not count, and ignored pixels are background. Otherwise
(unsupervised) all frames do, ignored pixels count nowhere, and the assignment of predicted to true objects is the one with
the largest J + F.
"""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

import numpy as np
from torch import Tensor

from ..errors import LabelError
from .boundary import outline_match
from .ids import mean

TOLERANCE = 0.008  # of the diagonal
PROPOSALS = 20  # objects of a sequence that an unsupervised prediction may have
Task = Literal["semi-supervised", "unsupervised"]


class Followed(NamedTuple):
    """Mean, recall and decay of J and of F, of one object or as means over objects; and the mean of both means."""

    jf: float
    j_mean: float
    j_recall: float
    j_decay: float
    f_mean: float
    f_recall: float
    f_decay: float


class VideoObjectScores(NamedTuple):
    """Scores over all objects, and of each object by sequence and number."""

    all: Followed
    objects: dict[tuple[str, int], Followed]


class VideoObjectQuality:
    """J and F of any number of videos, fed frame by frame; it keeps two numbers for each frame and pair of objects.

    Args:
        task: "semi-supervised": the numbers of objects are given; "unsupervised": they are matched.
    """

    def __init__(self, ignore_index: int | None = 255, *, task: Task = "semi-supervised") -> None:
        if task not in ("semi-supervised", "unsupervised"):
            raise LabelError(f"task is {task!r}; choose 'semi-supervised' or 'unsupervised'")
        self.ignore_index = ignore_index
        self.task = task
        self.frames: dict[str, list[dict[int, np.ndarray]]] = {}
        """Of each sequence and frame: predicted object -> [2, objects] J and F; 0: where nothing is predicted."""
        self.objects: dict[str, int] = {}
        """Of each sequence, the number of its objects."""

    def update(self, predicted: Tensor | np.ndarray | None, labels: Tensor | np.ndarray, sequence: str = "") -> None:
        """Count one frame; the frames of a sequence come in order of time.

        Args:
            predicted: [H, W] numbers of objects, 0 for background; None for a frame that does not count.
            labels: [H, W] the same of what is true.

        Raises: LabelError when sizes differ, the truth's first frame has no object, or for numbers that it does not have.
        """
        truth, void = self._split(labels)
        if sequence not in self.objects:
            if not truth.max(initial=0):
                raise LabelError(f"the first frame of sequence {sequence!r} has no object; its objects are those there")
            self.objects[sequence], self.frames[sequence] = int(truth.max()), []
        count, kept = self.objects[sequence], self.frames[sequence]
        if truth.max(initial=0) > count:
            raise LabelError(
                f"frame {len(kept)} of sequence {sequence!r} has object {truth.max()}, but the first frame only "
                f"{count}; DAVIS follows the objects of the first frame"
            )
        if predicted is None:
            if self.task == "unsupervised":
                raise LabelError(f"frame {len(kept)} of sequence {sequence!r} has no prediction; all frames count")
            return kept.append({})
        called = _whole(predicted)
        if called.shape != truth.shape:
            raise LabelError(f"predicted objects {list(called.shape)} and true ones {list(truth.shape)}; give one size")
        most = count if self.task == "semi-supervised" else PROPOSALS
        if called.max(initial=0) > most:
            raise LabelError(
                f"the prediction for frame {len(kept)} of sequence {sequence!r} has object {called.max()}, of at most {most}"
            )
        if self.task == "semi-supervised":
            pairs = {n: self._compare(called == n, truth == n)[:, None] for n in range(1, count + 1)}
        else:
            called[void] = truth[void] = 0
            real = [truth == n for n in range(1, count + 1)]
            numbers = [0, *(int(n) for n in np.unique(called) if n)]
            pairs = {
                n: np.stack([self._compare((called == n) & (n > 0), mask) for mask in real], axis=1) for n in numbers
            }
        return kept.append(pairs)

    def merge(self, other: VideoObjectQuality) -> None:
        """Add the frames of another, of other sequences.

        Raises: LabelError when it counts otherwise, or a sequence is in both.
        """
        for name in ("ignore_index", "task"):
            if getattr(self, name) != getattr(other, name):
                raise LabelError(f"cannot merge: {name} is {getattr(self, name)} here and {getattr(other, name)} there")
        if twice := sorted(set(self.objects) & set(other.objects)):
            raise LabelError(f"cannot merge: sequence {twice[0]!r} is in both; frames of one sequence stay together")
        self.frames |= other.frames
        self.objects |= other.objects

    def compute(self) -> VideoObjectScores:
        """The scores of what was counted so far; NaN for sequences without a frame that counts."""
        each = {}
        for sequence, count in self.objects.items():
            for n, values in enumerate(self._values(sequence), 1):
                if n <= count:
                    j, f = (_statistics(row) for row in values)
                    each[sequence, n] = Followed((j[0] + f[0]) / 2, *j, *f)
        columns = np.array(list(each.values())).T if each else np.full((7, 1), math.nan)
        return VideoObjectScores(Followed(*(mean(column) for column in columns)), each)

    def _values(self, sequence: str) -> np.ndarray:
        """[objects, 2, frames] J and F of the frames that count."""
        frames, count = self.frames[sequence], self.objects[sequence]
        if self.task == "semi-supervised":
            inner = frames[1:-1]
            if any(not frame for frame in inner):
                raise LabelError(
                    f"a frame of sequence {sequence!r} has no prediction; all but its first and last need one"
                )
            return (
                np.array([[frame[n][:, 0] for frame in inner] for n in range(1, count + 1)])
                .reshape(count, -1, 2)
                .transpose(0, 2, 1)
            )
        from scipy.optimize import linear_sum_assignment

        most = max(count, *(max(frame) for frame in frames))
        table = np.array(
            [[frame.get(n, frame[0]) for frame in frames] for n in range(1, most + 1)]
        )  # [P, frames, 2, G]
        rows, columns = linear_sum_assignment(-table.mean(axis=(1, 2)))
        return np.array([table[p, :, :, g].T for p, g in sorted(zip(rows, columns, strict=True), key=lambda x: x[1])])

    def _compare(self, called: np.ndarray, truth: np.ndarray) -> np.ndarray:
        """[2] J and F of one object in one frame."""
        both, either = int((called & truth).sum()), int((called | truth).sum())
        if not either:
            return np.ones(2)
        precision, recall = outline_match(called, truth, math.ceil(TOLERANCE * math.hypot(*truth.shape)))
        f = 2 * precision * recall / (precision + recall) if precision + recall else 0.0
        return np.array([both / either, f])

    def _split(self, values: Tensor | np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(numbers of objects, 0 where ignored; where that is), both [H, W]."""
        ids = _whole(values)
        void = np.zeros(ids.shape, bool) if self.ignore_index is None else ids == self.ignore_index
        return np.where(void, 0, ids), void


def _whole(values: Tensor | np.ndarray) -> np.ndarray:
    """Numbers of objects [H, W], checked."""
    ids = np.asarray(values.detach().cpu().numpy() if isinstance(values, Tensor) else values)
    if not np.issubdtype(ids.dtype, np.integer) or ids.ndim != 2 or ids.min(initial=0) < 0:
        raise LabelError(f"objects of a frame are whole numbers [H, W] from 0 on, not {ids.dtype} {list(ids.shape)}")
    return ids.astype(np.int64)


def _statistics(values: np.ndarray) -> tuple[float, float, float]:
    """(mean, recall, decay) of one number a frame."""
    if not len(values):
        return math.nan, math.nan, math.nan
    ends = (np.round(np.linspace(1, len(values), 5) + 1e-10) - 1).astype(int)  # quarters share the frame between them
    first, last = values[ends[0] : ends[1] + 1], values[ends[3] : ends[4] + 1]
    return float(values.mean()), float((values > 0.5).mean()), float(first.mean() - last.mean())
