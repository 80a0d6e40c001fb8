"""Files as the tools write them, in the variants that users meet: read right, and what is left out is told."""

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from written import (
    BLOB,
    BRUSH,
    CVAT,
    FLAT,
    HOLE,
    LAND,
    META,
    PHOTO,
    POINTS,
    POLYGON,
    SA,
    SA_CLASSES,
    SCALE,
    SKY,
    SLY_POLYGON,
    SQUARE,
    STAMP,
    V2,
    VIA3,
    VIA_CSV,
    VIA_SQUARE,
    VOC,
    VOC_BOX,
    VOC_PAINTED,
    VOC_POLYGON,
    WEB,
    YOLO,
    A,
    H,
    W,
    coco,
    cvat,
    features,
    labelme,
    laid,
    png,
    result,
    row,
    shape,
    sly,
    task,
    via,
)

from intarsia.annotations.convert import read
from intarsia.annotations.project import Project, draw, draw_objects
from intarsia.annotations.regions import fill
from intarsia.annotations.remarks import said


def counts(project: Project) -> dict[str, dict[str, int]]:
    """Pixels of each class, by picture."""
    drawn = {picture.name: draw(picture, project.classes) for picture in project}
    return {
        name: {label: int((d == n).sum()) for n, label in enumerate(project.classes, 1) if (d == n).any()}
        for name, d in drawn.items()
    }


Case = tuple[dict[str, Any], dict[str, dict[str, int]], tuple[str, ...]]
BOX = "1 object without a polygon, drawn as rectangles"
THIN = "1 shape left out: points and lines have no area"
CASES: dict[str, Case] = {
    "labelme 3 without a size, the image inside": (
        {"a.json": {"version": "3.6.10", "shapes": [{"label": "cat", "points": SQUARE}], "imagePath": "a.png", "imageData": png(np.zeros((H, W, 3), np.uint8))}},
        {"a": {"cat": 100}}, ()),
    "labelme shapes": (
        {**A, "a.json": labelme(shape("polygon", SQUARE), shape("rectangle", [[24, 9], [20, 6]], "dog"), shape("point", [[1, 1]]),
                                shape("mask", [[25, 12], [27, 14]], "m", mask=png(np.ones((3, 3), bool))))},
        {"a": {"cat": 100, "dog": 12, "m": 9}}, (THIN,)),
    "labelme imagePath with backslashes": ({**A, "a.json": labelme(shape("polygon", SQUARE), imagePath="..\\x\\a.jpg")}, {"a": {"cat": 100}}, ()),
    "labelme with an image nobody opened and another JSON": (
        {**A, "b.jpg": PHOTO, "a.json": labelme(shape("polygon", SQUARE)), "z.json": {"x": 1}}, {"a": {"cat": 100}},
        ("1 image without a JSON file left out: nothing was drawn on them", "1 JSON file passed over, not of LabelMe: z.json")),
    "cvat": (
        {"images/a.jpg": PHOTO, "annotations.xml": CVAT % cvat(
            '<tag label="day"/><polygon label="cat" points="2,2;12,2;12,12;2,12" z_order="1"/>'
            '<box label="dog" xtl="0" ytl="0" xbr="10" ybr="5" z_order="0" occluded="1"/>'
            '<mask label="dog" rle="1, 2, 3" left="20" top="2" width="3" height="2"/><points label="cat" points="1,1"/>')},
        {"a": {"cat": 100, "dog": 50 - 24 + 2}}, ("2 shapes left out: points, lines and tags have no area",)),
    "cvat subsets": (
        {"images/Train/a.jpg": PHOTO, "images/Val/a.jpg": PHOTO,
         "annotations.xml": CVAT % (cvat('<polygon label="cat" points="2,2;12,2;12,12;2,12"/>', more='subset="Train"') + cvat("", more='subset="Val"'))},
        {"Train/a": {"cat": 100}, "Val/a": {}}, ()),
    "coco crowd, run lengths and a flat list": (
        {**A, "x.json": coco({"segmentation": {"size": [H, W], "counts": [40, 10, 550]}, "iscrowd": 1}, {"segmentation": FLAT, "category_id": 90})},
        {"a": {"cat": 2, "dog": 100}}, ()),
    "coco, boxes alone": (
        {**A, "x.json": {**coco(), "annotations": [*coco({})["annotations"], {"id": 1, "image_id": 7, "category_id": 3, "bbox": [2, 2, 10, 10]}]}},
        {"a": {"cat": 100}}, ("1 annotation without a segmentation, boxes alone, left out",)),
    "coco, a file of boxes alone": (
        {**A, "x.json": {**coco(), "annotations": [{"id": 1, "image_id": 7, "category_id": 3, "bbox": [2, 2, 10, 10], "segmentation": []}]}},
        {"a": {"cat": 100}}, ("1 annotation without a segmentation, in a file of boxes alone, drawn as rectangles",)),
    "coco of VIA, ids as text": ({**A, "x.json": coco({"image_id": "7"})}, {"a": {"cat": 100}}, ()),
    "coco of Roboflow, a name twice": (
        {**A, "x.json": coco({}, categories=[{"id": 0, "name": "cat"}, {"id": 3, "name": "cat"}])},
        {"a": {"cat": 100}}, ("1 category of a name that another has; one name is one class",)),
    "supervisely, several data sets, masks beside": (
        {"meta.json": META, "one/img/a.png": PHOTO, "one/masks_machine/a.png": PHOTO, "one/ann/a.png.json": sly({"classTitle": "cat", "geometryType": "bitmap", "bitmap": STAMP}),
         "one/datasets/two/img/a.png": PHOTO, "one/datasets/two/ann/a.png.json": sly(SLY_POLYGON, {"geometryType": "line"})},
        {"one/a": {"cat": 10}, "one/two/a": {"dog": 84}}, ("1 object left out: points and lines have no area",)),
    "labelbox 1": ({**A, "sky.png": SKY, "x.json": [row()]}, {"a": {"cat": 100, "dog": 20, "sky": 30}}, ("1 object left out: points, lines and texts have no area",)),
    "labelbox 1, labeled twice, masks elsewhere": (
        {**A, "x.json": [row(), row()]}, {"a": {"cat": 100, "dog": 20}},
        ("1 object left out: points, lines and texts have no area", "1 mask left out: they stand there as addresses; download them beside the export",
         "1 further label left out: of images that were labeled more than once the first counts")),
    "labelbox before 2020": ({**A, "x.json": [row(Label={"cat": [{"geometry": POINTS}]})]}, {"a": {"cat": 100}}, ()),
    "labelbox skipped": ({**A, "x.json": [row(Label="Skip")]}, {"a": {}}, ("1 row left out: skipped by its annotator",)),
    "labelbox 2": (
        {"sky.png": SKY, "x.ndjson": json.dumps(V2) + "\n\n" + json.dumps({**V2, "data_row": {"id": "d2", "external_id": "b.jpg"}})},
        {name: {"cat": 100, "sky": 30} for name in "ab"}, ("2 further labels left out: of images that were labeled more than once the first counts",)),
    "label studio": (
        {"x-a.jpg": PHOTO, "x.json": [task(POLYGON, BRUSH, result("choices", {"choices": ["x"]}))]},
        {"x-a": {"cat": 120 - 20, "dog": 20}}, ("1 result left out: choices, key points and texts have no area",)),
    "label studio, several annotators": (
        {"x-a.jpg": PHOTO, "x.json": [task(predictions=[{"result": [BRUSH]}], annotations=[{"was_cancelled": True, "result": [BRUSH]}, {"result": [POLYGON]}, {"result": [BRUSH]}])]},
        {"x-a": {"cat": 120}},
        ("1 further annotation left out: of tasks that were annotated more than once the first counts",
         "1 cancelled annotation left out: its annotator gave it up", "1 prediction left out: what annotators made counts alone")),
    "label studio, the short form": (
        {"x-a.jpg": PHOTO, "x.json": [{"image": "/data/upload/1/x-a.jpg", "id": 1, "annotator": 1, "label": [
            {"x": 10, "y": 10, "width": 10, "height": 10, "rotation": 0, "rectanglelabels": ["dog"], "original_width": W, "original_height": H}]}]},
        {"x-a": {"dog": 6}}, ()),
    "label studio, a bitmask, labels apart, a folder that is served": (
        {"my dir/a 1.jpg": PHOTO, "x.json": [task(
            result("bitmasklabels", {"imageDataURL": "data:image/png;base64," + png(np.dstack([np.full((H, W, 3), 255, np.uint8), BLOB * np.uint8(255)])), "bitmasklabels": ["dog"]}),
            {**result("rectangle", {"x": 50, "y": 50, "width": 20, "height": 20}), "id": "r"}, {"id": "r", "type": "labels", "value": {"labels": ["fish"]}},
            data={"image": "/data/local-files/?d=my%20dir/a%201.jpg"})]},
        {"my dir/a 1": {"dog": 20, "fish": 24}}, ()),
    "via 1": ({**A, "x.json": {"a.jpg5": {"filename": "a.jpg", "size": 5, "regions": {"0": VIA_SQUARE, "1": via(name="point", cx=1, cy=1)}}}}, {"a": {"bug": 100}}, (THIN,)),
    "via 2, a project": (
        {**A, "x.json": {"_via_settings": {}, "_via_img_metadata": {"a": {"filename": "a.jpg", "regions": [VIA_SQUARE]}}, "_via_attributes": {"region": {"class": {"options": {"bee": "", "bug": ""}}}}}},
        {"a": {"bug": 100}}, ()),
    "via 2, several classes": (
        {**A, "x.json": {"a": {"filename": "a.jpg", "regions": [{**VIA_SQUARE, "region_attributes": {"kind": {"bug": True, "bee": True}}}]}}},
        {"a": {"bug": 100}}, ("1 region of several classes, of which the first counts",)),
    "via, a table": ({**A, "b.jpg": PHOTO, "x.csv": VIA_CSV}, {"a": {"bug": 100}, "b": {}}, ()),
    "via 3": ({**A, "x.json": VIA3}, {"a": {"cat": 25, "dog": 100}}, (THIN,)),
    "superannotate": (
        {**A, "classes/classes.json": SA_CLASSES, "a.jpg.json": {"metadata": {"name": "a.jpg", "width": W, "height": H}, "instances": SA}},
        {"a": {"cat": 84, "dog": 20}}, ("1 instance left out: points and lines have no area",)),
    "superannotate, the old list": (
        {**A, "classes/classes.json": SA_CLASSES, "a.jpg___objects.json": [{k: v for k, v in one.items() if k != "className"} for one in SA[:2]]},
        {"a": {"cat": 84, "dog": 20}}, ()),
    "scale": (
        {**A, "x.json": [{"task_id": "t", "params": {"attachment": "https://s3/x/a.jpg?sig=1"}, "response": {"annotations": SCALE}}, {"task_id": "u", "params": {}}]},
        {"a": {"cat": 100}}, ("1 annotation left out: points and lines have no area", "1 task without a response left out: not done yet")),
    "yolo, boxes among polygons": (
        {"data.yaml": "path: .\ntrain: images/train\nval: images/val\nnames:\n  0: cat\n  1: dog\n", "labels/train/a.txt": YOLO + "1 0.8 0.5 0.2 0.2\n",
         "images/train/a.jpg": PHOTO, "images/val/a.jpg": PHOTO},
        {"train/a": {"cat": 120, "dog": 24}, "val/a": {}}, ("1 of 2 images without a text file, so nothing is on them", "1 line of four numbers, boxes, drawn as rectangles")),
    "yolo of Roboflow": (
        {"data.yaml": "train: ../train/images\nval: ../valid/images\nnames: ['cat']\n", "train/labels/a.txt": YOLO, "train/images/a.jpg": PHOTO},
        {"train/a": {"cat": 120}}, ("data.yaml names val: ../valid/images, which is not there",)),
    "yolo, a list of images": (
        {"data.yaml": "path: /data/sets/mine\ntrain: train.txt\nnames: {0: cat}\n", "train.txt": "data/images/train/a.jpg\n", "labels/train/a.txt": YOLO, "images/train/a.jpg": PHOTO},
        {"train/a": {"cat": 120}}, ()),
    "yolo of Label Studio": ({"classes.txt": "cat\ndog\n", "labels/a.txt": YOLO, "images/a.jpg": PHOTO}, {"a": {"cat": 120}}, ()),
    "voc": (
        {"Annotations/a.xml": f"<annotation><folder>VOC2012</folder><filename>a.jpg</filename>{VOC}{VOC_BOX}{VOC_POLYGON}{VOC_PAINTED}</annotation>", "JPEGImages/a.jpg": PHOTO},
        {"a": {"dog": 16, "cat": 100}}, (BOX, "1 painted object left out: export masks or COCO")),
    "labelme on the web": (
        {"a.xml": f"<annotation><filename>a.jpg</filename><object><name>cat</name><deleted>0</deleted><polygon><username>me</username>{WEB}</polygon></object>"
                  f"<object><name>old</name><deleted>1</deleted></object><imagesize><nrows>{H}</nrows><ncols>{W}</ncols></imagesize></annotation>", **A},
        {"a": {"cat": 100}}, ("1 deleted object left out",)),
    "geojson with a world file": ({"a.png": PHOTO, "a.pgw": "0.5\n0\n0\n-0.5\n100.25\n199.75\n", "a.geojson": features(LAND, None)}, {"a": {"house": 400}}, ("1 feature left out: points and lines have no area",)),
    "geojson in pixels": (
        {"a.tif": PHOTO, "b.geojson": features(), "a.geojson": features({"type": "Polygon", "coordinates": [[*SQUARE, SQUARE[0]], HOLE]})}, {"a": {"house": 84}},
        ("1 GeoJSON file left out, without an image of the same name: b.geojson",)),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_variants_of_the_tools(case: str, tmp_path: Path) -> None:
    files, expected, remarks = CASES[case]
    project = read(laid(tmp_path, files))
    assert counts(project) == expected
    assert sorted(said(project, project.remarks)) == sorted(remarks) and not project.faults


def test_an_old_via_project_keeps_its_options_as_classes(tmp_path: Path) -> None:
    assert read(laid(tmp_path, CASES["via 2, a project"][0])).classes == ("bee", "bug")


def test_a_labeling_configuration_orders_the_classes_of_label_studio(tmp_path: Path) -> None:
    labels = '<Label value="bee" background="#112233"/><Label value="cat" background="red"/>'
    config = f'<View><Image name="i" value="$image"/><PolygonLabels name="l" toName="i">{labels}</PolygonLabels></View>'
    project = read(laid(tmp_path, {"x.json": [task(POLYGON)], "label_config.xml": config}))
    assert project.classes == ("bee", "cat") and project.colors == {"bee": (17, 34, 51)}


@pytest.mark.parametrize("kind", ["rectangle", "ellipse"])
def test_turned_shapes_of_label_studio(kind: str, tmp_path: Path) -> None:
    """Turned clockwise: a rectangle around its upper left corner, an ellipse around its middle."""
    sides = {"width": 40, "height": 20} if kind == "rectangle" else {"radiusX": 30, "radiusY": 10}
    value = {"x": 50, "y": 50, "rotation": 90, f"{kind}labels": ["cat"], **sides}
    (picture,) = read(laid(tmp_path, {"x.json": [task(result(f"{kind}labels", value))]}))
    (((points,),)) = picture.regions[0].parts
    left, top = (15 - 4, 10) if kind == "rectangle" else (15 - 2, 10 - 9)
    right, bottom = (15, 10 + 12) if kind == "rectangle" else (15 + 2, 10 + 9)
    assert points.min(axis=0) == pytest.approx((left, top), abs=0.01)
    assert points.max(axis=0) == pytest.approx((right, bottom), abs=0.01)


def test_a_coco_crowd_is_a_crowd_and_two_of_one_id_are_two_objects(tmp_path: Path) -> None:
    project = read(
        laid(
            tmp_path,
            {**A, "x.json": coco({"iscrowd": 1, "segmentation": {"size": [H, W], "counts": [590, 10]}}, {"id": 0})},
        )
    )
    (picture,) = project
    assert [region.crowd for region in picture.regions] == [True, False]
    assert draw_objects(picture).max() == 2
    assert tuple(said(project, project.remarks)) == (
        "1 annotation of an id that another has; each is an object of its own",
    )


def test_the_same_name_in_two_folders_and_masks_beside(tmp_path: Path) -> None:
    """An image of the export's own place comes before one of the same name elsewhere."""
    files = {**A, "masks/a.jpg": PHOTO, "a.json": labelme(shape("polygon", SQUARE))}
    (picture,) = read(laid(tmp_path, files))
    assert picture.image == tmp_path / "a.jpg"


@pytest.mark.parametrize("top", ["", "top/", "top/inner/"])
def test_a_zip_with_folders_around_it(top: str, tmp_path: Path) -> None:
    photo = io.BytesIO()
    Image.new("RGB", (W, H)).save(photo, "JPEG")
    xml = CVAT % cvat('<polygon label="cat" points="2,2;12,2;12,12;2,12"/>')
    files = {"annotations.xml": xml.encode(), "images/a.jpg": photo.getvalue()}
    litter = {"__MACOSX/top/._a.jpg": b"x", f"{top}.DS_Store": b""}
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        for name, content in ({f"{top}{name}": content for name, content in files.items()} | litter).items():
            archive.writestr(name, content)
    project = read(tmp_path / "x.zip")
    assert counts(project) == {"a": {"cat": 100}} and project.pictures[0].image is not None


def test_a_polygon_of_a_hand_that_slipped_is_cut_and_told(tmp_path: Path) -> None:
    ring = [[-10, -10], [50, -10], [50, 5], [-10, 5]]
    far = [[100, 100], [120, 100], [120, 120]]
    near = [[-0.5, 10], [5, 10], [5, 15], [-0.5, 15]]
    shapes = [shape("polygon", points) for points in (ring, far, near)]
    project = read(laid(tmp_path, {**A, "a.json": labelme(*shapes)}))
    told = (
        "1 region cut off at the border of the picture and 1 region outside of the picture, so nothing of them is drawn"
    )
    assert tuple(said(project, project.remarks)) == (f"{told}; the first: cat of a",)
    drawn = fill([[np.array(ring, float)], [np.array(near, float)]], H, W)
    assert np.array_equal(draw(project.pictures[0], project.classes) > 0, drawn)
