"""Polygons in the files of other programs give back the label map; measures are in the unit of the picture."""

import csv
import json
import re
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image
from torch import Tensor, nn

from intarsia.annotations import geojson
from intarsia.annotations.regions import fill
from intarsia.errors import DataError, ModelError
from intarsia.inference import Predictor, Torch, Windowed, predict
from intarsia.inference.large.answer import Large
from intarsia.inference.vectors import Vectors
from intarsia.labels import LabelSpace

SPACE = LabelSpace(("soil", "tree & bush"), colors=((90, 60, 0), (0, 160, 0)))


class Bright(nn.Module):
    """Class 1 where the image is brighter than its middle."""

    def forward(self, image: Tensor) -> Tensor:
        score = image.mean(dim=1, keepdim=True)
        return torch.cat((-score, score), dim=1)


@pytest.fixture
def predictor() -> Predictor:
    return Predictor(Windowed(Torch(Bright(), (0.5,) * 3, (0.25,) * 3)), SPACE)


def scene() -> np.ndarray:
    """A ring of 6 x 6 with a hole of 2 x 2, and a bar."""
    mask = np.zeros((20, 30), bool)
    mask[2:8, 3:9] = True
    mask[4:6, 5:7] = False
    mask[12, 10:25] = True
    return mask


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    keys = (1, 1, 0, 1, 3072, 0, 1, 32633)
    tags = [(33550, "d", 3, (0.5, 0.5, 0.0)), (33922, "d", 6, (0, 0, 0, 500.0, 900.0, 0)), (34735, "H", 8, keys)]
    pixels = np.repeat(scene()[..., None] * np.uint8(255), 3, axis=2)
    tifffile.imwrite(
        tmp_path / "field.tif", pixels, photometric="rgb", tile=(16, 16), extratags=[(*t, True) for t in tags]
    )
    return tmp_path / "field.tif"


@pytest.mark.parametrize("large", [None, True])
def test_every_form_gives_the_label_map_back(
    predictor: Predictor, picture: Path, tmp_path: Path, large: bool | None
) -> None:
    out, mask = tmp_path / "out", scene()
    asked = Vectors(("geojson", "coco", "svg", "dxf"), measure=True)
    (line,) = predict(predictor, picture, out, vectors=asked, large=Large(large)).lines
    tree = json.loads((out / "polygons" / "field.geojson").read_text())
    assert tree["crs"]["properties"]["name"].endswith("EPSG::32633") and len(tree["features"]) == 4
    ring = tree["features"][-2]["geometry"]["coordinates"][0]
    assert tree["features"][-2]["properties"]["class"] == "tree & bush" and ring[0] == ring[-1] == [501.5, 899.0]
    (tmp_path / "field.geojson").write_bytes((out / "polygons" / "field.geojson").read_bytes())
    project = geojson.read(tmp_path)
    back = np.zeros(mask.shape, bool)
    for region in project.pictures[0].regions:
        if region.label == "tree & bush":
            back |= region.mask(*mask.shape)
    assert np.array_equal(back, mask)
    coco = json.loads((out / "polygons" / "field.json").read_text())
    rings = [
        np.reshape(a["segmentation"][0], (-1, 2))
        for a in coco["annotations"]
        if a["category_id"] == coco["categories"][1]["id"]
    ]
    assert np.array_equal(fill([[ring] for ring in rings], *mask.shape), mask)
    assert [a["area"] for a in coco["annotations"]][-2:] == [32, 15]
    svg = (out / "polygons" / "field.svg").read_text()
    assert 'data-class="tree &amp; bush" fill="#00a000"' in svg and "M3 2L9 2L9 8L3 8ZM5 4L5 6L7 6L7 4Z" in svg
    dxf = (out / "polygons" / "field.dxf").read_text().split("\n")
    assert dxf.count("POLYLINE") == 7 and dxf.count("tree___bush") == 3 * 2 + 4 * 3 and dxf[-2:] == ["EOF", ""]
    assert dxf[dxf.index("VERTEX") + 4] == "500.0"  # of the soil: the picture's corner
    rows = list(csv.DictReader((out / "measures" / "field.csv").read_text().splitlines()))
    tree_ring = rows[-2]
    assert (tree_ring["class"], tree_ring["pixels"], tree_ring["area"], tree_ring["unit"]) == (
        "tree & bush",
        "32",
        "8",
        "m",
    )
    assert float(tree_ring["perimeter"]) == (24 + 8) / 2 and float(tree_ring["length"]) == pytest.approx(3 * 2**0.5)
    assert (tree_ring["holes"], tree_ring["x"], tree_ring["y"]) == ("1", "6", "5")
    assert line["regions"]["tree & bush"] == {"count": 2, "area": 11.75} and line["regions"]["unit"] == "m"


def test_small_regions_may_be_left_out_and_a_spacing_given(predictor: Predictor, picture: Path, tmp_path: Path) -> None:
    asked = Vectors(("svg",), True, spacing=(0.5, 0.25), min_size=20, simplify=0.8)
    predict(predictor, picture, tmp_path / "out", vectors=asked)
    rows = list(csv.DictReader((tmp_path / "out" / "measures" / "field.csv").read_text().splitlines()))
    assert [row["class"] for row in rows] == ["soil", "tree & bush"]
    assert (rows[1]["area"], rows[1]["perimeter"], rows[1]["unit"]) == ("4", "12", "um")
    assert len(re.findall("<path", (tmp_path / "out" / "polygons" / "field.svg").read_text())) == 2
    labels = np.asarray(Image.open(tmp_path / "out" / "field.png"))
    assert (labels[12, 10:25] == 1).all()  # the label map keeps all


def test_without_a_spacing_lengths_are_pixels(predictor: Predictor, tmp_path: Path) -> None:
    Image.fromarray(np.repeat(scene()[..., None] * np.uint8(255), 3, axis=2)).save(tmp_path / "a.png")
    (line,) = predict(predictor, tmp_path / "a.png", tmp_path / "out", vectors=Vectors(measure=True)).lines
    assert line["regions"]["tree & bush"] == {"count": 2, "area": 47} and line["regions"]["unit"] == "px"


def test_what_has_no_polygons_is_refused(predictor: Predictor, picture: Path, tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match="polygons are written in no form 'shp'; choose from 'geojson', 'coco', 'svg', 'dxf'"
    ):
        predict(predictor, picture, tmp_path / "out", vectors=Vectors(("shp",)))
    with pytest.raises(DataError, match="give micrometers a pixel, such as 0.25"):
        predict(predictor, picture, tmp_path / "out", vectors=Vectors(measure=True, spacing=(0.0, 1.0)))
    planes = Predictor.of_network(Bright(), LabelSpace(("a", "b"), planes=True), (0.5,) * 3, (0.25,) * 3)
    with pytest.raises(ModelError, match="polygons and measures are those of label maps"):
        predict(planes, picture, tmp_path / "out", vectors=Vectors(("svg",)))
