"""COCO-Stuff: numbers less one, holes, and the unlabeled."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from intarsia.datasets import splits
from intarsia.datasets.coco_stuff import NAMES, SPACES, coco_stuff
from intarsia.errors import DataError, LabelError


def put(path: Path, array: object, dtype: type = np.uint8) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.array(array, dtype)).save(path)
    return path


def photo(path: Path, height: int, width: int) -> Path:
    return put(path, np.full((height, width, 3), 90))


def test_the_names_are_those_of_labels_txt_without_the_holes() -> None:
    assert len(NAMES) == 171 and SPACES[172].names[171] == "unlabeled"
    space = SPACES[171].values  # labels.txt: 1 person, 13 stop sign, 90 toothbrush, 92 banner, 149 road, 182 wood
    assert (space[0], space[12], space[89], space[91], space[148], space[181]) == (
        "person", "stop sign", "toothbrush", "banner", "road", "wood",
    )  # fmt: skip
    holes = {
        12,
        26,
        29,
        30,
        45,
        66,
        68,
        69,
        71,
        83,
        91,
    }  # street sign, hat, shoe, eye glasses, plate, mirror, window, desk, door, blender, hair brush
    assert {n for n in range(1, 183) if n - 1 not in space} == holes


@pytest.mark.parametrize("masks", ["annotations", "stuffthingmaps"])
def test_maps_of_things_and_stuff(tmp_path: Path, masks: str) -> None:
    photo(tmp_path / "images/train2017/000000000009.jpg", 1, 5)
    put(tmp_path / masks / "train2017/000000000009.png", [[0, 12, 91, 181, 255]])
    dataset = coco_stuff(tmp_path, "train")
    assert dataset[0].labels.tolist() == [[0, 11, 80, 170, 255]] and splits("coco_stuff", tmp_path) == ("train",)
    assert [NAMES[n] for n in (0, 11, 80, 170)] == ["person", "stop sign", "banner", "wood"]
    assert coco_stuff(tmp_path, "train2017", classes=172)[0].labels.tolist() == [[0, 11, 80, 170, 171]]


def test_what_is_wrong_is_said(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no maps of things and stuff; expected\n    images/"):
        coco_stuff(tmp_path, "train")
    photo(tmp_path / "images/train2017/000000000009.jpg", 1, 2)
    put(tmp_path / "annotations/train2017/000000000009.png", [[0, 11]])
    with pytest.raises(LabelError, match=r"000000000009.png: the mask holds 11 \(1 px\)"):  # a street sign
        coco_stuff(tmp_path, "train")[0]
    with pytest.raises(DataError, match="no split 'val'; choose from 'train'"):
        coco_stuff(tmp_path, "val")
