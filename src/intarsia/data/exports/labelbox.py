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

import numpy as np
from PIL import Image

from ...errors import DataError
from ...labels import Color, parse_color
from .files import Beside, counted, read_json, size_of, unique
from .record import Bitmap, Picture, Project, Region

_THIN = ("point", "line", "location", "data")


def recognize(root: Path) -> bool:
    """A JSON or NDJSON file of Labelbox, or a folder that holds exactly one."""
    return len(_files(root)) == 1


def read(root: Path) -> Project:
    """One export.

    Raises: DataError when an image's size is neither told nor to be found, or an object cannot be drawn.
    """
    files = _files(root)
    if len(files) != 1:
        raise DataError(f"{root}: holds {counted(len(files), 'file')} of Labelbox; name one of them")
    path = files[0]
    beside = Beside(path.parent)
    held: dict[str, list[Any]] = {}
    sizes: dict[str, tuple[int, int]] = {}
    for row in _rows(path):
        called, objects, size = _row(row)
        held.setdefault(called, []).extend(objects)
        if size:
            sizes[called] = size
    colors: dict[str, Color] = {}
    pictures, left, taken = [], {"thin": 0, "masks": 0}, set[str]()
    for called, objects in held.items():
        image = beside.find(called)
        if called in sizes:
            height, width = sizes[called]
        elif image is not None:
            height, width = size_of(image)
        else:
            raise DataError(f"{path}: the size of {called!r} is not told; put the image beside the export")
        regions = []
        for thing in objects:
            region = _region(thing, beside, f"{path}: {called}", left)
            if region is not None:
                regions.append(region)
                if isinstance(thing.get("color"), str):
                    colors.setdefault(region.label, parse_color(thing["color"]))
        pictures.append(Picture(unique(Path(called).stem, taken), image, height, width, tuple(regions)))
    labels = dict.fromkeys(r.label for p in pictures for r in p.regions)
    remarks = []
    if left["thin"]:
        remarks.append(f"{counted(left['thin'], 'object')} left out: points, lines and texts have no area")
    if left["masks"]:
        remarks.append(
            f"{counted(left['masks'], 'mask')} left out: they stand there as addresses; download them beside the export"
        )
    shown = {name: colors[name] for name in labels if name in colors}
    return Project(
        tuple(labels),
        tuple(pictures),
        "labelbox",
        shown if len(set(shown.values())) == len(shown) else {},
        tuple(remarks),
    )


def write(project: Project, out: Path) -> None:
    """`import.ndjson`: one line an object; polygons without holes stay polygons, all else becomes masks."""
    lines = []
    for picture in project:
        file = picture.name.replace("/", "_") + (picture.image.suffix if picture.image else ".png")
        size = {"height": picture.height, "width": picture.width}
        row = {"dataRow": {"globalKey": picture.image.name if picture.image else file}, "mediaAttributes": size}
        if not picture.regions:
            lines.append(row)
        for region in picture.regions:
            about = {**row, "uuid": f"{picture.name}-{len(lines)}", "name": region.label}
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


def _files(root: Path) -> list[Path]:
    files = sorted(f for f in root.iterdir() if f.suffix in (".json", ".ndjson")) if root.is_dir() else [root]
    return [f for f in files if f.suffix in (".json", ".ndjson") and _is_ours(f)]


def _is_ours(path: Path) -> bool:
    try:
        row = next(_rows(path), None)
    except DataError:
        return False
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
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            if line.strip():
                try:
                    yield json.loads(line)
                except json.JSONDecodeError as error:
                    raise DataError(f"{path}, line {number}: no JSON that can be read ({error})") from None


def _row(row: dict[str, Any]) -> tuple[str, list[Any], tuple[int, int] | None]:
    """(the image's name, objects, its size where told) of a line of any of the three forms."""
    about = row.get("Media Attributes") or row.get("media_attributes") or row.get("mediaAttributes") or {}
    size = (int(about["height"]), int(about["width"])) if {"height", "width"} <= about.keys() else None
    if "Label" in row:
        if isinstance(row["Label"], list):
            raise DataError(f"data row {row.get('DataRow ID')}: frames of a video are not read; export images")
        called = row.get("External ID") or row.get("Labeled Data") or row.get("DataRow ID")
        return str(called).split("?")[0], list((row["Label"] or {}).get("objects", ())), size
    if "data_row" in row:
        source = row["data_row"]
        called = source.get("external_id") or source.get("global_key") or source.get("row_data") or source.get("id")
        labels = [label for project in row["projects"].values() for label in project.get("labels", ())[:1]]
        return (
            str(called).split("?")[0],
            [t for label in labels for t in label.get("annotations", {}).get("objects", ())],
            size,
        )
    source = row["dataRow"]
    called = source.get("globalKey") or source.get("externalId") or source.get("id")
    return str(called), [row] if "name" in row or "schemaId" in row else [], size


def _region(thing: dict[str, Any], beside: Beside, where: str, left: dict[str, int]) -> Region | None:
    label = str(thing.get("name") or thing.get("title") or thing.get("value") or thing.get("schemaId") or "")
    about: dict[str, Any] = {"object": str(thing.get("object") or ""), "crowd": bool(thing.get("crowd"))}
    try:
        if ring := thing.get("polygon"):
            points = np.array([(p["x"], p["y"]) for p in ring], np.float64)
            return Region(label, ((points,),), **about)
        if box := thing.get("bbox") or thing.get("bounding_box"):
            x, y, w, h = (float(box[key]) for key in ("left", "top", "width", "height"))
            return Region(label, ((np.array([(x, y), (x + w, y), (x + w, y + h), (x, y + h)]),),), **about)
        mask = thing.get("mask") or thing.get("composite_mask") or {}
        if mask.get("png"):
            pixels = np.asarray(Image.open(io.BytesIO(base64.b64decode(mask["png"]))).convert("L")) > 0
            return Region(label, bitmap=Bitmap(0, 0, pixels), **about)
        address = (
            mask.get("instanceURI")
            or mask.get("url")
            or ("" if any(k in thing for k in _THIN) else thing.get("instanceURI"))
        )
        if address:
            file = beside.find(str(address))
            if file is None:
                left["masks"] += 1
                return None
            color = mask.get("colorRGB") or mask.get("color_rgb")
            array = np.asarray(Image.open(file).convert("RGB"))
            pixels = np.all(array == color, axis=2) if color else np.any(array, axis=2)
            return Region(label, bitmap=Bitmap(0, 0, pixels), **about)
    except (KeyError, TypeError, ValueError, OSError) as error:
        raise DataError(f"{where}: an object {label!r} that cannot be drawn ({error})") from None
    left["thin"] += 1
    return None
