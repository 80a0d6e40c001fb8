"""Labelbox: the old JSON export (v1), the NDJSON export (v2), and NDJSON to import.

v1: {"External ID": "a.jpg", "Label": {"objects": [{"value": "deer", "polygon": [{"x": 1, "y": 2}, ...]}, ...]}}
v2: {"data_row": {"external_id": "a.jpg"}, "media_attributes": {...}, "projects": {"...": {"labels": [...]}}}

Masks stand in these files as addresses: those whose file lies beside the export, under the address's last name, are
read; a remark counts the others. Import lines name a data row's global key, and hold polygons, or PNGs in base64.
"""

from __future__ import annotations

import base64
import io
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit
from uuid import NAMESPACE_URL, uuid5

import numpy as np
from PIL import Image

from ..data.files.codecs import decode_mask
from ..documents import read_lines
from ..errors import DataError
from ..labels import Color, parse_color
from .beside import Beside, json_of, name_of, passes, png_of, read_json, size_of, the_one, unique
from .faults import Fault, recording
from .project import Note, Picture, Project, Region, whole
from .regions import rectangle, ring
from .remarks import lost

_NO_AREA = Note("object", "left out: points, lines and texts have no area")
_ELSEWHERE = Note("mask", "left out: they stand there as addresses; download them beside the export")
_TWICE = Note("further label", "left out: of images that were labeled more than once the first counts")
_SKIPPED = Note("row", "left out: skipped by its annotator")
_THIN = ("point", "line", "location", "data")


class _Held(NamedTuple):
    """What the lines of one image say."""

    called: str
    objects: list[tuple[dict[str, Any], str]]  # each object, and the line that it stands in
    sizes: list[tuple[int, int]]
    notes: Counter[Note]


def recognize(root: Path) -> bool:
    """A JSON or NDJSON file of Labelbox, or a folder that holds exactly one."""
    return len(_files(root)) == 1


def read(root: Path) -> Project:
    """One export.

    Raises: DataError when an image's size is neither given nor to be found, or an object cannot be drawn.
    """
    path = the_one(root, _files(root), "Labelbox")
    beside = Beside(path.parent)
    held: dict[str, _Held] = {}
    loose: list[Fault] = []
    for number, row in enumerate(_rows(path, loose), 1):
        with recording(loose, path, f"row {number}", "", "Labelbox"):
            key, called, objects, size, notes = _row(row)
            if key in held and "dataRow" not in row:
                held[key].notes[_TWICE] += 1
                continue
            known = held.setdefault(key, _Held(called, [], [], Counter()))
            known.objects.extend((thing, f"row {number}") for thing in objects)
            known.sizes.extend([size] if size else [])
            known.notes.update(notes)
    colors: dict[str, Color] = {}
    pictures, taken = [], dict[str, int]()
    for known in held.values():
        with recording(loose, path, known.called, "", "Labelbox"):
            image = beside.find(known.called)
            if not known.sizes and image is None:
                raise DataError("its size is not told; put the image beside the export")
            height, width = known.sizes[-1] if known.sizes or image is None else size_of(image)
            picture = Picture(unique(name_of(known.called), taken), image, height, width, ())
            pictures.append(_drawn(picture, known, beside, path, colors))
    labels = dict.fromkeys(r.label for p in pictures for r in p.regions)
    shown = {name: colors[name] for name in labels if name in colors}
    shown = shown if len(set(shown.values())) == len(shown) else {}
    return Project(tuple(labels), tuple(pictures), "labelbox", shown, loose=tuple(loose))


def _drawn(picture: Picture, known: _Held, beside: Beside, path: Path, colors: dict[str, Color]) -> Picture:
    """The picture with its objects; `colors` gets those of classes that have none yet."""
    regions, faults = list[Region](), list[Fault]()
    for number, (thing, line) in enumerate(known.objects, 1):
        called = f"object {number}" if len(known.objects) > 1 else line
        with recording(faults, path, known.called, called, "Labelbox") as where:
            label = _label(thing)
            called_so = f"{where}: an object {label!r}"
            region = _region(thing, label, beside, (picture.height, picture.width), called_so, known.notes)
            if region is not None:
                regions.append(region)
                if isinstance(thing.get("color"), str):
                    colors.setdefault(region.label, parse_color(thing["color"]))
    return picture._replace(regions=tuple(regions), faults=tuple(faults), notes=known.notes)


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
        return _is_labelbox(next(_rows(path, []), None))
    except DataError:
        return False


def _is_labelbox(tree: Any) -> bool:
    row = next(iter(tree), None) if isinstance(tree, list) else tree
    return isinstance(row, dict) and (
        ("Label" in row and ("External ID" in row or "DataRow ID" in row))
        or ("data_row" in row and "projects" in row)
        or ("dataRow" in row and isinstance(row["dataRow"], dict))
    )


def _rows(path: Path, loose: list[Fault]) -> Iterator[Any]:
    """The rows of a file; a line that cannot be read goes to `loose`."""
    if path.suffix == ".json":
        tree = read_json(path)
        yield from tree if isinstance(tree, list) else [tree]
        return
    for number, line in enumerate(read_lines(path), 1):
        if line.strip():
            row = None
            with recording(loose, path, f"line {number}", "", "Labelbox") as where:
                row = json_of(line, where)
            if row is not None:
                yield row


def _row(row: dict[str, Any]) -> tuple[str, str, list[Any], tuple[int, int] | None, dict[Note, int]]:
    """(what makes the image one, its name, objects, its size where it has one, notes) of a line of any of the three forms."""
    about = row.get("Media Attributes") or row.get("media_attributes") or row.get("mediaAttributes") or {}
    size = (int(about["height"]), int(about["width"])) if {"height", "width"} <= about.keys() else None
    if "Label" in row:
        called = str(row.get("External ID") or row.get("Labeled Data") or row.get("DataRow ID"))
        label = row["Label"] or {}
        if isinstance(label, list):
            raise DataError("frames of a video are not read; export images")
        skipped = isinstance(label, str) or bool(row.get("Skipped"))
        label = {} if skipped else label
        objects = list(label.get("objects") or ())
        for value, drawn in label.items():  # as it was before 2020: a list of outlines for each class
            if isinstance(drawn, list) and all(isinstance(one, dict) and "geometry" in one for one in drawn):
                objects += [{"value": value, "polygon": one["geometry"]} for one in drawn]
        return str(row.get("DataRow ID") or called), called, objects, size, {_SKIPPED: 1} if skipped else {}
    if "data_row" in row:
        source = row["data_row"]
        called = source.get("external_id") or source.get("global_key") or source.get("row_data") or source.get("id")
        labels = [label for project in row["projects"].values() for label in project.get("labels", ())]
        notes = {_TWICE: len(labels) - 1} if len(labels) > 1 else {}
        objects = [thing for label in labels[:1] for thing in label["annotations"].get("objects") or ()]
        return str(source.get("id") or called), str(called), objects, size, notes
    source = row["dataRow"]
    called = str(source.get("globalKey") or source.get("externalId") or source.get("id"))
    return called, called, [row] if "name" in row or "schemaId" in row else [], size, {}


def _label(thing: dict[str, Any]) -> str:
    return str(thing.get("name") or thing.get("title") or thing.get("value") or thing.get("schemaId") or "")


def _region(
    thing: dict[str, Any], label: str, beside: Beside, size: tuple[int, int], where: str, notes: Counter[Note]
) -> Region | None:
    """The region of an object, None where it has no area or its mask is elsewhere, which a note counts."""
    height, width = size
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
        notes[_NO_AREA] += 1
        return None
    found = [(file, sheet) for a, sheet in addresses if (file := beside.find(urlsplit(a).path)) is not None]
    if not found:
        notes[_ELSEWHERE] += 1
        return None
    file, sheet = found[0]
    stored, palette = decode_mask(file)
    array = palette[stored] if palette is not None else stored if stored.ndim == 3 else np.stack([stored] * 3, axis=2)
    array, color = array[..., :3], sheet.get("colorRGB") or sheet.get("color_rgb")
    pixels = np.all(array == color, axis=2) if color else np.any(array, axis=2)
    return Region(label, bitmap=whole(pixels, height, width, where), **about)
