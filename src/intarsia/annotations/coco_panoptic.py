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

from ..data.files.id_maps import read_rgb
from ..data.pairs import Pair, Raw
from ..errors import DataError
from ..labels import Color, LabelSpace
from ..naming import climbs
from .beside import read_json, reading

_BYTES = np.array([1, 1 << 8, 1 << 16], np.int32)


class Category(NamedTuple):
    """One class of a panoptic file."""

    number: int
    name: str
    color: Color | None
    thing: bool


@dataclass(frozen=True)
class Segments:
    """Decodes the PNGs of one file: category numbers, and an object for each segment of a thing that is no crowd."""

    known: Mapping[str, list[dict[str, Any]]] = field(repr=False)  # the JSON file is one of each pair's files
    things: frozenset[int]

    def __call__(self, item: Pair) -> Raw:
        assert item.mask is not None
        numbers = read_rgb(item.mask) @ _BYTES  # [H, W]
        seen, places = np.unique(numbers, return_inverse=True)
        with reading(f"{item.mask}: its segments_info", "COCO"):
            segments = {int(s["id"]): s for s in self.known[item.name]}
            kinds = {n: (int(s["category_id"]), bool(s.get("iscrowd"))) for n, s in segments.items()}
        if lost := [n for n in seen.tolist() if n and n not in segments]:
            raise DataError(
                f"{item.mask}: holds segment {lost[0]}, which the JSON does not list; both must be of one release"
            )
        if odd := [k for k, _ in kinds.values() if not 0 <= k < 1 << 31]:
            raise DataError(
                f"{item.mask}: the JSON gives a segment the category {odd[0]}; categories are 0 .. 2147483647"
            )
        classes = np.array([kinds[n][0] if n else 0 for n in seen.tolist()], np.int32)
        single = [n if n and kinds[n][0] in self.things and not kinds[n][1] else 0 for n in seen.tolist()]
        places = places.reshape(numbers.shape)
        return Raw(classes[places], np.array(single, np.int32)[places])


def read(path: Path, masks: Path, find: Callable[[str], Path | None]) -> tuple[list[Pair], Segments, list[Category]]:
    """The pairs of a panoptic file, the decoder of their masks, and the categories.

    Args:
        masks: folder of the PNGs.
        find: the path of an image by the file name that the JSON calls it by; None where it is not there.

    Raises: DataError that names the first image or mask that is missing.
    """
    tree = read_json(path)
    if not isinstance(tree, dict) or not all(isinstance(tree.get(k), list) for k in ("annotations", "categories")):
        raise DataError(f"{path}: no panoptic file; it needs images, annotations and categories")
    items, known = [], {}
    with reading(path, "COCO"):
        called = {image["id"]: str(image["file_name"]) for image in tree.get("images", [])}
        for annotation in tree["annotations"]:
            if "segments_info" not in annotation:
                raise DataError(
                    f"{path}: annotations without segments_info; give the panoptic file, not that of instances"
                )
            file = str(annotation["file_name"])
            mask, name = masks / file, Path(file).stem
            listed = called.get(annotation["image_id"], name + ".jpg")
            if odd := next((f for f in (file, listed) if climbs(f)), None):
                raise DataError(f"{path}: {odd!r} leads out of the release's folder; it is not to be trusted")
            image = find(listed)
            if image is None or not mask.is_file():
                what = mask if image is not None else called.get(annotation["image_id"], annotation["image_id"])
                raise DataError(f"{path}: {what} is listed, but not there; unpack all of the release")
            items.append(Pair(name, image, mask).also(path))
            known[name] = annotation["segments_info"]
        categories = [
            Category(
                int(c["id"]), str(c["name"]), tuple(c["color"]) if c.get("color") else None, bool(c.get("isthing", 1))
            )
            for c in tree["categories"]
        ]
    return items, Segments(known, frozenset(c.number for c in categories if c.thing)), categories


def label_space(categories: list[Category]) -> LabelSpace:
    """The categories as classes, in their order; pixels of no segment are ignored.

    Raises: LabelError when two share a name.
    """
    colors = tuple(c.color for c in categories if c.color is not None)
    values: dict[int | str, str] = {0: "ignore", **{c.number: c.name for c in categories}}
    return LabelSpace(tuple(c.name for c in categories), colors if len(colors) == len(categories) else (), values)
