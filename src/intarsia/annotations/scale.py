"""Scale AI: a JSON list of finished tasks. Read only: Scale takes labels as tasks, not as files.

Polygons and boxes: `response.annotations`, a list with `label` and `vertices`, or `left`, `top`, `width`, `height`.
Segmentation: `response.labelMapping` from label to index or color, and an indexed or combined image, which is read when
its file lies beside the export under the address's last name.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ..data.files.codecs import decode_mask
from ..errors import DataError, counted
from .beside import Beside, name_of, passes, read_json, reading, size_of, the_one, unique
from .project import Picture, Project, Region, whole
from .regions import rectangle, ring


def recognize(root: Path) -> bool:
    """A JSON list of tasks with `task_id` and `response`, or a folder that holds exactly one."""
    return len(_files(root)) == 1


def read(root: Path) -> Project:
    """One file of tasks.

    Raises: DataError when an image is missing: tasks do not tell sizes; or when a region cannot be drawn.
    """
    path = the_one(root, _files(root), "Scale's tasks")
    beside = Beside(path.parent)
    tree = read_json(path)
    pictures, thin, undone, taken = [], 0, 0, dict[str, int]()
    for task in _tasks(tree):
        where = f"{path}: task {task.get('task_id')}"
        with reading(where, "Scale"):
            if not task.get("response"):
                undone += 1
                continue
            called = str((task.get("params") or {}).get("attachment", ""))
            image = beside.find(urlsplit(called).path if "://" in called else called)
            if image is None:
                raise DataError(f"{where}: its image {called.split('?')[0]!r} is not beside the file; put it there")
            height, width = size_of(image)
            annotations = task["response"].get("annotations") or ()
            regions: list[Region] = []
            if isinstance(annotations, dict):
                regions = _painted(task["response"], beside, height, width, where)
            for thing in annotations if isinstance(annotations, list) else ():
                region = _region(thing, where)
                thin += region is None
                regions += [region] if region else []
            pictures.append(Picture(unique(name_of(called), taken), image, height, width, tuple(regions)))
    labels = dict.fromkeys(r.label for p in pictures for r in p.regions)
    remarks = [f"{counted(thin, 'annotation')} left out: points and lines have no area"] if thin else []
    if undone:
        remarks.append(f"{counted(undone, 'task')} without a response left out: not done yet")
    return Project(tuple(labels), tuple(pictures), "scale", remarks=tuple(remarks))


def _tasks(tree: Any) -> list[dict[str, Any]]:
    tasks = tree if isinstance(tree, list) else tree.get("docs", [tree]) if isinstance(tree, dict) else []
    return [task for task in tasks if isinstance(task, dict)]


def _files(root: Path) -> list[Path]:
    found = []
    for path in sorted(root.glob("*.json")) if root.is_dir() else [root] if root.suffix == ".json" else []:
        found += [path] if passes(path, _is_scale, ("task_id", "response")) else []
    return found


def _is_scale(tree: Any) -> bool:
    tasks = _tasks(tree)
    return any("response" in task for task in tasks) and all("task_id" in task for task in tasks)


def _region(thing: dict[str, Any], where: str) -> Region | None:
    label, kind = str(thing.get("label", "")), thing.get("type") or ("polygon" if "vertices" in thing else "box")
    if kind in ("polygon", "box") and thing.get("vertices"):
        return Region(label, ((ring([(p["x"], p["y"]) for p in thing["vertices"]], where),),))
    if kind == "box":
        x, y, w, h = (float(thing[key]) for key in ("left", "top", "width", "height"))
        return Region(label, ((ring(rectangle(x, y, x + w, y + h), where),),))
    return None


def _painted(response: dict[str, Any], beside: Beside, height: int, width: int, where: str) -> list[Region]:
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
                regions.append(Region(label, bitmap=whole(pixels, height, width, where)))
    return regions
