"""CVAT's "CVAT for images 1.1", an XML; `cvat_masks` has its masks.

Shapes of the XML: polygon, box (which may be turned), ellipse, mask (run lengths row by row within its box, zeros first);
polylines, points and cuboids have no area here. They are drawn by `z_order`, then in the order of the file; those of one
`group_id` are one object. The `subset` of an image is its split.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import numpy as np

from ..documents import head
from ..errors import DataError, nearest
from ..labels import parse_color
from .beside import Beside, name_of, read_xml, the_one, unique
from .faults import Fault, recording
from .project import Note, Picture, Project, Region, Runs
from .regions import checked, ellipse, rectangle, ring
from .splits import plain

_DRAWN = ("polygon", "box", "ellipse", "mask")
_LEFT = Note("shape", "left out: points, lines and tags have no area")
_THIN = ("polyline", "points", "cuboid", "skeleton", "tag")


def recognize(root: Path) -> bool:
    """An XML file of CVAT, or a folder that holds one."""
    return bool(_files(root))


def read(root: Path) -> Project:
    """An XML of images.

    Raises: DataError when the file is damaged, or a shape cannot be drawn.
    """
    path = the_one(root, _files(root), "CVAT for images (XML)")
    tree = read_xml(path)
    if tree.find("track") is not None:
        raise DataError(f"{path}: holds tracks of a video, which are not read; export it as CVAT for images 1.1")
    beside = Beside(path.parent)
    colors, classes = {}, []
    for label in tree.iterfind("meta//labels/label"):
        classes.append(label.findtext("name", ""))
        if color := label.findtext("color"):
            colors[classes[-1]] = parse_color(color)
    pictures, taken, loose = [], dict[str, int](), list[Fault]()
    for number, image in enumerate(tree.iterfind("image"), 1):
        called = image.get("name", f"image {number}")
        with recording(loose, path, called, "", "CVAT"):
            height, width = int(image.attrib["height"]), int(image.attrib["width"])
            subset = image.get("subset") or ""
            file = (subset and beside.find(f"{subset}/{called}")) or beside.find(called)
            name = unique(name_of(f"{subset}/{called}" if subset else called), taken)
            picture = Picture(name, file or None, height, width, (), plain(subset))
            pictures.append(_drawn(picture, image, path, called))
    seen = dict.fromkeys(r.label for p in pictures for r in p.regions)
    names = tuple(dict.fromkeys([*classes, *seen]))
    return Project(names, tuple(pictures), "cvat", colors, loose=tuple(loose))


def _drawn(picture: Picture, image: ET.Element, path: Path, called: str) -> Picture:
    """The picture with its shapes in the order of drawing."""
    shapes, faults, thin = list[tuple[int, Region]](), list[Fault](), 0
    for number, shape in enumerate(image, 1):
        if shape.tag in _THIN:
            thin += 1
            continue
        label = f" {shape.get('label')!r}" if shape.get("label") else ""
        with recording(faults, path, called, f"shape {number} ({shape.tag}{label})", "CVAT") as where:
            if shape.tag not in _DRAWN:
                raise DataError(f"a {shape.tag!r} is no shape of CVAT for images 1.1{nearest(shape.tag, _DRAWN)}")
            size = picture.height, picture.width
            shapes.append((int(float(shape.get("z_order") or 0)), _region(shape, size, where)))
    regions = tuple(region for _, region in sorted(shapes, key=lambda pair: pair[0]))
    return picture._replace(regions=regions, faults=tuple(faults), notes={_LEFT: thin} if thin else {})


def write(project: Project, out: Path) -> tuple[str, ...]:
    """`annotations.xml`: polygons stay polygons, all else becomes masks; crowds have the attribute is_crowd."""
    crowds = any(region.crowd for picture in project for region in picture.regions)
    root = ET.Element("annotations")
    ET.SubElement(root, "version").text = "1.1"
    labels = ET.SubElement(ET.SubElement(ET.SubElement(root, "meta"), "task"), "labels")
    for name in project.classes:
        label = ET.SubElement(labels, "label")
        ET.SubElement(label, "name").text = name
        if name in project.colors:
            ET.SubElement(label, "color").text = "#{:02x}{:02x}{:02x}".format(*project.colors[name])
        attributes = ET.SubElement(label, "attributes")
        if crowds:
            attribute = ET.SubElement(attributes, "attribute")
            about = {"name": "is_crowd", "mutable": "False", "input_type": "checkbox", "default_value": "false"}
            for key, value in {**about, "values": "false"}.items():
                ET.SubElement(attribute, key).text = value
    for number, picture in enumerate(project):
        name = picture.name.removeprefix(f"{picture.split}/") if picture.split else picture.name
        file = name + (picture.image.suffix if picture.image else ".png")
        about = {"subset": picture.split} if picture.split else {}
        about |= {"width": str(picture.width), "height": str(picture.height)}
        image = ET.SubElement(root, "image", {"id": str(number), "name": file, **about})
        groups = {key: n for n, key in enumerate(dict.fromkeys(r.object for r in picture.regions if r.object), 1)}
        for order, region in enumerate(picture.regions):
            about = {"label": region.label, "source": "manual", "occluded": "0", "z_order": str(order)}
            if region.object:
                about["group_id"] = str(groups[region.object])
            if region.bitmap is None and len(region.parts) == 1 and len(region.parts[0]) == 1:
                points = ";".join(f"{x:.10g},{y:.10g}" for x, y in region.parts[0][0])
                _crowd(ET.SubElement(image, "polygon", {**about, "points": points}), region, crowds)
                continue
            mask = region.mask(picture.height, picture.width)
            if mask.any():
                rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
                box = mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
                where = {"left": columns[0], "top": rows[0], "width": box.shape[1], "height": box.shape[0]}
                runs = ", ".join(map(str, _runs(box)))
                shape = {**about, "rle": runs, **{k: str(v) for k, v in where.items()}}
                _crowd(ET.SubElement(image, "mask", shape), region, crowds)
    out.mkdir(parents=True, exist_ok=True)
    ET.indent(root)
    ET.ElementTree(root).write(out / "annotations.xml", encoding="utf-8", xml_declaration=True)
    return ()


def _crowd(shape: ET.Element, region: Region, crowds: bool) -> None:
    if crowds:
        ET.SubElement(shape, "attribute", {"name": "is_crowd"}).text = "true" if region.crowd else "false"


def _files(root: Path) -> list[Path]:
    files = sorted(root.glob("*.xml")) if root.is_dir() else [root] if root.suffix == ".xml" and root.is_file() else []
    return [path for path in files if b"<annotations" in head(path)]


def _region(shape: ET.Element, size: tuple[int, int], where: str) -> Region:
    crowd = any(a.get("name") == "is_crowd" and a.text == "true" for a in shape.iterfind("attribute"))
    group = shape.get("group_id") or "0"  # CVAT's own 0 is no group
    about: dict[str, Any] = {
        "label": shape.get("label", ""), "crowd": crowd, "object": "" if group == "0" else f"group {group}",
    }  # fmt: skip
    if shape.tag == "polygon":
        words = [point.split(",") for point in shape.attrib["points"].split(";")]
        return Region(**about, parts=((ring(words, where),),))
    if shape.tag == "mask":
        left, top, width, height = (int(float(shape.attrib[key])) for key in ("left", "top", "width", "height"))
        if not (0 < width <= size[1] and 0 < height <= size[0]):
            raise DataError(f"{where}: a box of {width}x{height} pixels in an image of {size[1]}x{size[0]}")
        try:
            lengths = checked([int(word) for word in shape.attrib["rle"].split(",")], height, width)
        except DataError as error:
            raise DataError(f"{where}: {error}") from None
        return Region(**about, bitmap=Runs(top, left, (height, width), lengths.astype(np.int32), rows=True))
    if shape.tag == "box":
        corners = rectangle(*(float(shape.attrib[key]) for key in ("xtl", "ytl", "xbr", "ybr")))
    else:
        corners = ellipse(*(float(shape.attrib[key]) for key in ("cx", "cy", "rx", "ry")))
    angle, middle = np.radians(float(shape.get("rotation") or 0)), (corners.min(axis=0) + corners.max(axis=0)) / 2
    turned = (corners - middle) @ np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]]) + middle
    return Region(**about, parts=((ring(turned, where),),))


def _runs(box: np.ndarray) -> list[int]:
    flat = box.ravel()
    edges = np.concatenate([[0], np.flatnonzero(np.diff(flat)) + 1, [flat.size]])
    lengths = np.diff(edges).tolist()
    return [0, *lengths] if flat[0] else lengths
