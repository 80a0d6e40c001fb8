"""Masks as this package writes and trains on them: any other form goes through here on its way to training.

images/NAME.jpg     as they came
masks/NAME.png      class numbers in the classes' colors; 255 (65535 beyond 255 classes) is ignored
objects/NAME.png    object numbers, 16 bit, where the project tells objects apart
objects.json        of each object: its class, and whether it is a crowd
labels.yaml         the label space
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import yaml
from PIL import Image

from ..data.files.codecs import decode_mask, read_labels, write_labels
from ..data.roles import role
from ..documents import read_yaml, write_json
from ..errors import DataError
from ..labels import IGNORE, LabelSpace
from .beside import Beside, read_json
from .faults import Fault, recording
from .inside import inside
from .project import Picture, Project, Region, label_space, paint, pieces
from .remarks import Covered


def recognize(root: Path) -> bool:
    """A folder with masks/ and labels.yaml."""
    return root.is_dir() and (root / "masks").is_dir() and (root / "labels.yaml").is_file()


def read(root: Path) -> Project:
    """The masks of such a folder; of each class one region, or one of each object where objects are told apart.

    A mask that cannot be read is a fault.

    Raises: DataError where there is no label space, or no mask.
    """
    if not recognize(root):
        raise DataError(f"{root}: holds no masks/ beside a labels.yaml")
    try:
        tree = read_yaml(root / "labels.yaml")
        space = LabelSpace.from_dict(tree)
    except (KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{root / 'labels.yaml'}: no label space ({error}); it needs at least classes: [...]") from None
    beside = Beside(root / "images") if (root / "images").is_dir() else None
    known = read_json(root / "objects.json") if (root / "objects.json").is_file() else {}
    pictures, loose = [], list[Fault]()
    for path in sorted((root / "masks").rglob("*.png")):
        if not inside(path, root):
            continue
        name = path.relative_to(root / "masks").with_suffix("").as_posix()
        with recording(loose, path, name, "", "this package"):
            labels = read_labels(path, space)
            image = beside.stem(name) if beside else None
            if name in known:
                regions = _objects(root / "objects" / f"{name}.png", labels, known[name], space)
            else:
                regions = _classes(labels, space)
            regions = [region for region in regions if region.label != tree.get("uncovered")]
            height, width = labels.shape
            split = next((word for word in name.split("/")[:-1] if role(word)), "")
            pictures.append(Picture(name, image, height, width, tuple(regions), split))
    if not pictures and not loose:
        raise DataError(f"{root / 'masks'}: holds no PNG file")
    ignored = any(region.label == IGNORE for picture in pictures for region in picture.regions)
    classes = tuple(name for name in space.names if name != tree.get("uncovered")) + ((IGNORE,) if ignored else ())
    colors = dict(zip(space.names, space.colors, strict=True))
    return Project(classes, tuple(pictures), "masks", colors, loose=tuple(loose))


def write(project: Project, out: Path, uncovered: str = "background") -> tuple[str, ...]:
    """Masks, and objects where regions say which object they are; images are not copied.

    Args:
        uncovered: the class of pixels that no region covers, or "ignore".
    """
    space = label_space(project, uncovered)
    tree = space.to_dict()
    plain = LabelSpace(space.names, space.colors)  # the files hold class numbers, whatever the tool called them
    tree["values"] = {**plain.values}
    tree["uncovered"] = uncovered
    objects: dict[str, Any] = {}
    covered = Covered()
    for picture in project:
        path = out / "masks" / f"{picture.name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        painted = paint(picture, project.classes)
        write_labels(path, space.encode(painted.values), plain)
        covered.add(picture, painted)
        if _told_apart(picture):
            numbers = painted.objects
            path = out / "objects" / f"{picture.name}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            if numbers.max(initial=0) > 65535:
                raise DataError(f"{picture.name}: {numbers.max()} objects; at most 65535 fit into a 16-bit mask")
            Image.fromarray(numbers.astype(np.uint16)).save(path)
            objects[picture.name] = _listed(picture)
    out.mkdir(parents=True, exist_ok=True)
    (out / "labels.yaml").write_text(yaml.safe_dump(tree, sort_keys=False, allow_unicode=True), encoding="utf-8")
    if objects:
        write_json(out / "objects.json", objects)
    return covered.said()


def _told_apart(picture: Picture) -> bool:
    """Whether regions say more than the classes of pixels: objects, crowds, or several regions of one class."""
    labels = [region.label for region in picture.regions]
    return len(set(labels)) < len(labels) or any(region.object or region.crowd for region in picture.regions)


def _listed(picture: Picture) -> list[dict[str, Any]]:
    """Class and kind of object 1, 2, ..., as `draw_objects` numbers them."""
    seen: dict[str, None] = {}
    rows = []
    for region in picture.regions:
        if not region.object or region.object not in seen:
            rows.append({"class": region.label, "crowd": region.crowd, "object": region.object})
            seen[region.object] = None
    return rows


def _classes(labels: np.ndarray, space: LabelSpace) -> list[Region]:
    names = {**dict(enumerate(space.names)), space.ignore_index: IGNORE}
    return [Region(names[value], bitmap=pixels) for value, pixels in pieces(labels)]


def _objects(path: Path, labels: np.ndarray, rows: list[dict[str, Any]], space: LabelSpace) -> list[Region]:
    numbers = decode_mask(path)[0]
    if numbers.shape != labels.shape:
        raise DataError(
            f"{path}: {numbers.shape[1]}x{numbers.shape[0]} pixels, but its mask is {labels.shape[1]}x{labels.shape[0]}"
        )
    if numbers.max(initial=0) > len(rows):
        raise DataError(f"{path}: holds object {numbers.max()}, but objects.json lists {len(rows)} for it")
    names = {**dict(enumerate(space.names)), space.ignore_index: IGNORE}
    plain = labels.astype(np.int64)
    found = [Region(names[v], bitmap=p) for v, p in pieces(np.where(numbers > 0, -1, plain)) if v >= 0]
    for number, pixels in pieces(numbers.astype(np.int64)):
        if number:
            row = rows[number - 1]
            if not isinstance(row["class"], str) or not isinstance(row["object"], str):
                raise DataError(
                    f"{path}: objects.json tells no class and object of its number {number}; write it again"
                )
            found.append(Region(row["class"], bitmap=pixels, crowd=bool(row["crowd"]), object=row["object"]))
    return found
