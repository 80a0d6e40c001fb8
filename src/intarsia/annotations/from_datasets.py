"""Any data set of files as a project, so that what is trained on can go into an annotation tool."""

from __future__ import annotations

from bisect import bisect
from collections import Counter
from collections.abc import Sequence
from functools import partial
from itertools import accumulate
from pathlib import Path

import numpy as np

from ..data.dataset import Foreign, title_of
from ..data.files.codecs import write_image
from ..data.layers import told_covered
from ..data.pairs import Pairs
from ..errors import DataError
from ..labels import IGNORE, LabelSpace
from ..structures import Sample
from .beside import scratch
from .project import Bitmap, Picture, Pictures, Project, Region

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
            what = dataset.holds if isinstance(dataset, Foreign) else "samples that are no files"
            raise DataError(f"{title_of(dataset)}: holds {what}, which no annotation tool takes")
        if dataset.labels != first.labels:
            raise DataError(f"{first.name}: {dataset.split} has other labels than {first.split}; convert one --split")
    starts = [0, *accumulate(map(len, datasets))]
    pictures = Pictures(starts[-1], partial(_sample, datasets, starts[:-1], scratch()))
    names = first.labels.names
    ignored = BACKGROUND in names and any(r.label == IGNORE for picture in pictures for r in picture.regions)
    classes = tuple(name for name in names if name != BACKGROUND) + ((IGNORE,) if ignored else ())
    left = sum(len(side) for dataset in datasets for side in dataset.unmatched)
    remarks = [remark for dataset in datasets for remark in dataset.remarks]
    remarks += _covered(datasets)
    if void := [str(value) for value, name in first.labels.values.items() if name == IGNORE]:
        remarks.append(f"pixels of {'value' if len(void) == 1 else 'the values'} {', '.join(void)} are ignored")
    if left:
        remarks.append(f"{left} files without a partner are left out; `intarsia data audit` names them")
    colors = dict(zip(names, first.labels.colors, strict=True))
    return Project(classes, pictures, first.name, {n: c for n, c in colors.items() if n in classes}, tuple(remarks))


def _covered(datasets: Sequence[Pairs]) -> list[str]:
    """The sentence about regions that others cover in what the data sets drew; none where there are none."""
    counts: Counter[str] = Counter()
    first = ""
    for dataset in datasets:
        for item in dataset.items if dataset.mask_hook is not None else ():
            if (raw := dataset.decode(item)) is not None and raw.covered:
                counts.update(raw.covered)
                first = first or item.name
    return [told_covered(counts, first)] if counts else []


def _sample(datasets: Sequence[Pairs], starts: Sequence[int], folder: Path, number: int) -> Picture:
    """The sample of a place among all data sets; `starts` are those of each. Names begin with the split where there are several."""
    place = bisect(starts, number) - 1
    dataset, at = datasets[place], number - starts[place]
    sample, item = dataset[at], dataset.items[at]
    image = item.image if dataset.image_hook is None else folder / dataset.split / f"{sample.name}.png"
    if dataset.image_hook is not None and not image.is_file():
        image.parent.mkdir(parents=True, exist_ok=True)
        pixels = sample.image.permute(1, 2, 0).numpy()
        write_image(image, pixels if pixels.dtype == np.uint8 else pixels.astype(np.uint16))
    name = f"{dataset.split}/{item.name}" if len(datasets) > 1 else item.name
    height, width = sample.labels.shape
    found = _regions_of(sample, dataset.labels)
    return Picture(name, image, height, width, found, dataset.split if len(datasets) > 1 else "")


def _regions_of(sample: Sample, space: LabelSpace) -> tuple[Region, ...]:
    """All that a sample knows, as regions: objects with masks of their own keep all of their pixels."""
    objects = None if sample.objects is None else sample.objects.numpy()
    labels = sample.labels.numpy()
    if sample.masks is None or sample.classes is None:
        if sample.planes is None:
            return regions(labels, objects, space)
        return regions_of_planes(sample.planes.numpy(), labels, space)
    masks, kinds = sample.masks.numpy(), sample.classes.tolist()
    if sample.planes is None:
        rest = regions(np.where(masks.any(axis=0), _background(space), labels), None, space, objects is not None)
    else:
        planes = sample.planes.numpy().copy()
        for kind, mask in zip(kinds, masks, strict=True):
            planes[kind] &= ~mask
        rest = regions_of_planes(planes, labels, space, space.things)
    single = [(space.names[kind], mask, n) for n, (kind, mask) in enumerate(zip(kinds, masks, strict=True), 1)]
    return (*rest, *(_region(name, mask, str(n)) for name, mask, n in single if mask.any()))


def _background(space: LabelSpace) -> int:
    """The label of pixels that no region covers."""
    return space.names.index(BACKGROUND) if BACKGROUND in space.names else space.ignore_index


def _region(name: str, inside: np.ndarray, number: str = "", crowd: bool = False) -> Region:
    """A region of the pixels [H, W] that are on, of which there is one at least."""
    rows, columns = (np.flatnonzero(inside.any(axis=axis)) for axis in (1, 0))
    top, left = int(rows[0]), int(columns[0])
    pixels = inside[top : rows[-1] + 1, left : columns[-1] + 1]
    return Region(name, bitmap=Bitmap(top, left, pixels.copy()), crowd=crowd, object=number)


def regions_of_planes(
    planes: np.ndarray, labels: np.ndarray, space: LabelSpace, crowds: Sequence[str] = ()
) -> tuple[Region, ...]:
    """Planes [K, H, W] as regions that may overlap, one a class; those of the classes `crowds` are of many objects."""
    found = []
    for name, inside in zip((*space.names, IGNORE), (*planes, labels == space.ignore_index), strict=True):
        if not inside.any() or name == BACKGROUND or (name == IGNORE and BACKGROUND not in space.names):
            continue
        found.append(_region(name, inside, crowd=name in crowds))
    return tuple(found)


def regions(
    labels: np.ndarray, objects: np.ndarray | None, space: LabelSpace, known: bool = False
) -> tuple[Region, ...]:
    """A label map [H, W] and its object numbers [H, W] as regions that do not overlap, background left out.

    Args:
        known: whether objects are known that `objects` does not show; pixels of a thing that belong to none are a crowd's.
    """
    known = known or objects is not None
    names = {**dict(enumerate(space.names)), space.ignore_index: IGNORE}
    numbers = np.zeros(labels.shape, np.int64) if objects is None else objects.astype(np.int64)
    codes = numbers * (space.ignore_index + 1) + labels
    found = []
    for code in np.unique(codes).tolist():
        number, value = divmod(code, space.ignore_index + 1)
        if (name := names[value]) == BACKGROUND or (name == IGNORE and BACKGROUND not in space.names):
            continue
        inside = codes == code
        crowd = known and not number and name in space.things
        found.append(_region(name, inside, str(number) if number else "", crowd))
    return tuple(found)
