"""Panoptic predictions of any tool against a truth, both in COCO's form: a JSON, and a PNG of segment numbers an image.

NAME.json    annotations: [{"image_id", "file_name", "segments_info": [{"id", "category_id", "iscrowd"}]}]
             categories: [{"id", "name", "isthing"}], of the truth; a prediction need not repeat them
NAME/*.png   beside it; segment = R + 256 G + 65536 B, 0 is void
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from ...annotations.beside import reading
from ...annotations.coco_panoptic import numbers, parse, segments
from ...errors import DataError, IntarsiaError
from ...metrics import PanopticQuality, Segments
from ...metrics.panoptic import PanopticScores


class Panoptic(NamedTuple):
    """PQ, SQ and RQ of each class by number, with the classes' names and whether they are things."""

    scores: PanopticScores
    names: tuple[str, ...]
    things: frozenset[int]
    images: int

    def to_dict(self) -> dict[str, Any]:
        """Return plain data; a class that occurs nowhere has NaN."""
        found = self.scores
        rows = zip(found.pq, found.sq, found.rq, found.matched, found.invented, found.missed, strict=True)
        keys = ("pq", "sq", "rq", "matched", "invented", "missed")
        return {
            **{part: getattr(found, part)._asdict() for part in ("all", "things", "stuff")},
            "classes": [
                {"name": name, "thing": k in self.things, **dict(zip(keys, row, strict=True))}
                for k, (name, row) in enumerate(zip(self.names, rows, strict=True))
            ],
            "images": self.images,
        }


class _File(NamedTuple):
    path: Path
    masks: Path
    images: dict[Any, Mapping[str, Any]]  # annotation of each image
    categories: list[Mapping[str, Any]]


def score_panoptic(predictions: str | Path, truth: str | Path) -> Panoptic:
    """Panoptic quality of COCO panoptic files.

    Args:
        predictions, truth: JSON files, or the folders of their PNGs.

    Raises: DataError or LabelError for missing files, images that only one of both has, categories and segments that are
        not listed, and sizes that differ.
    """
    ours, theirs = _opened(Path(predictions)), _opened(Path(truth))
    if not theirs.categories or not theirs.images:
        what = "no categories" if not theirs.categories else "no images"
        raise DataError(f"{theirs.path}: lists {what}; give the panoptic file of the truth, which does")
    with reading(f"{theirs.path}: categories", "COCO"):
        if vague := [c for c in theirs.categories if not {"id", "name", "isthing"} <= c.keys()]:
            raise DataError(f"{theirs.path}: category {dict(vague[0])} needs an id, a name and isthing (1 or 0)")
        number = {c["id"]: n for n, c in enumerate(theirs.categories)}
        names = tuple(str(c["name"]) for c in theirs.categories)
        things = frozenset(number[c["id"]] for c in theirs.categories if c["isthing"])
    with reading(f"{ours.path}: categories", "COCO"):
        _named_alike(ours, theirs, number, names)
    _paired(ours, theirs)
    metric = PanopticQuality(len(names), things)
    for image, annotation in theirs.images.items():
        cut, own = _segments(theirs, annotation, number), _segments(ours, ours.images[image], number)
        path = ours.masks / str(ours.images[image]["file_name"])
        if cut.ids.shape != own.ids.shape:
            (h, w), (height, width) = own.ids.shape, cut.ids.shape
            raise DataError(
                f"{path}: the prediction is {w}x{h} pixels, but the truth is {width}x{height}; predict in the image's own size"
            )
        try:
            metric.update(own._replace(crowd=()), cut)
        except IntarsiaError as error:
            raise type(error)(f"{path}: {error}") from None
    return Panoptic(metric.compute(), names, things, len(theirs.images))


def _named_alike(ours: _File, theirs: _File, number: Mapping[Any, int], names: tuple[str, ...]) -> None:
    """See that the categories that both list have one name."""
    for c in ours.categories:
        if c.get("id") in number and "name" in c and str(c["name"]) != names[number[c["id"]]]:
            raise DataError(
                f"{ours.path}: category {c['id']} is {c['name']!r}, but {names[number[c['id']]]!r} in {theirs.path}; "
                "number the categories of both alike"
            )


def only_json(given: Path) -> Path:
    """The JSON file that a path means: itself, or of a folder the one in it or, of the same name, beside it.

    Raises: DataError when a folder has none, or several.
    """
    if not given.is_dir():
        return given
    held = [f for f in (*sorted(given.glob("*.json")), given.with_name(given.name + ".json")) if f.is_file()]
    if len(held) != 1:
        what = f"are {len(held)} JSON files" if held else "is no JSON file"
        raise DataError(f"{given}: there {what} in it or beside it; name the JSON itself")
    return held[0]


def _opened(given: Path) -> _File:
    path = only_json(given)
    file = parse(path)
    with reading(path, "COCO"):
        images = {a["image_id"]: a for a in file.annotations}
    if len(images) < len(file.annotations):
        twice = next(i for i in images if sum(a["image_id"] == i for a in file.annotations) > 1)
        raise DataError(f"{path}: lists image {twice!r} more than once; keep one annotation an image")
    beside = path.with_suffix("")
    return _File(path, beside if beside.is_dir() else path.parent, images, file.categories)


def _paired(ours: _File, theirs: _File) -> None:
    """See that both hold the same images."""
    for one, other, lacks in ((theirs, ours, "have no prediction"), (ours, theirs, "have no truth")):
        if odd := [image for image in one.images if image not in other.images]:
            raise DataError(f"{other.path}: {len(odd)} of {len(one.images)} images {lacks}, such as {odd[0]!r}")


def _segments(file: _File, annotation: Mapping[str, Any], number: Mapping[Any, int]) -> Segments:
    """The segments of one image, with the categories' places as classes."""
    listed = segments(file.path, annotation)
    for name, segment in listed.items():
        if segment.category not in number:
            raise DataError(
                f"{file.path}: segment {name} of image {annotation['image_id']!r} has category {segment.category!r}, which "
                f"is none of the {len(number)} of the truth"
            )
    classes = {name: number[segment.category] for name, segment in listed.items()}
    ids = numbers(file.masks / str(annotation["file_name"]))
    return Segments(ids, classes, [name for name, segment in listed.items() if segment.crowd])
