"""Objects in Scalabel's form, as BDD100K's tools write it, read as COCO's.

    {"config": {"categories": [{"name", "subcategories"?}], "imageSize"?: {"width", "height"}},
     "frames": [{"name", "size"?, "labels": [{"category", "score"?, "rle" or "poly2d" or "box2d", "attributes"?}]}]}

Predictions may be the list of frames alone. Crowds and ignored objects are COCO's crowds, as in Scalabel's own evaluation.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ...errors import DataError, nearest


def is_scalabel(tree: Any) -> bool:
    """Whether a JSON document has frames."""
    frames = tree.get("frames") if isinstance(tree, dict) else tree
    return isinstance(frames, list) and bool(frames) and all(isinstance(f, dict) and "name" in f for f in frames)


def truth_as_coco(tree: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """Images, categories and annotations of a file of what is true; images are called by their names.

    Raises: DataError without categories or sizes, or for labels that are no object.
    """
    config = (tree.get("config") if isinstance(tree, dict) else None) or {}
    names = list(_leaves(config.get("categories") or ()))
    if not names:
        raise DataError(f"{path}: lists no config.categories; there is nothing to score")
    images = []
    for frame in tree["frames"]:
        size = config.get("imageSize") or frame.get("size")
        if not size:
            raise DataError(f"{path}: frame {frame['name']!r} has no size, and config no imageSize")
        images.append({"id": frame["name"], "height": size["height"], "width": size["width"]})
    if len({i["id"] for i in images}) < len(images):
        raise DataError(f"{path}: lists a frame more than once; keep one a name")
    numbers = {name: n for n, name in enumerate(names, 1)}
    return {
        "images": images,
        "categories": [{"id": n, "name": name} for name, n in numbers.items()],
        "annotations": results_as_coco(tree, numbers, path),
    }


def results_as_coco(tree: Any, numbers: Mapping[str, int], path: Path) -> list[dict[str, Any]]:
    """The objects of all frames.

    Args:
        numbers: category -> its id.

    Raises: DataError for categories that are not listed, and labels without a shape or with curves.
    """
    frames: Sequence[Mapping[str, Any]] = tree["frames"] if isinstance(tree, dict) else tree
    labels = [(frame["name"], n, label) for frame in frames for n, label in enumerate(frame.get("labels") or ())]
    with_masks = any(label.get("rle") or label.get("poly2d") for _, _, label in labels)
    found = []
    for name, n, label in labels:
        where = f"{path}: label {n} of frame {name!r}"
        if label.get("category") not in numbers:
            raise DataError(f"{where} has category {label.get('category')!r}{nearest(label.get('category'), numbers)}")
        attributes = label.get("attributes") or {}
        one = {
            "image_id": name,
            "category_id": numbers[label["category"]],
            "iscrowd": int(bool(attributes.get("crowd") or attributes.get("ignored"))),
        }
        if label.get("score") is not None:
            one["score"] = label["score"]
        one.update(_shape(label, with_masks, where))
        found.append(one)
    return found


def _shape(label: Mapping[str, Any], with_masks: bool, where: str) -> dict[str, Any]:
    """COCO's segmentation or bbox of a label; where a file has masks, boxes are those around them."""
    if rle := label.get("rle"):
        return {"segmentation": {"counts": rle["counts"], "size": list(rle["size"])}}
    if polygons := label.get("poly2d"):
        if any("C" in (p.get("types") or "") for p in polygons):
            raise DataError(f"{where} has curves (types with C), whose pixels are not defined; save it as rle")
        return {"segmentation": [[x for vertex in p["vertices"] for x in vertex[:2]] for p in polygons]}
    if with_masks or not (box := label.get("box2d")):
        raise DataError(f"{where} has no {'rle or poly2d, as others have' if with_masks else 'rle, poly2d or box2d'}")
    x, y = box["x1"], box["y1"]
    return {"bbox": [x, y, box["x2"] - x + 1, box["y2"] - y + 1]}  # its last pixels are inside


def _leaves(categories: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """The names of categories that have none below them."""
    for category in categories:
        if below := category.get("subcategories"):
            yield from _leaves(below)
        else:
            yield str(category["name"])
