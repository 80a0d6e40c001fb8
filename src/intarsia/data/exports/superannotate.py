"""SuperAnnotate: one JSON file for each image, and classes/classes.json.

Instances are polygons (`points` one behind the other, `exclude` for holes), boxes, turned boxes, ellipses, and, of pixel
projects, parts of a mask image by color. Those of one `groupId` are one object.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ...errors import DataError
from ...labels import parse_color
from ..codecs import decode_mask
from .files import Beside, counted, read_json, size_of, unique, write_json
from .record import Bitmap, Picture, Project, Region
from .regions import outline

_THIN = ("point", "polyline", "template", "cuboid", "tag", "comment")


def recognize(root: Path) -> bool:
    """A folder whose JSON files hold `instances` and `metadata`."""
    return bool(_files(root))


def read(root: Path) -> Project:
    """All files of a folder.

    Raises: DataError that names file and instance.
    """
    files = _files(root)
    if not files:
        raise DataError(f"{root}: holds no JSON file of SuperAnnotate")
    beside = Beside(root)
    colors, classes = {}, []
    if (root / "classes" / "classes.json").is_file():
        for entry in read_json(root / "classes" / "classes.json"):
            classes.append(entry["name"])
            if entry.get("color"):
                colors[entry["name"]] = parse_color(entry["color"])
    pictures, thin, taken = [], 0, set[str]()
    for path in files:
        tree = read_json(path)
        about = tree["metadata"]
        called = about.get("name") or path.name.split("___")[0].removesuffix(".json")
        image = beside.find(called)
        if about.get("width") and about.get("height"):
            height, width = int(about["height"]), int(about["width"])
        elif image is not None:
            height, width = size_of(image)
        else:
            raise DataError(f"{path}: says nothing of its image's size, and {called!r} is not below {root}")
        regions: list[Region] = []
        for number, instance in enumerate(tree["instances"]):
            if instance.get("type") in _THIN:
                thin += 1
                continue
            regions += _regions(instance, path, called, f"{path}: instance {number}")
        pictures.append(Picture(unique(Path(called).stem, taken), image, height, width, tuple(regions)))
    seen = dict.fromkeys(r.label for p in pictures for r in p.regions)
    remarks = (f"{counted(thin, 'instance')} left out: points and lines have no area",) if thin else ()
    return Project(tuple(dict.fromkeys([*classes, *seen])), tuple(pictures), "superannotate", colors, remarks)


def write(project: Project, out: Path) -> None:
    """A vector project: each piece of a region is a polygon with its holes, all of one group."""
    numbers = {name: n for n, name in enumerate(project.classes, 1)}
    classes = [
        {"id": n, "name": name, "color": "#{:02x}{:02x}{:02x}".format(*project.colors.get(name, (128, 128, 128)))}
        for name, n in numbers.items()
    ]
    write_json(out / "classes" / "classes.json", classes)
    for picture in project:
        file = picture.name.replace("/", "_") + (picture.image.suffix if picture.image else ".png")
        instances = []
        for group, region in enumerate(picture.regions, 1):
            parts = region.parts if region.bitmap is None else outline(region.mask(picture.height, picture.width))
            for outer, *holes in parts:
                instances.append(
                    {"type": "polygon", "classId": numbers[region.label], "className": region.label, "groupId": group,
                     "points": outer.ravel().tolist(), "exclude": [hole.ravel().tolist() for hole in holes],
                     "attributes": [{"groupName": "crowd", "name": "yes"}] if region.crowd else []}
                )  # fmt: skip
        about = {"name": file, "width": picture.width, "height": picture.height}
        write_json(out / f"{file}.json", {"metadata": about, "instances": instances, "tags": [], "comments": []})


def _files(root: Path) -> list[Path]:
    found = []
    for path in sorted(root.glob("*.json")) if root.is_dir() else []:
        try:
            tree = read_json(path)
        except DataError:
            continue
        if (
            isinstance(tree, dict)
            and isinstance(tree.get("instances"), list)
            and isinstance(tree.get("metadata"), dict)
        ):
            found.append(path)
    return found


def _regions(instance: dict[str, Any], path: Path, called: str, where: str) -> list[Region]:
    label, kind = str(instance.get("className", "")), instance.get("type")
    points: Any = instance.get("points")
    group = instance.get("groupId")
    crowd = any(a.get("groupName") == "crowd" for a in instance.get("attributes", ()) if isinstance(a, dict))
    about: dict[str, Any] = {"object": f"group {group}" if group else "", "crowd": crowd}
    try:
        if kind == "polygon":
            rings = [np.asarray(r, np.float64).reshape(-1, 2) for r in (points, *(instance.get("exclude") or ()))]
            return [Region(label, (tuple(rings),), **about)]
        if kind == "bbox":
            x0, x1, y0, y1 = (float(points[key]) for key in ("x1", "x2", "y1", "y2"))
            return [Region(label, ((np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)]),),), **about)]
        if kind == "rbbox":
            corners = np.array([(points[f"x{n}"], points[f"y{n}"]) for n in range(1, 5)], np.float64)
            return [Region(label, ((corners,),), **about)]
        if kind == "ellipse":
            t, tilt = np.linspace(0, 2 * np.pi, 256, endpoint=False), np.radians(float(instance.get("angle") or 0))
            x, y = float(instance["rx"]) * np.cos(t), float(instance["ry"]) * np.sin(t)
            cx, cy = float(instance["cx"]), float(instance["cy"])
            turned = np.stack(
                [cx + x * np.cos(tilt) - y * np.sin(tilt), cy + x * np.sin(tilt) + y * np.cos(tilt)], axis=1
            )
            return [Region(label, ((turned,),), **about)]
        if instance.get("parts"):
            return [_painted(label, instance["parts"], path, called, about)]
    except (KeyError, TypeError, ValueError) as error:
        if isinstance(error, DataError):
            raise DataError(f"{where}: {error}") from None
        raise DataError(f"{where}: a {kind} that cannot be drawn ({error})") from None
    raise DataError(f"{where}: a {kind!r} is no instance of SuperAnnotate that has an area")


def _painted(label: str, parts: list[dict[str, Any]], path: Path, called: str, about: dict[str, Any]) -> Region:
    """An instance of a pixel project: its colors in the mask image beside the JSON."""
    file = next(
        (f for f in (path.parent / f"{called}___save.png", path.parent / f"{called}_save.png") if f.is_file()), None
    )
    if file is None:
        raise DataError(f"the mask image {called}___save.png is not beside it")
    stored, palette = decode_mask(file)
    color = (palette[stored] if palette is not None else stored)[..., :3].astype(np.int32)
    codes = color[..., 0] << 16 | color[..., 1] << 8 | color[..., 2]
    return Region(label, bitmap=Bitmap(0, 0, np.isin(codes, [int(part["color"][1:], 16) for part in parts])), **about)
