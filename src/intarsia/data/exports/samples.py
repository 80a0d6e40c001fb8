"""Any data set of files as a project, so that what is trained on can go into an annotation tool."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import overload

import numpy as np

from ...errors import DataError
from ...labels import IGNORE, LabelSpace
from ...structures import Sample
from ..codecs import write_image
from ..pairs import Pairs
from .record import Bitmap, Picture, Project, Region

BACKGROUND = "background"


def project(datasets: Sequence[Pairs]) -> Project:
    """The samples of data sets, one a split: of each class one region, or one of each object where objects are told apart.

    A class called "background" is what no region covers; without one it is the pixels that are ignored. Pictures are
    read when they are asked for, and each once here, to know whether any pixel is ignored.

    Images that a data set puts together from other files are written as PNG into a folder that lives as long as the process.

    Raises: DataError for a data set of no images, or whose splits know different classes.
    """
    first = datasets[0]
    for dataset in datasets:
        if not isinstance(dataset, Pairs):
            what = getattr(dataset, "holds", "samples that are no files")
            raise DataError(f"{dataset.name}: holds {what}, which no annotation tool takes")
        if dataset.labels != first.labels:
            raise DataError(f"{first.name}: {dataset.split} has other labels than {first.split}; convert one --split")
    pictures = Samples(datasets)
    names = first.labels.names
    ignored = BACKGROUND in names and any(r.label == IGNORE for picture in pictures for r in picture.regions)
    classes = tuple(name for name in names if name != BACKGROUND) + ((IGNORE,) if ignored else ())
    left = sum(len(side) for dataset in datasets for side in dataset.unmatched)
    remarks = [remark for dataset in datasets for remark in dataset.remarks]
    if left:
        remarks.append(f"{left} files without a partner are left out; `intarsia data audit` names them")
    colors = dict(zip(names, first.labels.colors, strict=True))
    return Project(classes, pictures, first.name, {n: c for n, c in colors.items() if n in classes}, tuple(remarks))


class Samples(Sequence[Picture]):
    """The pictures of data sets, read one by one; names begin with the split where there are several."""

    def __init__(self, datasets: Sequence[Pairs]) -> None:
        self.datasets = tuple(datasets)
        self.starts = [0, *np.cumsum([len(dataset) for dataset in datasets]).tolist()]
        self.made: Path | None = None  # where images lie that are no plain files

    def __len__(self) -> int:
        return int(self.starts[-1])

    @overload
    def __getitem__(self, number: int) -> Picture: ...
    @overload
    def __getitem__(self, number: slice) -> list[Picture]: ...
    def __getitem__(self, number: int | slice) -> Picture | list[Picture]:
        if isinstance(number, slice):
            return [self[n] for n in range(*number.indices(len(self)))]
        at = range(len(self))[number]
        place = next(n for n, (start, stop) in enumerate(pairwise(self.starts)) if start <= at < stop)
        dataset, at = self.datasets[place], at - self.starts[place]
        sample, item = dataset[at], dataset.items[at]
        image = item.image if dataset.image_hook is None else self._written(dataset, sample)
        name = f"{dataset.split}/{item.name}" if len(self.datasets) > 1 else item.name
        objects = None if sample.objects is None else sample.objects.numpy()
        height, width = sample.labels.shape
        return Picture(name, image, height, width, regions(sample.labels.numpy(), objects, dataset.labels))

    def _written(self, dataset: Pairs, sample: Sample) -> Path:
        if self.made is None:
            self.made = Path(tempfile.mkdtemp(prefix="intarsia-"))
            atexit.register(shutil.rmtree, self.made, ignore_errors=True)
        path = self.made / dataset.split / f"{sample.name}.png"
        if not path.is_file():
            path.parent.mkdir(parents=True, exist_ok=True)
            pixels = sample.image.permute(1, 2, 0).numpy()
            write_image(path, pixels if pixels.dtype == np.uint8 else pixels.astype(np.uint16))
        return path


def regions(labels: np.ndarray, objects: np.ndarray | None, space: LabelSpace) -> tuple[Region, ...]:
    """A label map [H, W] and its object numbers [H, W] as regions that do not overlap, background left out."""
    names = {**dict(enumerate(space.names)), space.ignore_index: IGNORE}
    numbers = np.zeros(labels.shape, np.int64) if objects is None else objects.astype(np.int64)
    codes = numbers * (space.ignore_index + 1) + labels
    found = []
    for code in np.unique(codes).tolist():
        number, value = divmod(code, space.ignore_index + 1)
        if (name := names[value]) == BACKGROUND or (name == IGNORE and BACKGROUND not in space.names):
            continue
        inside = codes == code
        rows, columns = (np.flatnonzero(inside.any(axis=axis)) for axis in (1, 0))
        top, left = int(rows[0]), int(columns[0])
        pixels = inside[top : rows[-1] + 1, left : columns[-1] + 1]
        found.append(Region(name, bitmap=Bitmap(top, left, pixels.copy()), object=str(number) if number else ""))
    return tuple(found)
