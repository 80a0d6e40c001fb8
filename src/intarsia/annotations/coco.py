"""COCO: all images and annotations in one JSON file.

Lin et al. "Microsoft COCO: Common Objects in Context." ECCV 2014. arXiv:1405.0312. The format of cocodataset.org: a
segmentation is a list of polygons, whose union counts, or run lengths (plain or compressed), column by column. Polygons
of COCO have no holes, so regions with holes, and crowds, are written as run lengths.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from ..documents import write_json
from ..errors import DataError, counted
from ..labels import Color
from .beside import Beside, name_of, passes, read_json, reading, size_of, unique
from .faults import Fault, recording
from .project import Note, Picture, Project, Region, Runs
from .regions import area, checked, packed, rectangle, ring, runs_of, unpacked
from .remarks import joined
from .splits import declared

_BOX = Note("annotation", "without a segmentation, boxes alone, left out")
_BOXES = Note("annotation", "without a segmentation, in a file of boxes alone, drawn as rectangles")
_LISTS = ("images", "annotations", "categories")


def recognize(root: Path) -> bool:
    """A JSON file with images, annotations and categories, or a folder that holds one."""
    return bool(files_of(root))


def read(root: Path) -> Project:
    """One file of instances; where a folder holds several, name the one.

    Raises: DataError when there is none or more than one, or a region cannot be drawn.
    """
    files = files_of(root)
    if len(files) != 1:
        shown = ", ".join(str(f.relative_to(root)) for f in files[:5])
        several = f"{root}: holds {len(files)} files of COCO instances ({shown}); name one of them"
        raise DataError(several if files else lacking(root) or f"{root}: is no COCO file; name the JSON file")
    path = files[0]
    tree = read_json(path)
    home = root if root.is_dir() else path.parent.parent if path.parent.name == "annotations" else path.parent
    beside = Beside(home)
    with reading(f"{path}: categories", "COCO"):
        names, colors, twins = _categories(tree["categories"], path)
    if any(isinstance(entry, dict) and "segments_info" in entry for entry in tree["annotations"][:1]):
        raise DataError(f"{path}: is a panoptic file of COCO; train on it as the data set coco, with masks: panoptic")
    loose: list[Fault] = []
    held, again = _owned(tree, path, loose)
    boxed = not any(isinstance(entry, dict) and entry.get("segmentation") for entry in tree["annotations"])
    pictures, taken = [], dict[str, int]()
    for image in tree["images"]:
        called = str(image.get("file_name", f"image {image['id']}"))
        with recording(loose, path, called, "", "COCO"):
            name, found, height, width = _image(image, beside)
            picture = Picture(unique(name, taken), found, height, width, ())
            pictures.append(_drawn(picture, held[image["id"]], names, path, called, boxed))
    remarks = [f"{counted(twins, 'category')} of a name that another has; one name is one class"] if twins else []
    if again:
        remarks.append(f"{counted(again, 'annotation')} of an id that another has; each is an object of its own")
    if lost := sum(picture.image is None for picture in pictures):
        remarks.append(f"{counted(lost, 'image')} not found below {home}")
    classes = tuple(dict.fromkeys(names.values()))
    return Project(classes, tuple(pictures), "coco", colors, tuple(remarks), tuple(loose))


def _owned(tree: dict[str, Any], path: Path, loose: list[Fault]) -> tuple[dict[Any, list[dict[str, Any]]], int]:
    """The annotations of each image, by its id, and how many share their own id with an earlier one.

    Raises: DataError for two images of one id.
    """
    held: dict[Any, list[dict[str, Any]]] = {}
    with reading(f"{path}: images", "COCO"):
        for image in tree["images"]:
            if image["id"] in held:
                raise DataError(f"{path}: two images have the id {image['id']!r}; give each its own")
            held[image["id"]] = []
    ids, again, spelled = set[Any](), 0, {str(key): key for key in held}
    for number, annotation in enumerate(tree["annotations"]):
        if isinstance(annotation, dict) and isinstance(annotation.get("id"), int):
            owner = annotation.get("image_id")
            if isinstance(owner, int) and owner in held:  # as nearly all are
                again += annotation["id"] in ids
                ids.add(annotation["id"])
                held[owner].append(annotation)
                continue
        known = annotation.get("id", number) if isinstance(annotation, dict) else number
        with recording(loose, path, "", f"annotation {known}", "COCO"):
            again += annotation.get("id") in ids
            ids.add(annotation.get("id"))
            image_id = annotation.get("image_id")
            owner = spelled.get(str(image_id), image_id)  # VIA writes ids as text
            if owner not in held:
                raise DataError(f"belongs to image {image_id!r}, which is not listed")
            held[owner].append(annotation)
    return held, again


def _image(image: dict[str, Any], beside: Beside) -> tuple[str, Path | None, int, int]:
    """Name, file, height and width of an image.

    Raises: DataError where nothing tells its size.
    """
    found = beside.find(image["file_name"])
    height, width = image.get("height"), image.get("width")
    if not (height and width):
        if found is None:
            raise DataError("has no size there, and its file is not found")
        height, width = size_of(found)
    return name_of(image["file_name"]), found, int(height), int(width)


def _drawn(
    picture: Picture, held: list[dict[str, Any]], names: dict[Any, str], path: Path, called: str, boxed: bool
) -> Picture:
    """The picture with its annotations; `boxed`: no annotation of the file has more than a box."""
    regions, words, faults, boxes = list[Region](), dict[str, int](), list[Fault](), 0
    for annotation in held:
        with recording(faults, path, called, f"annotation {annotation.get('id')}", "COCO") as where:
            number = annotation.get("category_id")
            if number not in names:
                raise DataError(f"has category {number!r}, which is not listed")
            if boxed and annotation.get("bbox"):
                regions.append(_box(annotation, names[number], where, words))
                boxes += 1
                continue
            if "segmentation" not in annotation:
                boxes += 1
                continue
            regions.append(_region(annotation, names[number], picture.height, picture.width, where, words))
    notes = {_BOXES if boxed and regions else _BOX: boxes} if boxes else {}
    return picture._replace(regions=tuple(regions), faults=tuple(faults), notes=notes)


def _categories(tree: list[dict[str, Any]], path: Path) -> tuple[dict[Any, str], dict[str, Color], int]:
    """Names by id, colors of those that have one, and how many share their name with an earlier one."""
    names: dict[Any, str] = {}
    colors: dict[str, Color] = {}
    for entry in tree:
        name = str(entry["name"])
        if names.get(entry["id"], name) != name:
            raise DataError(
                f"{path}: category {entry['id']!r} is both {names[entry['id']]!r} and {name!r}; give each its own id"
            )
        names[entry["id"]] = name
        if isinstance(color := entry.get("color"), list) and len(color) == 3:
            colors.setdefault(name, (int(color[0]), int(color[1]), int(color[2])))
    colors = colors if len(set(colors.values())) == len(colors) else {}
    return names, colors, len(names) - len(set(names.values()))


def lacking(root: Path) -> str:
    """What a file, or one of a folder, misses to be one of COCO's instances; empty where none comes near."""
    for path in _named(root):
        tree = read_json(path)
        lacks = [k for k in _LISTS if not isinstance(tree, dict) or not isinstance(tree.get(k), list)]
        if len(lacks) == 1:
            return f"{path}: is no COCO file of instances: it has no list of {' and none of '.join(lacks)}; export it again"
    return ""


def write(project: Project, out: Path) -> tuple[str, ...]:
    """`instances.json` in a folder, or `instances_SPLIT.json` for each split; each object is one annotation, in the order of drawing.

    Where another region is drawn between the pieces of an object, they stay apart and share `attributes.object`.
    """
    known = declared(project)
    splits = [*known.counts, *([""] if known.bare else [])] if known.sure else [None]
    for split in splits:
        end = "" if split is None else f"_{split or 'rest'}"
        write_json(out / f"instances{end}.json", _tree(project, split))
    return ()


def _tree(project: Project, split: str | None) -> dict[str, Any]:
    """The file of one split, or of all pictures."""
    numbers = {name: n for n, name in enumerate(project.classes, 1)}
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for number, picture in enumerate((p for p in project if split in (None, p.split)), 1):
        file = picture.name + (picture.image.suffix if picture.image else ".png")
        images.append({"id": number, "file_name": file, "height": picture.height, "width": picture.width})
        regions = joined(picture).regions
        words = Counter(region.object for region in regions)
        for region in regions:
            mask = region.mask(picture.height, picture.width)
            rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
            box = [0, 0, 0, 0]
            if len(rows):
                left, top = int(columns[0]), int(rows[0])
                box = [left, top, int(columns[-1]) + 1 - left, int(rows[-1]) + 1 - top]
            plain = region.bitmap is None and not region.crowd and all(len(part) == 1 for part in region.parts)
            segmentation: Any = [part[0].ravel().tolist() for part in region.parts]
            if not plain:
                segmentation = {"size": [picture.height, picture.width], "counts": packed(runs_of(mask))}
            about = {"object": region.object} if region.object and words[region.object] > 1 else {}
            annotations.append(
                {"id": len(annotations) + 1, "image_id": number, "category_id": numbers[region.label], "bbox": box,
                 "area": int(mask.sum()), "iscrowd": int(region.crowd), "segmentation": segmentation,
                 **({"attributes": about} if about else {})}
            )  # fmt: skip
    given = {name: {"color": list(color)} for name, color in project.colors.items()}
    categories = [{"id": n, "name": name, "supercategory": "", **given.get(name, {})} for name, n in numbers.items()]
    return {"images": images, "annotations": annotations, "categories": categories}


def files_of(root: Path) -> list[Path]:
    """The files of instances: a file itself, or those in a folder and in its `annotations`."""
    return [f for f in _named(root) if passes(f, _is_coco, _LISTS)]


def _named(root: Path) -> list[Path]:
    """The JSON files that are not called otherwise."""
    if root.is_file():
        return [root] if root.suffix == ".json" else []
    files = sorted({*root.glob("*.json"), *root.glob("annotations/*.json")})
    return [f for f in files if "keypoints" not in f.name and "captions" not in f.name and "panoptic" not in f.name]


def _is_coco(tree: Any) -> bool:
    return isinstance(tree, dict) and all(isinstance(tree.get(k), list) for k in _LISTS)


def _number(annotation: dict[str, Any], words: dict[str, int]) -> str:
    """What tells the object of an annotation from all others of its picture."""
    if isinstance(shared := annotation.get("attributes"), dict) and shared.get("object"):
        return f"object {str(shared['object']).removeprefix('object ')}"
    return unique(str(annotation.get("id", "")), words)


def _box(annotation: dict[str, Any], label: str, where: str, words: dict[str, int]) -> Region:
    """The rectangle of a box of x, y, width and height."""
    sides = annotation["bbox"]
    if not isinstance(sides, list) or len(sides) != 4 or not all(isinstance(side, int | float) for side in sides):
        raise DataError(f"has the box {sides!r}; it needs x, y, width and height in pixels")
    x, y, width, height = sides
    if width <= 0 or height <= 0:
        raise DataError(f"has a box of {width} by {height} px; it needs an area")
    outline = ring(rectangle(x, y, x + width, y + height), where)
    return Region(label, ((outline,),), crowd=bool(annotation.get("iscrowd")), object=_number(annotation, words))


def _region(
    annotation: dict[str, Any], label: str, height: int, width: int, where: str, words: dict[str, int]
) -> Region:
    segmentation, crowd = annotation.get("segmentation"), bool(annotation.get("iscrowd"))
    number = _number(annotation, words)
    if isinstance(segmentation, list):
        segmentation = [segmentation] if segmentation and not isinstance(segmentation[0], list) else segmentation
        segmentation = [ring for ring in segmentation if ring != []]
    if not segmentation:
        raise DataError("its segmentation is empty; draw it, or remove it")
    if isinstance(segmentation, dict):
        counts = segmentation.get("counts", [])
        if list(segmentation.get("size", [])) != [height, width]:
            raise DataError(
                f"{where}: run lengths of size {segmentation.get('size')} for an image of {[height, width]}"
            )
        try:
            lengths = checked(unpacked(counts) if isinstance(counts, str) else counts, height, width)
        except DataError as error:
            raise DataError(f"{where}: {error}") from None
        runs = Runs(0, 0, (height, width), lengths.astype(np.int32))
        return Region(label, bitmap=runs, crowd=crowd, object=number)
    parts = []
    for numbers in segmentation:
        if len(numbers) % 2:
            raise DataError(f"{where}: a polygon of {len(numbers)} numbers; it needs x and y of each point")
        points = ring(numbers, where)
        parts.append((points if area(points) >= 0 else points[::-1],))
    return Region(label, tuple(parts), crowd=crowd, object=number)
