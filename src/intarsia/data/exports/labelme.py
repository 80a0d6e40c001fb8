"""LabelMe: one JSON file beside each image.

wkentaro/labelme, versions 3 to 5. Shapes: polygon, rectangle, circle, and mask (a PNG in base64 within a box whose last
row and column count). Points and lines have no area. Shapes of one label and one `group_id` are one object.
`__ignore__` and `_background_` are the names that LabelMe's own scripts give to ignored pixels and to the rest.
"""

from __future__ import annotations

import base64
import io
import os
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ...errors import DataError
from ...labels import IGNORE
from .files import Beside, counted, read_json, size_of, unique, write_json
from .record import Bitmap, Picture, Project, Region
from .regions import outline

_NAMES = {"__ignore__": IGNORE, "_background_": "background"}
_THIN = ("point", "points", "line", "linestrip")


def recognize(root: Path) -> bool:
    """A folder whose JSON files hold `shapes` and `imagePath`."""
    first = next(iter(sorted(root.glob("*.json"))), None) if root.is_dir() else root if root.suffix == ".json" else None
    if first is None:
        return False
    try:
        tree = read_json(first)
    except DataError:
        return False
    return isinstance(tree, dict) and {"shapes", "imagePath"} <= tree.keys()


def read(root: Path) -> Project:
    """The JSON files of a folder, in the order of their names; labels.txt, there or above, gives the order of classes."""
    files = sorted(root.glob("*.json")) if root.is_dir() else [root]
    if not files:
        raise DataError(f"{root}: holds no JSON file of LabelMe")
    beside = Beside(files[0].parent)
    pictures, labels, thin, taken = [], dict[str, None](), 0, set[str]()
    for path in files:
        tree = read_json(path)
        if not isinstance(tree, dict) or "shapes" not in tree:
            raise DataError(f"{path}: no file of LabelMe: it holds no 'shapes'")
        image = beside.find(str(tree.get("imagePath") or f"{path.stem}.jpg"))
        height, width = tree.get("imageHeight"), tree.get("imageWidth")
        if not (height and width):
            if image is None:
                raise DataError(
                    f"{path}: says nothing of its image's size, and {tree.get('imagePath')!r} is not beside it"
                )
            height, width = size_of(image)
        regions = []
        for number, shape in enumerate(tree["shapes"]):
            if shape.get("shape_type", "polygon") in _THIN:
                thin += 1
                continue
            region = _region(shape, f"{path}: shape {number}")
            regions.append(region)
            labels[region.label] = None
        pictures.append(Picture(unique(path.stem, taken), image, int(height), int(width), tuple(regions)))
    remarks = (f"{counted(thin, 'shape')} left out: points and lines have no area",) if thin else ()
    return Project(_ordered(files[0].parent, labels), tuple(pictures), "labelme", remarks=remarks)


def write(project: Project, out: Path) -> None:
    """A JSON file for each picture; polygons stay polygons, and whatever has holes becomes a mask."""
    out.mkdir(parents=True, exist_ok=True)
    for picture in project:
        shapes = []
        groups = {key: n for n, key in enumerate(dict.fromkeys(r.object for r in picture.regions if r.object), 1)}
        spare = len(groups)
        for region in picture.regions:
            group = groups.get(region.object)
            if group is None and len(region.parts) > 1:
                group = spare = spare + 1
            name = "__ignore__" if region.label == IGNORE else region.label
            for shape in _shapes(region, picture):
                shapes.append(
                    {"label": name, "group_id": group, "flags": {"crowd": True} if region.crowd else {}, **shape}
                )
        image = "" if picture.image is None else os.path.relpath(picture.image, out)
        tree: dict[str, Any] = {"version": "5.2.1", "flags": {}, "shapes": shapes, "imagePath": image, "imageData": None,
                "imageHeight": picture.height, "imageWidth": picture.width}  # fmt: skip
        write_json(out / f"{picture.name.replace('/', '_')}.json", tree)
    names = ["__ignore__" if name == IGNORE else name for name in project.classes]
    (out / "labels.txt").write_text("".join(f"{name}\n" for name in names), encoding="utf-8")


def _region(shape: dict[str, Any], where: str) -> Region:
    label, kind = str(shape.get("label", "")), shape.get("shape_type", "polygon")
    label = _NAMES.get(label, label)
    points = np.asarray(shape.get("points", ()), np.float64).reshape(-1, 2)
    group = shape.get("group_id")
    about: dict[str, Any] = {
        "crowd": bool((shape.get("flags") or {}).get("crowd")),
        "object": "" if group is None else f"{label}-{group}",
    }
    if kind == "polygon" and len(points) >= 3:
        return Region(label, ((points,),), **about)
    if kind == "rectangle" and len(points) == 2:
        (x0, y0), (x1, y1) = points.min(axis=0), points.max(axis=0)
        return Region(label, ((np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)]),),), **about)
    if kind == "circle" and len(points) == 2:
        angle = np.linspace(0, 2 * np.pi, 256, endpoint=False)
        reach = float(np.hypot(*(points[1] - points[0])))
        return Region(label, ((points[0] + reach * np.stack([np.cos(angle), np.sin(angle)], axis=1),),), **about)
    if kind == "mask" and len(points) == 2 and shape.get("mask"):
        try:
            pixels = np.asarray(Image.open(io.BytesIO(base64.b64decode(shape["mask"]))).convert("L")) > 0
        except Exception as error:  # base64's and Pillow's
            raise DataError(f"{where}: its mask is no PNG in base64 ({error})") from None
        left, top = np.round(points[0]).astype(int)
        return Region(label, bitmap=Bitmap(int(top), int(left), pixels), **about)
    raise DataError(f"{where}: a {kind} of {counted(len(points), 'point')} cannot be drawn")


def _shapes(region: Region, picture: Picture) -> list[dict[str, Any]]:
    if region.bitmap is None and all(len(part) == 1 for part in region.parts):
        return [{"shape_type": "polygon", "points": part[0].tolist()} for part in region.parts]
    mask = region.mask(picture.height, picture.width)
    if not mask.any():
        return []
    parts = outline(mask)
    if all(len(part) == 1 for part in parts):
        return [{"shape_type": "polygon", "points": part[0].tolist()} for part in parts]
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    top, bottom, left, right = int(rows[0]), int(rows[-1]), int(columns[0]), int(columns[-1])
    file = io.BytesIO()
    Image.fromarray(mask[top : bottom + 1, left : right + 1]).save(file, "PNG")
    text = base64.b64encode(file.getvalue()).decode()
    return [{"shape_type": "mask", "points": [[left, top], [right, bottom]], "mask": text}]


def _ordered(folder: Path, labels: dict[str, None]) -> tuple[str, ...]:
    for place in (folder / "labels.txt", folder.parent / "labels.txt"):
        if place.is_file():
            lines = [line.strip() for line in place.read_text(encoding="utf-8").splitlines()]
            known = [_NAMES.get(line, line) for line in lines if line]
            return tuple(dict.fromkeys([*known, *labels]))
    return tuple(labels)
