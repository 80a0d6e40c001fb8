"""What a data set is: a number of samples, each read by its index; and what it may know beyond that.

Our own data sets know all of it. A user's data set needs `__len__` and `__getitem__` alone; whatever else it offers is
found by the functions below, which say what is assumed where it offers nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol, runtime_checkable

from ..errors import DataError
from ..labels import LabelSpace


@runtime_checkable
class Dataset(Protocol):
    """What training, evaluation and the audit read: our data sets, and any object of a user's own with these two methods.

    An item is a `Sample`, or a tuple (image [C, H, W], labels [H, W]) or (image, labels, name); see `samples.as_sample`.
    """

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> Any: ...


@runtime_checkable
class Labeled(Protocol):
    """A data set that knows its classes."""

    @property
    def labels(self) -> Any: ...


@runtime_checkable
class Wrapping(Protocol):
    """A part or a view of another data set, as torch's Subset is."""

    @property
    def dataset(self) -> Any: ...


@runtime_checkable
class Part(Protocol):
    """A part of another data set that says which of its samples it has, as torch's Subset does."""

    @property
    def dataset(self) -> Any: ...

    @property
    def indices(self) -> Sequence[int]: ...


@runtime_checkable
class Joining(Protocol):
    """Several data sets one after another, as torch's ConcatDataset is."""

    @property
    def datasets(self) -> Sequence[Any]: ...


@runtime_checkable
class Named(Protocol):
    """A data set with a name, for messages and reports."""

    @property
    def name(self) -> str: ...


@runtime_checkable
class Split(Protocol):
    """A data set that is one split of several: "train", "val"."""

    @property
    def split(self) -> str | None: ...


@runtime_checkable
class Itemized(Protocol):
    """A data set that knows its samples before they are read: the names and files of each, or anything that names it."""

    @property
    def items(self) -> Sequence[Any]: ...


@runtime_checkable
class Item(Protocol):
    """One sample's name, and the file of its image."""

    @property
    def name(self) -> str: ...

    @property
    def image(self) -> Path: ...


@runtime_checkable
class Listed(Protocol):
    """A data set of files by their names, as the masks of a folder are."""

    @property
    def files(self) -> Iterable[str]: ...


@runtime_checkable
class Foreign(Protocol):
    """A data set of something other than images and their masks, and what that is: "clouds of points"."""

    @property
    def holds(self) -> str: ...


class Shot(NamedTuple):
    """Which video a sample is a frame of, and which of several cameras took it."""

    video: str
    camera: str = ""  # "" where there is one


@runtime_checkable
class Moving(Protocol):
    """A data set of videos: its samples are frames, those of one video and camera in the order of time."""

    @property
    def shots(self) -> Sequence[Shot]: ...


@runtime_checkable
class Calibrated(Protocol):
    """A data set of several cameras that knows which of their pixels show the same place."""

    def cells(self, index: int, /) -> Any:
        """Number the places that the pixels of a sample show, [H, W] int64, -1 for none; None where nobody knows."""


class Fault(NamedTuple):
    """One annotation that cannot be used; without `annotation` a picture, or a file, with all that was drawn on it."""

    file: Path
    picture: str  # as the export calls it; "" where it says of none
    annotation: str  # as the tool calls it: "shape 5", "annotation 77"
    why: str  # a clause: "a polygon of 2 points; it needs three, so draw or remove it"

    @property
    def place(self) -> str:
        """Picture and annotation, as far as they are known."""
        return ", ".join(part for part in (self.picture, self.annotation) if part)

    def __str__(self) -> str:
        """One line: file, picture, annotation and why."""
        return ": ".join(part for part in (str(self.file), self.place, self.why) if part)


class Notes(NamedTuple):
    """What a data set has to say of itself."""

    inferred: str = ""  # one sentence about what was taken for granted of the labels
    unmatched: tuple[tuple[str, ...], tuple[str, ...]] = ((), ())  # images without a mask, masks without an image
    remarks: tuple[str, ...] = ()  # what else is left out, one sentence each
    faults: tuple[Fault, ...] = ()  # annotations that cannot be used


@runtime_checkable
class Noted(Protocol):
    """A data set with notes."""

    @property
    def notes(self) -> Notes: ...


def labels_of(dataset: object) -> LabelSpace | None:
    """The label space of a data set, or of those that it is a part or is made of; None where none knows one.

    Raises: DataError for a data set made of several whose classes differ.
    """
    while dataset is not None:
        if isinstance(dataset, Labeled) and isinstance(dataset.labels, LabelSpace):
            return dataset.labels
        if isinstance(dataset, Joining):
            return agreed(dataset.datasets)
        dataset = dataset.dataset if isinstance(dataset, Wrapping) else None
    return None


def agreed(datasets: Sequence[object]) -> LabelSpace | None:
    """The label space that several data sets share; None where none of them knows one.

    Raises: DataError when their classes differ, or stand in another order.
    """
    known = [(dataset, space) for dataset in datasets if (space := labels_of(dataset)) is not None]
    for dataset, space in known[1:]:
        first, labels = known[0]
        if (space.names, space.planes) != (labels.names, labels.planes):
            differing = [
                name for name in (*labels.names, *space.names) if (name in labels.names) != (name in space.names)
            ]
            why = (
                f"only one of them has {', '.join(differing[:5])}"
                if differing
                else "their order or labels.planes differs"
            )
            raise DataError(
                f"{title_of(first)} and {title_of(dataset)} do not have the same classes: {why}; give both the same label space"
            )
    return known[0][1] if known else None


def title_of(dataset: object) -> str:
    """The name of a data set; its type where it has none."""
    return str(dataset.name) if isinstance(dataset, Named) else type(dataset).__name__


def split_of(dataset: object) -> str | None:
    """Which split a data set is; None where it does not say."""
    return dataset.split if isinstance(dataset, Split) else None


def notes_of(dataset: object) -> Notes:
    """What a data set has to say of itself; nothing where it has no notes."""
    return dataset.notes if isinstance(dataset, Noted) else Notes()


def names_of(dataset: object) -> list[str]:
    """The names of the samples, as far as they are known before reading; none where they are not."""
    if isinstance(dataset, Itemized) and isinstance(dataset.items, Sequence):
        return [item.name if isinstance(item, Named) else str(item) for item in dataset.items]
    if isinstance(dataset, Part):
        names = names_of(dataset.dataset)
        return [names[n] for n in dataset.indices] if names else []
    return list(dataset.files) if isinstance(dataset, Listed) else []


def shots_of(dataset: object) -> list[Shot]:
    """The video and camera of each sample of a data set of videos; none where it is none."""
    if isinstance(dataset, Moving):
        return list(dataset.shots)
    if isinstance(dataset, Part):
        shots = shots_of(dataset.dataset)
        return [shots[n] for n in dataset.indices] if shots else []
    return shots_of(dataset.dataset) if isinstance(dataset, Wrapping) else []


def cells_of(dataset: object, index: int) -> Any:
    """The places that the pixels of a sample show, as `Calibrated` has them; None where the data set does not know."""
    if isinstance(dataset, Calibrated):
        return dataset.cells(index)
    if isinstance(dataset, Part):
        return cells_of(dataset.dataset, int(dataset.indices[index]))
    return cells_of(dataset.dataset, index) if isinstance(dataset, Wrapping) else None


def place_of(dataset: object, index: int) -> str:
    """What to call a sample that could not be read: the path of its image, or its number."""
    if isinstance(dataset, Part) and index < len(dataset.indices):
        return place_of(dataset.dataset, int(dataset.indices[index]))
    if isinstance(dataset, Joining):
        for part in dataset.datasets:
            if index < len(part):
                return place_of(part, index)
            index -= len(part)
    if not (isinstance(dataset, Itemized) and isinstance(dataset.items, Sequence) and index < len(dataset.items)):
        return f"sample {index}"
    item = dataset.items[index]
    return str(item.image if isinstance(item, Item) else item)


def holds(dataset: object) -> str:
    """What a data set holds instead of images and masks of files; its type where it does not say."""
    return dataset.holds if isinstance(dataset, Foreign) else type(dataset).__name__


def images_of(dataset: object, use: str) -> Dataset:
    """See that a data set holds images that can be read by number.

    Args:
        use: what it is wanted for, as the sentence ends: "scored", "shown".

    Raises: DataError saying what it is instead.
    """
    if isinstance(dataset, Foreign):
        raise DataError(f"{title_of(dataset)} holds {dataset.holds}; only images and their masks can be {use}")
    if not isinstance(dataset, Dataset):
        raise DataError(
            f"a data set of type {type(dataset).__name__}, whose samples have no numbers, cannot be {use}; give one with "
            "__len__ and __getitem__, or list(...) of it where it fits into memory"
        )
    return dataset
