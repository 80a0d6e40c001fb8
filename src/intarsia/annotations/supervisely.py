"""Supervisely: a project folder with meta.json, and for each data set ann/NAME.jpg.json beside img/NAME.jpg.

Objects are bitmaps (a PNG, deflated, in base64, at an origin), polygons with holes (exterior and interior), rectangles
or alpha masks. They are drawn in their order. Written as bitmaps, which keep every pixel. The split of a picture is a tag of
it, such as `train`, or else its data set.
"""

from __future__ import annotations

import base64
import io
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ..data.roles import role
from ..documents import write_json
from ..errors import DataError, nearest
from ..labels import parse_color
from .beside import Beside, name_of, png_of, read_json, reading, unique
from .faults import Fault, recording
from .project import Note, Picture, Project, Region, colors_of, kept
from .regions import rectangle, ring
from .remarks import lost
from .splits import plain

_KINDS = ("bitmap", "polygon", "rectangle", "alpha_mask")
_LEFT = Note("object", "left out: points and lines have no area")
_THIN = ("point", "line", "graph", "cuboid", "cuboid_3d", "any")


def recognize(root: Path) -> bool:
    """A folder with meta.json, and ann/ there or below."""
    return root.is_dir() and (root / "meta.json").is_file() and bool(_folders(root))


def read(root: Path) -> Project:
    """All data sets of a project; where there are several, a picture is called DATASET/NAME.

    Raises: DataError that names file and object.
    """
    meta = read_json(root / "meta.json")
    with reading(root / "meta.json", "Supervisely"):
        colors = {str(c["title"]): parse_color(c["color"]) for c in meta["classes"] if c.get("color")}
        titles = [str(c["title"]) for c in meta["classes"]]
    pictures, taken, loose = [], dict[str, int](), list[Fault]()
    folders = _folders(root)
    for folder in folders:
        images = folder.parent / "img"
        beside = Beside(images if images.is_dir() else folder.parent)
        place = "/".join(word for word in folder.parent.relative_to(root).parts if word != "datasets")
        for path in sorted(folder.glob("*.json")):
            file = path.name.removesuffix(".json")
            name = name_of(file) if len(folders) == 1 else f"{place}/{name_of(file)}"
            with recording(loose, path, name, "", "Supervisely"):
                tree = read_json(path)
                height, width = int(tree["size"]["height"]), int(tree["size"]["width"])
                split = _split(tree, place, len(folders) > 1)
                picture = Picture(unique(name, taken), beside.find(file), height, width, (), split)
                pictures.append(_drawn(picture, tree["objects"], path))
    seen = dict.fromkeys(r.label for p in pictures for r in p.regions)
    classes = tuple(dict.fromkeys([*titles, *seen]))
    return Project(classes, tuple(pictures), "supervisely", colors, loose=tuple(loose))


def _drawn(picture: Picture, objects: list[dict[str, Any]], path: Path) -> Picture:
    """The picture with its objects."""
    regions, faults, thin = list[Region](), list[Fault](), 0
    for number, thing in enumerate(objects):
        known = thing.get("id", number) if isinstance(thing, dict) else number
        with recording(faults, path, picture.name, f"object {known}", "Supervisely") as where:
            if thing.get("geometryType") in _THIN:
                thin += 1
            else:
                regions.append(_region(thing, (picture.height, picture.width), where))
    return picture._replace(regions=tuple(regions), faults=tuple(faults), notes={_LEFT: thin} if thin else {})


def write(project: Project, out: Path) -> tuple[str, ...]:
    """meta.json, and a data set for each folder of pictures, `ds` for those in none; images lie in its img/."""
    classes, colors = [], colors_of(project)
    numbers = {name: n for n, name in enumerate(project.classes, 1)}
    for name, number in numbers.items():
        color = "#{:02X}{:02X}{:02X}".format(*colors[name])
        classes.append({"id": number, "title": name, "shape": "bitmap", "color": color, "geometry_config": {}})
    write_json(out / "meta.json", {"classes": classes, "tags": [], "projectType": "images"})
    for picture in project:
        objects: list[dict[str, Any]] = []
        for region in picture.regions:
            mask = region.mask(picture.height, picture.width)
            if not mask.any():
                continue
            rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
            top, left = int(rows[0]), int(columns[0])
            tags: list[dict[str, Any]] = [{"name": "object", "value": region.object}] if region.object else []
            tags += [{"name": "crowd", "value": None}] if region.crowd else []
            objects.append(
                {"id": len(objects) + 1, "classId": numbers[region.label], "classTitle": region.label, "tags": tags,
                 "geometryType": "bitmap", "description": "",
                 "bitmap": {"data": _packed(mask[top : rows[-1] + 1, left : columns[-1] + 1]), "origin": [left, top]}}
            )  # fmt: skip
        file = place(picture.name + (picture.image.suffix if picture.image else ".png"))
        tree = {
            "description": "",
            "tags": [],
            "size": {"height": picture.height, "width": picture.width},
            "objects": objects,
        }
        folder, _, name = file.rpartition("/img/")
        write_json(out / folder / "ann" / f"{name}.json", tree)
    return lost(project, classes=True, colors=True, crowds=True, objects=True)


def place(name: str) -> str:
    """Where a picture's image lies: in the data set of its folder, a folder in a folder being a data set of that one."""
    folder, _, last = name.rpartition("/")
    return f"{folder.replace('/', '/datasets/') or 'ds'}/img/{last}"


def _split(tree: dict[str, Any], place: str, several: bool) -> str:
    """The split of a picture: a tag that names one, else its data set, where there are several or its name is one."""
    tags = [str(tag.get("name", "")) for tag in tree.get("tags") or () if isinstance(tag, dict)]
    if tag := next((tag for tag in tags if role(tag)), ""):
        return tag
    return next((word for word in place.split("/") if role(word)), plain(place) if several else "")


def _folders(root: Path) -> list[Path]:
    return sorted(folder for folder in root.rglob("ann") if folder.is_dir())


def _region(thing: dict[str, Any], size: tuple[int, int], where: str) -> Region:
    label, kind = str(thing.get("classTitle", "")), thing.get("geometryType")
    tags = {tag.get("name"): tag.get("value") for tag in thing.get("tags", ()) if isinstance(tag, dict)}
    about: dict[str, Any] = {"crowd": "crowd" in tags, "object": str(tags.get("object") or thing.get("instance") or "")}
    if kind in ("bitmap", "alpha_mask"):
        left, top = thing["bitmap"]["origin"]
        return Region(label, bitmap=kept(int(top), int(left), _pixels(thing["bitmap"]["data"], size, where)), **about)
    if kind == "rectangle":
        (x0, y0), (x1, y1) = sorted(thing["points"]["exterior"])
        return Region(label, ((ring(rectangle(x0, min(y0, y1), x1, max(y0, y1)), where),),), **about)
    if kind == "polygon":
        rings = [thing["points"]["exterior"], *(thing["points"].get("interior") or ())]
        return Region(label, (tuple(ring(points, where) for points in rings),), **about)
    raise DataError(f"{where}: a {kind!r} is no shape of Supervisely that has an area{nearest(kind, _KINDS)}")


def _pixels(text: str, size: tuple[int, int], where: str) -> np.ndarray:
    image = png_of(text, *size, where, deflated=True)
    array = np.asarray(image.convert("RGBA"))[..., 3] if "A" in image.mode else np.asarray(image.convert("L"))
    return array > 0


def _packed(mask: np.ndarray) -> str:
    file = io.BytesIO()
    Image.fromarray(mask).save(file, "PNG")
    return base64.b64encode(zlib.compress(file.getvalue())).decode()
