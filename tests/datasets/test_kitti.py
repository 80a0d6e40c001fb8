"""KITTI and KITTI-STEP: ids of Cityscapes, objects in the low bits, tracks in green and blue."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from intarsia.datasets import splits
from intarsia.datasets.kitti import kitti
from intarsia.datasets.kitti_step import kitti_step
from intarsia.errors import DataError, LabelError


def put(path: Path, array: object, dtype: type = np.uint8) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.array(array, dtype)).save(path)
    return path


def photo(path: Path, height: int, width: int) -> Path:
    return put(path, np.full((height, width, 3), 90))


def test_kitti_has_cityscapes_ids_and_numbers_in_the_low_byte(tmp_path: Path) -> None:
    photo(tmp_path / "data_semantics/training/image_2/000000_10.png", 1, 5)
    put(tmp_path / "data_semantics/training/semantic/000000_10.png", [[7, 26, 26, 4, 11]])
    codes = [[7 << 8, 26 << 8 | 2, 26 << 8, 4 << 8 | 1, 11 << 8 | 1]]  # a building has a number too
    put(tmp_path / "data_semantics/training/instance/000000_10.png", codes, np.uint16)
    assert kitti(tmp_path, "train")[0].labels.tolist() == [[0, 13, 13, 255, 2]]
    sample = kitti(tmp_path, "train", objects=True)[0]
    assert sample.labels.tolist() == [[0, 13, 13, 255, 2]]
    assert sample.objects is not None
    assert sample.objects.tolist() == [[0, 1, 0, 0, 0]]
    with pytest.raises(DataError, match="no split 'val'"):
        kitti(tmp_path, "val")


def test_kitti_with_the_eleven_classes_of_the_lectures(tmp_path: Path) -> None:
    """Building, tree, sky, car, sign, road, pedestrian, fence, pole, sidewalk, bicyclist; every other id is ignored."""
    photo(tmp_path / "training/image_2/000000_10.png", 2, 17)
    row = [*range(34)]
    put(tmp_path / "training/semantic/000000_10.png", [row[:17], row[17:]])
    data = kitti(tmp_path, "train", classes=11)
    assert data.labels.names == (
        "building", "tree", "sky", "car", "sign", "road", "pedestrian", "fence", "pole", "sidewalk", "bicyclist",
    )  # fmt: skip
    expected = {7: 5, 8: 9, 11: 0, 13: 7, 17: 8, 18: 8, 20: 4, 21: 1, 23: 2, 24: 6, 25: 10, 26: 3, 33: 10}
    assert data[0].labels.flatten().tolist() == [expected.get(value, 255) for value in row]
    with pytest.raises(DataError, match="classes"):
        kitti(tmp_path, "train", classes=12)  # type: ignore[arg-type]


def test_kitti_holds_images_out_by_their_names(tmp_path: Path) -> None:
    for n in range(5):
        photo(tmp_path / f"training/image_2/{n:06}_10.png", 1, 1)
        put(tmp_path / f"training/semantic/{n:06}_10.png", [[7]])
    photo(tmp_path / "training/image_2/000009_10.png", 1, 1)
    train, val = (kitti(tmp_path, split, holdout=0.4) for split in ("train", "val"))
    assert (len(train), len(val)) == (3, 2) and train.unmatched[0] == ("training/image_2/000009_10.png",)
    assert splits("kitti", tmp_path, holdout=0.4) == ("train", "val") and splits("kitti", tmp_path) == ("train",)
    put(tmp_path / "training/semantic/000000_10.png", [[34]])
    with pytest.raises(LabelError, match=r"000000_10.png: the mask holds 34 \(1 px\)"):
        kitti(tmp_path, "train")[0]
    with pytest.raises(DataError, match="holds no training/image_2 and training/semantic; expected\n.*NNNNNN_10.png"):
        kitti(tmp_path / "training", "train")


def test_step_has_the_class_in_red_and_the_track_in_green_and_blue(tmp_path: Path) -> None:
    for frame in ("000001", "000000"):
        photo(tmp_path / f"images/train/0001/{frame}.png", 1, 5)
        put(
            tmp_path / f"panoptic_maps/train/0001/{frame}.png",
            [[[0, 0, 0], [13, 1, 2], [13, 0, 2], [11, 0, 2], [255, 0, 0]]],
        )
    dataset = kitti_step(tmp_path, "train")
    assert [item.name for item in dataset.items] == ["0001_000000", "0001_000001"]
    sample = dataset[0]
    assert sample.labels.tolist() == [[0, 13, 13, 11, 255]]
    assert sample.objects is not None
    assert sample.objects.tolist() == [[0, 3, 2, 1, 0]]
    assert splits("kitti_step", tmp_path) == ("train",)


def test_step_says_what_is_wrong(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no images and panoptic_maps; expected\n    images/"):
        kitti_step(tmp_path, "train")
    put(tmp_path / "panoptic_maps/train/0001/000000.png", [[[19, 0, 0]]])
    (tmp_path / "images").mkdir()
    with pytest.raises(DataError, match=r"there is no image .*0001/000000.png; unpack KITTI's frames to images/"):
        kitti_step(tmp_path, "train")
    photo(tmp_path / "images/train/0001/000000.png", 1, 1)
    with pytest.raises(LabelError, match=r"the mask holds 19 \(1 px\)"):
        kitti_step(tmp_path, "train")[0]
    put(tmp_path / "panoptic_maps/train/0001/000000.png", [[19]])
    with pytest.raises(DataError, match="one channel, but ids spread over RGB are expected"):
        kitti_step(tmp_path, "train")[0]
