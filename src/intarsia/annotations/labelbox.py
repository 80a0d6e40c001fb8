"""Labelbox: the old JSON export (v1), the NDJSON export (v2), and NDJSON to import.

v1: {"External ID": "a.jpg", "Label": {"objects": [{"value": "deer", "polygon": [{"x": 1, "y": 2}, ...]}, ...]}}
v2: {"data_row": {"external_id": "a.jpg"}, "media_attributes": {...}, "projects": {"...": {"labels": [...]}}}

Masks stand in these files as addresses: those whose file lies beside the export, under the address's last name, are
read; the others are told. Import lines name a data row's global key, and hold polygons, or PNGs in base64.
"""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import NAMESPACE_URL, uuid5

import numpy as np
from PIL import Image

from ..data.files.codecs import decode_mask
from ..documents import read_lines
from ..errors import DataError, counted
from ..labels import Color, parse_color
from .beside import Beside, json_of, name_of, passes, png_of, read_json, reading, size_of, the_one, unique
from .project import Picture, Project, Region, whole
from .regions import rectangle, ring
from .remarks import lost

_THIN = ("point", "line", "location", "data")


def recognize(root: Path) -> bool:
    """A JSON or NDJSON file of Labelbox, or a folder that holds exactly one."""
    return len(_files(root)) == 1


def read(root: Path) -> Project:
    """One export.

    Raises: DataError when an image's size is neither told nor to be found, or an object cannot be drawn.
    """
    path = the_one(root, _files(root), "Labelbox")
    beside = Beside(path.parent)
    held: dict[str, tuple[str, list[Any]]] = {}
    sizes: dict[str, tuple[int, int]] = {}
    left = {"thin": 0, "masks": 0, "labels": 0, "skipped": 0}
    for number, row in enumerate(_rows(path), 1):
        with reading(f"{path}: row {number}", "Labelbox"):
            key, called, objects, size = _row(row, left, f"{path}: row {number}")
            if key in held and "dataRow" not in row:
                left["labels"] += 1
                continue
            held.setdefault(key, (called, []))[1].extend(objects)
            if size:
                sizes[key] = size
    colors: dict[str, Color] = {}
    pictures, taken = [], dict[str, int]()
    for key, (called, objects) in held.items():
        image = beside.find(called)
        if key in sizes:
            height, width = sizes[key]
        elif image is not None:
            height, width = size_of(image)
        else:
            raise DataError(f"{path}: the size of {called!r} is not told; put the image beside the export")
        regions = []
        for thing in objects:
            with reading(f"{path}: {called}", "Labelbox"):
                region = _region(thing, beside, height, width, f"{path}: {called}", left)
                if region is not None:
                    regions.append(region)
                    if isinstance(thing.get("color"), str):
                        colors.setdefault(region.label, parse_color(thing["color"]))
        pictures.append(Picture(unique(name_of(called), taken), image, height, width, tuple(regions)))
    labels = dict.fromkeys(r.label for p in pictures for r in p.regions)
    shown = {name: colors[name] for name in labels if name in colors}
    shown = shown if len(set(shown.values())) == len(shown) else {}
    said = {
        "thin": ("object", "points, lines and texts have no area"),
        "masks": ("mask", "they stand there as addresses; download them beside the export"),
        "labels": ("further label", "of images that were labeled more than once the first counts"),
        "skipped": ("row", "skipped by its annotator"),
    }
    remarks = tuple(f"{counted(left[k], what)} left out: {why}" for k, (what, why) in said.items() if left[k])
    return Project(tuple(labels), tuple(pictures), "labelbox", shown, remarks)


def write(project: Project, out: Path) -> tuple[str, ...]:
    """`import.ndjson`: one line an object; polygons without holes stay polygons, all else becomes masks."""
    lines = []
    for picture in project:
        file = picture.name + (picture.image.suffix if picture.image else ".png")
        row = {"dataRow": {"globalKey": file}, "mediaAttributes": {"height": picture.height, "width": picture.width}}
        if not picture.regions:
            lines.append(row)
        for region in picture.regions:
            about = {**row, "uuid": str(uuid5(NAMESPACE_URL, f"{file}#{len(lines)}")), "name": region.label}
            if region.object or region.crowd:
                about["object"], about["crowd"] = region.object, region.crowd
            if region.bitmap is None and len(region.parts) == 1 and len(region.parts[0]) == 1:
                lines.append({**about, "polygon": [{"x": x, "y": y} for x, y in region.parts[0][0].tolist()]})
            else:
                png = io.BytesIO()
                Image.fromarray(region.mask(picture.height, picture.width)).save(png, "PNG")
                lines.append({**about, "mask": {"png": base64.b64encode(png.getvalue()).decode()}})
    out.mkdir(parents=True, exist_ok=True)
    (out / "import.ndjson").write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return lost(project, crowds=True, objects=True)


def _files(root: Path) -> list[Path]:
    files = sorted(f for f in root.iterdir() if f.suffix in (".json", ".ndjson")) if root.is_dir() else [root]
    return [f for f in files if f.suffix in (".json", ".ndjson") and _is_ours(f)]


def _is_ours(path: Path) -> bool:
    if path.suffix == ".json":
        return passes(path, _is_labelbox, ("Label",), ("data_row",), ("dataRow",))
    try:
        return _is_labelbox(next(_rows(path), None))
    except DataError:
        return False


def _is_labelbox(tree: Any) -> bool:
    row = next(iter(tree), None) if isinstance(tree, list) else tree
    return isinstance(row, dict) and (
        ("Label" in row and ("External ID" in row or "DataRow ID" in row))
        or ("data_row" in row and "projects" in row)
        or ("dataRow" in row and isinstance(row["dataRow"], dict))
    )


def _rows(path: Path) -> Iterator[Any]:
    if path.suffix == ".json":
        tree = read_json(path)
        yield from tree if isinstance(tree, list) else [tree]
        return
    for number, line in enumerate(read_lines(path), 1):
        if line.strip():
            yield json_of(line, f"{path}, line {number}")


def _row(row: dict[str, Any], left: dict[str, int], where: str) -> tuple[str, str, list[Any], tuple[int, int] | None]:
    """(what makes the image one, its name, objects, its size where told) of a line of any of the three forms."""
    about = row.get("Media Attributes") or row.get("media_attributes") or row.get("mediaAttributes") or {}
    size = (int(about["height"]), int(about["width"])) if {"height", "width"} <= about.keys() else None
    if "Label" in row:
        called = str(row.get("External ID") or row.get("Labeled Data") or row.get("DataRow ID"))
        label = row["Label"] or {}
        if isinstance(label, list):
            raise DataError(f"{where}: frames of a video are not read; export images")
        if isinstance(label, str) or row.get("Skipped"):
            left["skipped"] += 1
            label = {}
        objects = list(label.get("objects") or ())
        for value, drawn in label.items():  # as it was before 2020: a list of outlines for each class
            if isinstance(drawn, list) and all(isinstance(one, dict) and "geometry" in one for one in drawn):
                objects += [{"value": value, "polygon": one["geometry"]} for one in drawn]
        return str(row.get("DataRow ID") or called), called, objects, size
    if "data_row" in row:
        source = row["data_row"]
        called = source.get("external_id") or source.get("global_key") or source.get("row_data") or source.get("id")
        labels = [label for project in row["projects"].values() for label in project.get("labels", ())]
        left["labels"] += max(len(labels) - 1, 0)
        objects = [thing for label in labels[:1] for thing in label["annotations"].get("objects") or ()]
        return str(source.get("id") or called), str(called), objects, size
    source = row["dataRow"]
    called = str(source.get("globalKey") or source.get("externalId") or source.get("id"))
    return called, called, [row] if "name" in row or "schemaId" in row else [], size


def _region(
    thing: dict[str, Any], beside: Beside, height: int, width: int, where: str, left: dict[str, int]
) -> Region | None:
    label = str(thing.get("name") or thing.get("title") or thing.get("value") or thing.get("schemaId") or "")
    where = f"{where}: an object {label!r}"
    about: dict[str, Any] = {"object": str(thing.get("object") or ""), "crowd": bool(thing.get("crowd"))}
    if points := thing.get("polygon"):
        return Region(label, ((ring([(p["x"], p["y"]) for p in points], where),),), **about)
    if box := thing.get("bbox") or thing.get("bounding_box"):
        x, y, w, h = (float(box[key]) for key in ("left", "top", "width", "height"))
        return Region(label, ((ring(rectangle(x, y, x + w, y + h), where),),), **about)
    mask = thing.get("mask") or {}
    if mask.get("png"):
        pixels = np.asarray(png_of(mask["png"], height, width, where).convert("L")) > 0
        return Region(label, bitmap=whole(pixels, height, width, where), **about)
    sheets = [sheet for sheet in (thing.get("mask"), thing.get("composite_mask")) if sheet]
    sheets += [] if sheets or any(key in thing for key in _THIN) else [{"url": thing.get("instanceURI")}]
    addresses = [(str(a), sheet) for sheet in sheets if (a := sheet.get("instanceURI") or sheet.get("url"))]
    if not addresses:
        left["thin"] += 1
        return None
    found = [(file, sheet) for a, sheet in addresses if (file := beside.find(urlsplit(a).path)) is not None]
    if not found:
        left["masks"] += 1
        return None
    file, sheet = found[0]
    stored, palette = decode_mask(file)
    array = palette[stored] if palette is not None else stored if stored.ndim == 3 else np.stack([stored] * 3, axis=2)
    array, color = array[..., :3], sheet.get("colorRGB") or sheet.get("color_rgb")
    pixels = np.all(array == color, axis=2) if color else np.any(array, axis=2)
    return Region(label, bitmap=whole(pixels, height, width, where), **about)
