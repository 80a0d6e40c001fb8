"""SuperAnnotate: one JSON file for each image, of today's form or of the old list of instances, and classes/classes.json.

Instances are polygons (`points` one behind the other, `exclude` for holes), boxes, turned boxes, ellipses, and, of pixel
projects, parts of a mask image by color. Those of one `groupId` are one object.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ..data.files.codecs import decode_mask
from ..documents import write_json
from ..errors import DataError, nearest
from ..labels import parse_color
from .beside import Beside, name_of, read_json, reading, size_of, unique
from .faults import Fault, recording
from .inside import inside
from .project import Note, Picture, Project, Region, colors_of, whole
from .regions import ellipse, rectangle, ring
from .remarks import lost

_KINDS = ("polygon", "bbox", "rbbox", "ellipse")
_LEFT = Note("instance", "left out: points and lines have no area")
_THIN = ("point", "polyline", "template", "cuboid", "tag", "comment")


def recognize(root: Path) -> bool:
    """A folder whose JSON files, below it beside classes/classes.json, hold `instances` and `metadata`, or are called NAME___objects.json."""
    return bool(_files(root)[0])


def read(root: Path) -> Project:
    """All files of a folder and of those below.

    Raises: DataError that names file and instance.
    """
    files, loose = _files(root)
    if not files and loose:
        raise DataError(str(loose[0]))
    if not files:
        raise DataError(f"{root}: holds no JSON file of SuperAnnotate")
    beside = Beside(root)
    colors, classes = {}, dict[Any, str]()
    place = root / "classes" / "classes.json"
    with reading(place, "SuperAnnotate"):
        for entry in read_json(place) if place.is_file() else ():
            classes[entry.get("id", entry["name"])] = str(entry["name"])
            if entry.get("color"):
                colors[str(entry["name"])] = parse_color(entry["color"])
    pictures, taken = [], dict[str, int]()
    for path in files:
        with recording(loose, path, "", "", "SuperAnnotate"):
            picture = _picture(read_json(path), path, root, beside, classes)
            pictures.append(picture._replace(name=unique(picture.name, taken)))
    seen = dict.fromkeys(r.label for p in pictures for r in p.regions)
    names = tuple(dict.fromkeys([*classes.values(), *seen]))
    return Project(names, tuple(pictures), "superannotate", colors, loose=tuple(loose))


def _picture(tree: Any, path: Path, root: Path, beside: Beside, classes: dict[Any, str]) -> Picture:
    """The picture of one file.

    Raises: DataError where nothing tells its size.
    """
    about, instances = ({}, tree) if isinstance(tree, list) else (tree["metadata"], tree["instances"])
    called = str(about.get("name") or path.name.split("___")[0].removesuffix(".json"))
    folder = path.parent.relative_to(root).as_posix()
    image = beside.find(called if folder == "." else f"{folder}/{called}")
    if about.get("width") and about.get("height"):
        height, width = int(about["height"]), int(about["width"])
    elif image is not None:
        height, width = size_of(image)
    else:
        raise DataError(f"says nothing of its image's size, and {called!r} is not below {root}")
    regions, faults, thin = list[Region](), list[Fault](), 0
    for number, instance in enumerate(instances):
        with recording(faults, path, called, f"instance {number}", "SuperAnnotate") as where:
            if instance.get("type") in _THIN:
                thin += 1
            else:
                regions.append(_region(instance, classes, path, root, called, (height, width), where))
    name = name_of(called if folder == "." else f"{folder}/{called}")
    notes = {_LEFT: thin} if thin else {}
    return Picture(name, image, height, width, tuple(regions), faults=tuple(faults), notes=notes)


def write(project: Project, out: Path) -> tuple[str, ...]:
    """A vector project: each piece of a region is a polygon with its holes; those of one object are one group."""
    numbers = {name: n for n, name in enumerate(project.classes, 1)}
    colors = colors_of(project)
    classes = [
        {"id": n, "name": name, "color": "#{:02x}{:02x}{:02x}".format(*colors[name])} for name, n in numbers.items()
    ]
    write_json(out / "classes" / "classes.json", classes)
    for picture in project:
        file = picture.name + (picture.image.suffix if picture.image else ".png")
        instances = []
        groups = {key: n for n, key in enumerate(dict.fromkeys(r.object for r in picture.regions if r.object), 1)}
        spare = len(groups)
        for region in picture.regions:
            group = groups.get(region.object)
            if group is None:
                group = spare = spare + 1
            for outer, *holes in region.outlines(picture.height, picture.width):
                instances.append(
                    {"type": "polygon", "classId": numbers[region.label], "className": region.label, "groupId": group,
                     "points": outer.ravel().tolist(), "exclude": [hole.ravel().tolist() for hole in holes],
                     "attributes": [{"groupName": "crowd", "name": "yes"}] if region.crowd else []}
                )  # fmt: skip
        about = {"name": file.rpartition("/")[2], "width": picture.width, "height": picture.height}
        write_json(out / f"{file}.json", {"metadata": about, "instances": instances, "tags": [], "comments": []})
    return lost(project, classes=True, colors=True, crowds=True, objects=True)


def _files(root: Path) -> tuple[list[Path], list[Fault]]:
    """The files of SuperAnnotate, and what is wrong with files that cannot be read."""
    found, damaged = list[Path](), list[Fault]()
    known = (root / "classes" / "classes.json").is_file()
    for path in sorted(root.rglob("*.json") if known else root.glob("*.json")) if root.is_dir() else []:
        if path.parent.name == "classes":
            continue
        tree = None
        with recording(damaged, path, "", "", "SuperAnnotate"):
            tree = read_json(path)
        old = isinstance(tree, list) and path.name.endswith(("___objects.json", "___pixel.json"))
        if old or (
            isinstance(tree, dict)
            and isinstance(tree.get("instances"), list)
            and isinstance(tree.get("metadata"), dict)
        ):
            found.append(path)
    return found, damaged


def _region(
    instance: dict[str, Any],
    classes: dict[Any, str],
    path: Path,
    root: Path,
    called: str,
    size: tuple[int, int],
    where: str,
) -> Region:
    label = str(instance.get("className") or classes.get(instance.get("classId"), ""))
    if not label:
        raise DataError(f"{where}: has class {instance.get('classId')!r}, which classes/classes.json does not list")
    kind, points, group = instance.get("type"), instance.get("points"), instance.get("groupId")
    crowd = any(a.get("groupName") == "crowd" for a in instance.get("attributes", ()) if isinstance(a, dict))
    about: dict[str, Any] = {"object": f"group {group}" if group else "", "crowd": crowd}
    if instance.get("parts"):
        return _painted(label, instance["parts"], path, root, called, size, about)
    if kind == "polygon":
        rings = [ring(numbers, where) for numbers in (points, *(instance.get("exclude") or ()))]
        return Region(label, (tuple(rings),), **about)
    if kind == "bbox" and points:
        return Region(
            label, ((ring(rectangle(*(float(points[k]) for k in ("x1", "y1", "x2", "y2"))), where),),), **about
        )
    if kind == "rbbox" and points:
        return Region(label, ((ring([(points[f"x{n}"], points[f"y{n}"]) for n in range(1, 5)], where),),), **about)
    if kind == "ellipse":
        cx, cy, rx, ry, angle = (float(instance.get(key) or 0) for key in ("cx", "cy", "rx", "ry", "angle"))
        return Region(label, ((ring(ellipse(cx, cy, rx, ry, np.radians(angle)), where),),), **about)
    raise DataError(f"{where}: a {kind!r} is no instance of SuperAnnotate that has an area{nearest(kind, _KINDS)}")


def _painted(
    label: str,
    parts: list[dict[str, Any]],
    path: Path,
    root: Path,
    called: str,
    size: tuple[int, int],
    about: dict[str, Any],
) -> Region:
    """An instance of a pixel project: its colors in the mask image beside the JSON."""
    places = (path.parent / f"{called}{end}.png" for end in ("___save", "_save"))
    file = next((f for f in places if f.is_file() and inside(f, root)), None)
    if file is None:
        raise DataError(f"the mask image {called}___save.png is not beside it")
    stored, palette = decode_mask(file)
    color = (palette[stored] if palette is not None else stored)[..., :3].astype(np.int32)
    codes = color[..., 0] << 16 | color[..., 1] << 8 | color[..., 2]
    pixels = np.isin(codes, [int(part["color"][1:], 16) for part in parts])
    return Region(label, bitmap=whole(pixels, *size, file), **about)
