"""Objects with scores in BDD100K's bit masks, by the rules of its own evaluator.

FOLDER/NAME.png     R category 1..8, G attributes (1 ignored, 2 crowd, others), 256 B + A the object's number, 0 for none
FOLDER/*.json or FOLDER.json, of predictions: [{"name": "NAME.jpg", "labels": [{"index", "score"}]}], index the number

COCO's AP, but for this: a detection takes the true object that it overlaps most, even if that one is ignored or of another
size; a crowd may be taken many times and is to be found as any other object; overlap with it is IoU.

Yu, Chen, Wang, Xian, Chen, Liu, Madhavan, Darrell. "BDD100K: A Diverse Driving Dataset for Heterogeneous Multitask
Learning." CVPR 2020. arXiv:1805.04687
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from ...annotations.beside import read_json, reading
from ...errors import DataError
from ...metrics import AveragePrecision
from ...metrics.average_precision import AREAS, THRESHOLDS
from .bitmasks import CROWD, IGNORED, Cut, cut_alike, overlaps
from .depth import both
from .instances import Instances, is_number
from .masks import files
from .panoptic import only_json

NAMES = ("pedestrian", "rider", "car", "truck", "bus", "train", "motorcycle", "bicycle")  # of categories 1, 2, ...


def score_bitmask_instances(predictions: str | Path, truth: str | Path) -> Instances:
    """Average precision of the objects in folders of bit masks, the predicted ones with scores in a JSON file.

    Objects whose pixels all lie below others have a score and no pixel; they do not count, as in the official evaluator.

    Raises: DataError for folders without masks, names that only one of both has, sizes that differ, files that are no RGBA,
        predicted categories outside of 1 to 8, objects of two categories, and objects without a score.
    """
    ours, theirs = files(Path(predictions)), files(Path(truth))
    both(ours, theirs, predictions, truth, "masks")
    file = only_json(Path(predictions))
    listed = _scores(file)
    if odd := [name for name in listed if name not in ours]:
        raise DataError(f"{file}: {len(odd)} of {len(listed)} images have no mask in {predictions}, such as {odd[0]!r}")
    metric, objects, detections = AveragePrecision(len(NAMES)), 0, 0
    for name, path in theirs.items():
        found, true = cut_alike(ours[name], path)
        if wrong := [int(k) for k in found.categories if not 1 <= k <= len(NAMES)]:
            raise DataError(f"{ours[name]}: category {wrong[0]} is outside of BDD100K's 1 to {len(NAMES)} of objects")
        if bare := [int(n) for n in found.numbers if int(n) not in listed.get(name, {})]:
            raise DataError(f"{file}: gives object {bare[0]} of {ours[name]} no score ({len(bare)} such)")
        order = list(listed.get(name, {}))  # of equal scores, the one listed first
        rank = np.array([order.index(int(n)) for n in found.numbers], np.int64)
        scores = np.array([listed[name][int(n)] for n in found.numbers], np.float64)
        _count(metric, found, true, scores, np.lexsort((rank, -scores)))
        objects += int(np.isin(true.categories, range(1, len(NAMES) + 1)).sum())
        detections += len(scores)
    return Instances(metric.compute(), None, NAMES, len(theirs), objects, detections)


def _count(metric: AveragePrecision, found: Cut, true: Cut, scores: np.ndarray, order: np.ndarray) -> None:
    """Match one picture; `order` has the detections by falling score."""
    shared, size, area = overlaps(true.place, found.place, len(true.numbers), len(found.numbers))
    iou = (shared / (size[:, None] + area - shared)).T
    ends = np.array(list(AREAS.values()))
    outside = (size < ends[:, :1]) | (size > ends[:, 1:]) | (true.attributes & IGNORED > 0)  # [A, G]
    strange = (area < ends[:, :1]) | (area > ends[:, 1:])  # [A, D]
    crowd = true.attributes & CROWD > 0
    for k in np.union1d(found.categories, true.categories):
        if not 1 <= k <= len(NAMES):
            continue
        mine, real = order[found.categories[order] == k], np.flatnonzero(true.categories == k)
        taken = _taken(iou[np.ix_(mine, real)], crowd[real])  # [T, D]
        hit = taken >= 0
        free = outside[:, real][:, taken] & hit if len(real) else np.zeros((len(AREAS), *hit.shape), bool)
        excused = free | (~hit & strange[:, None, mine])
        metric.add(int(k) - 1, scores[mine], hit & ~free, excused, (~outside[:, real]).sum(axis=1))


def _taken(iou: np.ndarray, crowd: np.ndarray) -> np.ndarray:
    """[T, D] the true object that each detection, best first, takes at each threshold; -1 for none."""
    chosen = np.full((len(THRESHOLDS), len(iou)), -1)
    for t, threshold in enumerate(THRESHOLDS):
        left = iou.copy()
        for d, row in enumerate(left):
            if len(row) and row.max() >= threshold:
                chosen[t, d] = best = row.argmax()
                if not crowd[best]:
                    left[:, best] = 0
    return chosen


def _scores(path: Path) -> dict[str, dict[int, float]]:
    """{image: {number of an object: score}}, in the file's order.

    Raises: DataError for a file of another form, an image or a number that it lists twice.
    """
    tree: Any = read_json(path)
    listed = tree.get("frames") if isinstance(tree, Mapping) else tree
    if not isinstance(listed, list):
        raise DataError(f"{path}: is no list of images with labels of index and score, as BDD100K writes it")
    found: dict[str, dict[int, float]] = {}
    with reading(path, "BDD100K"):
        for image in listed:
            name = PurePosixPath(image["name"]).with_suffix("").as_posix()
            if name in found:
                raise DataError(f"{path}: lists image {name!r} more than once; keep one entry an image")
            found[name] = {}
            for label in image.get("labels") or ():
                index, score = label["index"], label["score"]
                if not isinstance(index, int) or not is_number(score):
                    raise DataError(
                        f"{path}: a label of {name!r} has index {index!r} and score {score!r}; give numbers"
                    )
                if index in found[name]:
                    raise DataError(f"{path}: gives object {index} of {name!r} two scores; number objects apart")
                found[name][index] = float(score)
    return found
