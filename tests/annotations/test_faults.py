"""One bad annotation ends nothing: each is listed with file, picture, annotation and why, and all others are read."""

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from written import (
    CVAT,
    FLAT,
    META,
    PHOTO,
    POINTS,
    POLYGON,
    SA,
    SA_CLASSES,
    SKY,
    SLY_POLYGON,
    SQUARE,
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
    via,
)

from intarsia import datasets
from intarsia.annotations.convert import read
from intarsia.annotations.splits import together
from intarsia.data.faults import told_faults
from intarsia.errors import DataError
from intarsia.evaluation import evaluate
from intarsia.inference import Predictor

NAN = float("nan")
RING = "<polygon><x1>1</x1><y1>1</y1><x2>5</x2><y2>5</y2></polygon>"
Run = Callable[..., tuple[int, str, str]]

# files; the regions that can be used, by picture; of each fault: end of the file's name, picture, annotation, begin of why
CASES: dict[str, tuple[dict[str, Any], dict[str, int], list[tuple[str, str, str, str]]]] = {
    "labelme": (
        {**A, "b.jpg": PHOTO, "c.jpg": PHOTO, "c.json": "{", "b.json": labelme(shape("polygon", SQUARE[:1]), imagePath="b.jpg"),
         "a.json": labelme(shape("polygon", SQUARE), shape("polygon", SQUARE[:2]), shape("star", SQUARE), shape("polygon", SQUARE, " "))},
        {"a": 1, "b": 0},
        [("a.json", "a", "shape 1", "a polygon of 2 points"), ("a.json", "a", "shape 2", "a star of 4 points cannot be drawn"),
         ("in", "a", "region 2", "it has no label"), ("b.json", "b", "shape 0", "a polygon of 1 point"), ("c.json", "c", "", "no JSON")]),
    "coco": (
        {**A, "x.json": coco({}, {"segmentation": [FLAT[:-1]]}, {"segmentation": None}, {"segmentation": []}, {"segmentation": [FLAT, [5, 5]]},
                             {"segmentation": [[1, 2, NAN, 4, 5, 6]]}, {"image_id": 9}, {"category_id": 8},
                             {"segmentation": {"size": [W, H], "counts": [600]}}, {"segmentation": {"size": [H, W], "counts": [5]}}, {})},
        {"a": 2},
        [("x.json", "a.jpg", "annotation 1", "a polygon of 7 numbers"), ("x.json", "a.jpg", "annotation 2", "its segmentation is empty"),
         ("x.json", "a.jpg", "annotation 3", "its segmentation is empty"), ("x.json", "a.jpg", "annotation 4", "a polygon of 1 point"),
         ("x.json", "a.jpg", "annotation 5", "a polygon with a point that is no number"), ("x.json", "a.jpg", "annotation 7", "has category 8, which is not listed"),
         ("x.json", "a.jpg", "annotation 8", "run lengths of size"), ("x.json", "a.jpg", "annotation 9", "run lengths add up to 5 pixels"),
         ("x.json", "", "annotation 6", "belongs to image 9, which is not listed")]),
    "cvat": (
        {**A, "annotations.xml": CVAT % (cvat('<polygon label="cat" points="2,2;12,2;12,12"/><polygon label="cat" points="1,1;2,2"/><mask label="dog" rle="1, 2" left="0" top="0" width="3" height="2"/>')
                                         + '<image id="1" name="b.jpg" width="x" height="3"/>')},
        {"a": 1},
        [("annotations.xml", "a.jpg", "shape 2 (polygon 'cat')", "a polygon of 2 points"), ("annotations.xml", "a.jpg", "shape 3 (mask 'dog')", "run lengths add up to 3"),
         ("annotations.xml", "b.jpg", "", "is not as CVAT writes it")]),
    "cvat_masks": (
        {"labelmap.txt": "background:0,0,0::\ncat:255,0,0::\n", "SegmentationClass/a.png": np.stack([SKY, SKY * 0, SKY * 0], 2),
         "SegmentationClass/b.png": np.stack([SKY, SKY, SKY], 2), "SegmentationClass/c.png": b"no picture"},
        {"a": 1, "b": 0}, [("b.png", "b", "the color #ffffff", "labelmap.txt does not name it"), ("c.png", "c", "", "a text file, not an image")]),
    "datumaro": (
        {"images/default/a.jpg": PHOTO, "annotations/default.json": {"categories": {"label": {"labels": [{"name": "cat"}]}}, "items": [
            {"id": "a", "image": {"path": "a.jpg", "size": [H, W]}, "annotations": [
                {"id": 0, "type": "polygon", "label_id": 0, "points": FLAT}, {"id": 1, "type": "polygon", "label_id": 0, "points": FLAT[:3]},
                {"id": 2, "type": "polygon", "label_id": 7, "points": FLAT}, {"id": 3, "type": "mask", "label_id": 0, "rle": {"size": [1, 1], "counts": [1]}}]},
            {"id": "b"}]}},
        {"a": 1},
        [("default.json", "item a", "annotation 1", "a polygon whose points are no pairs"), ("default.json", "item a", "annotation 2", "has label_id 7"),
         ("default.json", "item a", "annotation 3", "run lengths of size [1, 1]"), ("default.json", "item b", "", "has no size there")]),
    "geojson": (
        {"a.tif": PHOTO, "b.tif": PHOTO, "b.geojson": "[]",
         "a.geojson": features({"type": "Polygon", "coordinates": [SQUARE]}, {"type": "Polygon", "coordinates": [SQUARE[:2]]}, {"type": "Polygon", "coordinates": []})},
        {"a": 1},
        [("a.geojson", "a", "feature 1", "a polygon of 2 points"), ("a.geojson", "a", "feature 2", "a Polygon without coordinates"), ("b.geojson", "b", "", "no FeatureCollection")]),
    "labelbox": (
        {**A, "x.ndjson": "\n".join(["{", json.dumps(row(Label={"objects": [{"value": "cat", "polygon": POINTS}, {"value": "cat", "polygon": POINTS[:2]}, {"value": "dog", "bbox": {"top": 1}}]}))][::-1])},
        {"a": 1},
        [("x.ndjson", "a.jpg", "object 2", "an object 'cat': a polygon of 2 points"), ("x.ndjson", "a.jpg", "object 3", "misses 'left'"), ("x.ndjson", "line 2", "", "no JSON")]),
    "labelstudio": (
        {"x-a.jpg": PHOTO, "x.json": [task(POLYGON, result("polygonlabels", {"polygonlabels": ["cat"]}), {**POLYGON, "id": "t", "image_rotation": 90}, result("rectanglelabels", {"x": 1}))]},
        {"x-a": 1},
        [("x.json", "task 1", "result polygonlabels", "misses 'points'"), ("x.json", "task 1", "result t", "its image was turned by 90 degrees"),
         ("x.json", "task 1", "result rectanglelabels", "a rectangle without a label")]),
    "scale": (
        {**A, "x.json": [{"task_id": "t", "params": {"attachment": "a.jpg"}, "response": {"annotations": [
            {"label": "cat", "type": "polygon", "vertices": POINTS}, {"label": "cat", "type": "polygon", "vertices": POINTS[:2]}, {"label": "cat", "type": "box", "left": 1}]}},
            {"task_id": "u", "params": {"attachment": "b.jpg"}, "response": {"annotations": []}}]},
        {"a": 1},
        [("x.json", "task t", "annotation 1", "a polygon of 2 points"), ("x.json", "task t", "annotation 2", "misses 'top'"), ("x.json", "task u", "", "its image 'b.jpg' is not beside")]),
    "superannotate": (
        {**A, "classes/classes.json": SA_CLASSES, "b.jpg.json": "{", "a.jpg.json": {"metadata": {"name": "a.jpg", "width": W, "height": H}, "instances": [
            SA[0], {**SA[0], "points": FLAT[:4]}, {**SA[0], "className": None, "classId": 9}, {**SA[0], "exclude": [[1, 2]]}]}},
        {"a": 1},
        [("a.jpg.json", "a.jpg", "instance 1", "a polygon of 2 points"), ("a.jpg.json", "a.jpg", "instance 2", "has class 9"), ("a.jpg.json", "a.jpg", "instance 3", "a polygon of 1 point"),
         ("b.jpg.json", "", "", "no JSON")]),
    "supervisely": (
        {"meta.json": META, "d/ann/b.jpg.json": "{", "d/ann/a.jpg.json": sly(SLY_POLYGON, {**SLY_POLYGON, "id": 5, "points": {"exterior": SQUARE[:2]}}, {"classTitle": "cat", "geometryType": "bitmap", "bitmap": {"data": "xx", "origin": [0, 0]}})},
        {"a": 1},
        [("a.jpg.json", "a", "object 5", "a polygon of 2 points"), ("a.jpg.json", "a", "object 2", "its mask is no deflated PNG"), ("b.jpg.json", "b", "", "no JSON")]),
    "via": (
        {**A, "x.json": {"a": {"filename": "a.jpg", "regions": [VIA_SQUARE, via(name="polygon", all_points_x=[1], all_points_y=[1]), via(name="blob")]}, "b": {"filename": "b.jpg", "regions": []}}},
        {"a": 1},
        [("x.json", "a.jpg", "region 1", "a polygon of 1 point"), ("x.json", "a.jpg", "region 2", "a shape 'blob' that cannot be drawn"), ("x.json", "b.jpg", "", "is not beside the file")]),
    "via, a table": (
        {**A, "x.csv": 'filename,file_size,region_shape_attributes,region_attributes\na.jpg,5,"{""name"":""rect"",""x"":2,""y"":2,""width"":10,""height"":10}","{}"\na.jpg,5,"{""name"":",""\na.jpg,5,"{""name"":""rect""}",""\n'},
        {"a": 1}, [("x.csv", "a.jpg", "region 1", "misses 'x'"), ("x.csv", "a.jpg", "line 3", "no JSON")]),
    "rectlabel": (
        {**A, "a.xml": f"<annotation>{VOC}{VOC_POLYGON}<object><name>cat</name>{RING}</object><object><name>dog</name></object></annotation>", "b.xml": "<annotation>"},
        {"a": 1}, [("a.xml", "a", "object 2", "a polygon of 2 points"), ("a.xml", "a", "object 3", "'dog' has neither"), ("b.xml", "b", "", "no XML")]),
    "yolo": (
        {"data.yaml": "train: images\nnames: [cat]\n", "images/a.jpg": PHOTO, "images/b.jpg": b"no picture", "labels/c.txt": YOLO, "labels/a.txt": YOLO + "0 0.1 0.1\n\n7 0.1 0.1 0.2 0.2\nx\n"},
        {"a": 1},
        [("a.txt", "a", "line 2", "2 numbers"), ("a.txt", "a", "line 4", "there is no class 7"), ("a.txt", "a", "line 5", "'x' is no class number"),
         ("c.txt", "", "", "there is no image of that name"), ("b.jpg", "b", "", "a text file, not an image")]),
    "masks": (
        {"labels.yaml": "classes: [background, cat]\nuncovered: background\n", "masks/a.png": np.eye(H, W, dtype=np.uint8), "masks/b.png": b"no picture", "masks/c.png": np.eye(H, W, dtype=np.uint8) * 7},
        {"a": 1}, [("b.png", "b", "", "a text file, not an image"), ("c.png", "c", "", "the mask holds 7 (20 px)")]),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_every_bad_annotation_is_listed_and_the_others_are_read(case: str, tmp_path: Path) -> None:
    files, regions, expected = CASES[case]
    project = read(laid(tmp_path / "in", files))
    assert project.source == case.split(",")[0]
    assert {picture.name: len(picture.regions) for picture in project} == regions
    found = [(fault.file.name, fault.picture, fault.annotation, fault.why) for fault in project.faults]
    assert [f[:3] for f in found] == [e[:3] for e in expected], found
    assert all(f[3].startswith(e[3]) for f, e in zip(found, expected, strict=True)), found
    assert all(str(tmp_path) not in fault.why and "\n" not in str(fault) for fault in project.faults)


def test_of_an_archive_the_archive_is_named(tmp_path: Path) -> None:
    laid(tmp_path, {"a.json": labelme(shape("polygon", SQUARE), shape("polygon", SQUARE[:2]))})
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.write(tmp_path / "a.json", "a.json")
    (fault,) = read(tmp_path / "x.zip").faults
    assert fault.file == tmp_path / "x.zip" / "a.json"


def test_a_polygon_of_too_many_edges_is_a_fault_before_it_is_drawn(tmp_path: Path) -> None:
    zigzag = [v for n in range(2000) for v in (0, n / 2000, 19, 9e6)]
    tree = coco({"segmentation": [zigzag]}, {})
    tree["images"][0].update(height=9_000_000, width=19)
    (fault,) = read(laid(tmp_path, {"x.json": tree})).faults
    assert fault.picture == "a" and fault.annotation == "region 1" and fault.why.startswith("a polygon of 4,000 points")


def test_each_split_has_the_faults_and_the_remarks_of_its_own_pictures(tmp_path: Path) -> None:
    thin = '<points label="cat" points="1,1"/>'
    good, bad = '<polygon label="cat" points="2,2;12,2;12,12"/>', '<polygon label="dog" points="1,1"/>'
    images = [
        cvat(good + thin * 2, "a.jpg", 'subset="train"'),
        cvat(good + bad + thin, "b.jpg", 'subset="val"'),
        cvat(bad + bad, "c.jpg", 'subset="train"'),
    ]
    laid(tmp_path, {"annotations.xml": CVAT % "".join(images), **{f"images/{name}.jpg": PHOTO for name in "abc"}})
    train, val = (datasets.open("export", tmp_path, split) for split in ("train", "val"))
    assert [fault.picture for fault in train.faults] == ["c.jpg", "c.jpg"]
    assert [fault.picture for fault in val.faults] == ["b.jpg"]
    assert train.remarks == ("2 shapes left out: points, lines and tags have no area",)
    assert val.remarks == ("1 shape left out: points, lines and tags have no area",)
    assert told_faults(train.faults) == "2 annotations of 1 picture cannot be used"


def test_nothing_is_scored_or_sharded_with_annotations_that_cannot_be_used(tmp_path: Path, run_cli: Run) -> None:
    laid(tmp_path / "in", {"a.jpg": PHOTO, "x.json": coco({}, {"segmentation": [[20, 10, 28, 10]]})})
    data = datasets.open("export", tmp_path / "in", "all")
    with pytest.raises(
        DataError, match=r"1 annotation of 1 picture cannot be used: .* a polygon of 2 points.*--fix DIR"
    ):
        evaluate(Predictor.of_network(torch.nn.Identity(), data.labels, (0.0,) * 3, (1.0,) * 3), data)
    command = ("data", "shard", tmp_path / "in", "--out", tmp_path / "shards")
    code, _, err = run_cli(*command)
    assert code == 2 and "cannot be used" in err and "--fix DIR" in err and err.count("\n") == 1
    assert not (tmp_path / "shards").exists() or not any((tmp_path / "shards").iterdir())


def test_exports_of_several_splits_keep_their_faults_together(tmp_path: Path) -> None:
    parts = {
        split: read(laid(tmp_path / split, {"x.json": coco({}, {"image_id": 9}, {"category_id": 8})}))
        for split in ("a", "b")
    }
    assert len(together(parts).faults) == 4


REPORTED = {  # how many annotations cannot be used, and words of their lines
    "labelme-shapes": (1, ["p1.json: p1, shape 5: a polygon of 2 points"]),
    "labelstudio-local-files": (1, ["task 1, result e: misses 'points'"]),
    "coco-odd-polygon": (1, ["o0.png, annotation 1: a polygon of 61 numbers"]),
    "coco-degenerate": (
        5,
        ["annotation 2: its segmentation is empty", "annotation 3: a polygon with a point that is no number",
         "annotation 4: a polygon of 2 points", "annotation 5: its segmentation is empty", "annotation 6: a polygon of 1 point"],
    ),
    "coco-rle-other-size": (1, ["annotation 1: run lengths of size [32, 48] for an image of [64, 96]"]),
    "coco-rle-size-swapped": (4, ["annotation 1: run lengths of size [96, 64] for an image of [64, 96]", "r3.png, annotation 4: run"]),
    "coco-unknown-image": (2, ["annotation 77: belongs to image 999", "annotation 78: has category 9"]),
    "labelstudio-shapes": (1, ["task 3, result a: its image was turned by 90 degrees"]),
}  # fmt: skip
TINY = ("train.steps=1", "train.workers=0", "train.batch_size=2", "model.channels=8", "augment.crop=[32,32]")


@pytest.mark.parametrize("name", REPORTED)
def test_reported_annotations_in_every_verb(name: str, shared_data: Path, tmp_path: Path, run_cli: Run) -> None:
    folder, (count, lines) = shared_data / "reported" / name, REPORTED[name]
    code, out, _ = run_cli("init", folder, "--out", tmp_path / "r.yaml")
    assert code == 0 and all(line in out for line in lines) and "no image has a mask" not in out
    assert out.splitlines()[0].startswith(f"{folder}: an export of ")
    code, out, _ = run_cli("data", "audit", folder, "--json")
    (finding,) = [f for f in json.loads(out)["findings"] if f["kind"] == "annotation"]
    assert code == 1 and finding["severity"] == "error" and len(finding["places"]) == count
    assert all(any(line in place for place in finding["places"]) for line in lines)
    for audited in ("true", "false"):
        command = ("train", tmp_path / "r.yaml", *TINY, f"train.audit={audited}", f"train.cache_dir={tmp_path}")
        code, _, err = run_cli(*command, "--out", tmp_path / "run")
        assert code == 2 and "cannot be used" in err and "--fix DIR" in err and not (tmp_path / "run").exists()
    code, out, err = run_cli("data", "convert", folder, "--to", "coco", "--out", tmp_path / "coco")
    assert code == 0 and "cannot be used, left out:" in err and all(line in err for line in lines)
    code, out, _ = run_cli("data", "audit", folder, "--fix", tmp_path / "clean")
    assert code == 1 and f"{count} annotation" in out
    steps = json.loads((tmp_path / "clean" / "fixed.json").read_text())
    assert sum(step["action"].startswith("annotation left out: ") for step in steps) == count
    code, out, _ = run_cli("data", "audit", tmp_path / "clean", "--json")
    assert not [f for f in json.loads(out)["findings"] if f["kind"] == "annotation"]


def test_what_is_left_out_is_not_drawn_in_the_clean_copy(tmp_path: Path, run_cli: Run) -> None:
    files = {"images/a.jpg": PHOTO, "images/b.jpg": PHOTO}
    tree = coco({}, {"segmentation": [[20, 10, 28, 10]]}, images=[
        {"id": 7, "file_name": "a.jpg", "height": H, "width": W}, {"id": 8, "file_name": "b.jpg", "height": H, "width": W}])  # fmt: skip
    laid(tmp_path / "in", {**files, "annotations/x.json": tree})
    assert run_cli("data", "audit", tmp_path / "in", "--fix", tmp_path / "clean")[0] == 1
    drawn = {path.stem: np.asarray(Image.open(path)) for path in (tmp_path / "clean" / "masks").rglob("*.png")}
    assert int((drawn["a"] == 1).sum()) == 100 and not drawn["b"].any() and (drawn["a"] <= 1).all()


def test_a_picture_whose_image_is_missing_is_listed_too(tmp_path: Path, run_cli: Run) -> None:
    images = [{"id": n, "file_name": f"{n}.jpg", "height": H, "width": W} for n in (7, 8, 9)]
    laid(
        tmp_path,
        {"images/7.jpg": PHOTO, "images/9.jpg": PHOTO, "annotations/x.json": coco({}, {"image_id": 9}, images=images)},
    )
    dataset = datasets.open("export", tmp_path, "all")
    assert [item.name for item in dataset.items] == ["7", "9"]
    assert [(f.picture, f.annotation) for f in dataset.faults] == [("8", "")]
    code, out, _ = run_cli("data", "audit", tmp_path)
    assert code == 1 and "8: its image is not found beside the export; put it there" in " ".join(out.split())
    (tmp_path / "images" / "7.jpg").unlink()
    (tmp_path / "images" / "9.jpg").unlink()
    with pytest.raises(DataError, match="the images of 7, 8, 9 are not found beside the export; put them there"):
        datasets.open("export", tmp_path, "all")
