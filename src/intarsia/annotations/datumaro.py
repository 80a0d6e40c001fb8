"""Datumaro: a JSON file for each split in annotations/, the images of the split in images/SPLIT/.

annotations/train.json    categories, and items with their annotations; "default" where there are no splits
images/train/NAME.jpg     the images

Polygons, boxes, ellipses and masks (run lengths column by column, as COCO has them) are drawn by `z_order`, then in the order
of the file; those of one group, which is not 0, are one object. Lines, points, labels and captions have no area.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ..documents import write_json
from ..errors import DataError, nearest
from ..labels import Color
from .beside import Beside, name_of, passes, read_json, reading, size_of, unique
from .faults import Fault, recording
from .project import Bitmap, Note, Picture, Project, Region
from .regions import ellipse, mask_of, packed, rectangle, ring, runs_of, unpacked
from .splits import plain

_PLAIN = "default"
_DRAWN = ("polygon", "mask", "bbox", "ellipse")
_LEFT = Note("annotation", "left out: points, lines and labels have no area")
_THIN = ("polyline", "points", "label", "caption", "skeleton", "cuboid_3d", "cuboid_2d")


def recognize(root: Path) -> bool:
    """A folder with files of Datumaro in annotations/, or one such file."""
    return bool(_files(root))


def read(root: Path) -> Project:
    """All files of a folder, each a split.

    Raises: DataError that names file and item.
    """
    files = _files(root)
    if not files:
        raise DataError(f"{root}: holds no file of Datumaro in annotations/")
    home = root if root.is_dir() else root.parent.parent if root.parent.name == "annotations" else root.parent
    beside = Beside(home)
    classes: dict[str, None] = {}
    colors: dict[str, Color] = {}
    pictures: list[Picture] = []
    taken, loose = dict[str, int](), list[Fault]()
    for path in files:
        tree = read_json(path)
        with reading(f"{path}: categories", "Datumaro"):
            categories = tree["categories"]
            names = [str(entry["name"]) for entry in categories.get("label", {}).get("labels", [])]
            for row in categories.get("mask", {}).get("colormap", []):
                if 0 <= row["label_id"] < len(names):
                    colors.setdefault(names[row["label_id"]], (int(row["r"]), int(row["g"]), int(row["b"])))
        classes.update(dict.fromkeys(names))
        split = path.stem
        for number, item in enumerate(tree["items"], 1):
            name = f"item {item.get('id', number) if isinstance(item, dict) else number}"
            with recording(loose, path, name, "", "Datumaro"):
                called = str((item.get("image") or {}).get("path") or item["id"])
                found = beside.find(f"{split}/{called}") or beside.find(called)
                found = found or beside.stem(f"images/{split}/{item['id']}")
                height, width = _size(item, found)
                name = item["id"] if split == _PLAIN else f"{split}/{item['id']}"
                known = "" if split == _PLAIN and len(files) == 1 else plain(split)
                picture = Picture(unique(name_of(name), taken), found, height, width, (), known)
                pictures.append(_drawn(picture, item, names, path))
    colors = colors if len(set(colors.values())) == len(colors) else {}
    return Project(tuple(classes), tuple(pictures), "datumaro", colors, loose=tuple(loose))


def write(project: Project, out: Path) -> tuple[str, ...]:
    """annotations/SPLIT.json: polygons stay polygons, all else becomes masks; crowds have the attribute is_crowd."""
    labels = [{"name": name, "parent": "", "attributes": []} for name in project.classes]
    colormap = [
        {"label_id": n, "r": color[0], "g": color[1], "b": color[2]}
        for n, name in enumerate(project.classes)
        if (color := project.colors.get(name)) is not None
    ]
    about = {"label": {"labels": labels, "attributes": ["is_crowd"]}, "mask": {"colormap": colormap}}
    items: dict[str, list[dict[str, Any]]] = {}
    for picture in project:
        name = picture.name.removeprefix(f"{picture.split}/") if picture.split else picture.name
        image = {"path": name + (picture.image.suffix if picture.image else ".png")}
        held = items.setdefault(picture.split or _PLAIN, [])
        held.append(
            {
                "id": name,
                "annotations": _annotations(picture, project.classes),
                "attr": {"frame": len(held)},
                "image": {**image, "size": [picture.height, picture.width]},
            }
        )
    for split, held in items.items():
        write_json(out / "annotations" / f"{split}.json", {"info": {}, "categories": about, "items": held})
    return ()


def _files(root: Path) -> list[Path]:
    if root.is_file():
        found = [root] if root.suffix == ".json" else []
    else:
        found = sorted((root / "annotations").glob("*.json"))
    return [path for path in found if passes(path, _is_datumaro, ("items", "categories"))]


def _is_datumaro(tree: Any) -> bool:
    return isinstance(tree, dict) and isinstance(tree.get("items"), list) and isinstance(tree.get("categories"), dict)


def _size(item: dict[str, Any], found: Path | None) -> tuple[int, int]:
    size = (item.get("image") or {}).get("size")
    if size:
        return int(size[0]), int(size[1])
    if found is None:
        raise DataError("has no size there, and its image is not found")
    return size_of(found)


def _drawn(picture: Picture, item: dict[str, Any], names: list[str], path: Path) -> Picture:
    """The picture with the regions of its item in the order of drawing."""
    found, faults, thin = list[tuple[int, Region]](), list[Fault](), 0
    for order, shape in enumerate(item.get("annotations") or ()):
        known = shape.get("id", order) if isinstance(shape, dict) else order
        with recording(faults, path, f"item {item['id']}", f"annotation {known}", "Datumaro") as where:
            kind = shape["type"]
            if kind in _THIN:
                thin += 1
                continue
            if kind not in _DRAWN:
                raise DataError(f"a {kind!r} is no shape of Datumaro that has an area{nearest(kind, _DRAWN)}")
            number = shape.get("label_id")
            if not isinstance(number, int) or not 0 <= number < len(names):
                raise DataError(f"has label_id {number!r}, which is not listed")
            region = _region(shape, names[number], picture.height, picture.width, where)
            found.append((int(shape.get("z_order") or 0), region))
    regions = tuple(region for _, region in sorted(found, key=lambda pair: pair[0]))
    return picture._replace(regions=regions, faults=tuple(faults), notes={_LEFT: thin} if thin else {})


def _region(shape: dict[str, Any], label: str, height: int, width: int, where: str) -> Region:
    crowd = bool((shape.get("attributes") or {}).get("is_crowd"))
    named = f"group {shape['group']}" if shape.get("group") else ""
    if shape["type"] == "mask":
        runs = shape["rle"]
        if list(runs["size"]) != [height, width]:
            raise DataError(f"{where}: run lengths of size {runs['size']} for an image of {[height, width]}")
        counts = unpacked(runs["counts"]) if isinstance(runs["counts"], str) else runs["counts"]
        return Region(label, bitmap=Bitmap(0, 0, mask_of(counts, height, width)), crowd=crowd, object=named)
    if shape["type"] == "bbox":
        x, y, w, h = map(float, shape["bbox"])
        points = rectangle(x, y, x + w, y + h)
    elif shape["type"] == "ellipse":
        x0, y0, x1, y1 = map(float, shape["points"])
        points = ellipse((x0 + x1) / 2, (y0 + y1) / 2, abs(x1 - x0) / 2, abs(y1 - y0) / 2)
    else:
        points = np.asarray(shape["points"], np.float64)
    return Region(label, ((ring(points, where),),), crowd=crowd, object=named)


def _annotations(picture: Picture, classes: tuple[str, ...]) -> list[dict[str, Any]]:
    groups = {word: n for n, word in enumerate(dict.fromkeys(r.object for r in picture.regions if r.object), 1)}
    made: list[dict[str, Any]] = []
    for order, region in enumerate(picture.regions):
        about = {
            "id": len(made),
            "attributes": {"is_crowd": region.crowd},
            "group": groups.get(region.object, 0),
            "label_id": classes.index(region.label),
            "z_order": order,
        }
        if region.bitmap is None and len(region.parts) == 1 and len(region.parts[0]) == 1:
            made.append({**about, "type": "polygon", "points": region.parts[0][0].ravel().tolist()})
            continue
        mask = region.mask(picture.height, picture.width)
        if mask.any():
            rle = {"counts": packed(runs_of(mask)), "size": [picture.height, picture.width]}
            made.append({**about, "type": "mask", "rle": rle})
    return made
