"""COCO: all images and annotations in one JSON file.

Lin et al. "Microsoft COCO: Common Objects in Context." ECCV 2014. arXiv:1405.0312. The format of cocodataset.org: a
segmentation is a list of polygons, whose union counts, or run lengths (plain or compressed), column by column. Polygons
of COCO have no holes, so regions with holes, and crowds, are written as run lengths.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ...errors import DataError
from .files import Beside, counted, read_json, size_of, unique, write_json
from .record import Bitmap, Picture, Project, Region
from .regions import area, mask_of, packed, runs_of, unpacked


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
        what = f"holds {len(files)} files of COCO instances ({shown}); name one of them" if files else "is no COCO file"
        raise DataError(f"{root}: {what}")
    path = files[0]
    tree = read_json(path)
    home = root if root.is_dir() else path.parent.parent if path.parent.name == "annotations" else path.parent
    beside = Beside(home)
    names = {c["id"]: str(c["name"]) for c in tree["categories"]}
    if len(set(names.values())) < len(names):
        raise DataError(f"{path}: two categories have one name; rename one")
    held: dict[Any, list[dict[str, Any]]] = {image["id"]: [] for image in tree["images"]}
    for annotation in tree["annotations"]:
        if annotation.get("image_id") not in held:
            raise DataError(
                f"{path}: annotation {annotation.get('id')} belongs to image {annotation.get('image_id')!r}, which is not listed"
            )
        held[annotation["image_id"]].append(annotation)
    pictures, boxes, lost, taken = [], 0, 0, set[str]()
    for image in tree["images"]:
        found = beside.find(image["file_name"])
        lost += found is None
        height, width = image.get("height"), image.get("width")
        if not (height and width):
            if found is None:
                raise DataError(f"{path}: image {image['file_name']!r} has no size there, and its file is not found")
            height, width = size_of(found)
        regions = []
        for annotation in held[image["id"]]:
            where = f"{path}: annotation {annotation.get('id')}"
            if annotation.get("category_id") not in names:
                raise DataError(f"{where} has category {annotation.get('category_id')!r}, which is not listed")
            region = _region(annotation, names[annotation["category_id"]], int(height), int(width), where)
            if region is None:
                boxes += 1
            else:
                regions.append(region)
        name = unique(Path(image["file_name"]).with_suffix("").as_posix(), taken)
        pictures.append(Picture(name, found, int(height), int(width), tuple(regions)))
    remarks = []
    if boxes:
        remarks.append(f"{counted(boxes, 'annotation')} without a segmentation, boxes alone, left out")
    if lost:
        remarks.append(f"{counted(lost, 'image')} not found below {home}")
    return Project(tuple(names.values()), tuple(pictures), "coco", remarks=tuple(remarks))


def write(project: Project, out: Path) -> None:
    """`instances.json` in a folder; each object is one annotation, in the order of drawing."""
    numbers = {name: n for n, name in enumerate(project.classes, 1)}
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for number, picture in enumerate(project, 1):
        file = picture.name + (picture.image.suffix if picture.image else ".png")
        images.append({"id": number, "file_name": file, "height": picture.height, "width": picture.width})
        for region in picture.regions:
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
            annotations.append(
                {"id": len(annotations) + 1, "image_id": number, "category_id": numbers[region.label], "bbox": box,
                 "area": int(mask.sum()), "iscrowd": int(region.crowd), "segmentation": segmentation}
            )  # fmt: skip
    categories = [{"id": n, "name": name, "supercategory": ""} for name, n in numbers.items()]
    write_json(out / "instances.json", {"images": images, "annotations": annotations, "categories": categories})


def files_of(root: Path) -> list[Path]:
    """The files of instances: a file itself, or those in a folder and in its `annotations`."""
    if root.is_file():
        files = [root] if root.suffix == ".json" else []
    else:
        files = sorted({*root.glob("*.json"), *root.glob("annotations/*.json")})
        files = [
            f for f in files if "keypoints" not in f.name and "captions" not in f.name and "panoptic" not in f.name
        ]
    return [f for f in files if _is_coco(f)]


def _is_coco(path: Path) -> bool:
    try:
        tree = read_json(path)
    except DataError:
        return False
    return isinstance(tree, dict) and all(
        isinstance(tree.get(k), list) for k in ("images", "annotations", "categories")
    )


def _region(annotation: dict[str, Any], label: str, height: int, width: int, where: str) -> Region | None:
    segmentation, crowd = annotation.get("segmentation"), bool(annotation.get("iscrowd"))
    number = str(annotation.get("id", ""))
    if not segmentation:
        return None
    if isinstance(segmentation, dict):
        counts = segmentation.get("counts", [])
        if list(segmentation.get("size", [])) != [height, width]:
            raise DataError(
                f"{where}: run lengths of size {segmentation.get('size')} for an image of {[height, width]}"
            )
        try:
            runs = unpacked(counts) if isinstance(counts, str) else counts
            mask = mask_of(runs, height, width)
        except DataError as error:
            raise DataError(f"{where}: {error}") from None
        return Region(label, bitmap=Bitmap(0, 0, mask), crowd=crowd, object=number)
    parts = []
    for ring in segmentation:
        if len(ring) % 2 or len(ring) < 6:
            raise DataError(f"{where}: a polygon of {len(ring)} numbers; it needs three points, x and y each")
        points = np.asarray(ring, np.float64).reshape(-1, 2)
        parts.append((points if area(points) >= 0 else points[::-1],))
    return Region(label, tuple(parts), crowd=crowd, object=number)
