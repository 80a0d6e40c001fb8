"""GeoJSON polygons over GeoTIFFs: NAME.geojson beside NAME.tif, in the picture's coordinate reference system.

RFC 7946, and the older `crs` member, which GIS programs still write. The picture's own tags (ModelPixelScale with
ModelTiepoint, or ModelTransformation) lead from coordinates to pixels; where the polygons are in another reference
system, `rasterio` (extra "geo") turns them. The class is the property `class`, `label`, `type` or `name`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ...errors import DataError, extra
from .files import counted, read_json, write_json
from .record import Part, Picture, Project, Region
from .regions import outline

Image.MAX_IMAGE_PIXELS = max(Image.MAX_IMAGE_PIXELS or 0, 1 << 30)  # satellite scenes are large
_CLASS = ("class", "label", "type", "name", "category", "class_name")


def recognize(root: Path) -> bool:
    """A folder with a GeoJSON file beside a TIFF of the same name."""
    return root.is_dir() and bool(_pairs(root))


def read(root: Path) -> Project:
    """All pairs of a folder.

    Raises: DataError when a picture has no place on earth, or a polygon cannot be drawn.
    """
    pairs = _pairs(root)
    if not pairs:
        raise DataError(f"{root}: holds no NAME.geojson beside NAME.tif")
    pictures, labels, thin = [], dict[str, None](), 0
    for vector, image in pairs:
        height, width, matrix, code = georeference(image)
        tree = read_json(vector)
        if not isinstance(tree, dict) or tree.get("type") != "FeatureCollection":
            raise DataError(f"{vector}: no FeatureCollection of GeoJSON")
        theirs = _code(tree)
        regions = []
        for number, feature in enumerate(tree["features"]):
            geometry = feature.get("geometry") or {}
            kind = geometry.get("type")
            if kind not in ("Polygon", "MultiPolygon"):
                thin += 1
                continue
            polygons = [geometry["coordinates"]] if kind == "Polygon" else geometry["coordinates"]
            properties = feature.get("properties") or {}
            label = next((str(properties[k]) for k in _CLASS if properties.get(k) not in (None, "")), "object")
            try:
                parts = tuple(_part(rings, matrix, theirs, code) for rings in polygons)
            except (TypeError, ValueError, IndexError) as error:
                if isinstance(error, DataError):
                    raise DataError(f"{vector}: feature {number}: {error}") from None
                raise DataError(f"{vector}: feature {number}: a {kind} that cannot be drawn ({error})") from None
            labels[label] = None
            about = properties.get("object", "")
            regions.append(Region(label, parts, crowd=bool(properties.get("crowd")), object=str(about)))
        pictures.append(Picture(image.stem, image, height, width, tuple(regions)))
    remarks = (f"{counted(thin, 'feature')} left out: points and lines have no area",) if thin else ()
    return Project(tuple(labels), tuple(pictures), "geojson", remarks=remarks)


def write(project: Project, out: Path) -> None:
    """NAME.geojson for each picture, in its own reference system; without one, in pixels with y downward.

    Raises: DataError when a picture's file is not there.
    """
    for picture in project:
        if picture.image is None:
            raise DataError(f"{picture.name}: its image is not found, so its place on earth is unknown")
        _, _, matrix, code = georeference(picture.image)
        features = []
        for region in picture.regions:
            parts = region.parts if region.bitmap is None else outline(region.mask(picture.height, picture.width))
            polygons = [[_closed(ring @ matrix[:2, :2].T + matrix[:2, 2]) for ring in part] for part in parts]
            properties = {"class": region.label, "object": region.object, "crowd": region.crowd}
            geometry = {"type": "MultiPolygon", "coordinates": polygons}
            features.append({"type": "Feature", "properties": properties, "geometry": geometry})
        tree: dict[str, Any] = {"type": "FeatureCollection", "features": features}
        if code:
            tree["crs"] = {"type": "name", "properties": {"name": f"urn:ogc:def:crs:EPSG::{code}"}}
        place = out / "images" / f"{picture.name}.geojson"
        write_json(place, tree)


def georeference(path: Path) -> tuple[int, int, np.ndarray, int]:
    """(height, width, the matrix [3, 3] from pixels to coordinates, EPSG code or 0) of a TIFF.

    A picture without tags of its place has the unit matrix: its coordinates are pixels.
    """
    try:
        with Image.open(path) as image:
            tags = getattr(image, "tag_v2", {})
            size = (image.height, image.width)
            scale, tie, full = tags.get(33550), tags.get(33922), tags.get(34264)
            keys = tags.get(34735) or ()
    except Exception as error:  # whatever a decoder makes of it
        raise DataError(f"{path}: not an image that can be read ({error})") from None
    matrix = np.eye(3)
    if full:
        m = np.array(full, float).reshape(4, 4)
        matrix = np.array([[m[0, 0], m[0, 1], m[0, 3]], [m[1, 0], m[1, 1], m[1, 3]], [0, 0, 1]])
    elif scale and tie:
        matrix = np.array(
            [[scale[0], 0, tie[3] - tie[0] * scale[0]], [0, -scale[1], tie[4] + tie[1] * scale[1]], [0, 0, 1]]
        )
    entries = {keys[n]: keys[n + 3] for n in range(4, len(keys) - 3, 4)}
    code = entries.get(3072) or entries.get(2048) or 0  # projected before geographic
    return *size, matrix, int(code) if code != 32767 else 0


def _pairs(root: Path) -> list[tuple[Path, Path]]:
    found = []
    for vector in sorted(p for p in root.rglob("*") if p.suffix.lower() in (".geojson",)):
        for end in (".tif", ".tiff", ".TIF"):
            if vector.with_suffix(end).is_file():
                found.append((vector, vector.with_suffix(end)))
                break
    return found


def _code(tree: dict[str, Any]) -> int:
    """EPSG code of a collection: of its `crs`, else longitude and latitude; 0 where it is named otherwise."""
    name = str(((tree.get("crs") or {}).get("properties") or {}).get("name", "EPSG::4326"))
    return 4326 if name.endswith("CRS84") else int(digits) if (digits := name.rsplit(":", 1)[-1]).isdigit() else 0


def _part(rings: list[Any], matrix: np.ndarray, theirs: int, code: int) -> Part:
    back = np.linalg.inv(matrix)
    made = []
    for ring in rings:
        points = np.array([point[:2] for point in ring], np.float64)
        if code and theirs and theirs != code:
            warp = extra("rasterio.warp", "geo")
            x, y = warp.transform(f"EPSG:{theirs}", f"EPSG:{code}", points[:, 0].tolist(), points[:, 1].tolist())
            points = np.stack([x, y], axis=1)
        points = points @ back[:2, :2].T + back[:2, 2]
        points = np.where(abs(points - np.round(points)) < 1e-4, np.round(points), points)
        made.append(points[:-1] if len(points) > 3 and (points[0] == points[-1]).all() else points)
    if not made or len(made[0]) < 3:
        raise DataError("a polygon of fewer than three points")
    return tuple(made)


def _closed(ring: np.ndarray) -> list[list[float]]:
    return [*ring.tolist(), ring[0].tolist()]
