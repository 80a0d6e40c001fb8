"""Label Studio: a JSON list of tasks, coordinates in percent of the image, brush strokes in its own run lengths.

The short form, JSON-MIN, is read as well. Results read: polygonlabels, rectanglelabels (turned around their upper left corner), ellipselabels, brushlabels and
their unlabeled kinds with a separate `labels`; of several annotations of a task the first that was not cancelled
counts. Brush run lengths are `brush`'s.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections import Counter
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import numpy as np

from ..documents import head, write_json
from ..errors import DataError, counted
from ..labels import Color, parse_color
from .beside import IMAGES, Beside, name_of, passes, png_of, read_json, read_xml, size_of, the_one, unique
from .faults import Fault, recording
from .labelstudio_brush import decode, encode
from .project import Note, Picture, Project, Region, kept, whole
from .regions import ellipse, rectangle, ring
from .remarks import lost

_KINDS = ("polygon", "rectangle", "ellipse", "brush", "bitmask")
_NO_AREA = Note("result", "left out: choices, key points and texts have no area")
_FURTHER = Note("further annotation", "left out: of tasks that were annotated more than once the first counts")
_CANCELLED = Note("cancelled annotation", "left out: its annotator gave it up")
_PREDICTED = Note("prediction", "left out: what annotators made counts alone")
_FURTHER_LABEL = Note("further label", "left out: of regions with several labels the first counts")
_UNSEEN = "without regions, and their images, which would tell their sizes, are not found"


def recognize(root: Path) -> bool:
    """A JSON list of tasks with `annotations` and `data`, or its short form, or a folder that holds exactly one."""
    return len(_files(root)) == 1


def read(root: Path) -> Project:
    """One file of tasks; the first XML beside it that is a labeling configuration gives the order of classes.

    Raises: DataError that names task and result.
    """
    path = the_one(root, _files(root), "Label Studio's tasks")
    beside = Beside(path.parent)
    pictures, taken, loose, unseen = list[Picture](), dict[str, int](), list[Fault](), 0
    for number, given in enumerate(read_json(path)):
        known = f"task {given.get('id', number)}"
        with recording(loose, path, known, "", "Label Studio"):
            task = given if "data" in given else _long(given)
            called = _called(task["data"]) or f"task-{number}"
            picture = _picture(task, path, known, called, beside.find(called))
            unseen += picture is None
            pictures += [] if picture is None else [picture._replace(name=unique(picture.name, taken))]
    remarks = [f"{counted(unseen, 'task')} left out: {_UNSEEN}"] if unseen else []
    labels = dict.fromkeys(region.label for picture in pictures for region in picture.regions)
    classes, colors = _configured(path.parent, labels)
    return Project(classes, tuple(pictures), "labelstudio", colors, tuple(remarks), tuple(loose))


def _picture(task: dict[str, Any], path: Path, known: str, called: str, image: Path | None) -> Picture | None:
    """The picture of a task; None where it has no regions and nothing tells its size.

    Args:
        known: what to call the task in messages.
    """
    every = task.get("annotations") or task.get("completions") or ()
    done = [a for a in every if not a.get("was_cancelled")]
    notes = Counter({_CANCELLED: len(every) - len(done), _FURTHER: max(len(done) - 1, 0)})
    notes[_PREDICTED] += len(task.get("predictions") or ())
    regions, faults = list[Region](), list[Fault]()
    size = None if image is None else size_of(image)
    results = done[0]["result"] if done else ()
    words = {r["id"]: r["value"]["labels"] for r in results if r.get("type") == "labels" and r.get("id")}
    for order, result in enumerate(results):
        kind = str(result.get("type", "")).removesuffix("labels")
        if kind not in _KINDS:
            notes[_NO_AREA] += result.get("type") != "labels"
            continue
        with recording(faults, path, known, f"result {result.get('id', order)}", "Label Studio") as where:
            if {"original_height", "original_width"} <= result.keys():
                size = (int(result["original_height"]), int(result["original_width"]))
            elif size is None:
                raise DataError(f"says nothing of its image's size, and {called!r} is not beside the file")
            if result.get("image_rotation"):
                raise DataError(f"its image was turned by {result['image_rotation']} degrees; turn it back")
            names = result["value"].get(f"{kind}labels") or words.get(result.get("id"), ())
            if not names:
                raise DataError(f"a {kind} without a label")
            notes[_FURTHER_LABEL] += len(names) - 1
            regions.append(_region(result, kind, str(names[0]), *size, where))
    if size is None and faults:
        raise DataError(faults[0].why)
    notes = +notes  # those that count something
    return None if size is None else Picture(name_of(called), image, *size, tuple(regions), "", tuple(faults), notes)


def write(project: Project, out: Path) -> tuple[str, ...]:
    """`tasks.json` to import, and the labeling configuration it needs: polygons stay polygons, all else is brushed."""
    tasks = []
    for number, picture in enumerate(project, 1):
        file = picture.name + (picture.image.suffix if picture.image else ".png")
        results: list[dict[str, Any]] = []
        for region in picture.regions:
            about = {"original_width": picture.width, "original_height": picture.height, "image_rotation": 0,
                     "to_name": "image", "id": f"r{len(results)}"}  # fmt: skip
            if region.object or region.crowd:
                about["meta"] = {"text": [f"object={region.object}", *(["crowd"] if region.crowd else [])]}
            if region.bitmap is None and len(region.parts) == 1 and len(region.parts[0]) == 1:
                points = (region.parts[0][0] * 100 / (picture.width, picture.height)).tolist()
                value: dict[str, Any] = {"points": points, "closed": True, "polygonlabels": [region.label]}
                results.append({**about, "from_name": "polygon", "type": "polygonlabels", "value": value})
            else:
                rle = encode(region.mask(picture.height, picture.width))
                value = {"format": "rle", "rle": rle, "brushlabels": [region.label]}
                results.append({**about, "from_name": "brush", "type": "brushlabels", "value": value})
        image = f"/data/local-files/?d={quote(f'images/{file}')}"
        annotation = {"id": number, "was_cancelled": False, "result": results}
        tasks.append({"id": number, "data": {"image": image}, "annotations": [annotation]})
    write_json(out / "tasks.json", tasks)
    view = ET.Element("View")
    ET.SubElement(view, "Image", {"name": "image", "value": "$image"})
    for kind, name in (("PolygonLabels", "polygon"), ("BrushLabels", "brush")):
        control = ET.SubElement(view, kind, {"name": name, "toName": "image"})
        for label in project.classes:
            color = project.colors.get(label)
            shown = {} if color is None else {"background": "#{:02x}{:02x}{:02x}".format(*color)}
            ET.SubElement(control, "Label", {"value": label, **shown})
    ET.indent(view)
    ET.ElementTree(view).write(out / "label_config.xml", encoding="utf-8")
    return lost(project, classes=True, colors=True, crowds=True, objects=True)


def _configured(folder: Path, seen: dict[str, None]) -> tuple[tuple[str, ...], dict[str, Color]]:
    """Classes in the order of the labeling configuration, where one lies there, and their colors."""
    names, colors = dict[str, None](), dict[str, Color]()
    for path in sorted(folder.glob("*.xml")):
        if b"<View" not in head(path):
            continue
        for control in read_xml(path).iter():
            if control.tag.removesuffix("Labels").lower() not in (*_KINDS, "") or not control.tag.endswith("Labels"):
                continue
            for label in control.iterfind("Label"):
                name = label.get("value", "")
                names[name] = None
                if (color := label.get("background", "")).startswith("#"):
                    colors[name] = parse_color(color)
        break
    classes = tuple(dict.fromkeys([*names, *seen]))
    return classes, colors if len(set(colors.values())) == len(colors) else {}


_WORDS = (  # keys of which tasks hold some
    *(("data", key) for key in ("annotations", "completions", "predictions")),
    *((key,) for key in ("annotator", "annotation_id", "lead_time")),
)


def _files(root: Path) -> list[Path]:
    found = []
    for path in sorted(root.glob("*.json")) if root.is_dir() else [root] if root.suffix == ".json" else []:
        found += [path] if passes(path, _is_ours, *_WORDS) else []
    return found


def _is_ours(tree: Any) -> bool:
    return (
        isinstance(tree, list)
        and bool(tree)
        and all(isinstance(t, dict) and (_is_task(t) or _is_short(t)) for t in tree)
    )


def _is_task(task: dict[str, Any]) -> bool:
    return "data" in task and bool({"annotations", "completions", "predictions"} & task.keys())


def _is_short(task: dict[str, Any]) -> bool:
    """Whether this is a task of JSON-MIN: the data and each control's values side by side."""
    return "id" in task and "data" not in task and bool({"annotator", "annotation_id", "lead_time"} & task.keys())


def _long(task: dict[str, Any]) -> dict[str, Any]:
    """A task of JSON-MIN in the long form."""
    results = []
    for value in (v for held in task.values() if isinstance(held, list) for v in held if isinstance(v, dict)):
        kind = next((key for key in value if key.endswith("labels")), "")
        results.append({"type": kind, "value": value, **{k: v for k, v in value.items() if k.startswith("original_")}})
    return {
        "data": {k: v for k, v in task.items() if k != "created_at"},
        "annotations": [{"result": results}],
        "id": task["id"],
    }


def _called(data: dict[str, Any]) -> str:
    """The image's path: below the folder that is served, or the name that was given to an upload."""
    words = [value for value in data.values() if isinstance(value, str)]
    images = [word for word in words if word.split("?")[0].lower().endswith(IMAGES) or "?d=" in word]
    called = next(iter(images or words), "")
    if "?d=" in called:
        return unquote(called.split("?d=")[-1]).lstrip("/")
    return called.split("?")[0].rsplit("/", 1)[-1] if called.startswith("/data/upload/") else called


def _region(result: dict[str, Any], kind: str, label: str, height: int, width: int, where: str) -> Region:
    value, scale = result["value"], np.array([width, height]) / 100
    notes = (result.get("meta") or {}).get("text") or []
    notes = [notes] if isinstance(notes, str) else notes
    about: dict[str, Any] = {
        "object": next((n.removeprefix("object=") for n in notes if n.startswith("object=")), ""), "crowd": "crowd" in notes,
    }  # fmt: skip
    if kind == "brush":
        try:
            return Region(label, bitmap=kept(0, 0, decode(value["rle"], height, width)), **about)
        except DataError as error:
            raise DataError(f"{where}: {error}") from None
    if kind == "bitmask":
        content = value["imageDataURL"].partition(",")[2]
        pixels = np.asarray(png_of(content, height, width, where).convert("RGBA"))
        return Region(
            label, bitmap=whole(pixels[..., 3] * pixels[..., :3].any(axis=2) > 0, height, width, where), **about
        )
    if kind == "polygon":
        points = np.round(ring(value["points"], where) * scale, 9)  # percent are rounded
        return Region(label, ((points,),), **about)
    angle = np.radians(float(value.get("rotation") or 0))
    x, y = value["x"] * scale[0], value["y"] * scale[1]
    if kind == "ellipse":
        points = ellipse(x, y, value["radiusX"] * scale[0], value["radiusY"] * scale[1], angle)
    else:
        turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
        points = rectangle(0, 0, value["width"] * scale[0], value["height"] * scale[1]) @ turn + (x, y)
    return Region(label, ((ring(points, where),),), **about)
