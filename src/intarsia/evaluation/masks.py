"""Label maps in a folder, made by any tool: paired with images by name, and checked before anything is counted.

folder/NAME.png   class numbers, or with `raw` the values that the data set's own masks hold
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..data.codecs import SUFFIXES, decode_mask, read_labels, read_mask
from ..errors import DataError, LabelError, nearest
from ..labels import LabelSpace
from ..structures import Sample


class MaskFolder:
    """A folder of label maps as a data set whose images are black: true labels without their pictures.

    Args:
        folder: label maps of class numbers, one file an image.
        classes: the classes' names; None: they are called by number, up to the largest one that occurs.

    Raises: DataError when it holds no label map, or one cannot be read.
    """

    def __init__(self, folder: str | Path, classes: Sequence[str] | None = None) -> None:
        self.folder, self.name, self.split = Path(folder), Path(folder).name, ""
        self.files = files(self.folder)
        if classes is None:
            highest = max(map(_highest, self.files.values()))
            classes = [str(n) for n in range(highest + 1)]
        self.labels = LabelSpace(tuple(classes))

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

    def require(self, names: Sequence[str]) -> None:
        """See that every image has a prediction.

        Raises: DataError naming one that has none.
        """
        missing = [name for name in names if self._key(name) is None]
        if missing:
            near = nearest(Path(missing[0]).name, self.files)
            raise DataError(
                f"{self.folder}: {len(missing)} of {len(names)} images have no prediction, such as {missing[0]!r}{near}"
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


def _highest(path: Path) -> int:
    array: Any = decode_mask(path)[0]
    if array.ndim != 2:
        raise DataError(f"{path}: a color picture is no map of class numbers")
    held = array[array != 255] if array.dtype == np.uint8 else array
    return int(held.max(initial=0))
