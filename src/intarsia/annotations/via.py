"""VGG Image Annotator (VIA 1, 2 and 3): one JSON or CSV of regions, each with a shape and attributes.

Dutta, Zisserman. "The VIA Annotation Software for Images, Audio and Video." ACM Multimedia 2019. arXiv:1904.10699

    {"photo.jpg1234": {"filename": "photo.jpg", "size": 1234, "regions": [
        {"shape_attributes": {"name": "polygon", "all_points_x": [...], "all_points_y": [...]},
         "region_attributes": {"class": "bug"}}]}}

VIA 1 writes regions as a mapping; a saved project holds the same under `_via_img_metadata`; a CSV has one line a region;
`via3` turns a project of VIA 3 into this form. The class is the attribute called class, label, name, type or category,
else the one whose values differ most between regions; a region without it is called after the attribute's name. Classes
stand in the order of the attribute's options, in the project or in a via_attributes.json beside the regions.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..documents import head, read_lines, write_json
from ..errors import DataError, nearest
from . import via3
from .beside import Beside, json_of, name_of, passes, read_json, reading, size_of, the_one, unique
from .faults import Fault, recording
from .project import Note, Picture, Project, Region
from .regions import ellipse, rectangle, ring
from .remarks import joined, lost

_LEFT = Note("shape", "left out: points and lines have no area")
_SEVERAL = Note("region", "of several classes, of which the first counts")
_THIN = ("point", "polyline", "line")
_KINDS = ("polygon", "rect", "circle", "ellipse")


def recognize(root: Path) -> bool:
    """A JSON or CSV file of VIA, or a folder that holds exactly one."""
    return len(_files(root)) == 1


def read(root: Path) -> Project:
    """The regions of one file, whose images lie beside it.

    Raises: DataError when there is no such file or more than one, or an image is missing: VIA does not store sizes.
    """
    path = the_one(root, _files(root), "VIA regions")
    loose: list[Fault] = []
    with reading(path, "VIA"):
        tree, options = _images(path, loose)
        attribute = _attribute(tree)
    beside = Beside(path.parent)
    pictures, taken = [], dict[str, int]()
    for key, entry in tree.items():
        called = str(entry.get("filename", key))
        with recording(loose, path, called, "", "VIA"):
            image = beside.find(called)
            if image is None:
                raise DataError("is not beside the file; VIA keeps no sizes, so the image is needed")
            picture = Picture(unique(name_of(called), taken), image, *size_of(image), ())
            pictures.append(_drawn(picture, _listed(entry), attribute, options.get(attribute, ()), path, called))
    labels = dict.fromkeys(region.label for picture in pictures for region in picture.regions)
    classes = tuple(dict.fromkeys([*options.get(attribute, ()), *labels]))
    return Project(classes, tuple(pictures), "via", loose=tuple(loose))


def _drawn(
    picture: Picture, held: list[dict[str, Any]], attribute: str, options: Sequence[str], path: Path, called: str
) -> Picture:
    """The picture with its regions, whose class the attribute tells."""
    regions, faults, notes = list[Region](), list[Fault](), Counter[Note]()
    for number, region in enumerate(held):
        with recording(faults, path, called, f"region {number}", "VIA") as where:
            shape = region["shape_attributes"]
            if shape.get("name") in _THIN:
                notes[_LEFT] += 1
                continue
            words = region.get("region_attributes") or {}
            chosen = words.get(attribute)
            outer = _ring(shape, where)
            if isinstance(chosen, dict) and sum(map(bool, chosen.values())) > 1:
                notes[_SEVERAL] += 1
            about: dict[str, Any] = {"crowd": words.get("crowd") == "1", "object": str(words.get("object") or "")}
            regions.append(Region(_label(words, attribute, options), ((outer,),), **about))
    return picture._replace(regions=tuple(regions), faults=tuple(faults), notes=notes)


def write(project: Project, out: Path) -> tuple[str, ...]:
    """`via_region_data.json`, and the classes in `via_attributes.json`.

    VIA knows polygons of one ring: holes and pieces are joined to it by bridges, a line there and back.
    """
    tree = {}
    for picture in project:
        file = picture.name + (picture.image.suffix if picture.image else ".png")
        size = picture.image.stat().st_size if picture.image else -1
        regions = []
        shown = joined(picture).regions
        objects = Counter(region.object for region in shown)
        for region in shown:
            outer = region.ring(picture.height, picture.width)
            if outer is None:
                continue
            shape = {"name": "polygon", "all_points_x": outer[:, 0].tolist(), "all_points_y": outer[:, 1].tolist()}
            words = {"class": region.label, **({"crowd": "1"} if region.crowd else {})}
            if region.object and objects[region.object] > 1:
                words["object"] = region.object
            regions.append({"shape_attributes": shape, "region_attributes": words})
        tree[f"{file}{size}"] = {"filename": file, "size": size, "regions": regions, "file_attributes": {}}
    write_json(out / "via_region_data.json", tree)
    options = {
        "type": "dropdown",
        "description": "",
        "options": dict.fromkeys(project.classes, ""),
        "default_options": {},
    }
    write_json(out / "via_attributes.json", {"region": {"class": options}, "file": {}})
    return lost(project, classes=True, crowds=True, objects=True)


def _files(root: Path) -> list[Path]:
    if root.is_file():
        return [root] if root.suffix in (".json", ".csv") and _is_ours(root) else []
    return [p for p in sorted(root.glob("*")) if p.suffix in (".json", ".csv") and p.is_file() and _is_ours(p)]


def _is_ours(path: Path) -> bool:
    if path.suffix == ".csv":
        return b"region_shape_attributes" in head(path, 400)
    return passes(path, _is_via, ("filename", "regions"), ("_via_img_metadata",), ("attribute", "view"))


def _is_via(tree: Any) -> bool:
    if not isinstance(tree, dict):
        return False
    entries = tree.get("_via_img_metadata", tree)
    known = isinstance(entries, dict) and all(
        isinstance(entry, dict) and {"filename", "regions"} <= entry.keys() for entry in entries.values()
    )
    return via3.ours(tree) or (known and (bool(entries) or "_via_img_metadata" in tree))


def _images(path: Path, loose: list[Fault]) -> tuple[dict[str, Any], dict[str, list[str]]]:
    """The images of a file in the form of VIA 2, and the options of its attributes; faults of no picture go to `loose`."""
    if path.suffix == ".csv":
        return _of_csv(path, loose), {}
    tree = read_json(path)
    if via3.ours(tree):
        return via3.images(tree, path, loose), via3.options(tree)
    attributes = tree.get("_via_attributes") or {}
    beside = path.parent / "via_attributes.json"
    if not attributes and beside.is_file():
        attributes = read_json(beside)
    options = {
        key: [str(o) for o in held.get("options") or ()] for key, held in (attributes.get("region") or {}).items()
    }
    return tree.get("_via_img_metadata", tree), options


def _of_csv(path: Path, loose: list[Fault]) -> dict[str, Any]:
    images: dict[str, Any] = {}
    for number, row in enumerate(csv.DictReader(read_lines(path)), 2):
        called = row.get("filename") or row["#filename"]
        entry = images.setdefault(f"{called}{row.get('file_size')}", {"filename": called, "regions": []})
        with recording(loose, path, called, f"line {number}", "VIA") as where:
            shape = json_of(row["region_shape_attributes"] or "{}", where)
            if shape:
                words = json_of(row.get("region_attributes") or "{}", where)
                entry["regions"].append({"shape_attributes": shape, "region_attributes": words})
    return images


def _listed(entry: dict[str, Any]) -> list[dict[str, Any]]:
    regions = entry["regions"]
    return list(regions.values()) if isinstance(regions, dict) else list(regions)


def _attribute(tree: dict[str, Any]) -> str:
    """The attribute that names classes: the one with the most different values, each a word."""
    values: dict[str, set[str]] = {}
    for entry in tree.values():
        for region in _listed(entry):
            for key, value in (region.get("region_attributes") or {}).items():
                words = [k for k, chosen in value.items() if chosen] if isinstance(value, dict) else [str(value)]
                values.setdefault(key, set()).update(words)
    usual = [key for key in ("class", "label", "name", "type", "category") if key in values]
    return usual[0] if usual else max(sorted(values), key=lambda key: len(values[key]), default="")


def _label(attributes: dict[str, Any], attribute: str, options: Sequence[str]) -> str:
    value = attributes.get(attribute, "")
    if isinstance(value, dict):
        value = next((key for key, chosen in value.items() if chosen), "")
    word = str(value) if value in options else str(value).strip()  # what a hand typed may end in a blank
    return word or attribute or "region"


def _ring(shape: dict[str, Any], where: str) -> np.ndarray:
    kind = shape.get("name")
    if kind == "polygon":
        if len(shape["all_points_x"]) != len(shape["all_points_y"]):
            raise DataError(f"{where}: {len(shape['all_points_x'])} x for {len(shape['all_points_y'])} y")
        return ring(list(zip(shape["all_points_x"], shape["all_points_y"], strict=True)), where)
    if kind == "rect":
        x, y, w, h = (float(shape[key]) for key in ("x", "y", "width", "height"))
        return ring(rectangle(x, y, x + w, y + h), where)
    if kind in ("circle", "ellipse"):
        rx, ry = (float(shape["r"]),) * 2 if kind == "circle" else (float(shape["rx"]), float(shape["ry"]))
        return ring(ellipse(float(shape["cx"]), float(shape["cy"]), rx, ry, float(shape.get("theta", 0.0))), where)
    raise DataError(f"{where}: a shape {kind!r} that cannot be drawn{nearest(kind, _KINDS)}")
