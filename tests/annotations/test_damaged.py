"""What is damaged or of another kind is refused in one sentence that says where, by whatever tool it was written."""

import json
import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from written import (
    CVAT,
    FLAT,
    META,
    PHOTO,
    POLYGON,
    SA,
    SA_CLASSES,
    SLY_POLYGON,
    SQUARE,
    VIA3,
    VIA_SQUARE,
    VOC,
    VOC_POLYGON,
    YOLO,
    A,
    H,
    W,
    coco,
    cvat,
    features,
    labelme,
    laid,
    result,
    row,
    shape,
    sly,
    task,
)

from intarsia.annotations.catalogue import TOOLS
from intarsia.annotations.convert import convert, read
from intarsia.annotations.project import Picture, Project, Region
from intarsia.annotations.regions import outline
from intarsia.errors import DataError

NAN = float("nan")
SPIKE = [[1, 1], [NAN, 3], [4, 4]]
DATA = {"data.yaml": "train: images\nnames: [cat]\n", "images/a.jpg": PHOTO}
THREE = "a polygon of 2 points; it needs three, so draw or remove it"
LOST = "a polygon with a point that is no number, or endlessly far away; draw it again"


def brush(numbers: list[int]) -> dict[str, Any]:
    return task(result("brushlabels", {"format": "rle", "rle": numbers, "brushlabels": ["dog"]}))


def xml(inner: str) -> dict[str, Any]:
    return {"annotations.xml": CVAT % cvat(inner)}


def via(**region: Any) -> dict[str, Any]:
    return {**A, "x.json": {"a": {"filename": "a.jpg", "regions": [region]}}}


CASES: dict[str, tuple[dict[str, Any], str]] = {
    "labelme, two points": ({"a.json": labelme(shape("polygon", SQUARE[:2]))}, f"a.json: a, shape 0: {THREE}"),
    "labelme, no number": ({"a.json": labelme(shape("polygon", SPIKE))}, f"a.json: a, shape 0: {LOST}"),
    "labelme, words": ({"a.json": labelme(shape("polygon", [["a", 1], [2, 3], [4, 5]]))}, "a.json: a, shape 0: is not as LabelMe writes it"),
    "labelme, a text as a shape": ({"a.json": labelme("x")}, "a.json: a, shape 0: is not as LabelMe writes it"),
    "labelme, an unknown shape": ({"a.json": labelme(shape("polygone", SQUARE))}, "shape 0: a polygone of 4 points cannot be drawn; did you mean 'polygon'"),
    "labelme, the second file": ({"a.json": labelme(), "b.json": "{"}, "b.json: b: no JSON that can be read"),
    "labelme, a code page": ({"a.json": json.dumps(labelme(shape("polygon", SQUARE, "дорога")), ensure_ascii=False).encode("cp1251")}, "a.json: is not in UTF-8; save it as UTF-8"),
    "labelme, no image inside": ({"a.json": labelme(imageData="eHh4")}, "a.json: a: its imageData is no image in base64"),
    "cvat, run lengths": (xml('<mask label="cat" rle="1, 2" left="0" top="0" width="3" height="2"/>'), "a.jpg, shape 1 (mask 'cat'): run lengths add up to 3 pixels, but the picture has 3x2 = 6"),
    "cvat, a word as a length": (xml('<mask label="cat" rle="1, x" left="0" top="0" width="3" height="2"/>'), "a.jpg, shape 1 (mask 'cat'): is not as CVAT writes it"),
    "cvat, two points": (xml('<polygon label="cat" points="1,1;2,2"/>'), f"a.jpg, shape 1 (polygon 'cat'): {THREE}"),
    "cvat, no number": (xml('<polygon label="cat" points="1,1;nan,2;3,3"/>'), f"a.jpg, shape 1 (polygon 'cat'): {LOST}"),
    "cvat, an unknown shape": (xml('<polygom label="cat" points="1,1"/>'), "a.jpg, shape 1 (polygom 'cat'): a 'polygom' is no shape of CVAT for images 1.1; did you mean 'polygon'?"),
    "cvat, a video": ({"annotations.xml": CVAT % '<track id="0" label="cat"/>'}, "holds tracks of a video, which are not read; export it as CVAT for images 1.1"),
    "cvat, no size": ({"annotations.xml": CVAT % '<image name="a.jpg"/>'}, "a.jpg: misses 'height', which CVAT writes"),
    "cvat, no images": ({"annotations.xml": CVAT % ""}, "the export of CVAT for images 1.1 holds no pictures"),
    "cvat, two files": ({"a.xml": CVAT % "", "b.xml": CVAT % ""}, "holds 2 files of CVAT for images (XML) (a.xml, b.xml); name one of them"),
    "coco, run lengths": ({"x.json": coco({"segmentation": {"size": [H, W], "counts": [40, 10]}})}, "annotation 0: run lengths add up to 50 pixels"),
    "coco, run lengths of another size": ({"x.json": coco({"segmentation": {"size": [W, H], "counts": [600]}})}, "annotation 0: run lengths of size [30, 20] for an image of [20, 30]"),
    "coco, no categories": ({"x.json": {"images": [], "annotations": []}}, "x.json: is no COCO file of instances: it has no list of categories; export it again"),
    "coco, an unknown image": ({"x.json": coco({"image_id": 99})}, "annotation 0: belongs to image 99, which is not listed"),
    "coco, an unknown category": ({"x.json": coco({"category_id": 4})}, "annotation 0: has category 4, which is not listed"),
    "coco, an image twice": ({"x.json": coco(images=coco()["images"] * 2)}, "two images have the id 7; give each its own"),
    "coco, a category of two names": ({"x.json": coco(categories=[{"id": 3, "name": "cat"}, {"id": 3, "name": "dog"}])}, "category 3 is both 'cat' and 'dog'"),
    "coco, odd numbers": ({"x.json": coco({"segmentation": [[1, 2, 3, 4, 5, 6, 7]]})}, "annotation 0: a polygon of 7 numbers; it needs x and y of each point"),
    "coco, far away": ({"x.json": coco({"segmentation": [[1, 2, 1e300, 4, 5, 6]]})}, f"annotation 0: {LOST}"),
    "coco, a text as an annotation": ({"x.json": {**coco(), "annotations": ["x"]}}, "x.json: annotation 0: is not as COCO writes it"),
    "coco, an image without a name": ({"x.json": coco(images=[{"id": 7, "height": 1, "width": 2}])}, "image 7: misses 'file_name', which COCO writes"),
    "coco, panoptic": ({"x.json": {**coco(), "annotations": [{"image_id": 7, "segments_info": []}]}}, "is a panoptic file of COCO"),
    "supervisely, truncated": ({"meta.json": META, "d/ann/a.jpg.json": '{"size"'}, "a.jpg.json: a: no JSON that can be read"),
    "supervisely, no objects": ({"meta.json": META, "d/ann/a.jpg.json": {"size": {"height": H, "width": W}}}, "a.jpg.json: a: misses 'objects', which Supervisely writes"),
    "supervisely, a bitmap": ({"meta.json": META, "d/ann/a.jpg.json": sly({"classTitle": "cat", "geometryType": "bitmap", "bitmap": {"data": "xx", "origin": [0, 0]}})}, "its mask is no deflated PNG in base64"),
    "supervisely, an unknown shape": ({"meta.json": META, "d/ann/a.jpg.json": sly({**SLY_POLYGON, "geometryType": "polygom"})}, "no shape of Supervisely that has an area; did you mean 'polygon'"),
    "labelbox, a video": ({"x.json": [row(Label=[{"frameNumber": 1}])]}, "row 1: frames of a video are not read; export images"),
    "labelbox, no size": ({"x.json": [row()]}, "a.jpg: its size is not told; put the image beside the export"),
    "labelbox, a line": ({"x.ndjson": json.dumps(row()) + "\n{"}, "x.ndjson: line 2: no JSON that can be read"),
    "labelbox, a mask of another size": ({**A, "sky.png": np.zeros((5, 5), np.uint8), "x.json": [row()]}, "a mask of 5x5 pixels for an image of 30x20; export them in one size"),
    "label studio, run lengths": ({"x.json": [brush([0, 0, 9, 96, 3])]}, "task 1, result brushlabels: brush run lengths end too early"),
    "label studio, a turned image": ({"x.json": [task({**POLYGON, "image_rotation": 90})]}, "result polygonlabels: its image was turned by 90 degrees"),
    "label studio, no number": ({"x.json": [task(result("polygonlabels", {"points": SPIKE, "polygonlabels": ["cat"]}))]}, LOST),
    "via, no image": ({"x.json": {"a": {"filename": "a.jpg", "regions": [VIA_SQUARE]}}}, "a.jpg: is not beside the file; VIA keeps no sizes"),
    "via, x and y": (via(shape_attributes={"name": "polygon", "all_points_x": [1, 2, 3], "all_points_y": [1, 2]}), "a.jpg, region 0: 3 x for 2 y"),
    "via, an unknown shape": (via(shape_attributes={"name": "polygn"}), "a.jpg, region 0: a shape 'polygn' that cannot be drawn; did you mean 'polygon'"),
    "via, no shape": (via(region_attributes={}), "a.jpg, region 0: misses 'shape_attributes', which VIA writes"),
    "via 3, a video": ({**A, "x.json": {**VIA3, "metadata": {"k": {"vid": "1", "z": [1.2], "xy": []}}}}, "region k: belongs to a time of a video"),
    "superannotate, the second file": ({"classes/classes.json": SA_CLASSES, "a.jpg.json": {"metadata": {}, "instances": []}, "b.jpg.json": "{"}, "b.jpg.json: no JSON that can be read"),
    "superannotate, an unknown class": ({**A, "classes/classes.json": [], "a.jpg___objects.json": [{"type": "polygon", "classId": 9, "points": FLAT}]}, "instance 0: has class 9, which classes/classes.json does not list"),
    "superannotate, an unknown type": ({"a.jpg.json": {"metadata": {"width": W, "height": H}, "instances": [{**SA[0], "type": "polygn"}]}}, "did you mean 'polygon'"),
    "scale, no image": ({"x.json": [{"task_id": "t", "params": {"attachment": "a.jpg"}, "response": {"annotations": []}}]}, "task t: its image 'a.jpg' is not beside the file; put it there"),
    "yolo, an unknown class": ({**DATA, "labels/a.txt": "7" + YOLO[1:]}, "a.txt: a, line 1: there is no class 7"),
    "yolo, half a class": ({**DATA, "labels/a.txt": "0.5" + YOLO[1:]}, "a.txt: a, line 1: there is no class 0.5"),
    "yolo, five numbers": ({**DATA, "labels/a.txt": "0 0.1 0.1 0.2 0.2 0.9\n"}, "a.txt: a, line 1: 5 numbers; a polygon has x and y of three points or more"),
    "yolo, no number": ({**DATA, "labels/a.txt": "0 0.1 nan 0.2 0.2 0.3 0.3\n"}, f"a.txt: a, line 1: {LOST}"),
    "yolo, a text without an image": ({**DATA, "labels/b.txt": YOLO}, "b.txt: there is no image of that name; put it where data.yaml says, or remove the text"),
    "yolo, a list of what is not there": ({**DATA, "data.yaml": "train: t.txt\nnames: [cat]\n", "t.txt": "images/b.jpg"}, "t.txt: lists images/b.jpg, which is not there"),
    "voc, no size": ({"a.xml": f"<annotation><filename>a.jpg</filename>{VOC_POLYGON}</annotation>"}, "a.xml: a: says nothing of the image's size"),
    "voc, no polygon": ({"a.xml": f"<annotation>{VOC}<object><name>cat</name></object></annotation>"}, "object 1: 'cat' has neither a polygon nor a box"),
    "voc, half a point": ({"a.xml": f"<annotation>{VOC}{VOC_POLYGON.replace('<y2>2</y2>', '')}</annotation>"}, "object 1: its polygon misses 'y2'"),
    "geojson, no features": ({"a.tif": PHOTO, "a.geojson": {"type": "FeatureCollection"}}, "a.geojson: a: no FeatureCollection of GeoJSON"),
    "geojson, a system without a number": ({"a.tif": PHOTO, "a.geojson": features(crs={"properties": {"name": "EPSG:LAMBERT"}})}, "its reference system 'EPSG:LAMBERT' is none of EPSG's"),
    "geojson, two points": ({"a.tif": PHOTO, "a.geojson": features({"type": "Polygon", "coordinates": [SQUARE[:2]]})}, f"feature 0: {THREE}"),
    "geojson, half a world file": ({"a.tif": PHOTO, "a.tfw": "0.5\n0\n", "a.geojson": features()}, "a.tfw: a world file has six numbers"),
    "something else": ({"keep": ""}, "is no export of a known annotation tool"),
}  # fmt: skip


def told(root: Path) -> list[str]:
    """What is said of an export: a line for each annotation that cannot be used, or why nothing of it can be read."""
    try:
        return [str(fault) for fault in read(root).faults]
    except DataError as error:
        return [str(error)]


@pytest.mark.parametrize("case", CASES)
def test_one_sentence_that_says_where(case: str, tmp_path: Path) -> None:
    files, sentence = CASES[case]
    said = told(laid(tmp_path / "in", files))
    assert [line for line in said if sentence in line], said
    assert "\n" not in "".join(said)


@pytest.mark.parametrize("tool", [name for name, entry in TOOLS.items() if entry.write])
def test_a_file_cut_at_any_place_is_refused_or_read(tool: str, tmp_path: Path) -> None:
    """Cut anywhere: a sentence, or fewer regions; never another error."""
    mask = np.zeros((H, W), bool)
    mask[2:9, 3:12] = True
    mask[4:6, 5:8] = False
    Image.new("RGB", (W, H)).save(tmp_path / "a.png")
    regions = (Region("cat", outline(mask)), Region("dog", outline(~mask)))
    convert(Project(("cat", "dog"), (Picture("a", tmp_path / "a.png", H, W, regions),), "test"), tool, tmp_path / "out")
    texts = [
        p
        for p in (tmp_path / "out").rglob("*")
        if p.suffix in (".json", ".ndjson", ".xml", ".yaml", ".txt", ".geojson")
    ]
    assert texts
    refused = 0
    for path in texts:
        content = path.read_bytes()
        for part in range(8):
            path.write_bytes(content[: len(content) * part // 8])
            try:
                read(tmp_path / "out", tool)
            except DataError:
                refused += 1
        path.write_bytes(content)
    assert refused
    read(tmp_path / "out", tool)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ({}, "x.zip: the archive is empty; export it again"),
        ({"a.txt": "x"}, "x.zip: is no export of a known annotation tool"),
        ({"t/annotations.xml": CVAT[:100]}, "x.zip/t/annotations.xml: no XML that can be read"),
        ({"../../evil.json": "{}"}, "x.zip: '../../evil.json' would lie outside"),
    ],
    ids=["empty", "of something else", "cut", "leading outside"],
)
def test_archives(content: dict[str, str], sentence: str, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        for name, text in content.items():
            archive.writestr(name, text)
    with pytest.raises(DataError, match=re.escape(sentence)):
        read(tmp_path / "x.zip")
    assert [path.name for path in tmp_path.iterdir()] == ["x.zip"]


def test_no_archive_at_all(tmp_path: Path) -> None:
    (tmp_path / "x.zip").write_text("hello")
    with pytest.raises(DataError, match="neither a zip nor a tar archive"):
        read(tmp_path / "x.zip")


def test_the_command_line_says_it_and_ends_with_two(
    run_cli: Callable[..., tuple[int, str, str]], tmp_path: Path
) -> None:
    laid(tmp_path / "in", CASES["coco, an image twice"][0])
    code, _, err = run_cli("data", "convert", tmp_path / "in", "--to", "coco", "--out", tmp_path / "out")
    assert code == 2 and "Traceback" not in err and "two images have the id 7" in " ".join(err.split())
    assert not (tmp_path / "out").exists()
