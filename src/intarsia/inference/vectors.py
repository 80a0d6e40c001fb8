"""Label maps as polygons with holes, in the files of other programs, and what is measured of each region, as CSV.

rows of labels - traced - polygons/NAME.geojson .json (COCO) .svg .dxf
                        ` measures/NAME.csv, a line a region, in micrometers or meters where the picture says its spacing
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from xml.sax.saxutils import quoteattr

import numpy as np

from ..annotations.geojson import georeference
from ..annotations.regions import keyhole
from ..errors import DataError, nearest
from ..labels import LabelSpace
from ..limits import check_corners
from ..output import Output
from ..polygons import Part, Tracer, area, simplified
from ..postprocess.regions import measured
from .writing import categories_of

_METER = 1_000_000.0  # micrometers
_COARSE = 10_000.0  # micrometers a pixel from which on lengths are given in meters
COLUMNS = (
    "image", "class", "region", "pixels", "area", "perimeter", "length", "holes", "x", "y", "x0", "y0", "x1", "y1", "unit",
)  # fmt: skip


class Vectors(NamedTuple):
    """What is made of the regions of label maps.

    Args:
        forms: of the polygons, some of `WRITERS`.
        measure: whether each region is measured.
        spacing: micrometers a pixel (down, across), over what the picture's file says.
        min_size: pixels that a region must have to be written and measured; label maps keep all.
        simplify: corners of polygons that lie within so many pixels of a straight line are left out.
    """

    forms: tuple[str, ...] = ()
    measure: bool = False
    spacing: tuple[float, float] | None = None
    min_size: int = 0
    simplify: float = 0.0

    @property
    def asked(self) -> bool:
        """Whether anything is written."""
        return bool(self.forms) or self.measure

    def files(self, name: str) -> list[str]:
        """List the files that are written of a picture, below the folder of the results."""
        found = [f"polygons/{name}{WRITERS[form][0]}" for form in self.forms]
        return [*found, *([f"measures/{name}.csv"] if self.measure else [])]


class Shape(NamedTuple):
    """One region: class number, and its outer ring and holes in pixels."""

    label: int
    part: Part


class Place(NamedTuple):
    """The picture that shapes are of.

    Args:
        name: of the picture.
        size: (H, W).
        matrix: [3, 3] from pixels to coordinates.
        code: of the reference system by EPSG, or 0.
    """

    name: str
    size: tuple[int, int]
    matrix: np.ndarray
    code: int


def check_vectors(vectors: Vectors) -> None:
    """Refuse forms that no polygons are written in, and numbers that are none.

    Raises: DataError.
    """
    for form in vectors.forms:
        if form not in WRITERS:
            raise DataError(f"polygons are written in no form {form!r}{nearest(form, WRITERS)}")
    unused = [
        f"{name} is of {whose}, which {'are' if name == 'simplify' else 'is'} not asked for; add --{whose}, or leave it out"
        for name, given, whose, asked in (
            ("spacing", vectors.spacing, "measure", vectors.measure),
            ("simplify", vectors.simplify, "polygons", vectors.forms),
            ("min-size", vectors.min_size, "measure", vectors.asked),
        )
        if given and not asked
    ]
    if unused:
        raise DataError(unused[0])
    if vectors.min_size < 0 or vectors.simplify < 0:
        raise DataError(
            f"min-size is {vectors.min_size} and simplify {vectors.simplify:g}; give numbers of pixels, 0 or more"
        )
    if vectors.spacing is not None and not all(0 < one < 1e12 for one in vectors.spacing):
        raise DataError(f"spacing is {vectors.spacing}; give micrometers a pixel, such as 0.25")


def write_vectors(
    rows: Iterable[np.ndarray],
    place: Place,
    space: LabelSpace,
    vectors: Vectors,
    spacing: tuple[float, float] | None,
    results: Output,
) -> dict[str, Any]:
    """Trace a label map and write what is asked of its regions.

    Args:
        rows: of the label map, one band [h, W] after the other.
        spacing: micrometers a pixel (down, across); None: in pixels.

    Returns: what the picture's line says of them: `polygons`, files by form; `measures`, the file; and `regions`, number
        and area of each class.

    Raises: DataError for a map of too many corners, and files that cannot be written.
    """
    shapes = list(traced(rows, place, space, vectors.min_size))
    line: dict[str, Any] = {}
    drawn = shapes
    if vectors.simplify:
        drawn = [Shape(s.label, tuple(simplified(ring, vectors.simplify) for ring in s.part)) for s in shapes]
    for form in vectors.forms:
        ending, write = WRITERS[form]
        name = f"polygons/{place.name}{ending}"
        with results.file(name) as file:
            write(file, drawn, place, space)
        line.setdefault("polygons", {})[form] = str(results.folder / name)
    if vectors.measure:
        name = f"measures/{place.name}.csv"
        with results.file(name) as file:
            line["regions"] = _measure(file, shapes, place, space, spacing)
        line["measures"] = str(results.folder / name)
    return line


def traced(rows: Iterable[np.ndarray], place: Place, space: LabelSpace, least: int = 0) -> Iterator[Shape]:
    """Trace the regions of all classes; pixels that are ignored belong to none.

    Args:
        least: pixels that a region must have.

    Raises: DataError for a map of more corners than are kept.
    """
    tracer = Tracer(place.size[1], range(space.num_classes))
    for band in rows:
        tracer.add(band)
        check_corners(tracer.count(), place.name)
    for number in range(space.num_classes):
        for part in tracer.polygons(number):
            if not least or sum(area(ring) for ring in part) >= least:
                yield Shape(number, part)


def place_of(name: str, size: tuple[int, int], path: Path | None) -> Place:
    """Find where a picture lies: in coordinates of a GeoTIFF, else in pixels."""
    if path is not None and path.is_file() and path.suffix.lower() in (".tif", ".tiff"):
        _, _, matrix, code = georeference(path)
        return Place(name, size, matrix, code)
    return Place(name, size, np.eye(3), 0)


def write_geojson(path: Path, shapes: Sequence[Shape], place: Place, space: LabelSpace) -> None:
    """Write a feature for each region, in the picture's reference system; without one in pixels, y downward."""
    classes = [
        {"name": name, "color": "#{:02x}{:02x}{:02x}".format(*color)}
        for name, color in zip(space.names, space.colors, strict=True)
    ]
    crs = {"type": "name", "properties": {"name": f"urn:ogc:def:crs:EPSG::{place.code}"}}
    with path.open("w", encoding="utf-8") as file:
        file.write(f'{{"type": "FeatureCollection", "classes": {json.dumps(classes, ensure_ascii=False)},\n')
        file.write(f'"crs": {json.dumps(crs)},\n' if place.code else "")
        file.write('"features": [')
        for number, shape in enumerate(shapes):
            rings = [_closed(ring @ place.matrix[:2, :2].T + place.matrix[:2, 2]) for ring in shape.part]
            name = space.names[shape.label]
            about = {"class": name, "classification": {"name": name, "color": list(space.colors[shape.label])}}
            feature = {"type": "Feature", "properties": about, "geometry": {"type": "Polygon", "coordinates": rings}}
            file.write((",\n" if number else "\n") + json.dumps(feature, ensure_ascii=False))
        file.write("\n]}\n")


def write_coco(path: Path, shapes: Sequence[Shape], place: Place, space: LabelSpace) -> None:
    """Write COCO's annotations of one picture; a hole is joined to its outer ring by a bridge, since COCO has none."""
    categories = categories_of(space)
    listed = []
    for number, shape in enumerate(shapes, start=1):
        low, high = shape.part[0].min(axis=0), shape.part[0].max(axis=0)
        ring = keyhole([shape.part]) if len(shape.part) > 1 else shape.part[0]
        listed.append(
            {
                "id": number, "image_id": 1, "category_id": categories[shape.label]["id"], "iscrowd": 0,
                "segmentation": [ring.ravel().tolist()], "area": sum(area(one) for one in shape.part),
                "bbox": [*low.tolist(), *(high - low).tolist()],
            }
        )  # fmt: skip
    image = {"id": 1, "file_name": place.name, "height": place.size[0], "width": place.size[1]}
    tree = {"images": [image], "annotations": listed, "categories": categories}
    path.write_text(json.dumps(tree, ensure_ascii=False), encoding="utf-8")


def write_svg(path: Path, shapes: Sequence[Shape], place: Place, space: LabelSpace) -> None:
    """Write a drawing of a group for each class, in pixels."""
    height, width = place.size
    with path.open("w", encoding="utf-8") as file:
        file.write(
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}">\n'
        )
        for number, (name, color) in enumerate(zip(space.names, space.colors, strict=True)):
            fill = "#{:02x}{:02x}{:02x}".format(*color)
            file.write(f'<g data-class={quoteattr(name)} fill="{fill}" fill-rule="evenodd">\n')
            for shape in shapes:
                if shape.label == number:
                    rings = ("M" + "L".join(f"{x:g} {y:g}" for x, y in ring.tolist()) + "Z" for ring in shape.part)
                    file.write(f'<path d="{"".join(rings)}"/>\n')
            file.write("</g>\n")
        file.write("</svg>\n")


def write_dxf(path: Path, shapes: Sequence[Shape], place: Place, space: LabelSpace) -> None:
    """Write a closed polyline for each ring, a layer for each class (DXF R12); y upward, as drawings have it.

    In the picture's coordinates; without any, in pixels from its lower left corner.
    """
    flip = np.array([[1.0, 0, 0], [0, -1, place.size[0]], [0, 0, 1]])
    matrix = flip if (place.matrix == np.eye(3)).all() else place.matrix
    with path.open("w", encoding="ascii", errors="replace") as file:

        def put(*pairs: object) -> None:
            file.write("".join(f"{one}\n" for one in pairs))

        put(0, "SECTION", 2, "HEADER", 9, "$ACADVER", 1, "AC1009", 0, "ENDSEC", 0, "SECTION", 2, "ENTITIES")
        for shape in shapes:
            layer = "".join(c if c.isascii() and (c.isalnum() or c in "-_$") else "_" for c in space.names[shape.label])
            for ring in shape.part:
                put(0, "POLYLINE", 8, layer, 66, 1, 70, 1, 10, 0.0, 20, 0.0, 30, 0.0)
                for x, y in (ring @ matrix[:2, :2].T + matrix[:2, 2]).tolist():
                    put(0, "VERTEX", 8, layer, 10, repr(x), 20, repr(y), 30, 0.0)
                put(0, "SEQEND", 8, layer)
        put(0, "ENDSEC", 0, "EOF")


def _measure(
    path: Path, shapes: Sequence[Shape], place: Place, space: LabelSpace, spacing: tuple[float, float] | None
) -> dict[str, Any]:
    """Write a line for each region; returns number and area of each class, and the unit."""
    unit, step = unit_of(spacing)
    totals: dict[str, Any] = {name: {"count": 0, "area": 0.0} for name in space.names}
    with path.open("w", encoding="utf-8", newline="") as file:
        lines = csv.writer(file)
        lines.writerow(COLUMNS)
        for number, shape in enumerate(shapes, start=1):
            (one,) = measured(shape.label, [shape.part], step)
            name = space.names[shape.label]
            totals[name]["count"] += 1
            totals[name]["area"] += one.area
            numbers = [one.area, one.perimeter, _longest(shape.part[0], step)]
            shown = [f"{value:.10g}" for value in numbers]
            places = [f"{value:g}" for value in (*one.center, *one.box)]
            lines.writerow([place.name, name, number, f"{one.pixels:g}", *shown, one.holes, *places, unit])
    return {"unit": unit, **totals}


def unit_of(spacing: tuple[float, float] | None) -> tuple[str, tuple[float, float]]:
    """Choose the unit of lengths: pixels without a spacing, meters for pixels of a centimeter and more, else micrometers.

    Returns: its name, and the spacing (down, across) in it.
    """
    if spacing is None:
        return "px", (1.0, 1.0)
    if max(spacing) >= _COARSE:
        return "m", (spacing[0] / _METER, spacing[1] / _METER)
    return "um", spacing


def _longest(ring: np.ndarray, step: tuple[float, float]) -> float:
    """The greatest distance between two corners of a ring."""
    from scipy.spatial import ConvexHull
    from scipy.spatial.distance import pdist

    points = ring * np.array(step[::-1])
    if len(points) > 16:
        points = points[ConvexHull(points).vertices]
    return float(pdist(points).max())


def _closed(ring: np.ndarray) -> list[list[float]]:
    return [*ring.tolist(), ring[0].tolist()]


Writer = Callable[[Path, Sequence[Shape], Place, LabelSpace], None]

WRITERS: Mapping[str, tuple[str, Writer]] = {  # the ending of the file, and who writes it
    "geojson": (".geojson", write_geojson),
    "coco": (".json", write_coco),
    "svg": (".svg", write_svg),
    "dxf": (".dxf", write_dxf),
}
