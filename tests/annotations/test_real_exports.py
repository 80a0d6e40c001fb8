"""Exports that the tools themselves have written, where the real data lie beside the checkout."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from intarsia.annotations.convert import read, recognized
from intarsia.annotations.project import draw
from intarsia.annotations.remarks import said
from intarsia.errors import DataError


def test_labelmes_own_masks_are_ours_but_for_the_pixels_on_an_edge(shared_data: Path) -> None:
    """labelme_export draws polygons with their outline; we ask for a pixel's middle."""
    top = shared_data / "labelme_examples" / "examples" / "semantic_segmentation"
    assert recognized(top / "data_annotated") == "labelme"
    project = read(top / "data_annotated")
    assert len(project.pictures) == 3 and "person" in project.classes
    known = (top / "labels.txt").read_text().splitlines()
    names = {n - 1: {"__ignore__": "ignore", "_background_": ""}.get(name, name) for n, name in enumerate(known)}
    for picture in project:
        assert picture.image is not None
        theirs = np.asarray(Image.open(top / "data_dataset_voc" / "SegmentationClass" / f"{picture.name}.png"))
        ours = draw(picture, project.classes)
        assert ours.shape == theirs.shape
        called = np.array(["", *project.classes])[ours]
        called[called == "background"] = ""
        right = called == np.vectorize(lambda v: names[-1 if v == 255 else int(v)])(theirs)
        assert right.mean() > 0.985


def test_labelmes_primitives_are_drawn_or_told(shared_data: Path) -> None:
    top = shared_data / "labelme_examples" / "examples" / "primitives"
    project = read(top)
    kinds = [s["shape_type"] for s in json.loads((top / "primitives.json").read_text())["shapes"]]
    thin = sum(kind in ("point", "line", "linestrip") for kind in kinds)
    assert sum(len(p.regions) for p in project) == len(kinds) - thin
    assert tuple(said(project, project.remarks)) == (f"{thin} shapes left out: points and lines have no area",)


def test_whales_polygons_are_their_masks(shared_data: Path) -> None:
    top = shared_data / "whales" / "input" / "whales"
    project = read(top, "labelme")
    assert len(project.pictures) >= 100
    overlap = []
    for picture in project.pictures[:40]:
        theirs = np.asarray(Image.open(top / f"{picture.name}.png")) > 0
        ours = draw(picture, project.classes) > 0
        overlap.append((ours & theirs).sum() / max((ours | theirs).sum(), 1))
    assert np.median(overlap) > 0.98


@pytest.mark.parametrize(("part", "count"), [("train2017", 470), ("val2017", 382)])
def test_tiny_cocos_areas_are_what_coco_says(shared_data: Path, part: str, count: int) -> None:
    path = next((shared_data / "tiny_coco").rglob(f"instances_{part}.json"))
    told = {str(a["id"]): a for a in json.loads(path.read_text())["annotations"]}
    project = read(path)
    regions = [(picture, region) for picture in project for region in picture.regions]
    assert len(regions) == len(told) and len(project.classes) == 80
    assert len(regions) == count or part == "train2017"  # of which a part of the images may be there alone
    assert sum(region.crowd for _, region in regions) == sum(a["iscrowd"] for a in told.values())
    wrong = []  # COCO's areas of crowds are not those of their run lengths
    for picture, region in regions:
        area, mine = told[region.object]["area"], region.mask(picture.height, picture.width).sum()
        if not region.crowd and area > 200 and abs(mine - area) > 0.05 * area:
            wrong.append((region.label, area, mine))
    assert not wrong


def test_kudzus_regions(shared_data: Path) -> None:
    assert recognized(shared_data / "kudzu_via" / "train") == "via"
    project = read(shared_data / "kudzu_via" / "train")
    assert sum(len(picture.regions) for picture in project) == 520 or len(project.pictures) == 24
    assert set(project.classes) == {"kudzu"}
    for picture in project:
        assert picture.image is not None and draw(picture, project.classes).any()


def test_lemons_of_supervisely(shared_data: Path, tmp_path: Path) -> None:
    top = shared_data / "sly_lemons" / "project"
    assert recognized(top) == "supervisely"
    project = read(top)
    assert len(project.pictures) == 6 and sum(len(p.regions) for p in project) == 26
    assert set(project.classes) >= {"kiwi", "lemon"} and all(p.image is not None for p in project)
    archive = shutil.make_archive(str(tmp_path / "lemons"), "zip", top.parent, top.name)
    again = read(archive)
    for one, two in zip(project, again, strict=True):
        assert np.array_equal(draw(one, project.classes), draw(two, again.classes))


def test_supervisely_drew_vocs_own_masks(shared_data: Path) -> None:
    top = shared_data / "voc2012_sample"
    project = read(top / "supervisely_gt", "supervisely")
    from intarsia.datasets.voc import NAMES

    compared = 0
    for picture in project:
        theirs = top / "SegmentationClass" / f"{picture.name}.png"
        if not theirs.is_file():
            continue
        truth = np.asarray(Image.open(theirs))
        ours = np.array(["background", *project.classes])[draw(picture, project.classes)]
        ours[ours == "neutral"] = "ignore"
        named = np.array([*NAMES, *["?"] * 234, "ignore"])[truth]
        assert (ours == named).mean() > 0.999, picture.name
        compared += 1
    assert compared >= 3


def test_cvats_color_masks_are_read_as_they_are(shared_data: Path) -> None:
    top = shared_data / "cvat_segmask_export"
    assert recognized(top) == "cvat_masks"
    project = read(top)
    assert project.classes == ("tool",) and project.colors["tool"] == (250, 50, 83)
    (picture,) = project
    rgb = np.asarray(Image.open(top / "SegmentationClass" / f"{picture.name}.png").convert("RGB"))
    assert np.array_equal(draw(picture, project.classes) == 1, (rgb == (250, 50, 83)).all(axis=2))
    objects = np.asarray(Image.open(top / "SegmentationObject" / f"{picture.name}.png").convert("RGB"))
    assert len(picture.regions) == len(np.unique(objects[rgb.any(axis=2)].reshape(-1, 3), axis=0))


def test_cvats_xml(shared_data: Path) -> None:
    top = shared_data / "datumaro_assets" / "tests" / "assets" / "cvat_dataset" / "for_images"
    for place in (top / "export_project", top / "export_task"):
        assert recognized(place) == "cvat"
        project = read(place)
        shapes = sum(len(p.regions) for p in project)
        assert shapes or said(project, project.remarks)
        for picture in project:
            draw(picture, project.classes)


def test_label_studios_percent_are_pixels(shared_data: Path) -> None:
    top = shared_data / "exports_labelstudio" / "tests" / "custom" / "converter" / "data" / "test_export_coco"
    project = read(top / "data.json")
    (picture,) = project
    assert (picture.height, picture.width) == (320, 500)
    rectangle, polygon = picture.regions
    assert rectangle.label == "rectangle_label" and polygon.label == "polygon_label"
    x0, y0 = rectangle.parts[0][0].min(axis=0)
    assert (x0, y0) == pytest.approx((0.31941923774954628 * 500, 0.04113475177304964 * 320))
    assert tuple(said(project, project.remarks)) == ("2 results left out: choices, key points and texts have no area",)


def test_labelboxs_import_lines(shared_data: Path, tmp_path: Path) -> None:
    source = shared_data / "exports_labelbox" / "ndjson" / "image_import_name_only.json"
    shutil.copy(source, tmp_path / "lines.json")
    with pytest.raises(DataError, match="ckrazctum0z8a0ybc0b0o0g0v: its size is not told; put the image beside"):
        read(tmp_path)
    rows = json.loads(source.read_text())
    for row in rows:
        row["mediaAttributes"] = {"height": 2000, "width": 3000}
    (tmp_path / "lines.json").write_text(json.dumps(rows))
    project = read(tmp_path)
    (picture,) = project
    assert len(picture.regions) == sum("bbox" in r or "polygon" in r for r in rows)
    assert any("download them beside the export" in remark for remark in said(project, project.remarks))


def test_solaris_footprints_from_geojson(shared_data: Path, tmp_path: Path) -> None:
    data = shared_data / "solaris_geo" / "solaris" / "data"
    shutil.copy(data / "sample_geotiff.tif", tmp_path / "a.tif")
    shutil.copy(data / "geotiff_labels.geojson", tmp_path / "a.geojson")
    assert recognized(tmp_path) == "geojson"
    project = read(tmp_path)
    (picture,) = project
    assert (picture.height, picture.width) == (900, 900) and len(picture.regions) > 20
    theirs = np.asarray(Image.open(data / "sample_fp_mask_from_geojson.tif"))
    ours = draw(picture, project.classes) > 0
    overlap = (ours & (theirs > 0)).sum() / (ours | (theirs > 0)).sum()
    assert overlap > 0.98
