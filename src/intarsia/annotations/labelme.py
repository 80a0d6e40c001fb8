"""LabelMe: one JSON file beside each image.

wkentaro/labelme, versions 3 to 5. Shapes: polygon, rectangle, circle, and mask (a PNG in base64 within a box whose last
row and column count). Points and lines have no area. Shapes of one label and one `group_id` are one object.
`__ignore__` and `_background_` are the names that LabelMe's own scripts give to ignored pixels and to the rest.
"""

from __future__ import annotations

import base64
import io
import os
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ..data.files.formats import embedded
from ..documents import read_lines, write_json
from ..errors import DataError, counted, nearest
from ..labels import IGNORE
from .beside import Beside, png_of, read_json, scratch, size_of, unique
from .faults import Fault, recording
from .inside import inside
from .project import Note, Picture, Project, Region, kept
from .regions import ellipse, outline, rectangle, ring
from .remarks import lost

_NAMES = {"__ignore__": IGNORE, "_background_": "background"}
_LEFT = Note("shape", "left out: points and lines have no area")
_THIN = ("point", "points", "line", "linestrip")


def recognize(root: Path) -> bool:
    """A JSON file with `shapes` and `imagePath`, or a folder with one among its first four, there or in images/."""
    here = sorted(root.glob("*.json")) if root.is_dir() else _files(root)
    for path in (here or _files(root / "images"))[:4]:
        try:
            tree = _tree(path)
        except DataError:
            continue
        if tree is not None and "imagePath" in tree:
            return True
    return False


def read(root: Path) -> Project:
    """The JSON files of a folder and those below, by their names; labels.txt, there or above, gives the classes' order.

    An image that is only in a file's `imageData` is unpacked into a folder of this process.
    """
    files = _files(root)
    if not files:
        raise DataError(f"{root}: holds no JSON file of LabelMe")
    home = root if root.is_dir() else root.parent
    beside = Beside(home)
    pictures, taken, strange, loose = list[Picture](), dict[str, int](), list[str](), list[Fault]()
    for path in files:
        plain = path.relative_to(home).with_suffix("").as_posix().removeprefix("images/")
        with recording(loose, path, plain, "", "LabelMe"):
            tree = _tree(path)
            if tree is None:
                strange.append(path.name)
                continue
            pictures.append(_picture(tree, path, unique(plain, taken), beside))
    if not pictures and not loose:
        raise DataError(f"{files[0]}: no file of LabelMe: it holds no 'shapes'")
    labels = dict.fromkeys(region.label for picture in pictures for region in picture.regions)
    remarks = []
    used = {picture.image for picture in pictures}
    homes = {path.parent for path in files}
    bare = [
        image
        for images in beside.named.values()
        for image in images
        if image.parent in homes and image not in used and not image.with_suffix(".json").is_file()
    ]
    if bare:
        remarks.append(f"{counted(len(bare), 'image')} without a JSON file left out: nothing was drawn on them")
    if strange:
        remarks.append(f"{counted(len(strange), 'JSON file')} passed over, not of LabelMe: {', '.join(strange[:3])}")
    classes = _ordered(home, labels)
    return Project(classes, tuple(pictures), "labelme", remarks=tuple(remarks), loose=tuple(loose))


def _picture(tree: dict[str, Any], path: Path, name: str, beside: Beside) -> Picture:
    """The picture of one file.

    Raises: DataError where nothing tells its size.
    """
    called = str(tree.get("imagePath") or "")
    image = _image(path, called, beside, tree.get("imageData"), name)
    height, width = tree.get("imageHeight"), tree.get("imageWidth")
    if not (height and width):
        if image is None:
            raise DataError(f"says nothing of its image's size, and {called!r} is not beside it")
        height, width = size_of(image)
    height, width = int(height), int(width)
    regions, faults, thin = list[Region](), list[Fault](), 0
    for number, shape in enumerate(tree["shapes"]):
        with recording(faults, path, name, f"shape {number}", "LabelMe") as where:
            if shape.get("shape_type", "polygon") in _THIN:
                thin += 1
            else:
                regions.append(_region(shape, (height, width), where))
    notes = {_LEFT: thin} if thin else {}
    return Picture(name, image, height, width, tuple(regions), faults=tuple(faults), notes=notes)


def write(project: Project, out: Path) -> tuple[str, ...]:
    """A JSON file beside each image, as LabelMe looks for it; polygons stay polygons, and whatever has holes a mask."""
    for picture in project:
        shapes = []
        groups = {key: n for n, key in enumerate(dict.fromkeys(r.object for r in picture.regions if r.object), 1)}
        spare = len(groups)
        for region in picture.regions:
            group = groups.get(region.object)
            name = "__ignore__" if region.label == IGNORE else region.label
            made = _shapes(region, picture)
            if group is None and len(made) > 1:
                group = spare = spare + 1
            for shape in made:
                flags = {"crowd": True} if region.crowd else {}
                shapes.append({"label": name, "group_id": group, "flags": flags, **shape})
        place = out / "images" / f"{picture.name}.json"
        image = "" if picture.image is None else os.path.relpath(picture.image, place.parent)
        tree: dict[str, Any] = {"version": "5.2.1", "flags": {}, "shapes": shapes, "imagePath": image, "imageData": None,
                "imageHeight": picture.height, "imageWidth": picture.width}  # fmt: skip
        write_json(place, tree)
    names = ["__ignore__" if name == IGNORE else name for name in project.classes]
    out.mkdir(parents=True, exist_ok=True)
    (out / "labels.txt").write_text("".join(f"{name}\n" for name in names), encoding="utf-8")
    return lost(project, classes=True, crowds=True, objects=True)


def _files(root: Path) -> list[Path]:
    if root.is_dir():
        return sorted(root.rglob("*.json"))
    return [root] if root.suffix == ".json" and root.is_file() else []


def _tree(path: Path) -> dict[str, Any] | None:
    """What a file of LabelMe holds; None where it is another program's JSON."""
    tree = read_json(path)
    return tree if isinstance(tree, dict) and isinstance(tree.get("shapes"), list) else None


def _image(path: Path, called: str, beside: Beside, data: str | None, name: str) -> Path | None:
    """The image of a file: where its imagePath leads, one of that name below, or the one inside of it."""
    near = path.parent / called.replace("\\", "/")
    if called and near.is_file() and inside(near, beside.root):
        return near
    found = beside.find(called) if called else None
    if found is not None or not data:
        return found
    try:
        content = base64.b64decode(data)
        with embedded(content, path) as image:
            ending = {"JPEG": ".jpg", "TIFF": ".tif"}.get(image.format or "", f".{(image.format or 'png').lower()}")
    except DataError:
        raise
    except Exception as error:  # base64's and Pillow's
        raise DataError(f"{path}: its imageData is no image in base64 ({error}); save it again") from None
    place = _unpacked(beside.root) / f"{name}{ending}"
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(content)
    return place


@cache
def _unpacked(root: Path) -> Path:
    """The folder for images that are only inside of a folder's JSON files: one, however often they are read."""
    return scratch()


def _region(shape: dict[str, Any], size: tuple[int, int], where: str) -> Region:
    label, kind = str(shape.get("label", "")), shape.get("shape_type") or "polygon"
    label = _NAMES.get(label, label)
    group = shape.get("group_id")
    about: dict[str, Any] = {
        "crowd": bool((shape.get("flags") or {}).get("crowd")),
        "object": "" if group is None else f"{label}-{group}",
    }
    points = np.asarray(shape.get("points", ()), np.float64).reshape(-1, 2)
    if kind == "polygon":
        return Region(label, ((ring(points, where),),), **about)
    if kind in ("rectangle", "circle", "mask") and len(points) == 2:
        (x0, y0), (x1, y1) = points.tolist()
        if kind == "rectangle":
            return Region(
                label, ((ring(rectangle(min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1)), where),),), **about
            )
        if kind == "circle":
            reach = float(np.hypot(x1 - x0, y1 - y0))
            return Region(label, ((ring(ellipse(x0, y0, reach, reach), where),),), **about)
        pixels = np.asarray(png_of(shape["mask"], *size, where).convert("L")) > 0
        return Region(label, bitmap=kept(round(y0), round(x0), pixels), **about)
    if kind == "oriented_rectangle" and len(points) == 4:
        return Region(label, ((ring(points, where),),), **about)
    known = ("polygon", "rectangle", "circle", "mask", *_THIN)
    hint = "" if kind in known else nearest(kind, known)
    raise DataError(f"{where}: a {kind} of {counted(len(points), 'point')} cannot be drawn{hint}")


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
            lines = [line if line in labels else line.strip() for line in read_lines(place)]
            known = [_NAMES.get(line, line) for line in lines if line]
            return tuple(dict.fromkeys([*known, *labels]))
    return tuple(labels)
