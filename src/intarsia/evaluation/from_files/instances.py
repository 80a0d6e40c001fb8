"""Objects that any tool has detected against a truth, both in COCO's form: instances, and a list of results.

    truth        {"images": [{"id", "height", "width"}], "categories": [...], "annotations": [{"image_id", "category_id",
                  "bbox", "segmentation", "area", "iscrowd"}]}
    predictions  [{"image_id", "category_id", "score", "bbox" and/or "segmentation"}]

or both in Scalabel's, see `scalabel`.

Masks are scored where predictions have segmentations (polygons, or run lengths, plain or compressed); boxes always, which
are those around the masks where no other are given. Small, medium or large is a true object by its `area`, a detected
one by its mask's pixels, or by its box where that is scored and given. (Of results that have both, the official evaluator
takes the boxes' sizes for masks, too; where one form alone is given, all numbers are its own.) It drops results of classes
that the truth does not list; here they are errors.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ... import limits
from ...annotations.beside import read_json, reading
from ...annotations.regions import mask_of
from ...errors import DataError
from ...metrics import AveragePrecision, Objects
from ...metrics.average_precision import PrecisionScores
from ...metrics.object_shapes import crop
from ...structures import CroppedMask
from .panoptic import only_json
from .polygons import fill
from .scalabel import is_scalabel, results_as_coco, truth_as_coco

_LARGEST = 1e300


class Instances(NamedTuple):
    """AP and AR of masks, boxes and boundaries, None for what was not scored; `classes` of each follow the names."""

    masks: PrecisionScores | None
    boxes: PrecisionScores | None
    names: tuple[str, ...]
    images: int
    objects: int
    detections: int
    boundaries: PrecisionScores | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return plain data; NaN where there is nothing to find."""
        kinds = {"masks": self.masks, "boxes": self.boxes, "boundaries": self.boundaries}
        told = {
            kind: {**found._asdict(), "classes": dict(zip(self.names, found.classes, strict=True))}
            for kind, found in kinds.items()
            if found is not None
        }
        return {**told, "images": self.images, "objects": self.objects, "detections": self.detections}


def score_instances(predictions: str | Path, truth: str | Path, *, dilation_ratio: float = 0.0) -> Instances:
    """Average precision of COCO results.

    Args:
        dilation_ratio: for boundary AP as well, the width of boundaries as a share of the diagonal (paper: 0.02).

    Raises: DataError for other files, and for results whose image, category, score or shape does not fit, by their place.
    """
    path, file = only_json(Path(predictions)), only_json(Path(truth))
    with reading(file, "COCO"):
        images, categories, annotations = _truth(file)
        names = tuple(str(c["name"]) for c in categories)
        number = {c["id"]: n for n, c in enumerate(categories)}
    results = _results(path, {name: c["id"] for name, c in zip(names, categories, strict=True)})
    real = _by_image(annotations, images, number, f"{file}: annotation")
    found = _by_image(results, images, number, f"{path}: result")
    scored = [f"{path}: result {n}" for n, r in enumerate(results) if not is_number(r.get("score"))]
    if scored:
        raise DataError(f"{scored[0]} has no score, a number; {len(scored)} of {len(results)} lack one")
    with_masks = _all_or_none(results, "segmentation", str(path), needs="bbox")
    if with_masks and (bare := [n for n, a in enumerate(annotations) if not a.get("segmentation")]):
        raise DataError(f"{file}: annotation {bare[0]} has no segmentation to score masks with; {len(bare)} lack one")
    if dilation_ratio and not with_masks:
        raise DataError(f"{path}: holds boxes alone; boundary AP needs a segmentation in each result")
    masks, boxes = AveragePrecision(len(names)), AveragePrecision(len(names))
    edges = AveragePrecision(len(names), dilation_ratio=dilation_ratio)
    for image in sorted(images, key=_order):  # so that equal scores stand as in the official evaluator
        size = images[image]
        ours = [_Shape(r, size, f"{path}: result {n}") for n, r in found.get(image, ())]
        theirs = [_Shape(a, size, f"{file}: annotation {n}") for n, a in real.get(image, ())]
        with reading(f"{path} or {file}: the objects of image {image!r}", "COCO"):
            if with_masks:
                drawn = _objects(ours, size, number, True, False), _objects(theirs, size, number, True, True)
                masks.update(*drawn)
                if dilation_ratio:
                    edges.update(*drawn)
            boxes.update(_objects(ours, size, number, False, False), _objects(theirs, size, number, False, True))
    return Instances(
        masks.compute() if with_masks else None,
        boxes.compute(),
        names,
        len(images),
        len(annotations),
        len(results),
        edges.compute() if dilation_ratio else None,
    )


class _Shape:
    """One object: its description, and its mask and box when they are asked for."""

    def __init__(self, described: Mapping[str, Any], size: tuple[int, int], where: str) -> None:
        self.described, self.size, self.where = described, size, where
        self._mask: CroppedMask | None = None

    @property
    def mask(self) -> CroppedMask:
        """Drawn when it is asked for, and kept cut to its box."""
        if self._mask is None:
            self._mask = crop(_drawn(self.described["segmentation"], *self.size, self.where))
        return self._mask

    @property
    def area(self) -> int:
        """Pixels of the mask."""
        return int(np.count_nonzero(self.mask.inside))

    @property
    def box(self) -> list[float]:
        """(x0, y0, x1, y1): as given, else around the mask."""
        if given := self.described.get("bbox"):
            if len(given) != 4 or not all(map(is_number, given)) or min(given[2:]) < 0:
                raise DataError(f"{self.where}: bbox is {given}; give x, y, width and height, in pixels")
            x, y, width, height = map(float, given)
            return [x, y, x + width, y + height]
        rows, columns = self.mask.box
        return [float(columns.start), float(rows.start), float(columns.stop), float(rows.stop)]


def _objects(shapes: Sequence[_Shape], size: tuple[int, int], number: Any, as_masks: bool, true: bool) -> Objects:
    drawn: Any = [s.mask for s in shapes] if as_masks else np.array([s.box for s in shapes]).reshape(-1, 4)
    classes = np.array([number[s.described["category_id"]] for s in shapes], np.int64)
    if not true:
        scores = np.array([s.described["score"] for s in shapes], np.float64)
        around = shapes and not as_masks and not any(s.described.get("bbox") for s in shapes)
        return Objects(drawn, classes, scores, areas=np.array([s.area for s in shapes]) if around else None)
    own = None if as_masks else (drawn[:, 2] - drawn[:, 0]) * (drawn[:, 3] - drawn[:, 1])
    areas = [
        float(s.described["area"] if "area" in s.described else s.area if own is None else own[n])
        for n, s in enumerate(shapes)
    ]
    return Objects(drawn, classes, crowd=[bool(s.described.get("iscrowd")) for s in shapes], areas=np.array(areas))


def _truth(path: Path) -> tuple[dict[Any, tuple[int, int]], list[Any], list[Any]]:
    """({image: (height, width)}, categories, annotations)."""
    tree = read_json(path)
    if isinstance(tree, dict) and is_scalabel(tree):
        tree = truth_as_coco(tree, path)
    if not isinstance(tree, dict) or not all(
        isinstance(tree.get(k), list) for k in ("images", "annotations", "categories")
    ):
        raise DataError(f"{path}: is no file of COCO instances; it needs images, annotations and categories")
    images = {}
    for image in tree["images"]:
        if not image.get("height") or not image.get("width"):
            raise DataError(f"{path}: image {image.get('id')!r} has no height and width")
        images[image["id"]] = (int(image["height"]), int(image["width"]))
        limits.check_pixels(images[image["id"]][1], images[image["id"]][0], f"{path}: image {image['id']!r}")
        if min(images[image["id"]]) < 1:
            raise DataError(f"{path}: image {image['id']!r} has a height or width below 1; write its size in pixels")
    if not images or not tree["categories"]:
        raise DataError(f"{path}: lists no {'images' if not images else 'categories'}; there is nothing to score")
    return images, tree["categories"], tree["annotations"]


def _results(path: Path, categories: Mapping[str, Any]) -> list[dict[str, Any]]:
    tree = read_json(path)
    if is_scalabel(tree):
        with reading(path, "Scalabel"):
            return results_as_coco(tree, categories, path)
    listed = tree.get("annotations") if isinstance(tree, dict) else tree
    if not isinstance(listed, list) or not all(isinstance(r, dict) for r in listed):
        raise DataError(
            f"{path}: holds no COCO results; give a list of image_id, category_id, score, and bbox or segmentation"
        )
    return listed


def _by_image(listed: Sequence[Any], images: Any, number: Any, what: str) -> dict[Any, list[tuple[int, Any]]]:
    held: dict[Any, list[tuple[int, Any]]] = {}
    for n, entry in enumerate(listed):
        if not isinstance(entry, dict):
            raise DataError(f"{what} {n} is {str(entry)[:40]!r}, no mapping; export it again")
        for key, known, of in (("image_id", images, "images"), ("category_id", number, "categories")):
            given = entry.get(key)
            if isinstance(given, list | dict) or given not in known:
                raise DataError(f"{what} {n} has {key} {given!r}, which is none of the truth's {len(known)} {of}")
        held.setdefault(entry["image_id"], []).append((n, entry))
    return held


def _all_or_none(results: Sequence[Mapping[str, Any]], key: str, where: str, needs: str) -> bool:
    """Whether all results have a key; where none has it, all need the other one."""
    with_it = [n for n, r in enumerate(results) if r.get(key)]
    if with_it and len(with_it) < len(results):
        other = next(n for n, r in enumerate(results) if not r.get(key))
        raise DataError(
            f"{where}: result {with_it[0]} has a {key} and result {other} has none; give it to all or to none"
        )
    if not with_it and (bare := [n for n, r in enumerate(results) if not r.get(needs)]):
        raise DataError(f"{where}: result {bare[0]} has neither {needs} nor {key}")
    return bool(with_it)


def _drawn(segmentation: Any, height: int, width: int, where: str) -> np.ndarray:
    """The mask [H, W] of polygons or run lengths."""
    with reading(where, "COCO"):
        try:
            return _mask(segmentation, height, width)
        except DataError as error:
            raise DataError(f"{where}: {error}") from None


def _mask(segmentation: Any, height: int, width: int) -> np.ndarray:
    if isinstance(segmentation, dict):
        if list(segmentation.get("size", ())) != [height, width]:
            raise DataError(
                f"run lengths of size {segmentation.get('size')}, but the image is [{height}, {width}] (height, width)"
            )
        return mask_of(segmentation.get("counts", []), height, width)
    mask = np.zeros((height, width), bool)
    for ring in segmentation:
        if not isinstance(ring, list) or len(ring) % 2 or len(ring) < 6 or not all(map(is_number, ring)):
            raise DataError("a polygon is a list of x and y, three points at least")
        mask |= fill(np.array(ring, np.float64).reshape(-1, 2), height, width)
    return mask


def is_number(value: Any) -> bool:
    """Whether a value of a JSON file is a finite number that a float holds."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return -_LARGEST < value < _LARGEST  # neither NaN nor infinite, nor an integer that no float holds


def _order(image: Any) -> tuple[bool, Any]:
    return (isinstance(image, str), image)
