"""Panoptic predictions in BDD100K's bit masks, by the rules of its own evaluator.

FOLDER/NAME.png     R category 1..40, G attributes (1 ignored, 2 crowd, others), 256 B + A the segment's number, 0 for none

Unlike in COCO, pixels without a segment stay in the union, ignored and crowd segments count nowhere on either side, and an
unmatched prediction is excused where more than half of it lies outside the segments that count.

Yu, Chen, Wang, Xian, Chen, Liu, Madhavan, Darrell. "BDD100K: A Diverse Driving Dataset for Heterogeneous Multitask
Learning." CVPR 2020. arXiv:1805.04687
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from ...data.files.codecs import decode_mask
from ...errors import DataError
from ...labels.meetings import occurring
from ...metrics import PanopticQuality
from .depth import both
from .masks import files
from .panoptic import Panoptic

STUFF = (
    "dynamic,ego vehicle,ground,static,parking,rail track,road,sidewalk,bridge,building,fence,garage,guard rail,tunnel,wall,"
    "banner,billboard,lane divider,parking sign,pole,polegroup,street light,traffic cone,traffic device,traffic light,"
    "traffic sign,traffic sign frame,terrain,vegetation,sky"
).split(",")
THINGS = "person,rider,bicycle,bus,car,caravan,motorcycle,trailer,train,truck".split(",")
NAMES = (*STUFF, *THINGS)  # of categories 1, 2, ...
IGNORED, CROWD = 1, 2  # attributes


class Cut(NamedTuple):
    """The segments of one picture by rising number, and the place of each pixel's among them (0: none)."""

    place: np.ndarray  # [H, W]
    numbers: np.ndarray  # [M]
    categories: np.ndarray  # [M]
    attributes: np.ndarray  # [M]


def score_bitmasks(predictions: str | Path, truth: str | Path) -> Panoptic:
    """Panoptic quality of folders of bit masks.

    Raises: DataError for folders without masks, names that only one of both has, sizes that differ, files that are no RGBA,
        categories outside of 1 to 40, and segments of two categories.
    """
    ours, theirs = files(Path(predictions)), files(Path(truth))
    both(ours, theirs, predictions, truth, "masks")
    metric = PanopticQuality(len(NAMES), range(len(STUFF), len(NAMES)))
    for name, path in theirs.items():
        found, true = cut_alike(ours[name], path)
        _count(metric, _Valid.of(found, ours[name]), _Valid.of(true, path))
    return Panoptic(metric.compute(), NAMES, metric.things, len(theirs))


class _Valid(NamedTuple):
    """The segments of one picture with classes from 0, and which of them count."""

    place: np.ndarray  # [H, W]
    classes: np.ndarray  # [M]
    counts: np.ndarray  # [M]

    @classmethod
    def of(cls, found: Cut, path: Path) -> _Valid:
        """Raises: DataError for categories outside of 1 to 40."""
        if wrong := [int(k) for k in found.categories if not 1 <= k <= len(NAMES)]:
            raise DataError(f"{path}: category {wrong[0]} is outside of BDD100K's 1 to {len(NAMES)}")
        return cls(found.place, found.categories - 1, (found.attributes & (IGNORED | CROWD)) == 0)


def _count(metric: PanopticQuality, found: _Valid, true: _Valid) -> None:
    """Match one picture."""
    shared, size, area = overlaps(true.place, found.place, len(true.classes), len(found.classes))
    same = true.classes[:, None] == found.classes
    iou = same * shared / (size[:, None] + area - shared)
    match = (iou > 0.5) & true.counts[:, None] & found.counts
    real, called = np.nonzero(match)
    np.add.at(metric.overlap, true.classes[real], iou[real, called])
    np.add.at(metric.counts[0], true.classes[real], 1)
    np.add.at(metric.counts[2], true.classes[true.counts & ~match.any(axis=1)], 1)
    outside = 1 - shared[true.counts].sum(axis=0) / area
    invented = found.counts & ~match.any(axis=0) & (outside <= 0.5)
    np.add.at(metric.counts[1], found.classes[invented], 1)


def overlaps(one: np.ndarray, other: np.ndarray, m: int, n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(pixels that two segments share [M, N], pixels of each segment of the one [M] and of the other [N])."""
    joint = np.bincount((one * (n + 1) + other).ravel(), minlength=(m + 1) * (n + 1)).reshape(m + 1, n + 1)
    return joint[1:, 1:], joint.sum(axis=1)[1:], joint.sum(axis=0)[1:]


def cut_alike(prediction: Path, truth: Path) -> tuple[Cut, Cut]:
    """Both bit masks, taken apart.

    Raises: DataError for sizes that differ, files that are no RGBA, and segments of two categories.
    """
    found, true = _cut(prediction), _cut(truth)
    if true.place.shape != found.place.shape:
        (h, w), (height, width) = found.place.shape, true.place.shape
        raise DataError(
            f"{prediction}: the prediction is {w}x{h} pixels, but the truth is {width}x{height}; predict in its size"
        )
    return found, true


def _cut(path: Path) -> Cut:
    """A bit mask, taken apart."""
    array, _ = decode_mask(path)
    if array.ndim != 3 or array.shape[2] != 4:
        raise DataError(
            f"{path}: is no bit mask of BDD100K, which has four channels: category, attributes and two of number"
        )
    kinds, attributes, high, low = np.moveaxis(array.astype(np.int64), 2, 0)
    numbers = high * 256 + low
    # One key for number, category and attributes: a number with several keys is cut wrongly.
    keys, place, _ = occurring(np.where(numbers > 0, numbers << 16 | kinds << 8 | attributes, 0))
    held = keys[keys > 0]
    of = held >> 16
    if len(set(of.tolist())) < len(of):
        twice = next(n for n in of.tolist() if (of == n).sum() > 1)
        raise DataError(
            f"{path}: segment {twice} has several categories or attributes; give each segment its own number"
        )
    place = place.reshape(numbers.shape) + (0 if (keys == 0).any() else 1)
    return Cut(place, of, held >> 8 & 255, held & 255)
