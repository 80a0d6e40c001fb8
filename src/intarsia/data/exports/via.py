"""VGG Image Annotator (VIA 1 and 2): one JSON of regions, each with a shape and attributes.

Dutta, Zisserman. "The VIA Annotation Software for Images, Audio and Video." ACM Multimedia 2019. arXiv:1904.10699

    {"photo.jpg1234": {"filename": "photo.jpg", "size": 1234, "regions": [
        {"shape_attributes": {"name": "polygon", "all_points_x": [...], "all_points_y": [...]},
         "region_attributes": {"class": "bug"}}]}}

VIA 1 writes regions as a mapping; a saved project holds the same under `_via_img_metadata`. The class is the attribute
whose values differ most between regions, or the only one; a region without it is called after the attribute's name.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ...errors import DataError
from .files import Beside, counted, read_json, size_of, unique, write_json
from .record import Picture, Project, Region
from .regions import outline

_THIN = ("point", "polyline")


def recognize(root: Path) -> bool:
    """A JSON file of VIA, or a folder that holds exactly one."""
    return len(_files(root)) == 1


def read(root: Path) -> Project:
    """The regions of one file, whose images lie beside it.

    Raises: DataError when there is no such file or more than one, or an image is missing: VIA does not store sizes.
    """
    files = _files(root)
    if len(files) != 1:
        raise DataError(f"{root}: holds {counted(len(files), 'file')} of VIA regions; name one of them")
    path = files[0]
    tree = _images(read_json(path))
    attribute = _attribute(tree)
    beside = Beside(path.parent)
    pictures, labels, thin, taken = [], dict[str, None](), 0, set[str]()
    for entry in tree.values():
        image = beside.find(entry["filename"])
        if image is None:
            raise DataError(
                f"{path}: {entry['filename']!r} is not beside it; VIA keeps no sizes, so the image is needed"
            )
        height, width = size_of(image)
        regions = []
        for number, region in enumerate(_listed(entry)):
            shape = region["shape_attributes"]
            if shape.get("name") in _THIN:
                thin += 1
                continue
            label = _label(region.get("region_attributes") or {}, attribute)
            labels[label] = None
            ring = _ring(shape, f"{path}: {entry['filename']}, region {number}")
            regions.append(Region(label, ((ring,),)))
        pictures.append(Picture(unique(Path(entry["filename"]).stem, taken), image, height, width, tuple(regions)))
    remarks = (f"{counted(thin, 'shape')} left out: points and lines have no area",) if thin else ()
    return Project(tuple(labels), tuple(pictures), "via", remarks=remarks)


def write(project: Project, out: Path) -> None:
    """`via_region_data.json`. VIA knows no holes and no bitmaps: a region becomes as many polygons as it has pieces.

    Raises: DataError for a region with a hole.
    """
    tree = {}
    for picture in project:
        file = picture.name + (picture.image.suffix if picture.image else ".png")
        size = picture.image.stat().st_size if picture.image else -1
        regions = []
        for region in picture.regions:
            parts = region.parts if region.bitmap is None else outline(region.mask(picture.height, picture.width))
            for part in parts:
                if len(part) > 1:
                    raise DataError(
                        f"{picture.name}: a {region.label} has a hole, which VIA cannot hold; use coco or labelme"
                    )
                shape = {
                    "name": "polygon",
                    "all_points_x": part[0][:, 0].tolist(),
                    "all_points_y": part[0][:, 1].tolist(),
                }
                regions.append({"shape_attributes": shape, "region_attributes": {"class": region.label}})
        tree[f"{file}{size}"] = {"filename": file, "size": size, "regions": regions, "file_attributes": {}}
    write_json(out / "via_region_data.json", tree)


def _files(root: Path) -> list[Path]:
    found = []
    for path in sorted(root.glob("*.json")) if root.is_dir() else [root] if root.suffix == ".json" else []:
        try:
            tree = _images(read_json(path))
        except DataError:
            continue
        if tree and all(isinstance(entry, dict) and {"filename", "regions"} <= entry.keys() for entry in tree.values()):
            found.append(path)
    return found


def _images(tree: Any) -> dict[str, Any]:
    if isinstance(tree, dict) and isinstance(tree.get("_via_img_metadata"), dict):
        return tree["_via_img_metadata"]
    return tree if isinstance(tree, dict) else {}


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


def _label(attributes: dict[str, Any], attribute: str) -> str:
    value = attributes.get(attribute, "")
    if isinstance(value, dict):
        value = next((key for key, chosen in value.items() if chosen), "")
    return str(value).strip() or attribute or "region"


def _ring(shape: dict[str, Any], where: str) -> np.ndarray:
    kind = shape.get("name")
    if kind in ("polygon", "polygon_") and len(shape.get("all_points_x", ())) >= 3:
        if len(shape["all_points_x"]) != len(shape.get("all_points_y", ())):
            raise DataError(f"{where}: {len(shape['all_points_x'])} x for {len(shape.get('all_points_y', ()))} y")
        return np.stack([shape["all_points_x"], shape["all_points_y"]], axis=1).astype(np.float64)
    if kind == "rect":
        x, y, w, h = (float(shape[key]) for key in ("x", "y", "width", "height"))
        return np.array([(x, y), (x + w, y), (x + w, y + h), (x, y + h)])
    if kind in ("circle", "ellipse"):
        turn = np.linspace(0, 2 * np.pi, 256, endpoint=False)
        rx, ry = (float(shape["r"]),) * 2 if kind == "circle" else (float(shape["rx"]), float(shape["ry"]))
        tilt = float(shape.get("theta", 0.0))
        across, down = rx * np.cos(turn), ry * np.sin(turn)
        cx, cy = float(shape["cx"]), float(shape["cy"])
        return np.stack(
            [cx + across * np.cos(tilt) - down * np.sin(tilt), cy + across * np.sin(tilt) + down * np.cos(tilt)], axis=1
        )
    raise DataError(f"{where}: a shape {kind!r} that cannot be drawn")
