"""GeoJSON polygons over GeoTIFFs: NAME.geojson beside NAME.tif, in the picture's coordinate reference system.

RFC 7946, and the older `crs` member, which GIS programs still write. The picture's own tags (ModelPixelScale with
ModelTiepoint, or ModelTransformation), or a world file beside it, lead from coordinates to pixels; where the polygons are
in another reference system, `rasterio` (extra "geo") turns them. The class is the property `class`, `label`, `type` or
`name`. Written, a collection lists all classes in a member of its own, `classes`, which other programs pass over.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from ..documents import read_lines, write_json
from ..errors import DataError, counted, extra
from ..labels import Color, parse_color
from .beside import IMAGES, name_of, read_json, size_of, unique
from .faults import Fault, recording
from .project import Note, Part, Picture, Project, Region
from .regions import ring
from .remarks import lost

_PLACE = (33550, 33922, 34264, 34735)  # the tags of a GeoTIFF: pixel scale, tie point, matrix, keys
_BIG = 43  # of a TIFF's header: addresses of eight bytes
_LEFT = Note("feature", "left out: points and lines have no area")
_CLASS = ("class", "label", "type", "name", "category", "class_name")


def recognize(root: Path) -> bool:
    """A folder with a GeoJSON file beside an image of the same name, a TIFF above all."""
    return root.is_dir() and bool(_pairs(root)[0])


def read(root: Path) -> Project:
    """All pairs of a folder.

    Raises: DataError when a picture has no place on earth, or a polygon cannot be drawn.
    """
    pairs, lone = _pairs(root)
    if not pairs:
        raise DataError(f"{root}: holds no NAME.geojson beside NAME.tif")
    pictures, labels, taken, loose = [], dict[str, None](), dict[str, int](), list[Fault]()
    listed, colors = dict[str, None](), dict[str, Color]()
    for vector, image in pairs:
        name = name_of(image.relative_to(root).as_posix())
        with recording(loose, vector, name, "", "GeoJSON"):
            height, width, matrix, code = georeference(image)
            tree = read_json(vector)
            if not isinstance(tree, dict) or not isinstance(tree.get("features"), list):
                raise DataError("no FeatureCollection of GeoJSON")
            theirs = _code(tree)
            for entry in tree.get("classes") or ():
                listed[str(entry["name"])] = None
                if entry.get("color"):
                    colors[str(entry["name"])] = parse_color(entry["color"])
            picture = Picture(unique(name, taken), image, height, width, ())
            pictures.append(_drawn(picture, tree["features"], vector, (matrix, theirs, code)))
            labels |= dict.fromkeys(region.label for region in pictures[-1].regions)
    remarks = []
    if lone:
        shown = ", ".join(path.name for path in lone[:3])
        remarks.append(f"{counted(len(lone), 'GeoJSON file')} left out, without an image of the same name: {shown}")
    classes = tuple(dict.fromkeys([*listed, *labels]))
    return Project(classes, tuple(pictures), "geojson", colors, tuple(remarks), tuple(loose))


def _drawn(picture: Picture, features: list[Any], vector: Path, place: tuple[np.ndarray, int, int]) -> Picture:
    """The picture with the polygons of a collection.

    Args:
        place: the matrix from pixels to coordinates, and the reference systems of the collection and of the picture.
    """
    regions, faults, thin = list[Region](), list[Fault](), 0
    matrix, theirs, code = place
    for number, feature in enumerate(features):
        with recording(faults, vector, picture.name, f"feature {number}", "GeoJSON") as where:
            geometry = feature.get("geometry") or {}
            kind = geometry.get("type")
            if kind not in ("Polygon", "MultiPolygon"):
                thin += 1
                continue
            polygons = [geometry["coordinates"]] if kind == "Polygon" else geometry["coordinates"]
            properties = feature.get("properties") or {}
            label = next((str(properties[k]) for k in _CLASS if properties.get(k) not in (None, "")), "object")
            parts = tuple(_part(rings, matrix, theirs, code, where) for rings in polygons if rings)
            if not parts:
                raise DataError(f"a {kind} without coordinates; draw it, or remove it")
            about = str(properties.get("object") or "")
            regions.append(Region(label, parts, crowd=bool(properties.get("crowd")), object=about))
    return picture._replace(regions=tuple(regions), faults=tuple(faults), notes={_LEFT: thin} if thin else {})


def write(project: Project, out: Path) -> tuple[str, ...]:
    """NAME.geojson beside each image, in its own reference system; without one, in pixels with y downward.

    Raises: DataError when a picture's file is not there.
    """
    colors = {name: {"color": "#{:02x}{:02x}{:02x}".format(*color)} for name, color in project.colors.items()}
    classes = [{"name": name, **colors.get(name, {})} for name in project.classes]
    for picture in project:
        if picture.image is None:
            raise DataError(f"{picture.name}: its image is not found, so its place on earth is unknown")
        _, _, matrix, code = georeference(picture.image)
        features = []
        for region in picture.regions:
            parts = region.outlines(picture.height, picture.width)
            polygons = [[_closed(ring @ matrix[:2, :2].T + matrix[:2, 2]) for ring in part] for part in parts]
            if not polygons:
                continue
            properties = {"class": region.label, "object": region.object, "crowd": region.crowd}
            geometry = {"type": "MultiPolygon", "coordinates": polygons}
            features.append({"type": "Feature", "properties": properties, "geometry": geometry})
        tree: dict[str, Any] = {"type": "FeatureCollection", "classes": classes, "features": features}
        if code:
            tree["crs"] = {"type": "name", "properties": {"name": f"urn:ogc:def:crs:EPSG::{code}"}}
        write_json(out / "images" / f"{picture.name}.geojson", tree)
    return lost(project, classes=True, colors=True, crowds=True, objects=True)


def georeference(path: Path) -> tuple[int, int, np.ndarray, int]:
    """(height, width, the matrix [3, 3] from pixels to coordinates, EPSG code or 0) of a TIFF.

    A picture without tags of its place, and without a world file beside it, has the unit matrix: its coordinates are
    pixels.
    """
    size = size_of(path)
    tags = _tags(path)
    scale, tie, full, keys = (tags.get(number) or () for number in _PLACE)
    matrix = np.eye(3)
    if full:
        m = np.array(full, float).reshape(4, 4)
        matrix = np.array([[m[0, 0], m[0, 1], m[0, 3]], [m[1, 0], m[1, 1], m[1, 3]], [0, 0, 1]])
    elif scale and tie:
        matrix = np.array(
            [[scale[0], 0, tie[3] - tie[0] * scale[0]], [0, -scale[1], tie[4] + tie[1] * scale[1]], [0, 0, 1]]
        )
    elif (world := _world(path)) is not None:
        matrix = world
    entries = {keys[n]: keys[n + 3] for n in range(4, len(keys) - 3, 4)}
    code = entries.get(3072) or entries.get(2048) or 0  # projected before geographic
    return *size, matrix, int(code) if code != 32767 else 0


def _tags(path: Path) -> Mapping[int, Any]:
    """The tags of a TIFF, whatever its pixels are; none of another image."""
    if path.suffix.lower() not in (".tif", ".tiff"):
        return {}
    try:
        with path.open("rb") as file:
            start = file.read(8)
            tags = ImageFileDirectory_v2(start + file.read(8) if start[2] == _BIG else start)
            file.seek(tags.next)
            tags.load(file)
            return {number: tags[number] for number in _PLACE if number in tags}
    except Exception as error:  # whatever Pillow makes of damaged tags
        raise DataError(f"{path}: not a TIFF whose tags can be read ({error})") from None


def _world(path: Path) -> np.ndarray | None:
    """The matrix of a world file beside an image: six numbers, of which the last two are its first pixel's middle."""
    end = path.suffix
    for name in (f"{end[:2]}{end[-1:]}w", f"{end}w", ".wld"):
        file = path.with_suffix(name)
        if file.is_file():
            try:
                a, d, b, e, x, y = (float(line) for line in read_lines(file) if line.strip())
            except ValueError:
                raise DataError(f"{file}: a world file has six numbers, each in a line of its own") from None
            return np.array([[a, b, x - (a + b) / 2], [d, e, y - (d + e) / 2], [0, 0, 1]])
    return None


def _pairs(root: Path) -> tuple[list[tuple[Path, Path]], list[Path]]:
    """GeoJSON files and the image of their name, a TIFF before others; and the files without one."""
    found, lone = [], []
    for vector in sorted(p for p in root.rglob("*") if p.suffix.lower() == ".geojson"):
        ends = (".tif", ".tiff", ".TIF", ".TIFF", *IMAGES)
        image = next((path for end in ends if (path := vector.with_suffix(end)).is_file()), None)
        if image is None:
            lone.append(vector)
        else:
            found.append((vector, image))
    return found, lone


def _code(tree: dict[str, Any]) -> int:
    """EPSG code of a collection: of its `crs`, else longitude and latitude.

    Raises: DataError for a reference system without a number.
    """
    name = str(((tree.get("crs") or {}).get("properties") or {}).get("name", "EPSG::4326"))
    if name.endswith("CRS84"):
        return 4326
    if not (digits := name.rsplit(":", 1)[-1]).isdigit():
        raise DataError(f"its reference system {name!r} is none of EPSG's; save it in EPSG:4326 or another")
    return int(digits)


def _part(rings: list[Any], matrix: np.ndarray, theirs: int, code: int, where: str) -> Part:
    back = np.linalg.inv(matrix)
    made = []
    for positions in rings:
        points = np.array([point[:2] for point in positions], np.float64).reshape(-1, 2)
        if code and theirs != code:
            warp = extra("rasterio.warp", "geo")
            x, y = warp.transform(f"EPSG:{theirs}", f"EPSG:{code}", points[:, 0].tolist(), points[:, 1].tolist())
            points = np.stack([x, y], axis=1)
        with np.errstate(over="ignore", invalid="ignore"):  # what is endlessly far away, `ring` refuses
            points = points @ back[:2, :2].T + back[:2, 2]
            points = np.where(abs(points - np.round(points)) < 1e-4, np.round(points), np.round(points, 6))
        closed = len(points) > 3 and (points[0] == points[-1]).all()
        made.append(ring(points[:-1] if closed else points, where))
    return tuple(made)


def _closed(ring: np.ndarray) -> list[list[float]]:
    return [*ring.tolist(), ring[0].tolist()]
