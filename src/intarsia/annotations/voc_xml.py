"""PASCAL VOC's XML of objects, as RectLabel writes it too: one file beside, or in Annotations/ beside, each image.

VOC's boxes count pixels from 1, both ends included. RectLabel adds `<polygon><x1>..</x1><y1>..</y1>...</polygon>`, whose
numbers are coordinates, and for painted objects `<pixels>`, which is not read. A polygon counts before the box around it.
LabelMe on the web, the old one, wrote `<polygon><pt><x>..</x><y>..</y></pt>...`, which is read as well.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections import Counter
from pathlib import Path
from typing import Any

from ..documents import head, read_lines
from ..errors import DataError
from .beside import Beside, read_xml, size_of, unique
from .faults import Fault, recording
from .project import Note, Picture, Project, Region
from .regions import rectangle, ring
from .remarks import joined, lost
from .splits import declared, image_sets, write_image_sets

_BOX = Note("object", "without a polygon, drawn as rectangles")
_PAINTED = Note("painted object", "left out: export masks or COCO")
_DELETED = Note("deleted object", "left out")


def recognize(root: Path) -> bool:
    """A folder whose XML files, or those in its Annotations/, are `<annotation>`s; or below, beside a classes.txt."""
    places = {root, root / "Annotations", root / "annotations"}
    return any(path.parent in places for path in _files(root)) or (
        (root / "classes.txt").is_file() and bool(_files(root))
    )


def read(root: Path) -> Project:
    """All XML files of a folder and those below; classes.txt or labels.txt in it gives the order of classes.

    Raises: DataError that names file and object.
    """
    files = _files(root)
    if not files:
        raise DataError(f"{root}: holds no XML file of PASCAL VOC or RectLabel")
    home = root if root.is_dir() else root.parent
    beside = Beside(home.parent if home.name.lower() == "annotations" else home)
    pictures, taken, loose = list[Picture](), dict[str, int](), list[Fault]()
    for path in files:
        words = path.relative_to(home).with_suffix("").parts
        name = "/".join(word for word in words if word.lower() != "annotations")
        with recording(loose, path, name, "", "VOC"):
            pictures.append(_picture(read_xml(path), path, unique(name, taken), name, beside))
    labels = dict.fromkeys(region.label for picture in pictures for region in picture.regions)
    around = home.parent if home.name.lower() == "annotations" else home
    splits, remarks = image_sets(around, [picture.name for picture in pictures])
    pictures = [picture._replace(split=splits.get(picture.name, "")) for picture in pictures]
    named = next((f for f in (home / "classes.txt", home / "labels.txt") if f.is_file()), None)
    known = [line for line in read_lines(named) if line.strip()] if named else []
    classes = tuple(dict.fromkeys([*known, *labels]))
    return Project(classes, tuple(pictures), "rectlabel", remarks=tuple(remarks), loose=tuple(loose))


def _picture(tree: ET.Element, path: Path, name: str, plain: str, beside: Beside) -> Picture:
    """The picture of one file.

    Args:
        name, plain: its own name, and that of its file.

    Raises: DataError where nothing tells its size.
    """
    called = tree.findtext("filename") or plain
    folder = tree.findtext("folder") or ""
    image = beside.find(f"{folder}/{called}" if folder else called) or beside.stem(f"images/{plain}")
    height = int(tree.findtext("size/height") or tree.findtext("imagesize/nrows") or 0)
    width = int(tree.findtext("size/width") or tree.findtext("imagesize/ncols") or 0)
    if not (height and width):
        if image is None:
            raise DataError(f"says nothing of the image's size, and {called!r} is not beside it")
        height, width = size_of(image)
    regions, faults, notes = list[Region](), list[Fault](), Counter[Note]()
    for number, thing in enumerate(tree.iterfind("object"), 1):
        with recording(faults, path, name, f"object {number}", "VOC") as where:
            region = _region(thing, where, notes)
            regions += [region] if region is not None else []
    return Picture(name, image, height, width, tuple(regions), faults=tuple(faults), notes=notes)


def write(project: Project, out: Path) -> tuple[str, ...]:
    """annotations/NAME.xml with polygons, as RectLabel reads them, and classes.txt; images lie in images/.

    A polygon is one ring: holes and pieces are joined to it by bridges, a line there and back.
    """
    for picture in project:
        folder, _, file = (picture.name + (picture.image.suffix if picture.image else ".png")).rpartition("/")
        root = ET.Element("annotation")
        ET.SubElement(root, "folder").text = f"images/{folder}".rstrip("/")
        ET.SubElement(root, "filename").text = file
        size = ET.SubElement(root, "size")
        for side, value in (("width", picture.width), ("height", picture.height), ("depth", 3)):
            ET.SubElement(size, side).text = str(value)
        shown = joined(picture).regions
        objects = Counter(region.object for region in shown)
        for region in shown:
            points = region.ring(picture.height, picture.width)
            if points is None:
                continue
            thing = ET.SubElement(root, "object")
            ET.SubElement(thing, "name").text = region.label
            box = ET.SubElement(thing, "bndbox")
            (x0, y0), (x1, y1) = points.min(axis=0), points.max(axis=0)
            for key, value in (("xmin", x0 + 1), ("ymin", y0 + 1), ("xmax", x1), ("ymax", y1)):
                ET.SubElement(box, key).text = f"{value:.10g}"
            several = bool(region.object) and objects[region.object] > 1
            about = {"object": region.object if several else "", "is_crowd": "true" if region.crowd else ""}
            if any(about.values()):
                attributes = ET.SubElement(thing, "attributes")
                for key, word in about.items():
                    if word:
                        attribute = ET.SubElement(attributes, "attribute")
                        ET.SubElement(attribute, "name").text, ET.SubElement(attribute, "value").text = key, word
            polygon = ET.SubElement(thing, "polygon")
            for n, (x, y) in enumerate(points, 1):
                ET.SubElement(polygon, f"x{n}").text, ET.SubElement(polygon, f"y{n}").text = f"{x:.10g}", f"{y:.10g}"
        path = out / "annotations" / f"{picture.name}.xml"
        path.parent.mkdir(parents=True, exist_ok=True)
        ET.indent(root)
        ET.ElementTree(root).write(path, encoding="utf-8")
    out.mkdir(parents=True, exist_ok=True)
    (out / "classes.txt").write_text("".join(f"{name}\n" for name in project.classes), encoding="utf-8")
    lists: dict[str, list[str]] = {}
    for picture in project if declared(project).counts else ():
        lists.setdefault(picture.split or "default", []).append(picture.name)
    if lists:
        write_image_sets(out / "ImageSets" / "Main", lists)
    return lost(project, classes=True, crowds=True, objects=True)


def _files(root: Path) -> list[Path]:
    found = sorted(root.rglob("*.xml")) if root.is_dir() else [root] if root.suffix == ".xml" and root.is_file() else []
    return [path for path in found if b"<annotation>" in head(path)]


def _region(thing: ET.Element, where: str, notes: Counter[Note]) -> Region | None:
    label = thing.findtext("name") or ""
    words = {a.findtext("name"): a.findtext("value") or "" for a in thing.iterfind("attributes/attribute")}
    about: dict[str, Any] = {"object": words.get("object", ""), "crowd": words.get("is_crowd", "").lower() == "true"}
    if thing.findtext("deleted") == "1":
        notes[_DELETED] += 1
        return None
    if (polygon := thing.find("polygon")) is not None:
        if corners := [(pt.findtext("x"), pt.findtext("y")) for pt in polygon.iterfind("pt")]:
            return Region(label, ((ring(corners, where),),), **about)
        values = {child.tag: float(child.text or "nan") for child in polygon}
        count = sum(key.startswith("x") for key in values)
        try:
            points = [(values[f"x{n}"], values[f"y{n}"]) for n in range(1, count + 1)]
        except KeyError as error:
            raise DataError(f"{where}: its polygon misses {error}") from None
        return Region(label, ((ring(points, where),),), **about)
    if thing.find("pixels") is not None or thing.find("segm") is not None:
        notes[_PAINTED] += 1
        return None
    box = thing.find("bndbox")
    try:
        assert box is not None
        x0, y0, x1, y1 = (float(box.findtext(key) or "") for key in ("xmin", "ymin", "xmax", "ymax"))
    except (AssertionError, ValueError):
        raise DataError(f"{where}: {label!r} has neither a polygon nor a box") from None
    region = Region(label, ((ring(rectangle(x0 - 1, y0 - 1, x1, y1), where),),), **about)
    notes[_BOX] += 1
    return region
