"""Files as annotation tools write them, by hand: one square, one hole, one blob, in every tool's words."""

import base64
import io
import json
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from intarsia.annotations.convert import read
from intarsia.annotations.labelstudio_brush import encode
from intarsia.annotations.project import Project
from intarsia.errors import DataError

H, W = 20, 30
SQUARE = [[2, 2], [12, 2], [12, 12], [2, 12]]  # 100 pixels
HOLE = [[4, 4], [8, 4], [8, 8], [4, 8]]  # 16 of them
FLAT = [value for point in SQUARE for value in point]
POINTS = [{"x": x, "y": y} for x, y in SQUARE]
BLOB = np.zeros((H, W), bool)
BLOB[3:7, 4:9] = True  # 20 pixels
PHOTO = object()


def png(array: np.ndarray) -> str:
    file = io.BytesIO()
    Image.fromarray(array).save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


def laid(folder: Path, files: dict[str, Any]) -> Path:
    """Files in a folder: PHOTO is an image of 30x20, an array a PNG, text and bytes as they are, all else JSON."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if content is PHOTO:
            Image.new("RGB", (W, H)).save(path)
        elif isinstance(content, np.ndarray):
            Image.fromarray(content).save(path, "PNG")
        elif isinstance(content, bytes):
            path.write_bytes(content)
        else:
            path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return folder


def sound(root: Path) -> Project:
    """An export of which every annotation can be used.

    Raises: DataError with the first that cannot.
    """
    project = read(root)
    if project.faults:
        raise DataError(str(project.faults[0]))
    return project


def shape(kind: str, points: Any, label: str = "cat", **more: Any) -> dict[str, Any]:
    return {"label": label, "points": points, "group_id": None, "shape_type": kind, "flags": {}, **more}


def labelme(*shapes: Any, **more: Any) -> dict[str, Any]:
    told = {"imagePath": "a.jpg", "imageData": None, "imageHeight": H, "imageWidth": W}
    return {"version": "5.2.1", "flags": {}, "shapes": list(shapes), **told, **more}


CVAT = (
    "<annotations><version>1.1</version><meta><task><labels><label><name>cat</name><color>#ff0000</color></label>"
    "<label><name>dog</name></label></labels></task></meta>%s</annotations>"
)


def cvat(inner: str, name: str = "a.jpg", more: str = "") -> str:
    return f'<image id="0" name="{name}" width="{W}" height="{H}" {more}>{inner}</image>'


def coco(*annotations: dict[str, Any], **more: Any) -> dict[str, Any]:
    images = [{"id": 7, "file_name": "a.jpg", "height": H, "width": W}]
    rows = [
        {"id": n, "image_id": 7, "category_id": 3, "segmentation": [FLAT], "bbox": [2, 2, 10, 10], "iscrowd": 0, **row}
        for n, row in enumerate(annotations)
    ]
    return {
        "images": images,
        "annotations": rows,
        "categories": [{"id": 3, "name": "cat"}, {"id": 90, "name": "dog"}],
        **more,
    }


def sly(*objects: dict[str, Any]) -> dict[str, Any]:
    return {"description": "", "tags": [], "size": {"height": H, "width": W}, "objects": list(objects)}


META = {
    "classes": [{"title": "cat", "shape": "bitmap", "color": "#FF0000"}, {"title": "dog", "color": "#00FF00"}],
    "tags": [],
}
ALPHA = np.zeros((4, 5, 4), np.uint8)
ALPHA[1:3] = 255
STAMP = {"data": base64.b64encode(zlib.compress(base64.b64decode(png(ALPHA)))).decode(), "origin": [3, 4]}
SLY_POLYGON = {"classTitle": "dog", "geometryType": "polygon", "points": {"exterior": SQUARE, "interior": [HOLE]}}


def row(**more: Any) -> dict[str, Any]:
    objects = [
        {"value": "cat", "color": "#ff0000", "polygon": POINTS, "instanceURI": "https://api/x"},
        {"value": "dog", "bbox": {"top": 15, "left": 20, "height": 4, "width": 5}},
        {"value": "p", "point": {"x": 1, "y": 1}},
        {"value": "sky", "instanceURI": "https://api.labelbox.com/masks/sky.png?token=a"},
    ]
    return {"ID": "1", "DataRow ID": "d1", "Labeled Data": "https://x/a.jpg?q=1", "External ID": "a.jpg", "Label": {"objects": objects}, **more}  # fmt: skip


SKY = np.zeros((H, W), np.uint8)
SKY[0, :] = 255
V2 = {
    "data_row": {"id": "d1", "external_id": "a.jpg"},
    "media_attributes": {"height": H, "width": W},
    "projects": {"p": {"labels": [
        {"annotations": {"objects": [
            {"name": "cat", "polygon": POINTS},
            {"name": "sky", "mask": {"url": "https://api/masks/9/index/1"},
             "composite_mask": {"url": "https://h/sky.png", "color_rgb": [255, 255, 255]}}]}},
        {"annotations": {"objects": []}}]}},
}  # fmt: skip


def result(kind: str, value: dict[str, Any]) -> dict[str, Any]:
    return {"id": kind, "type": kind, "value": value, "original_width": W, "original_height": H, "image_rotation": 0}


POLYGON = result("polygonlabels", {"points": [[10, 10], [50, 10], [50, 60], [10, 60]], "polygonlabels": ["cat"]})
BRUSH = result("brushlabels", {"format": "rle", "rle": encode(BLOB), "brushlabels": ["dog"]})


def task(*results: Any, **more: Any) -> dict[str, Any]:
    annotations = [{"was_cancelled": False, "result": list(results)}]
    return {"id": 1, "data": {"text": "7", "image": "/data/upload/1/x-a.jpg"}, "annotations": annotations, **more}


def via(**about: Any) -> dict[str, Any]:
    return {"shape_attributes": about, "region_attributes": {"class": "bug"}}


VIA_SQUARE = via(name="polygon", all_points_x=FLAT[::2], all_points_y=FLAT[1::2])
VIA_CSV = (
    "filename,file_size,file_attributes,region_count,region_id,region_shape_attributes,region_attributes\n"
    'a.jpg,5,"{}",1,0,"{""name"":""rect"",""x"":2,""y"":2,""width"":10,""height"":10}","{""class"":""bug""}"\n'
    'b.jpg,5,"{}",0,0,"{}","{}"\n'
)
VIA3 = {
    "project": {}, "config": {},
    "attribute": {"1": {"aname": "kind", "options": {"0": "cat", "1": "dog"}}},
    "file": {"1": {"fid": "1", "fname": "a.jpg", "src": ""}},
    "view": {"1": {"fid_list": ["1"]}},
    "metadata": {
        "p": {"vid": "1", "z": [], "xy": [7, *FLAT], "av": {"1": "1"}},
        "r": {"vid": "1", "z": [], "xy": [2, 20, 2, 5, 5], "av": {"1": "0"}},
        "o": {"vid": "1", "z": [], "xy": [1, 5, 5], "av": {}},
    },
}  # fmt: skip

SA = [
    {"type": "polygon", "classId": 1, "className": "cat", "points": FLAT, "exclude": [[v for p in HOLE for v in p]]},
    {"type": "bbox", "classId": 2, "className": "dog", "points": {"x1": 20, "x2": 25, "y1": 5, "y2": 9}},
    {"type": "point", "x": 1, "y": 1, "className": "p"},
]
SA_CLASSES = [{"id": 1, "name": "cat", "color": "#ff0000"}, {"id": 2, "name": "dog", "color": "#00ff00"}]

SCALE = [{"label": "cat", "type": "polygon", "vertices": POINTS}, {"label": "l", "type": "line", "vertices": POINTS}]
YOLO = "0 0.1 0.1 0.5 0.1 0.5 0.6 0.1 0.6\n"  # 120 pixels

VOC = f"<size><width>{W}</width><height>{H}</height></size>"
VOC_BOX = "<object><name>dog</name><bndbox><xmin>21</xmin><ymin>3</ymin><xmax>24</xmax><ymax>6</ymax></bndbox></object>"
VOC_RING = "".join(f"<x{n}>{x}</x{n}><y{n}>{y}</y{n}>" for n, (x, y) in enumerate(SQUARE, 1))
VOC_POLYGON = f"<object><name>cat</name><polygon>{VOC_RING}</polygon></object>"
VOC_PAINTED = f"{VOC_BOX[: VOC_BOX.index('<bnd')]}<pixels>iVBOR</pixels></object>"
WEB = "".join(f"<pt><x>{x}</x><y>{y}</y></pt>" for x, y in SQUARE)


def features(*geometries: Any, **more: Any) -> dict[str, Any]:
    rows = [{"type": "Feature", "properties": {"class": "house"}, "geometry": g} for g in geometries]
    return {"type": "FeatureCollection", "features": rows, **more}


LAND = {"type": "Polygon", "coordinates": [[[100, 200], [110, 200], [110, 190], [100, 190], [100, 200]]]}

A = {"a.jpg": PHOTO}
