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
from ...metrics import PanopticQuality
from ...metrics.panoptic import occurring
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
_LEFT_OUT = 1 | 2  # ignored, crowd


class _Cut(NamedTuple):
    """The segments of one picture: the place of each pixel's among them (0: none), their classes, and which count."""

    place: np.ndarray  # [H, W]
    classes: np.ndarray  # [M]
    counts: np.ndarray  # [M]


def score_bitmasks(predictions: str | Path, truth: str | Path) -> Panoptic:
    """Panoptic quality of folders of bit masks.

    Raises: DataError for folders without masks, names that only one of both has, sizes that differ, files that are no RGBA,
        categories outside of 1 to 40, and segments of two categories.
    """
    ours, theirs = files(Path(predictions)), files(Path(truth))
    both(ours, theirs, predictions, truth, "masks")
    metric = PanopticQuality(len(NAMES), range(len(STUFF), len(NAMES)))
    for name, path in theirs.items():
        true, found = _cut(path), _cut(ours[name])
        if true.place.shape != found.place.shape:
            (h, w), (height, width) = found.place.shape, true.place.shape
            raise DataError(
                f"{ours[name]}: the prediction is {w}x{h} pixels, but the truth is {width}x{height}; predict in its size"
            )
        _count(metric, found, true)
    return Panoptic(metric.compute(), NAMES, metric.things, len(theirs))


def _count(metric: PanopticQuality, found: _Cut, true: _Cut) -> None:
    """Match one picture."""
    shape = len(true.classes) + 1, len(found.classes) + 1
    joint = np.bincount((true.place * shape[1] + found.place).ravel(), minlength=shape[0] * shape[1]).reshape(shape)
    shared, size, area = joint[1:, 1:], joint.sum(axis=1)[1:], joint.sum(axis=0)[1:]
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


def _cut(path: Path) -> _Cut:
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
    classes = (held >> 8 & 255) - 1
    if wrong := [int(k) + 1 for k in classes if not 0 <= k < len(NAMES)]:
        raise DataError(f"{path}: category {wrong[0]} is outside of BDD100K's 1 to {len(NAMES)}")
    place = place.reshape(numbers.shape) + (0 if (keys == 0).any() else 1)
    return _Cut(place, classes, (held & _LEFT_OUT) == 0)
