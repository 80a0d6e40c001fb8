"""`evaluate`: a model and a data set by whatever name they are known, opened, scored and written down."""

from __future__ import annotations

import copy
import dataclasses
import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import nn

from .. import config
from .. import datasets as sets
from ..config import Data
from ..data import origin
from ..data.dataset import notes_of, split_of, title_of
from ..data.faults import check_whole
from ..data.joined import Joined
from ..doctor.describe import describe
from ..doctor.folder import in_alpha
from ..errors import DataError, ModelError, NoPairs
from ..inference import Predictor
from ..labels import LabelSpace
from ..metrics import bootstrap
from ..output import Output
from ..postprocess import check_options
from .folders import HOLDOUT, fitted, named, part, scored
from .foreground import on_classes_of
from .scoring import score
from .tallies import LabelScore, Score
from .written import called, spelled, write

RESULTS = ("scores.json", "images.safetensors", "report.html")
KEPT = 4  # worst, and as many best, images in a report


def evaluate(
    model: str | Path | Predictor | nn.Module,
    data: Any = None,
    *,
    split: str | None = None,
    root: str | Path | None = None,
    out: str | Path | None = None,
    protocol: str = "dataset",
    batch_size: int = 1,
    labels: LabelSpace | None = None,
    command: str | None = None,
    baseline: bool | None = None,
    metrics: Sequence[str] = (),
    full: bool = False,
    task: str = "",
    overwrite: bool = False,
    settings: Mapping[str, Any] | None = None,
    decide: Mapping[str, Any] | None = None,
) -> Score:
    """Score a model on a data set, and write scores.json, images.safetensors and report.html when a folder is given.

    Args:
        model: a checkpoint, the folder of a run, several of them as "a,b", a classical method such as "classical:otsu", a
            Predictor, or, with `labels`, a network whose encoder knows how its
            images are normalized.
        data: None for the data the checkpoint was trained on; a data set's name; a folder; or a data set: anything with
            a length whose items are Samples or (image, labels, name).
        split: which part of it; of the checkpoint's own data, "val" and "train" are what its recipe calls so. None: "val",
            and all pairs of a folder without splits.
        root: where a data set given by name, or the checkpoint's own, lies; None: where the checkpoint's recipe says, if
            that is data which its user has trained on from this machine (`data.origin`).
        out: folder for scores.json, the counts of each image (`ImageCounts.load` reads them) and report.html.
        protocol: a name of `metrics.PROTOCOLS`; "all": ours, and `Score.by_protocol` has the others beside it.
        batch_size: how many neighbors of one size go through the network together.
        command: what to print in the report as the way to repeat it; None prints this call.
        baseline: whether to score a classifier of single pixels' colors beside it; None: on `shapes` only, where it is
            what shows that color alone does not do. Trained on the split "train".
        metrics: names of `evaluation.MEASURES` to measure as well, such as "boundary" and "calibration".
        full: also look where the errors are (borders, small objects, confusions, confidence), for scores.json and the report.
        task: what the model answers, and is scored by: "semantic", "instance", "panoptic", "detection", "depth" or
            "classification"; "": what its recipe says, or the usual task of its output.
        overwrite: also replace files in `out` that this program did not write, or that were changed since.
        settings: for a model that is loaded: windows and views, as for `Predictor.load`; without, as its recipe says.
        decide: options of the decision that makes an answer of an output, such as {"threshold": 0.3}, over the model's own.

    Returns: a score of the kind of answer: mIoU of label maps and planes, PQ of segments, AP of objects, errors of depth,
    accuracy of tags; see `evaluation.tallies`.

    Raises: ModelError, DataError, LabelError or CheckpointError, each with what to do.
    """
    predictor = _opened(model, labels, task, settings)
    predictor = predictor.deciding(decide=decide) if decide else predictor
    dataset, source, opener = dataset_of(predictor, data, split, root)
    check_whole(dataset)
    predictor, finds = on_classes_of(predictor, dataset)
    if finds:
        source["values"] = "; ".join(filter(None, (source.get("values"), finds)))
    source = {"model": called(model), **source, **({"predicted": predictor.way} if predictor.way else {})}
    results = Output(out, RESULTS, overwrite=overwrite) if out is not None else None
    kept = KEPT if out is not None else 0
    found: Any = score(
        predictor, dataset, protocol=protocol, batch_size=batch_size, keep=kept, metrics=metrics, full=full
    )
    _something(found)
    reached = {}
    if isinstance(found, LabelScore) and (
        baseline or (baseline is None and source.get("data") == "shapes" and opener is not None)
    ):
        reached = {"baseline": _baseline(opener, dataset, predictor.labels)}
    trust = bootstrap(found.counts, getattr(found, "protocol", "dataset")) if out is not None else None
    found = dataclasses.replace(found, source=source, trust=trust, **reached)
    done: Score = found
    if results is not None:
        command = command or spelled(
            model, data, split, root, protocol, batch_size, out, metrics, full, task, settings, decide
        )
        write(results, done, predictor, model, command)
    return done


def _something(found: Score) -> None:
    """See that there was something to score.

    Raises: DataError where there was not.
    """
    if isinstance(found, LabelScore):
        if not found.scores.pixels:
            raise DataError(
                f"every pixel of the {found.images} images is ignored; there is nothing to score (are there masks?)"
            )
    elif math.isnan(found.standing):
        raise DataError(f"there is nothing to score in {found.images} images: {found.sentence}")


def _opened(
    model: str | Path | Predictor | nn.Module,
    labels: LabelSpace | None,
    task: str = "",
    settings: Mapping[str, Any] | None = None,
) -> Predictor:
    if settings and not isinstance(model, str | Path):
        raise ModelError(
            "windows and views are set when a model is loaded; evaluate(Predictor.load(path, settings=...))"
        )
    if isinstance(model, Predictor):
        return model if task in ("", model.task) else of_task(model, task)
    if isinstance(model, str | Path):
        return Predictor.load(model, task=task, settings=settings)
    if not isinstance(model, nn.Module):
        raise ModelError(
            f"a {type(model).__name__} cannot be evaluated; give a checkpoint, a run's folder, a Predictor or a network"
        )
    if labels is None:
        raise ModelError(
            "a network knows numbers, not names; hand its classes over: evaluate(model, data, labels=LabelSpace((...)))"
        )
    encoder = getattr(model, "encoder", None)
    mean, std = getattr(encoder, "mean", None), getattr(encoder, "std", None)
    if mean is None or std is None:
        raise ModelError(
            "this network does not say how its images are normalized; evaluate Predictor.of_network(model, labels, mean, std) instead"
        )
    return Predictor.of_network(model, labels, mean, std, in_channels=len(mean), task=task)


def of_task(predictor: Predictor, task: str) -> Predictor:
    """The same engine, answering another task with the defaults of its decision.

    Raises: ModelError for an unknown task.
    """
    check_options(task, {}, predictor.labels)
    other = copy.copy(predictor)
    other.task, other.decide = task, {}
    return other


def dataset_of(
    predictor: Predictor, data: Any, split: str | None, root: str | Path | None
) -> tuple[Any, dict[str, str], Any]:
    """The data set, a line about it, and a function that opens another split of it (None where there is none)."""
    from ..datasets.catalogue import DATASETS

    stored = predictor.checkpoint.recipe.get("data") if predictor.checkpoint else None
    if data is not None and not isinstance(data, str | Path):
        return data, _said(title_of(data), split_of(data), None), None
    stated = stored.get("name") if isinstance(stored, Mapping) else None
    own = _own(stored, root) if data is None or str(data) == stated else None
    name = (own.name if own else None) if data is None else str(data)
    options = own.options if own else {}
    labels: LabelSpace | None = predictor.labels
    if name is None:
        raise DataError("the model does not say what it was trained on; name a data set, a folder or hand one over")
    if own and name in DATASETS:
        root = own.root
        split = split or "val"
        if split in ("train", "val"):
            wanted = own.train if split == "train" else own.val
            if wanted is None:
                raise DataError(
                    "the model was trained without a validation set; say which data to score it on, or another split"
                )
            split = wanted
    elif name in DATASETS:
        options, labels, split = {}, None if name != "folder" else labels, split or "val"
    else:
        try:
            if Path(name).is_dir():
                return _folder(predictor, Path(name), split, _recalled(stored))
        except NoPairs:  # then it is an export, or a data set as its makers pack it
            pass
        known = describe(name, root)
        dataset, pairs = scored(known, split)
        said = _said(known.data["name"], split_of(dataset) or split, known.data.get("root"))
        return dataset, {**said, "pairs": pairs}, known.open

    others = own.others or [] if own and data is None else []

    def opener(which: str) -> Any:
        first = sets.open(name, root, which, labels, **options)
        more = [(one, one.train if own and which == own.train else one.val) for one in others]
        rest = [sets.open(one.name, one.root, which, labels, **one.options) for one, which in more if which]
        return Joined([first, *rest]) if rest else first

    dataset = opener(split)
    said = _said(title_of(dataset) if others else name, split, root)
    if "holdout" in options or data is None:
        whose = "the model's own " if data is None and own and split in (own.train, own.val) else ""
        said["pairs"] = whose + part(dataset, split, options.get("holdout"))
    return dataset, said, opener


def _folder(
    predictor: Predictor, root: Path, split: str | None, own: dict[str, Any]
) -> tuple[Any, dict[str, str], Any]:
    """The same for a folder of images and masks, read with the model's classes as its masks store them."""
    options: dict[str, Any] = _folder_options(predictor)
    known = sets.splits("folder", root)
    places = (os.path.abspath(root), str(root.resolve()))
    # a path that a checkpoint names is compared, and never looked at
    mine = bool(own) and os.path.abspath(own["root"]) in places
    if known != ("all",):
        wanted = named(root, known, split)
    else:
        wanted = split or "all"
        if wanted in ("train", "val"):
            options["holdout"] = own.get("holdout", HOLDOUT) if mine else HOLDOUT
    labels = predictor.labels
    options |= in_alpha(root)
    space, how = fitted(sets.open("folder", root, wanted, labels, **options), labels)

    def opener(which: str) -> Any:
        return sets.open("folder", root, which, space, **options)

    dataset = opener(wanted)
    said = {**_said("folder", wanted, root), "pairs": part(dataset, wanted, options.get("holdout"))}
    if mine and wanted == "all" and own.get("holdout"):
        said["pairs"] += f", of which the model was trained on all but {own['holdout']:.0%}".replace("%", " %")
        said["pairs"] += "; for those it has not seen, leave out the folder"
    if how := how or notes_of(dataset).inferred:
        said["values"] = how
    return dataset, said, opener


def _recalled(stored: Any) -> dict[str, Any]:
    """Root and held-out share of the folder that a checkpoint was trained on; empty where it was not a folder."""
    if not isinstance(stored, Mapping) or stored.get("name") != "folder" or not isinstance(stored.get("root"), str):
        return {}
    share = stored.get("holdout")
    sound = isinstance(share, float) and 0 < share < 1
    return {"root": stored["root"], **({"holdout": share} if sound else {})}


def _own(stored: Any, root: str | Path | None) -> Data | None:
    """What a checkpoint was trained on, where its user may read that; None where it does not say.

    Raises: DataError for a place that its user has not named; RecipeError for a description that is none.
    """
    from ..datasets.catalogue import CONSTRUCTORS

    section = origin.own(stored, root)
    if not section:
        return None
    place = section.pop("root")
    recipe = config.parse({"data": section, "train": {"steps": 1}}, "the checkpoint", {"data": CONSTRUCTORS})
    assert recipe.data is not None
    return recipe.data.model_copy(update={"root": None if place is None else str(place)})


def _folder_options(predictor: Predictor) -> dict[str, Any]:
    return {"channels": predictor.in_channels} if predictor.in_channels in (1, 3, 4) else {}


def _said(name: str, split: str | None, root: str | Path | None) -> dict[str, str]:
    told = {"data": name, "split": split, "root": None if root is None else str(root)}
    return {key: value for key, value in told.items() if value}


def _baseline(opener: Any, dataset: Any, labels: LabelSpace) -> float:
    from .baseline import pixel_baseline

    if opener is None:
        raise DataError(
            "the baseline of single pixels is trained on the split 'train', and a data set handed over has none; leave baseline out"
        )
    return pixel_baseline(opener("train"), dataset, labels.num_classes, labels.ignore_index)
