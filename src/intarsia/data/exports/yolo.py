"""YOLO segmentation text: one file of polygons for each image, in shares of its width and height.

Ultralytics' form: `data.yaml` with `names`, images/.../NAME.jpg and labels/.../NAME.txt; a line is a class number and
the points of one polygon. A line of four numbers is a box. There are no holes, objects of several pieces, or crowds.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import yaml

from ...errors import DataError, nearest
from .files import IMAGES, size_of
from .record import Picture, Project, Region
from .regions import outline


def recognize(root: Path) -> bool:
    """A folder with a data.yaml that names classes, and labels/."""
    return root.is_dir() and (root / "labels").is_dir() and _yaml(root) is not None


def read(root: Path) -> Project:
    """All images below images/; one without a text file has nothing on it.

    Raises: DataError that names file and line.
    """
    place = _yaml(root)
    if place is None:
        raise DataError(f"{root}: holds no data.yaml with the names of the classes")
    names = yaml.safe_load(place.read_text(encoding="utf-8"))["names"]
    classes = {int(k): str(v) for k, v in (names.items() if isinstance(names, dict) else enumerate(names))}
    images = {
        p.relative_to(root / "images").with_suffix(""): p
        for p in sorted((root / "images").rglob("*"))
        if p.suffix.lower() in IMAGES
    }
    texts = {p.relative_to(root / "labels").with_suffix(""): p for p in sorted((root / "labels").rglob("*.txt"))}
    if lone := sorted(set(texts) - set(images)):
        raise DataError(f"{texts[lone[0]]}: there is no image {root / 'images' / lone[0]}.* ({len(lone)} such files)")
    pictures = []
    for name, image in images.items():
        height, width = size_of(image)
        lines = texts[name].read_text(encoding="utf-8").splitlines() if name in texts else []
        regions = [
            _region(line, classes, height, width, f"{texts[name]}, line {n}")
            for n, line in enumerate(lines, 1)
            if line.strip()
        ]
        pictures.append(Picture(name.as_posix(), image, height, width, tuple(regions)))
    return Project(tuple(classes[n] for n in sorted(classes)), tuple(pictures), "yolo")


def write(project: Project, out: Path) -> None:
    """labels/NAME.txt and data.yaml; a region of several pieces becomes several lines.

    Raises: DataError for a region with a hole.
    """
    for picture in project:
        lines = []
        for region in picture.regions:
            parts = region.parts if region.bitmap is None else outline(region.mask(picture.height, picture.width))
            for part in parts:
                if len(part) > 1:
                    raise DataError(
                        f"{picture.name}: a {region.label} has a hole, which YOLO text cannot hold; use coco or labelme"
                    )
                points = part[0] / (picture.width, picture.height)
                lines.append(
                    " ".join([str(project.classes.index(region.label)), *(f"{v:.9g}" for v in points.ravel())])
                )
        path = out / "labels" / f"{picture.name}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    tree = {"path": ".", "train": "images", "val": "images", "names": dict(enumerate(project.classes))}
    (out / "labels").mkdir(parents=True, exist_ok=True)
    (out / "data.yaml").write_text(yaml.safe_dump(tree, sort_keys=False, allow_unicode=True), encoding="utf-8")


def _yaml(root: Path) -> Path | None:
    for path in sorted(root.glob("*.y*ml")):
        try:
            tree = yaml.safe_load(path.read_text(encoding="utf-8"))
        except (yaml.YAMLError, UnicodeDecodeError):
            continue
        if isinstance(tree, dict) and isinstance(tree.get("names"), dict | list):
            return path
    return None


def _region(line: str, classes: dict[int, str], height: int, width: int, where: str) -> Region:
    try:
        number, *values = (float(word) for word in line.split())
    except ValueError:
        raise DataError(f"{where}: {line[:40]!r} is no class number and the numbers of a polygon") from None
    if int(number) not in classes:
        raise DataError(f"{where}: there is no class {number:g}{nearest(int(number), classes)}")
    if len(values) == 4:
        x, y, w, h = np.array(values) * (width, height, width, height)
        points = np.array(
            [(x - w / 2, y - h / 2), (x + w / 2, y - h / 2), (x + w / 2, y + h / 2), (x - w / 2, y + h / 2)]
        )
    elif len(values) >= 6 and len(values) % 2 == 0:
        points = np.array(values).reshape(-1, 2) * (width, height)
        points = np.where(abs(points - np.round(points)) < 1e-4, np.round(points), points)  # nine digits, no more
    else:
        raise DataError(f"{where}: {len(values)} numbers; a polygon has x and y of three points or more, a box four")
    return Region(classes[int(number)], ((points,),))
