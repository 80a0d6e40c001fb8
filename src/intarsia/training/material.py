"""What a run trains and validates on: data opened and examined, labels settled."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch.utils.data import DataLoader, IterableDataset

from ..config import Recipe
from ..config.pictures import Data, Labels
from ..data import origin
from ..data.dataset import Dataset, labels_of
from ..data.faults import check_whole
from ..data.joined import Joined
from ..data.pairs import Pairs
from ..data.stream import Streamed
from ..data.windows import windows_of
from ..datasets import open as open_dataset
from ..doctor import Audit
from ..doctor.remember import remembered
from ..errors import TrainingError, counted
from ..labels import LabelSpace
from ..limits import PIXELS
from ..output import cache_folder
from ..structures import Sample

CORNER = 2048  # pixels a side of what is looked at of a picture beyond memory
AUDITED_FULLY = 10_000  # samples: of more, training starts after a quick audit unless the recipe asks for the full one


@dataclass(frozen=True)
class Material:
    """What a run trains and validates on, and what is known of it."""

    train: Dataset
    val: Dataset | None
    labels: LabelSpace
    audit: Audit | None
    channels: int
    remembered: bool = False  # the audit was made earlier, and no file has changed since
    quick: str = ""  # why the audit looked at values, sizes, unreadable files and exact copies only; empty: it did not


def collect(recipe: Recipe, data: Any = None, processes: int = 1) -> Material:
    """Open the data sets, settle the label space, and let the label doctor look at them.

    Args:
        data: a user's own data set, or a pair (train, val) of them, instead of the recipe's.
        processes: that the recipe's batch size is meant for.

    Raises: TrainingError when there is no data or no label space; DataError with the label doctor's own sentences.
    """
    wished = LabelSpace.from_dict(recipe.labels.model_dump()) if recipe.labels else None
    if data is not None:
        train, val = split(data, recipe, processes)
    elif recipe.data is None:
        raise TrainingError("the recipe names no data set; write data: {name: ..., root: ...}, or pass data=")
    else:
        origin.note(recipe.to_dict()["data"])  # so that a checkpoint of it may be evaluated without naming it again
        train, val = opened(recipe.data, wished)
    labels = labels_of(train) or wished
    if labels is None:
        raise TrainingError("the data set has no label space; list the class names in the recipe under labels.classes")
    if recipe.labels:
        labels = _as_wished(labels, recipe.labels)
    if recipe.train.until is not None and val is None:
        raise TrainingError(
            f"train.until={recipe.train.until:g} is looked for on a validation set, and there is none; set data.val, or "
            "leave train.until out"
        )
    if recipe.train.patience is not None and val is None:
        raise TrainingError(
            f"train.patience={recipe.train.patience} counts validations, and there is no validation set; set data.val, or "
            "leave train.patience out"
        )
    if not recipe.train.audit or isinstance(train, Streamed):
        if not isinstance(train, Streamed):
            check_whole(train, val)
        sample = first(train)
        _check_planes(sample, labels)
        return Material(train, val, labels, None, len(sample.image))
    sets = [train] if val is None else [train, val]
    quick = _why_quick(recipe, sum(map(len, sets)))
    found, old = remembered(*sets, folder=cache_folder(recipe.train.cache_dir) / "audits", quick=bool(quick))
    if found.errors:
        told = [f"  - {finding.message} {finding.fix}".rstrip() for finding in found.errors]
        raise TrainingError("the label doctor found what training would trip over:", *told)
    if not isinstance(train, Pairs):  # whose samples follow from their label space
        for dataset in filter(None, (train, val)):
            _check_planes(first(dataset), labels)
    return Material(train, val, labels, found, found.channels, old, quick)


def opened(chosen: Data, wished: LabelSpace | None) -> tuple[Any, Any]:
    """The training and the validation set of a recipe, each of one data set or of several together."""
    trains: list[Any] = []
    vals: list[Any] = []
    for one in chosen.sets:
        known = wished if not trains or one.name != chosen.name else labels_of(trains[0]) or wished
        train = open_dataset(one.name, one.root, one.train, known, **one.options)
        trains.append(train)
        # the validation set means what the training set means: labels inferred there hold here too
        known = labels_of(train) or wished
        if one.val:
            vals.append(open_dataset(one.name, one.root, one.val, known, **one.options))
    if len(trains) == 1:
        return trains[0], vals[0] if vals else None
    val = vals[0] if len(vals) == 1 else Joined(vals) if vals else None
    return Joined(trains, chosen.weights), val


def _why_quick(recipe: Recipe, count: int) -> str:
    """Why an audit of so many samples is a quick one; empty where it looks at everything."""
    if recipe.train.audit == "quick":
        return " (train.audit=quick)"
    if recipe.train.audit is True and count > AUDITED_FULLY:
        return f", since {count:,} samples are more than {AUDITED_FULLY:,}"
    return ""


def _as_wished(labels: LabelSpace, wish: Labels) -> LabelSpace:
    """The data set's classes with the activation and the things that the recipe asks for."""
    activation = labels.activation if labels.planes else wish.activation
    things = tuple(wish.things) or labels.things
    if (activation, set(things)) == (labels.activation, set(labels.things)):
        return labels
    values = {} if labels.planes else labels.values
    return LabelSpace(labels.names, labels.colors, values, activation, labels.planes, things)


def _check_planes(sample: Sample, labels: LabelSpace) -> None:
    """See that a sample has several labels a pixel where the label space says so, one plane a class, and else none.

    Raises: TrainingError naming the sample.
    """
    if labels.planes and sample.planes is None:
        raise TrainingError(
            f"{sample.name}: has no planes, but the label space says several labels a pixel (labels.planes); give it planes "
            "[K, H, W] bool, or leave labels.planes out"
        )
    if labels.planes and sample.planes is not None and len(sample.planes) != labels.num_classes:
        raise TrainingError(
            f"{sample.name}: has {counted(len(sample.planes), 'plane')} for {labels.num_classes} classes "
            f"({', '.join(labels.names[:5])}); give one plane a class, in their order"
        )
    if sample.planes is not None and not labels.planes:
        raise TrainingError(
            f"{sample.name}: has planes, several labels a pixel, but the data set's label space says one; write "
            "labels.planes: true (planes=True in Python), or leave the planes out"
        )


def split(data: Any, recipe: Recipe, processes: int = 1) -> tuple[Any, Any]:
    """A user's own data as (training set, validation set or None), each of which has a length and items by number.

    A training set that can only be read from its beginning gets as many samples as the recipe's steps take.

    Raises: TrainingError saying what was given instead.
    """
    pair = data if isinstance(data, tuple) else (data, None)
    if len(pair) != 2:
        raise TrainingError(f"data= is a tuple of {len(pair)}; give one data set, or a pair (train, val)")
    for dataset in pair:
        if dataset is None and pair[0] is not None:
            continue
        kind = type(dataset).__name__
        if isinstance(dataset, str | Path):
            raise TrainingError(
                f"data= is {str(dataset)!r}, the name of something; name it in the recipe: data.name=folder "
                f"data.root={dataset}"
            )
        if isinstance(dataset, DataLoader):
            raise TrainingError(
                "data= is a DataLoader; give the data set inside it, .dataset: the recipe makes batches"
            )
        if isinstance(dataset, IterableDataset) and dataset is pair[0]:
            pair = (_streamed(dataset, recipe, processes), pair[1])
        elif isinstance(dataset, IterableDataset) or not isinstance(dataset, Dataset):
            raise TrainingError(
                f"data= is of type {kind}, whose samples have no numbers; a run that can be resumed needs __len__ and "
                "__getitem__: give such a data set, or list(...) of this one where it fits into memory"
            )
    return pair[0], pair[1]


def _streamed(dataset: Any, recipe: Recipe, processes: int) -> Streamed:
    """An iterable data set with as many samples as a run takes.

    Raises: TrainingError for keys of the recipe that need samples in another order than they come.
    """
    wish, kind = recipe.train, type(dataset).__name__
    if wish.steps is None:
        raise TrainingError(
            f"data= is of type {kind}, whose samples have no numbers and no end; train it by steps: train.steps=1000"
        )
    mixed = [f"augment.{key}" for key in ("cutmix", "classmix", "copy_paste", "mosaic") if getattr(recipe.augment, key)]
    other = [key for key, on in (("train.balance", wish.balance), ("train.cache", wish.cache), ("train.on_fault=skip", wish.on_fault == "skip")) if on]  # fmt: skip
    if mixed or other:
        raise TrainingError(
            f"data= is of type {kind}, which is read in its own order, once; {(other + mixed)[0]} takes samples out of it: "
            "leave that out, or give a data set with __len__ and __getitem__"
        )
    return Streamed(dataset, wish.steps * wish.accumulate * wish.batch_size * processes)


def first(dataset: Dataset) -> Sample:
    """The first sample of a data set, checked; of a picture that is not read as a whole, its upper left corner."""
    if (windows := windows_of(dataset, 0, PIXELS)) is not None:
        with closing(windows):
            return windows.corner(CORNER)
    return sample_of(dataset, 0)


def sample_of(dataset: Dataset, index: int) -> Sample:
    """A sample of a data set, checked."""
    from ..data.samples import as_sample

    return as_sample(dataset[index], index)
