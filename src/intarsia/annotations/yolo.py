"""YOLO segmentation text: one file of polygons for each image, in shares of its width and height.

Ultralytics' form: data.yaml with `names` and where the images lie, by `path`, `train`, `val`, `test`: folders, lists of
them, or text files of images; NAME.txt lies where the last `images` of an image's path is `labels`. Or images/ and labels/
beside a classes.txt, as Label Studio writes it; a folder such as images/val names the split of its images. A line is a
class number and the points of one polygon, or the four numbers of a box. A polygon is one ring: holes and pieces are
joined to it by bridges, a line there and back.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import yaml

from ..data.roles import KNOWN, role, strongest
from ..documents import read_lines, read_yaml
from ..errors import DataError, counted, nearest
from .beside import IMAGES, reading, size_of, unique
from .faults import Fault, recording
from .inside import inside
from .project import Note, Picture, Project, Region
from .regions import rectangle, ring
from .remarks import joined, lost
from .splits import declared, several

_SPLITS = ("train", "val", "valid", "test")
_BOX = Note("line", "of four numbers, boxes, drawn as rectangles")
_NAMES = ("classes.txt", "obj.names")


def recognize(root: Path) -> bool:
    """A folder with a data.yaml that names classes and images or labels, or with labels/, images/ and classes.txt."""
    if not root.is_dir():
        return False
    place = _yaml(root)
    if place is None:
        return (root / "labels").is_dir() and (root / "images").is_dir() and _listed(root) is not None
    return (root / "labels").is_dir() or any(split in _tree(place) for split in _SPLITS)


def read(root: Path) -> Project:
    """All images that data.yaml speaks of, or all below images/; one without a text file has nothing on it.

    Raises: DataError that names file and line.
    """
    place, listed = _yaml(root), _listed(root)
    if place is None and listed is None:
        raise DataError(f"{root}: holds no data.yaml with the names of the classes, and no classes.txt")
    remarks, loose = list[str](), list[Fault]()
    if place is not None:
        with reading(place, "YOLO"):
            tree = _tree(place)
            names = tree["names"]
            classes = {int(k): str(v) for k, v in (names.items() if isinstance(names, dict) else enumerate(names))}
            images = _images(root, tree, remarks)
    else:
        classes = dict(enumerate(line.strip() for line in read_lines(listed) if line.strip())) if listed else {}
        images = {path: _folder_split(path, root) for path in _below(root / "images") if inside(path, root)}
    texts = {image: _text(image, root) for image in images}
    used = set(texts.values())
    folders = {text.parent for text in used} | {root / "labels"}
    lone = sorted(p for folder in folders for p in folder.rglob("*.txt") if p not in used and p.name not in _NAMES)
    loose += [
        Fault(path, "", "", "there is no image of that name; put it where data.yaml says, or remove the text")
        for path in lone
    ]
    pictures, taken = [], dict[str, int]()
    for image, text in texts.items():
        name = _name(image, root)
        with recording(loose, text if text.is_file() else image, name, "", "YOLO"):
            picture = Picture(unique(name, taken), image, *size_of(image), (), images[image])
            pictures.append(_drawn(picture, text, classes))
    if bare := sum(not text.is_file() for text in texts.values()):
        remarks.append(f"{bare} of {counted(len(texts), 'image')} without a text file, so nothing is on them")
    named = tuple(dict.fromkeys(classes[n] for n in sorted(classes)))
    return Project(named, tuple(pictures), "yolo", remarks=tuple(remarks), loose=tuple(loose))


def _drawn(picture: Picture, text: Path, classes: dict[int, str]) -> Picture:
    """The picture with the polygons of its text file, where it has one."""
    regions, faults, boxes = list[Region](), list[Fault](), 0
    for number, line in enumerate(read_lines(text) if text.is_file() else [], 1):
        if words := line.split():
            with recording(faults, text, picture.name, f"line {number}", "YOLO") as where:
                regions.append(_region(words, classes, picture.height, picture.width, where))
                boxes += len(words) == 5
    return picture._replace(regions=tuple(regions), faults=tuple(faults), notes={_BOX: boxes} if boxes else {})


def write(project: Project, out: Path) -> tuple[str, ...]:
    """labels/NAME.txt and data.yaml; each object is one line, in the order of drawing."""
    for picture in project:
        lines = []
        for region in joined(picture).regions:
            points = region.ring(picture.height, picture.width)
            if points is not None:
                shares = (points / (picture.width, picture.height)).ravel()
                lines.append(" ".join([str(project.classes.index(region.label)), *(f"{v:.15g}" for v in shares)]))
        path = out / "labels" / f"{picture.name}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    known = declared(project)
    places = {wish: [f"images/{name}" for name in known.of(wish)] for wish in KNOWN}
    named = {wish: where[0] if len(where) == 1 else where for wish, where in places.items() if where}
    tree = {"path": ".", **(named or {"train": "images", "val": "images"}), "names": dict(enumerate(project.classes))}
    (out / "labels").mkdir(parents=True, exist_ok=True)
    (out / "data.yaml").write_text(yaml.safe_dump(tree, sort_keys=False, allow_unicode=True), encoding="utf-8")
    rest = [f"data.yaml names train, val and test alone: {name} is not in it" for name in known.unknown if named]
    return (*lost(project, classes=True), *rest)


def _yaml(root: Path) -> Path | None:
    return next(
        (path for path in sorted(root.glob("*.y*ml")) if isinstance(_tree(path).get("names"), dict | list)), None
    )


def _tree(path: Path) -> dict[str, Any]:
    try:
        tree = read_yaml(path)
    except DataError:
        return {}
    return tree if isinstance(tree, dict) else {}


def _listed(root: Path) -> Path | None:
    return next((root / name for name in _NAMES if (root / name).is_file()), None)


def _below(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.rglob("*")) if path.suffix.lower() in IMAGES and path.is_file()]


def _images(root: Path, tree: dict[str, Any], remarks: list[str]) -> dict[Path, str]:
    """All images, each once, with its split: as data.yaml names it, and of other images with text files as their folder does.

    What data.yaml names and is not there is told.
    """
    lists = _apart({split: _listed_in(root, tree, split, remarks) for split in _SPLITS if tree.get(split)}, remarks)
    held: dict[Path, list[str]] = {}
    for split, paths in lists.items():
        for path in paths:
            held.setdefault(path, []).append(split)
    remarks += several({path.name: splits for path, splits in held.items()}, "data.yaml")
    home = root.resolve()
    kept = {
        root / path.relative_to(home) if path.is_relative_to(home) else path: strongest(splits)
        for path, splits in held.items()
    }
    rest = [path for path in _labeled(root) if path.resolve() not in held]
    return kept | {path: _folder_split(path, root) for path in rest}


def _apart(lists: dict[str, list[Path]], remarks: list[str]) -> dict[str, list[Path]]:
    """The lists of images of splits that differ: a split that repeats an earlier one's images is none.

    The same images for training and validation alone are images without splits, as small examples and one folder have them.
    """
    kept: dict[str, list[Path]] = {}
    for split, paths in lists.items():
        twin = next((other for other, own in kept.items() if set(own) == set(paths)), None)
        if not paths or (twin is not None and twin != "train"):
            remarks += [f"data.yaml names the same images for {twin} and {split}; they are {twin}"] if paths else []
        elif twin is None:
            kept[split] = paths
    alone = list(kept) == ["train"] and sum(map(bool, lists.values())) > 1
    return {"": kept["train"]} if alone else kept


def _listed_in(root: Path, tree: dict[str, Any], split: str, remarks: list[str]) -> list[Path]:
    """The images that data.yaml names for a split."""
    found: dict[Path, None] = {}
    entries = tree[split]
    for entry in [entries] if isinstance(entries, str) else entries:
        place = _place(root, tree, str(entry))
        if place is None:
            remarks.append(f"data.yaml names {split}: {entry}, which is not there")
        elif place.is_dir():
            found.update(dict.fromkeys(path.resolve() for path in _below(place) if inside(path, root)))
        else:
            for line in filter(None, map(str.strip, read_lines(place))):
                ways = (place.parent / line, root / line.removeprefix("data/"), root / line.removeprefix("./"))
                there = [way for way in ways if way.is_file()]
                if not there:
                    raise DataError(f"{place}: lists {line}, which is not there; put it there, or mend the path")
                if image := next((way for way in there if inside(way, root)), None):
                    found[image.resolve()] = None
    return list(found)


def _place(root: Path, tree: dict[str, Any], entry: str) -> Path | None:
    """Where a folder or list that data.yaml names lies: where it says, or where the end of that path is below the export."""
    path = str(tree.get("path") or ".")
    words = [word for word in entry.replace("\\", "/").split("/") if word not in ("", ".", "..")]
    ends = ["/".join(words[start:]) for start in range(len(words))][: max(len(words) - 1, 2)]
    places = [home / way for home in (root / path, root, root / Path(path).name) for way in (entry, *ends)]
    return next(
        (place for place in places if place.exists() and place.resolve() != root.resolve() and inside(place, root)),
        None,
    )


def _labeled(root: Path) -> list[Path]:
    """The images of images/, or else of all folders in which an image has a text file of polygons."""
    if images := [path for path in _below(root / "images") if inside(path, root)]:
        return images
    every = [path for path in _below(root) if inside(path, root)]
    folders = {path.parent for path in every if _text(path, root).is_file()}
    return [path for path in every if path.parent in folders]


def _folder_split(path: Path, root: Path) -> str:
    """The name of a split among the folders of an image, "" where there is none."""
    return next((word for word in path.relative_to(root).parts[:-1] if role(word)), "")


def _text(image: Path, root: Path) -> Path:
    """Where an image's polygons stand: `labels` for the last `images` of its path, else beside it."""
    inside = image.is_relative_to(root)
    parts = list(image.relative_to(root).parts if inside else image.parts)
    if "images" in parts[:-1]:
        parts[len(parts) - 2 - parts[-2::-1].index("images")] = "labels"
    return (root.joinpath(*parts) if inside else Path(*parts)).with_suffix(".txt")


def _name(image: Path, root: Path) -> str:
    if not image.is_relative_to(root):
        return image.stem
    *folders, stem = image.relative_to(root).with_suffix("").parts
    return "/".join([*(folder for folder in folders if folder != "images"), stem])


def _region(words: list[str], classes: dict[int, str], height: int, width: int, where: str) -> Region:
    try:
        number, *values = (float(word) for word in words)
    except ValueError:
        raise DataError(f"{where}: {' '.join(words)[:40]!r} is no class number and the numbers of a polygon") from None
    if number not in classes:
        raise DataError(f"{where}: there is no class {number:g}{nearest(f'{number:g}', classes)}")
    if len(values) == 4:
        x, y, w, h = np.array(values) * (width, height, width, height)
        points = rectangle(x - w / 2, y - h / 2, x + w / 2, y + h / 2)
    elif len(values) >= 6 and len(values) % 2 == 0:
        points = np.array(values).reshape(-1, 2) * (width, height)
        points = np.where(
            abs(points - np.round(points)) < 1e-4, np.round(points), np.round(points, 9)
        )  # shares are rounded
    else:
        raise DataError(f"{where}: {len(values)} numbers; a polygon has x and y of three points or more, a box four")
    return Region(classes[int(number)], ((ring(points, where),),))
