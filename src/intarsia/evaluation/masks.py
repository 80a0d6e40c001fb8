"""Label maps in a folder, made by any tool: paired with images by name, and checked before anything is counted.

folder/NAME.png   class numbers, or with `raw` the values that the data set's own masks hold
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..data.codecs import SUFFIXES, decode_mask, read_labels, read_mask
from ..errors import DataError, LabelError, nearest
from ..labels import IGNORE, LabelSpace
from ..structures import Sample


class MaskFolder:
    """A folder of label maps as a data set whose images are black: true labels without their pictures.

    Args:
        folder: label maps, one file an image.
        classes: the classes' names, or what their values mean; None: they are called by number, up to the largest one
            that occurs.

    Raises: DataError when it holds no label map, or one cannot be read.
    """

    def __init__(self, folder: str | Path, classes: Sequence[str] | LabelSpace | None = None) -> None:
        self.folder, self.name, self.split = Path(folder), Path(folder).name, ""
        self.files = files(self.folder)
        self.labels = classes if isinstance(classes, LabelSpace) else space_of([self.folder], classes)

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> Sample:
        name = list(self.files)[index]
        labels = read_labels(self.files[name], self.labels)
        return Sample(torch.zeros(3, *labels.shape, dtype=torch.uint8), tensor(labels), name)


class Predictions:
    """The label maps that a tool has predicted, found by the names of images.

    Args:
        space: the classes.
        raw: whether they hold the values of the data set's own masks instead of class numbers.

    Raises: DataError when the folder holds none.
    """

    def __init__(self, folder: str | Path, space: LabelSpace, raw: bool = False) -> None:
        self.folder, self.space, self.raw = Path(folder), space, raw
        self.files = files(self.folder)
        plain = LabelSpace(space.names, space.colors)
        self.reads = space if raw else plain

    def require(self, names: Sequence[str], only: bool = False) -> None:
        """See that every image has a prediction, and with `only` that every prediction has an image.

        Raises: DataError naming one that has none.
        """
        missing = [name for name in names if self._key(name) is None]
        if missing:
            near = nearest(Path(missing[0]).name, self.files)
            raise DataError(
                f"{self.folder}: {len(missing)} of {len(names)} images have no prediction, such as {missing[0]!r}{near}"
            )
        if only and (spare := sorted(set(self.files) - {self._key(name) for name in names})):
            raise DataError(
                f"{self.folder}: {len(spare)} of {len(self.files)} predictions have no labels, such as {spare[0]!r}; "
                "score each part of a data set by itself, or take them away"
            )

    def __call__(self, sample: Sample) -> Tensor:
        """The predicted classes of an image, [H, W].

        Raises: DataError for a missing file or another size; LabelError for an id outside the classes.
        """
        key = self._key(sample.name)
        if key is None:
            raise DataError(f"{self.folder}: there is no prediction for {sample.name!r}")
        path = self.files[key]
        try:
            labels = self.reads.encode(read_mask(path, self.reads))
        except LabelError as error:
            told = str(error)
            if not self.raw:
                what = told.split(";")[0].removeprefix(f"{path}: ")
                told = f"{what}; predictions hold class numbers, or with --raw the values of the data set's masks"
            raise LabelError(f"{path}: {told}") from None
        if labels.shape != tuple(sample.labels.shape):
            height, width = sample.labels.shape
            raise DataError(
                f"{path}: the prediction is {labels.shape[1]}x{labels.shape[0]} pixels, but the labels of {sample.name!r} are "
                f"{width}x{height}; predict in the image's own size"
            )
        predicted = tensor(labels)
        undecided = (predicted == self.space.ignore_index) & (sample.labels != self.space.ignore_index)
        if bool(undecided.any()):
            raise LabelError(
                f"{path}: {int(undecided.sum())} pixels are predicted as {self.space.ignore_index} (ignore) where the labels "
                "name a class; a prediction names a class everywhere"
            )
        return predicted

    def _key(self, name: str) -> str | None:
        return next((key for key in (name, Path(name).name, Path(name).stem) if key in self.files), None)


def files(folder: Path) -> dict[str, Path]:
    """The pictures of a folder by stem, sorted.

    Raises: DataError when there is none, or two share a stem.
    """
    if not folder.is_dir():
        raise DataError(f"{folder}: there is no such folder" if not folder.exists() else f"{folder}: is no folder")
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() in SUFFIXES and not path.name.startswith(".") and path.is_file():
            if path.stem in found:
                raise DataError(f"{found[path.stem]} and {path} share a name; keep one of them")
            found[path.stem] = path
    if not found:
        raise DataError(f"{folder}: holds no label maps ({', '.join(SUFFIXES)})")
    return found


def tensor(labels: np.ndarray) -> Tensor:
    """Class numbers as torch computes with them."""
    return torch.from_numpy(labels.astype(np.int32) if labels.dtype == np.uint16 else np.array(labels))


def space_of(
    folders: Sequence[Path], classes: Sequence[str] | int | None = None, ignore: Sequence[int] = ()
) -> LabelSpace:
    """What the values of label maps mean: the classes in the order of their values, those that are ignored left out.

    Args:
        folders: where classes that are not given are looked for; they are called by their values.
        classes: their names, or how many there are.
        ignore: values that do not count; none: 255, and beyond 255 classes 65535.

    Raises: DataError when a file cannot be read; LabelError for names that cannot be.
    """
    if wrong := [value for value in ignore if not 0 <= value <= 65535]:
        raise LabelError(f"value {wrong[0]} cannot be ignored; label maps hold 0 to 65535")
    count = classes if isinstance(classes, int) else None if classes is None else len(classes)
    if count is None:
        taken = set(ignore) or {255, 65535}
        highest = max((_highest(path, taken) for folder in folders for path in files(folder).values()), default=0)
        values = [value for value in range(highest + 1) if not ignore or value not in taken]
    else:
        values = [value for value in range(count + len(ignore)) if value not in ignore][:count]
    names = list(map(str, values)) if classes is None or isinstance(classes, int) else list(classes)
    if not ignore:
        return LabelSpace(tuple(names))
    return LabelSpace(tuple(names), values={**dict(zip(values, names, strict=True)), **dict.fromkeys(ignore, IGNORE)})


def _highest(path: Path, ignored: Collection[int]) -> int:
    array: Any = decode_mask(path)[0]
    if array.ndim != 2:
        raise DataError(f"{path}: a color picture is no map of class numbers")
    held = np.unique(array)
    return int(held[~np.isin(held, list(ignored))].max(initial=0))
