"""Label maps in a folder, made by any tool: paired with images by name, and checked before anything is counted.

folder/NAME.png         class numbers, or with `raw` the values that the data set's own masks hold; black and white are two classes
folder/SCENE/NAME.png   the same, where the folder itself holds no label map

What values mean where nobody wrote it down is decided in `reading`, over all files of a folder together.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ...data.files.codecs import SUFFIXES, read_labels, read_mask
from ...data.folders.find import find
from ...doctor.meaning.classes import Scan
from ...errors import DataError, LabelError, OddValues, nearest, not_a_folder
from ...labels import IGNORE, LabelSpace
from ...structures import Sample
from ..reading import look, reads, told, truth_space


class MaskFolder:
    """A folder of label maps as a data set whose images are black: true labels without their pictures.

    Args:
        folder: label maps, one file an image.
        classes: the classes' names, how many there are, or what their values mean; None: they are called by number, up to
            the largest one that occurs, or background and foreground where there are two.
        others: folders of predictions that will be held against it: what values mean is decided from all of them.
        more: whether classes that only predictions hold are classes too.

    Raises: DataError when it holds no label map, or none can be read; LabelError when its values could mean several things.
    """

    def __init__(
        self,
        folder: str | Path,
        classes: Sequence[str] | int | LabelSpace | None = None,
        *,
        others: Sequence[str | Path] = (),
        more: bool = True,
    ) -> None:
        self.folder, self.name, self.split = Path(folder), Path(folder).name, ""
        self.files = files(self.folder)
        self.seen = look(self.files)
        if isinstance(classes, LabelSpace):
            self.labels = classes
        else:
            self.labels = truth_space(self.seen, [look(files(Path(other))) for other in others], classes, more)

    @property
    def told(self) -> str:
        """How its values are read, in a few words."""
        return told(self.labels, self.seen.pixels)

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
        raw: whether they hold the values of the data set's own masks instead of class numbers. Masks of two classes in
            black and white, or of 0 and 1, are known for what they are either way.

    Raises: DataError when the folder holds none.
    """

    def __init__(self, folder: str | Path, space: LabelSpace, raw: bool = False) -> None:
        self.folder, self.space, self.raw = Path(folder), space, raw
        self.files = files(self.folder)

    @cached_property
    def seen(self) -> Scan:
        """What all of them hold."""
        return look(self.files)

    @cached_property
    def reads(self) -> LabelSpace:
        """What their values mean."""
        return reads(self.space, self.seen, self.raw)

    @property
    def told(self) -> str:
        """How their values are read, in a few words."""
        return told(self.reads, self.seen.pixels)

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
        except OddValues as error:
            remedy = "predictions hold class numbers, or with --raw the values of the data set's masks"
            if self.raw:
                remedy = "with --raw, predictions hold the values of the data set's masks"
            raise LabelError(f"{path}: {error.found}; {remedy}") from None
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
    """The pictures of a folder by stem, sorted; where it holds none itself, those below it as "scene/stem".

    Raises: DataError when there is none, or two share a stem.
    """
    if not folder.is_dir():
        raise DataError(not_a_folder(folder))
    found: dict[str, Path] = {}
    for path in _pictures(folder.iterdir()) or _pictures(folder.rglob("*")):
        name = path.relative_to(folder).with_suffix("").as_posix()
        if name in found:
            raise DataError(f"{found[name]} and {path} share a name; keep one of them")
        found[name] = path
    if not found:
        raise DataError(f"{folder}: holds no label maps ({', '.join(SUFFIXES)})")
    return found


def alone(truth: Path, predictions: Sequence[Path]) -> bool:
    """Whether a folder holds label maps alone, rather than images and masks.

    Args:
        predictions: folders of label maps that are to be held against it: where all of them have the very names of its
            files, these are label maps.
    """
    try:
        names = set(files(truth))
        alike = bool(predictions) and all(set(files(folder)) == names for folder in predictions)
    except DataError:
        names, alike = set(), False
    if alike or any(path.is_dir() and not path.name.startswith(".") for path in truth.iterdir()):
        return alike
    try:
        find(truth)
    except DataError:
        return True
    return False  # NAME.jpg and NAME_mask.png in one folder


def _pictures(paths: Iterable[Path]) -> list[Path]:
    return sorted(p for p in paths if p.suffix.lower() in SUFFIXES and not p.name.startswith(".") and p.is_file())


def tensor(labels: np.ndarray) -> Tensor:
    """Class numbers as torch computes with them."""
    return torch.from_numpy(labels.astype(np.int32) if labels.dtype == np.uint16 else np.array(labels))


def without(folders: Sequence[Path], ignore: Sequence[int], classes: Sequence[str] | int | None = None) -> LabelSpace:
    """The meaning of values of label maps when some of them are ignored: the classes in the order of the other values.

    Args:
        folders: where classes that are not given are looked for; they are called by their values.
        ignore: values that do not count.
        classes: the names of the others, or how many they are.

    Raises: DataError when a file cannot be read; LabelError for names that cannot be, and for colors.
    """
    if wrong := [value for value in ignore if not 0 <= value <= 65535]:
        raise LabelError(f"value {wrong[0]} cannot be ignored; label maps hold 0 to 65535")
    if classes is None:
        seen = [look(files(folder)) for folder in folders]
        if colored := [one for one in seen if one.by_color]:
            raise LabelError(f"{colored[0].folder} holds colors, and a value to ignore is a number; save it as numbers")
        highest = max((value for one in seen for value in one.pixels if value not in ignore), default=0)
        values = [value for value in range(highest + 1) if value not in ignore]
    else:
        count = classes if isinstance(classes, int) else len(classes)
        values = [value for value in range(count + len(ignore)) if value not in ignore][:count]
    names = list(map(str, values)) if classes is None or isinstance(classes, int) else list(classes)
    return LabelSpace(tuple(names), values={**dict(zip(values, names, strict=True)), **dict.fromkeys(ignore, IGNORE)})
