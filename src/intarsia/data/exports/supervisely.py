"""Supervisely: a project folder with meta.json, and for each data set ann/NAME.jpg.json beside img/NAME.jpg.

Objects are bitmaps (a PNG, deflated, in base64, at an origin), polygons with holes (exterior and interior), rectangles
or alpha masks. They are drawn in their order. Written as bitmaps, which keep every pixel.
"""

from __future__ import annotations

import base64
import io
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ...errors import DataError
from ...labels import parse_color
from .files import Beside, counted, read_json, unique, write_json
from .record import Bitmap, Picture, Project, Region

_THIN = ("point", "line", "graph", "cuboid", "cuboid_3d", "any")


def recognize(root: Path) -> bool:
    """A folder with meta.json and ann/, there or one level down."""
    return root.is_dir() and (root / "meta.json").is_file() and bool(_folders(root))


def read(root: Path) -> Project:
    """All data sets of a project; where there are several, a picture is called DATASET/NAME.

    Raises: DataError that names file and object.
    """
    meta = read_json(root / "meta.json")
    if not isinstance(meta, dict) or not isinstance(meta.get("classes"), list):
        raise DataError(f"{root / 'meta.json'}: lists no classes")
    colors = {c["title"]: parse_color(c["color"]) for c in meta["classes"] if c.get("color")}
    pictures, thin, taken = [], 0, set[str]()
    folders = _folders(root)
    for folder in folders:
        beside = Beside(folder.parent)
        for path in sorted(folder.glob("*.json")):
            tree = read_json(path)
            regions = []
            for thing in tree.get("objects", ()):
                if thing.get("geometryType") in _THIN:
                    thin += 1
                else:
                    regions.append(_region(thing, f"{path}: object {thing.get('id')}"))
            file = path.name.removesuffix(".json")
            stem = Path(file).stem
            name = unique(stem if len(folders) == 1 else f"{folder.parent.name}/{stem}", taken)
            size = tree.get("size") or {}
            if not {"height", "width"} <= size.keys():
                raise DataError(f"{path}: says nothing of the image's size")
            pictures.append(Picture(name, beside.find(file), size["height"], size["width"], tuple(regions)))
    seen = dict.fromkeys(r.label for p in pictures for r in p.regions)
    classes = tuple(dict.fromkeys([*(c["title"] for c in meta["classes"]), *seen]))
    remarks = (f"{counted(thin, 'object')} left out: points and lines have no area",) if thin else ()
    return Project(classes, tuple(pictures), "supervisely", colors, remarks)


def write(project: Project, out: Path) -> None:
    """meta.json and one data set, `ds`; the images lie beside it as `convert` put them."""
    classes = []
    numbers = {name: n for n, name in enumerate(project.classes, 1)}
    for name, number in numbers.items():
        color = "#{:02X}{:02X}{:02X}".format(*project.colors.get(name, (128, 128, 128)))
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
        file = picture.name.replace("/", "_") + (picture.image.suffix if picture.image else ".png")
        tree = {
            "description": "",
            "tags": [],
            "size": {"height": picture.height, "width": picture.width},
            "objects": objects,
        }
        write_json(out / "ds" / "ann" / f"{file}.json", tree)
        if picture.image is not None:
            (out / "ds" / "img").mkdir(parents=True, exist_ok=True)
            picture.image.rename(out / "ds" / "img" / file)


def _folders(root: Path) -> list[Path]:
    return [f for f in (root / "ann", *sorted(root.glob("*/ann"))) if f.is_dir()]


def _region(thing: dict[str, Any], where: str) -> Region:
    label, kind = str(thing.get("classTitle", "")), thing.get("geometryType")
    tags = {tag.get("name"): tag.get("value") for tag in thing.get("tags", ()) if isinstance(tag, dict)}
    about: dict[str, Any] = {"crowd": "crowd" in tags, "object": str(tags.get("object") or thing.get("instance") or "")}
    try:
        if kind in ("bitmap", "alpha_mask"):
            left, top = thing["bitmap"]["origin"]
            return Region(label, bitmap=Bitmap(int(top), int(left), _unpacked(thing["bitmap"]["data"])), **about)
        points = thing["points"]
        outer = np.asarray(points["exterior"], np.float64).reshape(-1, 2)
        if kind == "rectangle":
            (x0, y0), (x1, y1) = outer.min(axis=0), outer.max(axis=0)
            return Region(label, ((np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)]),),), **about)
        if kind == "polygon":
            holes = [np.asarray(hole, np.float64).reshape(-1, 2) for hole in points.get("interior", ())]
            return Region(label, ((outer, *holes),), **about)
    except (KeyError, TypeError, ValueError, zlib.error, OSError) as error:
        raise DataError(f"{where}: a {kind} that cannot be drawn ({error})") from None
    raise DataError(f"{where}: a {kind!r} is no shape of Supervisely that has an area")


def _unpacked(text: str) -> np.ndarray:
    image = Image.open(io.BytesIO(zlib.decompress(base64.b64decode(text))))
    array = np.asarray(image.convert("RGBA"))[..., 3] if "A" in image.mode else np.asarray(image.convert("L"))
    return array > 0


def _packed(mask: np.ndarray) -> str:
    file = io.BytesIO()
    Image.fromarray(mask).save(file, "PNG")
    return base64.b64encode(zlib.compress(file.getvalue())).decode()
