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
from .beside import Beside, name_of, passes, read_json, size_of, the_one, unique
from .faults import Fault, recording
from .project import Note, Picture, Project, Region, whole
from .regions import rectangle, ring

_LEFT = Note("annotation", "left out: points and lines have no area")


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
    pictures, undone, taken, loose = [], 0, dict[str, int](), list[Fault]()
    for number, task in enumerate(_tasks(tree), 1):
        known = f"task {task.get('task_id', number)}"
        with recording(loose, path, known, "", "Scale"):
            if not task.get("response"):
                undone += 1
                continue
            called = str((task.get("params") or {}).get("attachment", ""))
            image = beside.find(urlsplit(called).path if "://" in called else called)
            if image is None:
                raise DataError(f"its image {called.split('?')[0]!r} is not beside the file; put it there")
            height, width = size_of(image)
            picture = Picture(unique(name_of(called), taken), image, height, width, ())
            pictures.append(_drawn(picture, task["response"], beside, path, known))
    labels = dict.fromkeys(r.label for p in pictures for r in p.regions)
    remarks = [f"{counted(undone, 'task')} without a response left out: not done yet"] if undone else []
    return Project(tuple(labels), tuple(pictures), "scale", remarks=tuple(remarks), loose=tuple(loose))


def _drawn(picture: Picture, response: dict[str, Any], beside: Beside, path: Path, known: str) -> Picture:
    """The picture with the annotations of a task, whose name for messages is `known`."""
    regions, faults, thin = list[Region](), list[Fault](), 0
    annotations = response.get("annotations") or ()
    if isinstance(annotations, dict):
        painted, faults = _painted(response, beside, picture, path, known)
        return picture._replace(regions=tuple(painted), faults=tuple(faults))
    for order, thing in enumerate(annotations):
        called = f"annotation {thing.get('uuid', order) if isinstance(thing, dict) else order}"
        with recording(faults, path, known, called, "Scale") as where:
            region = _region(thing, where)
            thin += region is None
            regions += [region] if region else []
    return picture._replace(regions=tuple(regions), faults=tuple(faults), notes={_LEFT: thin} if thin else {})


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
    if kind == "polygon" or (kind == "box" and thing.get("vertices")):
        return Region(label, ((ring([(p["x"], p["y"]) for p in thing["vertices"]], where),),))
    if kind == "box":
        x, y, w, h = (float(thing[key]) for key in ("left", "top", "width", "height"))
        return Region(label, ((ring(rectangle(x, y, x + w, y + h), where),),))
    return None


def _painted(
    response: dict[str, Any], beside: Beside, picture: Picture, path: Path, known: str
) -> tuple[list[Region], list[Fault]]:
    """A segmentation task: labels by index or by color in one image.

    Raises: DataError where that image is not there.
    """
    mapping, sheets = response.get("labelMapping") or {}, response["annotations"].get("combined") or {}
    indexed, colored = sheets.get("indexedImage"), sheets.get("image")
    file = next((f for address in (indexed, colored) if address and (f := beside.find(str(address)))), None)
    if file is None:
        raise DataError(f"its mask {indexed or colored!r} is not beside the file; download it there")
    stored, palette = decode_mask(file)
    regions, faults = list[Region](), list[Fault]()
    for label, entry in mapping.items():
        for one in entry if isinstance(entry, list) else [entry]:
            with recording(faults, path, known, f"label {label!r}", "Scale") as where:
                if stored.ndim == 2 and palette is None:
                    pixels = stored == int(one["index"])
                else:
                    rgb = (palette[stored] if palette is not None else stored)[..., :3]
                    pixels = (rgb == tuple(bytes.fromhex(str(one["color"]).lstrip("#")))).all(axis=2)
                if pixels.any():
                    regions.append(Region(label, bitmap=whole(pixels, picture.height, picture.width, where)))
    return regions, faults
