"""`intarsia data boxes`: masks that are chosen for boxes."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from intarsia.cli import main

DISK = np.hypot(*(np.mgrid[:48, :64] - np.array([24, 30])[:, None, None])) < 15


@pytest.fixture
def boxed(tmp_path: Path) -> Path:
    """A COCO export of one picture, a red disk on noisy green ground, of which only the box is known."""
    (tmp_path / "images").mkdir()
    picture = np.where(DISK[..., None], (200, 60, 60), (90, 140, 90)) + np.random.default_rng(0).normal(
        0, 6, (48, 64, 1)
    )
    Image.fromarray(picture.clip(0, 255).astype(np.uint8)).save(tmp_path / "images" / "a.png")
    box = {"id": 1, "image_id": 1, "category_id": 1, "bbox": [15, 9, 30, 30], "area": 900, "iscrowd": 0}
    tree = {"images": [{"id": 1, "file_name": "a.png", "height": 48, "width": 64}], "annotations": [box],
            "categories": [{"id": 1, "name": "disk"}]}  # fmt: skip
    (tmp_path / "instances.json").write_text(json.dumps(tree))
    return tmp_path


def test_the_mask_of_a_box_is_the_region_that_looks_like_its_object(boxed: Path, tmp_path: Path) -> None:
    out = tmp_path / "made"
    assert main(["data", "boxes", str(boxed / "instances.json"), "--out", str(out)]) == 0
    found = np.array(Image.open(out / "masks" / "a.png")) > 0
    box = np.zeros_like(DISK)
    box[9:39, 15:45] = True
    assert (box & DISK).sum() / (box | DISK).sum() < 0.8
    assert (found & DISK).sum() / (found | DISK).sum() > 0.95
    assert "disk" in (out / "labels.yaml").read_text()


def test_what_lies_outside_of_boxes_has_a_class(boxed: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    source = str(boxed / "instances.json")
    assert main(["data", "boxes", source, "--out", str(tmp_path / "made"), "--background", "backgruond"]) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert "has no class 'backgruond'" in said and "did you mean 'background'" in said
    assert not (tmp_path / "made").exists()


def test_a_box_of_no_area_is_named_and_left_out(boxed: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    source = boxed / "instances.json"
    tree = json.loads(source.read_text())
    tree["annotations"].append(tree["annotations"][0] | {"id": 2, "bbox": [3, 3, 0, 5]})
    source.write_text(json.dumps(tree))
    assert main(["data", "convert", str(source), "--to", "masks", "--out", str(tmp_path / "made")]) == 0
    said = " ".join(capsys.readouterr().err.split())
    assert "a box of 0 by 5 px; it needs an area" in said
    assert (np.array(Image.open(tmp_path / "made" / "masks" / "a.png")) > 0).sum() == 900
