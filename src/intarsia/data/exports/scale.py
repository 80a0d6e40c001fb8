"""Scale AI: a JSON list of finished tasks. Read only: Scale takes labels as tasks, not as files.

Polygons and boxes: `response.annotations`, a list with `label` and `vertices`, or `left`, `top`, `width`, `height`.
Segmentation: `response.labelMapping` from label to index or color, and an indexed or combined image, which is read when
its file lies beside the export under the address's last name.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ...errors import DataError
from ..codecs import decode_mask
from .files import Beside, counted, read_json, size_of, unique
from .record import Bitmap, Picture, Project, Region


def recognize(root: Path) -> bool:
    """A JSON list of tasks with `task_id` and `response`, or a folder that holds exactly one."""
    return len(_files(root)) == 1


def read(root: Path) -> Project:
    """One file of tasks.

    Raises: DataError when an image is missing: tasks do not tell sizes; or when a region cannot be drawn.
    """
    files = _files(root)
    if len(files) != 1:
        raise DataError(f"{root}: holds {counted(len(files), 'file')} of Scale's tasks; name one of them")
    path = files[0]
    beside = Beside(path.parent)
    tree = read_json(path)
    pictures, thin, taken = [], 0, set[str]()
    for task in tree if isinstance(tree, list) else tree.get("docs", [tree]):
        where = f"{path}: task {task.get('task_id')}"
        called = str((task.get("params") or {}).get("attachment", ""))
        image = beside.find(called)
        if image is None:
            raise DataError(f"{where}: its image {called.split('?')[0]!r} is not beside the file; put it there")
        height, width = size_of(image)
        response = task.get("response") or {}
        annotations = response.get("annotations") or ()
        regions: list[Region] = []
        if isinstance(annotations, dict):
            regions = _painted(response, beside, where)
        for thing in annotations if isinstance(annotations, list) else ():
            region = _region(thing, where)
            thin += region is None
            regions += [region] if region else []
        pictures.append(Picture(unique(image.stem, taken), image, height, width, tuple(regions)))
    labels = dict.fromkeys(r.label for p in pictures for r in p.regions)
    remarks = (f"{counted(thin, 'annotation')} left out: points and lines have no area",) if thin else ()
    return Project(tuple(labels), tuple(pictures), "scale", remarks=remarks)


def _files(root: Path) -> list[Path]:
    found = []
    for path in sorted(root.glob("*.json")) if root.is_dir() else [root] if root.suffix == ".json" else []:
        try:
            tree = read_json(path)
        except DataError:
            continue
        tasks = tree if isinstance(tree, list) else tree.get("docs", [tree]) if isinstance(tree, dict) else []
        if tasks and all(isinstance(task, dict) and {"task_id", "response"} <= task.keys() for task in tasks):
            found.append(path)
    return found


def _region(thing: dict[str, Any], where: str) -> Region | None:
    label, kind = str(thing.get("label", "")), thing.get("type") or ("polygon" if "vertices" in thing else "box")
    try:
        if kind in ("polygon", "box") and len(thing.get("vertices", ())) >= 3:
            return Region(label, ((np.array([(p["x"], p["y"]) for p in thing["vertices"]], np.float64),),))
        if kind == "box":
            x, y, w, h = (float(thing[key]) for key in ("left", "top", "width", "height"))
            return Region(label, ((np.array([(x, y), (x + w, y), (x + w, y + h), (x, y + h)]),),))
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"{where}: a {kind} {label!r} that cannot be drawn ({error})") from None
    return None


def _painted(response: dict[str, Any], beside: Beside, where: str) -> list[Region]:
    """A segmentation task: labels by index or by color in one image."""
    mapping, sheets = response.get("labelMapping") or {}, response["annotations"].get("combined") or {}
    indexed, colored = sheets.get("indexedImage"), sheets.get("image")
    file = next((f for address in (indexed, colored) if address and (f := beside.find(str(address)))), None)
    if file is None:
        raise DataError(f"{where}: its mask {indexed or colored!r} is not beside the file; download it there")
    stored, palette = decode_mask(file)
    regions = []
    for label, entry in mapping.items():
        for one in entry if isinstance(entry, list) else [entry]:
            if stored.ndim == 2 and palette is None:
                pixels = stored == int(one["index"])
            else:
                rgb = (palette[stored] if palette is not None else stored)[..., :3]
                pixels = (rgb == tuple(bytes.fromhex(str(one["color"]).lstrip("#")))).all(axis=2)
            if pixels.any():
                regions.append(Region(label, bitmap=Bitmap(0, 0, pixels)))
    return regions
