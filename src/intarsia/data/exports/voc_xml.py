"""PASCAL VOC's XML of objects, as RectLabel writes it too: one file beside, or in Annotations/ beside, each image.

VOC's boxes count pixels from 1, both ends included. RectLabel adds `<polygon><x1>..</x1><y1>..</y1>...</polygon>`, whose
numbers are coordinates, and for painted objects a PNG named in `<pixels>`. A polygon counts before the box around it.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np

from ...errors import DataError
from .files import Beside, head, read_xml, unique
from .record import Picture, Project, Region
from .regions import outline


def recognize(root: Path) -> bool:
    """A folder whose XML files are `<annotation>`s."""
    return bool(_files(root))


def read(root: Path) -> Project:
    """All XML files of a folder, or of Annotations/ in it.

    Raises: DataError that names file and object.
    """
    files = _files(root)
    if not files:
        raise DataError(f"{root}: holds no XML file of PASCAL VOC or RectLabel")
    beside = Beside(root)
    pictures, labels, taken = [], dict[str, None](), set[str]()
    for path in files:
        tree = read_xml(path)
        try:
            height, width = (int(tree.findtext(f"size/{side}") or "") for side in ("height", "width"))
        except ValueError:
            raise DataError(f"{path}: says nothing of the image's size") from None
        regions = tuple(_region(thing, f"{path}: object {n}") for n, thing in enumerate(tree.iterfind("object"), 1))
        labels.update(dict.fromkeys(region.label for region in regions))
        name = unique(path.stem, taken)
        pictures.append(Picture(name, beside.find(tree.findtext("filename") or path.stem), height, width, regions))
    return Project(tuple(labels), tuple(pictures), "rectlabel")


def write(project: Project, out: Path) -> None:
    """annotations/NAME.xml with polygons, as RectLabel reads them; a region of several pieces becomes several objects.

    Raises: DataError for a region with a hole.
    """
    for picture in project:
        root = ET.Element("annotation")
        ET.SubElement(root, "filename").text = picture.image.name if picture.image else f"{picture.name}.png"
        size = ET.SubElement(root, "size")
        for side, value in (("width", picture.width), ("height", picture.height), ("depth", 3)):
            ET.SubElement(size, side).text = str(value)
        for region in picture.regions:
            parts = region.parts if region.bitmap is None else outline(region.mask(picture.height, picture.width))
            for part in parts:
                if len(part) > 1:
                    raise DataError(
                        f"{picture.name}: a {region.label} has a hole, which this XML cannot hold; use coco or labelme"
                    )
                thing = ET.SubElement(root, "object")
                ET.SubElement(thing, "name").text = region.label
                box = ET.SubElement(thing, "bndbox")
                (x0, y0), (x1, y1) = part[0].min(axis=0), part[0].max(axis=0)
                for key, value in (("xmin", x0 + 1), ("ymin", y0 + 1), ("xmax", x1), ("ymax", y1)):
                    ET.SubElement(box, key).text = f"{value:.6g}"
                ring = ET.SubElement(thing, "polygon")
                for n, (x, y) in enumerate(part[0], 1):
                    ET.SubElement(ring, f"x{n}").text, ET.SubElement(ring, f"y{n}").text = f"{x:.6g}", f"{y:.6g}"
        path = out / "annotations" / f"{picture.name}.xml"
        path.parent.mkdir(parents=True, exist_ok=True)
        ET.indent(root)
        ET.ElementTree(root).write(path, encoding="utf-8")


def _files(root: Path) -> list[Path]:
    if not root.is_dir():
        return []
    found = [p for f in (root, root / "Annotations", root / "annotations") for p in sorted(f.glob("*.xml"))]
    return [p for p in dict.fromkeys(found) if b"<annotation>" in head(p)]


def _region(thing: ET.Element, where: str) -> Region:
    label = thing.findtext("name") or ""
    if (ring := thing.find("polygon")) is not None:
        values = {child.tag: float(child.text or "nan") for child in ring}
        count = sum(key.startswith("x") for key in values)
        try:
            points = np.array([(values[f"x{n}"], values[f"y{n}"]) for n in range(1, count + 1)])
        except KeyError as error:
            raise DataError(f"{where}: its polygon misses {error}") from None
        if count >= 3:
            return Region(label, ((points,),))
    box = thing.find("bndbox")
    try:
        assert box is not None
        x0, y0, x1, y1 = (float(box.findtext(key) or "") for key in ("xmin", "ymin", "xmax", "ymax"))
    except (AssertionError, ValueError):
        raise DataError(f"{where}: {label!r} has neither a polygon nor a box") from None
    return Region(label, ((np.array([(x0 - 1, y0 - 1), (x1, y0 - 1), (x1, y1), (x0 - 1, y1)]),),))
