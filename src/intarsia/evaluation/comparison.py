"""Two models on the same images, whatever form they come in: opened, counted alike, judged, and shown side by side."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch

from .. import report
from ..checkpoint import is_foreign
from ..data.dataset import labels_of
from ..errors import CheckpointError, DataError, ModelError, NoPairs
from ..inference import Predictor
from ..labels import LabelSpace
from ..metrics.stored import load as load_records
from ..output import Output
from ..structures import Answer, Labels, Sample
from .entry import dataset_of
from .folders import truth_of
from .foreground import on_classes_of
from .from_files.masks import MaskFolder, Predictions, alone
from .from_files.semantic import score_masks
from .reading import told
from .scoring import read_samples, score
from .tallies import TALLIES, TrackScore, Wish
from .verdict import RESAMPLES, Verdict, judge

SHOWN = 6  # images side by side, as many as can be for each of the two


def compare(
    a: str | Path,
    b: str | Path,
    labels: Any = None,
    *,
    split: str | None = None,
    root: str | Path | None = None,
    classes: Sequence[str] | None = None,
    raw: bool = False,
    protocol: str = "dataset",
    resamples: int = RESAMPLES,
    level: float = 0.95,
    out: str | Path | None = None,
    command: str | None = None,
    task: str = "",
    overwrite: bool = False,
    settings: Mapping[str, Any] | None = None,
    decide: Mapping[str, Any] | None = None,
) -> Verdict:
    """Whether B is better than A on the same images; with `out`, compare.html and compare.json as well.

    Models that follow objects through videos are compared by STQ, or wSTQ, and whole videos are drawn and swapped.

    Args:
        a, b: each a run's folder or a checkpoint, which predict, or several, "x,y", whose mean does; a folder of label maps from any tool; or a folder that
            `evaluate` wrote (its images.safetensors), for which no picture can be shown.
        labels: the truth: a data set, its name, or a folder, of images and masks or of label maps alone; None: what the
            first model was trained on.
        split: which part of it; None: what is there to validate on, and all pairs of a folder without splits.
        classes: names for a folder of label maps; None: they are called by number.
        raw: folders of label maps hold the values of the data set's own masks instead of class numbers.
        task: what both models answer, and are scored by; "": what the recipe of each says.
        overwrite: also replace files in `out` that this program did not write, or that were changed since.
        settings: windows and views of the models that predict, as for `Predictor.load`; without, as each one's recipe says.
        decide: options of both models' decisions, such as {"threshold": 0.3}, over their own.

    Raises: DataError, LabelError or CheckpointError, each with what to do.
    """
    sides = [_opened(Path(source), task, settings, decide) for source in (a, b)]
    given = {**(settings or {}), **(decide or {})}
    if given and all(side.predictor is None for side in sides):
        raise DataError(f"{', '.join(given)} says how models predict, and neither {a} nor {b} is one; leave it out")
    dataset, pairs = _truth(sides, labels, split, root, classes)
    sides = [_named(side, dataset) for side in sides]
    space = _space(sides, dataset)
    _one_answer(sides)
    results = Output(out, ("compare.json", "compare.html"), overwrite=overwrite) if out is not None else None
    counted = [_counts(s, dataset, space, raw) for s in sides]
    names = _called(Path(a), Path(b))
    verdict = judge(*counted, names=names, protocol=protocol, resamples=resamples, level=level)
    source = {"pairs": pairs, "values": _read_as(sides, names, dataset, space, raw), "predicted": _ways(sides, names)}
    verdict = dataclasses.replace(verdict, source={key: text for key, text in source.items() if text})
    if results is not None:
        results.text("compare.json", json.dumps(verdict.to_dict(), indent=1, ensure_ascii=False) + "\n")
        shown = _shown(verdict, sides, dataset, space, raw)
        with results.file("compare.html") as file:
            report.write_versus(
                file,
                verdict=verdict,
                space=space,
                shown=shown,
                command=command or f"intarsia.compare({str(a)!r}, {str(b)!r})",
            )
    return verdict


def _one_answer(sides: Sequence[_Side]) -> None:
    """See that two models answer one task, as far as both say which.

    Raises: ModelError where they do not.
    """
    one, other = (side.predictor for side in sides)
    if one is not None and other is not None and one.task and other.task and one.task != other.task:
        raise ModelError(
            f"A answers the task {one.task!r} and B answers {other.task!r}; say with task (--task) by which both are scored"
        )


class _Side(NamedTuple):
    """One of the two: what it predicts with, or what it counted already."""

    path: Path
    predictor: Predictor | None = None
    counts: Any = None


def _named(side: _Side, dataset: Any) -> _Side:
    """A side whose method has learned no classes, with those of the data set."""
    if side.predictor is None or dataset is None:
        return side
    return side._replace(predictor=on_classes_of(side.predictor, dataset)[0])


def _opened(
    path: Path, task: str = "", settings: Mapping[str, Any] | None = None, decide: Mapping[str, Any] | None = None
) -> _Side:
    def loaded(model: str | Path) -> _Side:
        return _Side(path, predictor=Predictor.load(model, task=task, settings=settings, decide=decide or {}))

    if not path.exists() and ("," in str(path) or ":" in str(path)):
        return loaded(str(path))
    if not path.exists():
        raise DataError(f"there is no run, checkpoint or folder of predictions {str(path)!r}")
    if (path / "last.safetensors").is_file():
        return loaded(path)
    if (path / "images.safetensors").is_file():
        return _Side(path, counts=load_records(path / "images.safetensors"))
    if path.is_dir() and not is_foreign(path):
        return _Side(path)
    if is_foreign(path):
        return loaded(path)
    try:
        return loaded(path)
    except CheckpointError as error:
        try:
            return _Side(path, counts=load_records(path))
        except DataError:
            raise error from None


def _truth(sides: Sequence[_Side], labels: Any, split: str | None, root: Any, classes: Any) -> tuple[Any, str]:
    """The data set that both are held against, None where both have counted already; and which part of it, in words."""
    from ..datasets.catalogue import DATASETS

    if labels is None:
        if all(side.counts is not None for side in sides):
            return None, ""
        model = next((side.predictor for side in sides if side.predictor is not None), None)
        if model is None:
            folder = next(side.path for side in sides if side.counts is None)
            raise DataError(f"{folder} holds predictions; say with --labels what is true: a data set, or a folder")
        dataset, said, _ = dataset_of(model, None, split, root)
        return dataset, said.get("pairs", "")
    if not isinstance(labels, str | Path):
        return labels, ""
    model = next((side.predictor for side in sides if side.predictor is not None), None)
    if classes is not None and (model is not None or str(labels) in DATASETS):
        raise DataError(
            f"{str(labels)!r} has the classes of the model or of the data set; leave out the names of classes"
        )
    if model is not None:
        try:
            dataset, said, _ = dataset_of(model, labels, split, root)
        except NoPairs as error:
            if not alone(Path(labels), ()):
                raise
            path = next(side.path for side in sides if side.predictor is not None)
            raise DataError(
                f"{labels} holds label maps alone, and {path} needs images to predict; name a data set with both"
            ) from error
        return dataset, said.get("pairs", "")
    folder = Path(labels)
    maps = [side.path for side in sides if side.counts is None]
    if str(labels) not in DATASETS and folder.is_dir() and (not maps or alone(folder, maps)):
        return MaskFolder(folder, classes, others=maps, more=False), ""
    return truth_of(labels, root, split, None if classes is None else list(classes))


def _ways(sides: Sequence[_Side], names: Sequence[str]) -> str:
    """In which windows and views, and with how many models, each side predicts; empty where each picture is seen once."""
    ways = {n: side.predictor.way for n, side in zip(names, sides, strict=True) if side.predictor is not None}
    if not any(ways.values()):
        return ""
    return "; ".join(f"{name}: {way or 'one pass over each picture'}" for name, way in ways.items())


def _read_as(sides: Sequence[_Side], names: Sequence[str], dataset: Any, space: LabelSpace, raw: bool) -> str:
    """How the values of a data set's masks and of both folders of predictions are read; empty where no folder is."""
    maps = {
        name: Predictions(side.path, space, raw).told
        for side, name in zip(sides, names, strict=True)
        if side.counts is None and side.predictor is None
    }
    truth = dataset.told if isinstance(dataset, MaskFolder) else told(space)
    if not maps or set(maps.values()) == {truth}:
        return f"{truth}, everywhere" if maps else ""
    return "; ".join([f"truth: {truth}", *(f"{name}: {how}" for name, how in maps.items())])


def _space(sides: Sequence[_Side], dataset: Any) -> LabelSpace:
    space = labels_of(dataset)
    if isinstance(space, LabelSpace):
        return space
    for side in sides:
        if side.predictor is not None:
            return side.predictor.labels
    counts = next((side.counts for side in sides if side.counts is not None), None)
    if counts is None:
        raise DataError("the data set does not say its classes; hand over one with `labels`")
    return LabelSpace(counts.classes)


def _counts(side: _Side, dataset: Any, space: LabelSpace, raw: bool) -> Any:
    """The records of each image, or of each video where objects are followed, read or counted now."""
    if side.counts is not None:
        return side.counts
    if side.predictor is not None:
        found: Any = score(side.predictor, dataset)
        return found.sequences if isinstance(found, TrackScore) else found.counts
    return score_masks(Predictions(side.path, space, raw), dataset).counts


def _called(a: Path, b: Path) -> tuple[str, str]:
    """Names as short as they can be and still differ."""
    a, b = (p.with_suffix("") if p.suffix == ".safetensors" else p for p in (a, b))  # a folder's ".5" is no ending
    for parts in range(1, max(len(a.parts), len(b.parts)) + 1):
        one, other = ("/".join(p.parts[-parts:]) for p in (a, b))
        if one != other:
            return one, other
    return "A", "B"


def _shown(
    verdict: Verdict, sides: Sequence[_Side], dataset: Any, space: LabelSpace, raw: bool
) -> list[tuple[report.Picture, report.Picture]]:
    """The images that changed most, in favor of either, as A and as B see them; none of videos, which are judged whole."""
    if dataset is None or verdict.unit == "video" or any(side.counts is not None for side in sides):
        return []
    wanted = {n: verdict.images[n] for n in telling(verdict.images)}
    by_name = {row[0]: n for n, row in wanted.items()}
    eyes = [_eye(side, space, raw) for side in sides]
    found: dict[int, tuple[report.Picture, report.Picture]] = {}
    if not by_name:
        return []
    for sample in read_samples(dataset, 0):
        if sample.name in by_name:
            own = wanted[by_name[sample.name]][1:]
            one, other = (_picture(sample, value, eye(sample), space) for value, eye in zip(own, eyes, strict=True))
            found[by_name[sample.name]] = (one, other)
            if len(found) == len(wanted):
                break
    return [found[n] for n in sorted(found)]


def telling(images: Sequence[tuple[str, float, float]], shown: int = SHOWN) -> list[int]:
    """Places of the images to look at: those that changed most, half of them for A and half for B, as far as there are.

    Args:
        images: (name, score of A, score of B), the largest change first. Neighbors of one video change alike; without the
            halves, they would show one side alone.
    """
    sides = [[n for n, (_, a, b) in enumerate(images) if (b - a) * sign > 0] for sign in (-1, 1)]
    half = shown // 2
    spare = [max(0, half - len(side)) for side in sides]
    return sorted(sides[0][: half + spare[1]] + sides[1][: half + spare[0]])


def _eye(side: _Side, space: LabelSpace, raw: bool) -> Callable[[Sample], Answer]:
    if side.predictor is not None:
        model = side.predictor
        return lambda sample: model.run(torch.as_tensor(sample.image)[None])[0]
    maps = Predictions(side.path, space, raw)
    return lambda sample: Labels(maps(sample))


def _picture(sample: Sample, own: float, answer: Answer, space: LabelSpace) -> report.Picture:
    picture: report.Picture = TALLIES[type(answer)](space, Wish()).picture(sample, answer, own)
    return picture
