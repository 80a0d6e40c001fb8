"""Projects of VIA 3, in the form of VIA 2.

Abhishek Dutta, Andrew Zisserman. "The VIA Annotation Software for Images, Audio and Video." ACM Multimedia 2019.
arXiv:1904.10699. A region is `xy`: the number of its shape and then its numbers; `av` gives its attributes by their ids,
and options by theirs.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..errors import DataError
from .faults import Fault, recording

_POINT, _RECT, _CIRCLE, _ELLIPSE, _LINE, _POLYLINE, _POLYGON, _EXTREME_RECT, _EXTREME_CIRCLE = range(1, 10)


def ours(tree: Any) -> bool:
    """Whether this is a project of VIA 3."""
    return isinstance(tree, dict) and {"attribute", "file", "view", "metadata"} <= tree.keys()


def options(tree: dict[str, Any]) -> dict[str, list[str]]:
    """The options of each attribute, by its name."""
    return {str(a["aname"]): [str(o) for o in (a.get("options") or {}).values()] for a in tree["attribute"].values()}


def images(tree: dict[str, Any], path: Path, loose: list[Fault]) -> dict[str, Any]:
    """The project's images and their regions as VIA 2 has them; regions of a video, and such as belong to no image, go to `loose`.

    Raises: DataError for a view of several files.
    """
    made: dict[str, Any] = {}
    for number, view in tree["view"].items():
        if len(view["fid_list"]) != 1:
            raise DataError(
                f"{path}: view {number} of VIA 3 shows {len(view['fid_list'])} files; views of one image are read"
            )
        file = tree["file"][str(view["fid_list"][0])]
        source = str(file.get("src") or "")
        plain = source and "://" not in source and not source.startswith(("data:", "blob:"))
        made[number] = {"filename": source if plain else file["fname"], "regions": []}
    for key, region in tree["metadata"].items():
        with recording(loose, path, "", f"region {key}", "VIA"):
            if region.get("z"):
                raise DataError("belongs to a time of a video, which is not read; export images")
            if region.get("xy"):
                words = {}
                for number, value in (region.get("av") or {}).items():
                    attribute = tree["attribute"][str(number)]
                    words[str(attribute["aname"])] = (attribute.get("options") or {}).get(str(value), value)
                shape = _shape(region["xy"])
                made[str(region["vid"])]["regions"].append({"shape_attributes": shape, "region_attributes": words})
    return made


def _shape(xy: list[Any]) -> dict[str, Any]:
    kind, numbers = int(xy[0]), [float(value) for value in xy[1:]]
    if kind in (_POINT, _LINE, _POLYLINE):
        return {"name": "polyline"}
    if kind in (_RECT, _EXTREME_RECT):
        return {"name": "rect", **dict(zip(("x", "y", "width", "height"), numbers, strict=False))}
    if kind in (_CIRCLE, _EXTREME_CIRCLE):
        return {"name": "circle", **dict(zip(("cx", "cy", "r"), numbers, strict=False))}
    if kind == _ELLIPSE:
        return {"name": "ellipse", **dict(zip(("cx", "cy", "rx", "ry"), numbers, strict=False))}
    if kind == _POLYGON:
        return {"name": "polygon", "all_points_x": numbers[::2], "all_points_y": numbers[1::2]}
    raise DataError(f"has shape {kind}, which is none of the nine of VIA 3")
