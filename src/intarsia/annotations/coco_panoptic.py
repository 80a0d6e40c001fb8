"""COCO's panoptic format: a PNG whose color is a segment's number, and a JSON that says what each segment is.

Kirillov, He, Girshick, Rother, Dollár. "Panoptic Segmentation." CVPR 2019. arXiv:1801.00868

    number = R + 256 G + 65536 B        0: no segment, which is raw value 0
    segments_info: [{"id": number, "category_id": raw value, "iscrowd": 0 | 1}, ...]
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..data.files.id_maps import read_colors
from ..data.pairs import Pair, Raw
from ..errors import DataError
from ..labels import Color, LabelSpace
from ..labels.colors import pack_numbers
from ..naming import climbs
from .beside import read_json, reading


class Category(NamedTuple):
    """One class of a panoptic file."""

    number: int
    name: str
    color: Color | None
    thing: bool


class PanopticFile(NamedTuple):
    """A file as it stands: its annotations, each with image_id, file_name and segments_info, and its categories."""

    path: Path
    annotations: list[Mapping[str, Any]]
    categories: list[Mapping[str, Any]]
    images: list[Mapping[str, Any]]


class Listed(NamedTuple):
    """One segment as the JSON lists it."""

    category: int
    crowd: bool


def parse(path: Path) -> PanopticFile:
    """Read a panoptic file, of a truth or of predictions.

    Raises: DataError for a file that is none, and where the name of a PNG leads out of its folder.
    """
    tree = read_json(path)
    listed = tree.get("annotations") if isinstance(tree, dict) else None
    needed = {"image_id", "file_name", "segments_info"}
    if not isinstance(listed, list) or not all(isinstance(a, dict) and needed <= a.keys() for a in listed):
        raise DataError(f"{path}: is no panoptic file; its annotations need image_id, file_name and segments_info")
    lists = {key: tree.get(key) or [] for key in ("categories", "images")}
    for key, held in lists.items():
        if not isinstance(held, list) or not all(isinstance(one, dict) for one in held):
            raise DataError(f"{path}: its {key} are no list; export it again")
    names = (str(a["file_name"]) for a in listed)
    if odd := next((name for name in names if climbs(name)), None):
        raise DataError(f"{path}: {odd!r} leads out of the release's folder; it is not to be trusted")
    return PanopticFile(path, listed, lists["categories"], lists["images"])


def segments(path: Path, annotation: Mapping[str, Any]) -> dict[int, Listed]:
    """The segments of one annotation by their numbers.

    Args:
        path: of the file, for messages.

    Raises: DataError for a number that no color can stand for, one that is listed twice, or a category that is no id.
    """
    found: dict[int, Listed] = {}
    where = f"image {annotation['image_id']!r}"
    with reading(f"{path}: the segments of {where}", "COCO"):
        for segment in annotation["segments_info"]:
            number, category = segment["id"], segment["category_id"]
            if type(number) is not int or not 0 <= number < 1 << 24:
                raise DataError(f"{path}: segment {number!r} is no number that a color can stand for")
            if number in found:
                raise DataError(f"{path}: {where} lists segment {number} twice")
            if type(category) is not int or not 0 <= category < 1 << 31:
                raise DataError(
                    f"{path}: segment {number} of {where} has the category {category!r}; categories are 0 .. 2147483647"
                )
            found[number] = Listed(category, bool(segment.get("iscrowd")))
    return found


def numbers(mask: Path) -> np.ndarray:
    """The number of each pixel's segment, [H, W] int32; 0 where there is none."""
    return pack_numbers(read_colors(mask))


@dataclass(frozen=True)
class Segments:
    """Decodes the PNGs of one file: category numbers, and an object for each segment of a thing that is no crowd."""

    known: Mapping[str, tuple[Path, Mapping[str, Any]]] = field(repr=False)  # the JSON is one of each pair's files
    things: frozenset[int]

    def __call__(self, item: Pair) -> Raw:
        assert item.mask is not None
        ids = numbers(item.mask)
        seen, places = np.unique(ids, return_inverse=True)
        kinds = segments(*self.known[item.name])
        if lost := [n for n in seen.tolist() if n and n not in kinds]:
            raise DataError(
                f"{item.mask}: holds segment {lost[0]}, which the JSON does not list; both must be of one release"
            )
        classes = np.array([kinds[n].category if n else 0 for n in seen.tolist()], np.int32)
        single = [n if n and kinds[n].category in self.things and not kinds[n].crowd else 0 for n in seen.tolist()]
        places = places.reshape(ids.shape)
        return Raw(classes[places], np.array(single, np.int32)[places])


def read(path: Path, masks: Path, find: Callable[[str], Path | None]) -> tuple[list[Pair], Segments, list[Category]]:
    """The pairs of a panoptic file, the decoder of their masks, and the categories.

    Args:
        masks: folder of the PNGs.
        find: the path of an image by the file name that the JSON calls it by; None where it is not there.

    Raises: DataError that names the first image or mask that is missing.
    """
    file = parse(path)
    if not file.categories:
        raise DataError(f"{path}: no panoptic file; it needs images, annotations and categories")
    items, known = [], {}
    with reading(path, "COCO"):
        called = {image["id"]: str(image["file_name"]) for image in file.images}
        for annotation in file.annotations:
            mask = masks / str(annotation["file_name"])
            name = mask.stem
            listed = called.get(annotation["image_id"], name + ".jpg")
            if climbs(listed):
                raise DataError(f"{path}: {listed!r} leads out of the release's folder; it is not to be trusted")
            image = find(listed)
            if image is None or not mask.is_file():
                what = mask if image is not None else called.get(annotation["image_id"], annotation["image_id"])
                raise DataError(f"{path}: {what} is listed, but not there; unpack all of the release")
            items.append(Pair(name, image, mask).also(path))
            known[name] = (path, annotation)
        categories = [
            Category(
                int(c["id"]), str(c["name"]), tuple(c["color"]) if c.get("color") else None, bool(c.get("isthing", 1))
            )
            for c in file.categories
        ]
    return items, Segments(known, frozenset(c.number for c in categories if c.thing)), categories


def label_space(categories: list[Category]) -> LabelSpace:
    """The categories as classes, in their order; pixels of no segment are ignored.

    Raises: LabelError when two share a name.
    """
    colors = tuple(c.color for c in categories if c.color is not None)
    values: dict[int | str, str] = {0: "ignore", **{c.number: c.name for c in categories}}
    return LabelSpace(tuple(c.name for c in categories), colors if len(colors) == len(categories) else (), values)
