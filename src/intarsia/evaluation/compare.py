"""Two models on the same images: which one is better, whether chance alone would do it, and where they differ.

    A, B --counts of each image--> paired bootstrap    how large the difference is, with its interval
                                   permutation test    how often swapping A and B image by image gives as much
                                   `needed`            how many images would tell, where these do not

A difference is called real when the interval of the bootstrap leaves out 0 and p stays below 1 - level. Among classes
the p-values are raised after Holm first, because of twenty classes without any difference one has p < 0.05 by chance.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from .. import report
from ..errors import CheckpointError, DataError
from ..inference import Predictor
from ..labels import LabelSpace
from ..metrics import ConfusionMatrix, ImageCounts
from ..metrics import compare as paired
from ..metrics.significance import Comparison, Interval
from ..structures import Sample
from .entry import dataset_of
from .masks import MaskFolder, Predictions
from .scoring import read_samples, same_classes, score

RESAMPLES = 10_000
SHOWN = 6  # images side by side


class Change(NamedTuple):
    """What the step from A to B changes: one class, or all of them.

    Args:
        value: B - A with its interval, of 0..1.
        p: of the permutation test; among classes after Holm.
        real: whether it can be told from none.
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
        miou: of A and of B.
        mean: of the mIoU; `classes`: of the IoU of each class.
        images: (name, mIoU of A, mIoU of B) of each image alone, the largest change first.
    """

    names: tuple[str, str]
    miou: tuple[float, float]
    mean: Change
    classes: dict[str, Change]
    images: list[tuple[str, float, float]]
    protocol: str
    resamples: int
    level: float
    alike: bool

    @property
    def better(self) -> str | None:
        """Which of the two is better, if that can be told."""
        return self.names[self.mean.value.value > 0] if self.mean.real else None

    @property
    def sentence(self) -> str:
        """The answer in one sentence."""
        return sentence(*self.names, self.mean, len(self.images), alike=self.alike)

    def to_dict(self) -> dict[str, Any]:
        """As plain data; None where there is no number."""
        plain = lambda c: {  # noqa: E731
            "difference": [_or_none(x) for x in c.value], "p": _or_none(c.p), "real": c.real, "needed": c.needed
        }  # fmt: skip
        return {
            "a": self.names[0],
            "b": self.names[1],
            "sentence": self.sentence,
            "better": self.better,
            "miou": [_or_none(x) for x in self.miou],
            "mean": plain(self.mean),
            "classes": {name: plain(change) for name, change in self.classes.items()},
            "images": len(self.images),
            "per_image": [{"name": n, "a": _or_none(a), "b": _or_none(b)} for n, a, b in self.images],
            "protocol": self.protocol,
            "resamples": self.resamples,
            "level": self.level,
        }


def compare(
    a: str | Path,
    b: str | Path,
    labels: Any = None,
    *,
    split: str = "val",
    root: str | Path | None = None,
    classes: Sequence[str] | None = None,
    raw: bool = False,
    protocol: str = "dataset",
    resamples: int = RESAMPLES,
    level: float = 0.95,
    out: str | Path | None = None,
    command: str | None = None,
) -> Verdict:
    """Whether B is better than A on the same images; with `out`, compare.html and compare.json as well.

    Args:
        a, b: each a run's folder or a checkpoint, which predict; a folder of label maps from any tool; or a folder that
            `evaluate` wrote (its images.safetensors), for which no picture can be shown.
        labels: the truth: a data set, its name, or a folder of label maps; None: what the first model was trained on.
        classes: names for a folder of label maps; None: they are called by number.
        raw: folders of label maps hold the values of the data set's own masks instead of class numbers.

    Raises: DataError, LabelError or CheckpointError, each with what to do.
    """
    sides = [_opened(Path(source)) for source in (a, b)]
    dataset = _truth(sides, labels, split, root, classes)
    space = _space(sides, dataset)
    counted = [_counts(s, dataset, space, raw) for s in sides]
    names = _called(Path(a), Path(b))
    verdict = judge(*counted, names=names, protocol=protocol, resamples=resamples, level=level)
    if out is not None:
        folder = Path(out)
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise DataError(f"{folder}: cannot be a folder for the report ({error.strerror}); choose another") from None
        text = json.dumps(verdict.to_dict(), indent=1, ensure_ascii=False)
        (folder / "compare.json").write_text(text + "\n", encoding="utf-8")
        shown = _shown(verdict, sides, dataset, space, raw)
        report.write_versus(
            folder / "compare.html",
            verdict=verdict,
            space=space,
            shown=shown,
            command=command or f"intarsia.evaluation.compare({str(a)!r}, {str(b)!r})",
        )
    return verdict


def judge(
    a: ImageCounts,
    b: ImageCounts,
    *,
    names: tuple[str, str] = ("A", "B"),
    protocol: str = "dataset",
    resamples: int = RESAMPLES,
    level: float = 0.95,
    seed: int = 0,
) -> Verdict:
    """The verdict on two models from what they counted on the same images.

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
    each = list(zip(a.names, a.each().tolist(), b.each().tolist(), strict=True))
    each.sort(key=lambda row: -abs(row[2] - row[1]) if not math.isnan(row[2] - row[1]) else 1.0)
    alike = bool(np.array_equal(a.rows, b.rows))
    miou = (a.miou(protocol), b.miou(protocol))
    return Verdict(names, miou, mean, changes, each, protocol, resamples, level, alike)


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


def sentence(a: str, b: str, change: Change, images: int, alike: bool = False) -> str:
    """A difference in words: "A is better by 1.8 points [0.6, 3.1]"."""
    many = f"{images} image{'s' if images != 1 else ''}"
    value, low, high = change.value
    if alike:
        return f"{a} and {b} score exactly the same on {many}"
    if math.isnan(value):
        return f"{a} and {b} cannot be compared: there is no score on {many}"
    if change.real:
        better, sign = (b, 1) if value > 0 else (a, -1)
        ends = sorted((sign * low, sign * high))
        return f"{better} is better by {100 * abs(value):.1f} points [{100 * ends[0]:.1f}, {100 * ends[1]:.1f}]"
    if change.needed is None:
        return f"no difference can be told apart with {many}"
    return f"no difference can be told apart with {many}; about {change.needed:,} would be needed".replace(
        ",", "\u202f"
    )


class _Side(NamedTuple):
    """One of the two: what it predicts with, or what it counted already."""

    path: Path
    predictor: Predictor | None = None
    counts: ImageCounts | None = None


def _opened(path: Path) -> _Side:
    if not path.exists():
        raise DataError(f"there is no run, checkpoint or folder of predictions {str(path)!r}")
    if (path / "last.safetensors").is_file():
        return _Side(path, predictor=Predictor.load(path))
    if (path / "images.safetensors").is_file():
        return _Side(path, counts=ImageCounts.load(path / "images.safetensors"))
    if path.is_dir():
        return _Side(path)
    try:
        return _Side(path, predictor=Predictor.load(path))
    except CheckpointError as error:
        try:
            return _Side(path, counts=ImageCounts.load(path))
        except DataError:
            raise error from None


def _truth(sides: Sequence[_Side], labels: Any, split: str, root: Any, classes: Any) -> Any:
    """The data set that both are held against; None where both have counted already."""
    from ..data.datasets.catalogue import DATASETS

    if labels is None:
        if all(side.counts is not None for side in sides):
            return None
        model = next((side.predictor for side in sides if side.predictor is not None), None)
        if model is None:
            folder = next(side.path for side in sides if side.counts is None)
            raise DataError(f"{folder} holds predictions; say with --labels what is true: a data set, or a folder")
        return dataset_of(model, None, split, root)[0]
    if not isinstance(labels, str | Path):
        return labels
    model = next((side.predictor for side in sides if side.predictor is not None), None)
    if str(labels) not in DATASETS and Path(labels).is_dir() and model is None:
        return MaskFolder(labels, classes)
    if model is not None:
        return dataset_of(model, labels, split, root)[0]
    from .. import data as sets

    return sets.open(str(labels), root, split)


def _space(sides: Sequence[_Side], dataset: Any) -> LabelSpace:
    space = getattr(dataset, "labels", None)
    if isinstance(space, LabelSpace):
        return space
    for side in sides:
        if side.predictor is not None:
            return side.predictor.labels
    counts = next((side.counts for side in sides if side.counts is not None), None)
    if counts is None:
        raise DataError("the data set does not say its classes; hand over one with `labels`")
    return LabelSpace(counts.classes)


def _counts(side: _Side, dataset: Any, space: LabelSpace, raw: bool) -> ImageCounts:
    if side.counts is not None:
        return side.counts
    if side.predictor is not None:
        if isinstance(dataset, MaskFolder):
            raise DataError(
                f"{dataset.folder} holds label maps alone, and {side.path} needs images to predict; name a data set with both"
            )
        found = score(side.predictor, dataset)
        assert found.counts is not None
        return found.counts
    predict, counts = Predictions(side.path, space, raw), ImageCounts(space.num_classes, space.names)
    if not len(dataset):
        raise DataError("the data set is empty; there is nothing to compare")
    known = [item.name for item in getattr(dataset, "items", ())] or list(getattr(dataset, "files", ()))
    predict.require(known)
    same_classes(space, getattr(dataset, "labels", None))
    for sample in read_samples(dataset, 2):
        own = ConfusionMatrix(space.num_classes, space.ignore_index)
        own.update(predict(sample), sample.labels)
        counts.update(sample.name, own)
    return counts


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


def _called(a: Path, b: Path) -> tuple[str, str]:
    """Names as short as they can be and still differ."""
    for parts in range(1, max(len(a.parts), len(b.parts)) + 1):
        one, other = ("/".join(p.with_suffix("").parts[-parts:]) for p in (a, b))
        if one != other:
            return one, other
    return "A", "B"


def _shown(
    verdict: Verdict, sides: Sequence[_Side], dataset: Any, space: LabelSpace, raw: bool
) -> list[tuple[report.Picture, report.Picture]]:
    """The images that changed most, as A and as B see them."""
    if dataset is None or any(side.counts is not None for side in sides):
        return []
    wanted = {n: row for n, row in enumerate(verdict.images[:SHOWN]) if row[1] != row[2] and not math.isnan(row[1])}
    by_name = {row[0]: n for n, row in wanted.items()}
    eyes = [_eye(side, space, raw) for side in sides]
    found: dict[int, tuple[report.Picture, report.Picture]] = {}
    if not by_name:
        return []
    for sample in read_samples(dataset, 0):
        if sample.name in by_name:
            row = wanted[by_name[sample.name]]
            found[by_name[sample.name]] = (_picture(sample, row[1], eyes[0]), _picture(sample, row[2], eyes[1]))
            if len(found) == len(wanted):
                break
    return [found[n] for n in sorted(found)]


def _eye(side: _Side, space: LabelSpace, raw: bool) -> Callable[[Sample], Tensor]:
    if side.predictor is not None:
        model = side.predictor
        return lambda sample: model.run(torch.as_tensor(sample.image)[None])[0]
    return Predictions(side.path, space, raw)


def _picture(sample: Sample, miou: float, eye: Callable[[Sample], Tensor]) -> report.Picture:
    image = np.array(sample.image.permute(1, 2, 0).numpy(), order="C")
    return report.Picture(sample.name, miou, image, np.array(sample.labels.numpy()), np.array(eye(sample).numpy()))


def _or_none(value: float) -> float | None:
    return None if math.isnan(value) else value
