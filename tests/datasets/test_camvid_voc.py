"""CamVid in both its forms and PASCAL VOC, with the real masks where they lie beside the checkout."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import intarsia.data
from intarsia.datasets.camvid import CLASSES, LABELS, LABELS32, ORIGINAL, camvid
from intarsia.datasets.voc import colors, voc
from intarsia.errors import DataError, LabelError


def put(path: Path, array: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path)


def test_the_32_colors_of_the_original() -> None:
    assert len(ORIGINAL) == len(set(ORIGINAL.values())) == 32
    assert LABELS32.num_classes == 31 and LABELS32.values["#000000"] == "ignore"
    # every channel of the release's palette is a multiple of 64 up to 192
    assert all(part in (0, 64, 128, 192) for color in LABELS32.colors for part in color)
    assert list(CLASSES) == "Sky Building Pole Road Pavement Tree SignSymbol Fence Car Pedestrian Bicyclist".split()
    assert LABELS.values[11] == "ignore" and 255 not in LABELS.values


def test_every_pair_of_camvid_reads_as_its_file_says(shared_data: Path) -> None:
    train, val = (camvid(shared_data / "camvid", split) for split in ("train", "val"))
    assert (len(train), len(val)) == (367, 101)
    for dataset in (train, val):
        assert all(
            item.name == item.image.stem == item.mask.stem and item.image.is_file() and item.mask.is_file()
            for item in dataset.items
        )
        for index in range(0, len(dataset), 50):
            sample = dataset[index]
            raw = np.asarray(Image.open(dataset.items[index].mask))
            assert (sample.labels.numpy() == np.where(raw == 11, 255, raw)).all()
            assert (sample.image.permute(1, 2, 0).numpy() == np.asarray(Image.open(dataset.items[index].image))).all()
    assert intarsia.datasets.splits("camvid", shared_data / "camvid") == ("train", "val")


def test_camvid_in_32_colors_by_split(shared_data: Path) -> None:
    root = shared_data / "datumaro_assets/tests/assets/camvid_dataset"
    held = {
        (split, index): camvid(root, split, classes=32)[index]
        for split, index in (("train", 0), ("val", 0), ("test", 0), ("test", 1))
    }
    seen = {key: {LABELS32.names[n] for n in sample.labels.unique().tolist()} for key, sample in held.items()}
    assert seen["train", 0] == {"Bicyclist", "Road"} and seen["val", 0] == {"Animal", "Child"}
    assert seen["test", 0] == {"Animal", "Road", "Sky"} and seen["test", 1] == {"Bridge", "Tree", "Archway"}
    with pytest.raises(LabelError, match="color image, but the labels are ids"):
        camvid(root, "train")[0]


def test_camvid_as_it_was_released(tmp_path: Path) -> None:
    for n in range(4):
        put(tmp_path / f"701_StillsRaw_full/f{n}.png", np.full((2, 3, 3), n, np.uint8))
        put(tmp_path / f"LabeledApproved_full/f{n}_L.png", np.full((2, 3, 3), 128, np.uint8))
    with pytest.raises(DataError, match=r"hold all frames; add train\.txt with the names of that split"):
        camvid(tmp_path, "train", classes=32)
    (tmp_path / "train.txt").write_text("/SegNet/CamVid/train/f1.png /SegNet/CamVid/trainannot/f1.png\nf3\n")
    dataset = camvid(tmp_path, "train", classes=32)
    assert [item.name for item in dataset.items] == ["f1", "f3"]
    assert dataset[1].image.unique().tolist() == [3] and dataset[1].labels.unique().tolist() == [
        LABELS32.names.index("Sky")
    ]


def test_camvid_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="set data.root to the folder of CamVid"):
        camvid(tmp_path / "x", "train")
    put(tmp_path / "train/a.png", np.zeros((2, 2, 3), np.uint8))
    put(tmp_path / "trainannot/a.png", np.zeros((2, 2), np.uint8))
    assert len(camvid(tmp_path, "train")) == 1
    with pytest.raises(
        DataError, match="no split 'trian' of CamVid; expected trian/ and trianannot/.*did you mean 'train'"
    ):
        camvid(tmp_path, "trian")


def test_voc_palette() -> None:
    # from the devkit's own table: background, aeroplane, bicycle, tvmonitor, and the border's color at 255
    assert (
        colors()[:3] == ((0, 0, 0), (128, 0, 0), (0, 128, 0))
        and colors()[20] == (0, 64, 128)
        and colors(256)[255] == (224, 224, 192)
    )


def test_voc_by_its_lists(shared_data: Path) -> None:
    train, val = (voc(shared_data / "voc2012_sample", split) for split in ("train", "val"))
    assert (len(train), len(val)) == (50, 32) and not {i.name for i in train.items} & {i.name for i in val.items}
    for dataset in (train, val):
        for index in range(len(dataset)):
            sample = dataset[index]
            assert sample.image.shape[0] == 3 and set(sample.labels.unique().tolist()) <= {*range(21), 255}
    with pytest.raises(DataError, match=r"there is no list tarin\.txt; did you mean 'train'"):
        voc(shared_data / "voc2012_sample", "tarin")
    with pytest.raises(DataError, match="holds no JPEGImages"):
        voc(shared_data, "train")


def test_voc_listed_but_missing(tmp_path: Path) -> None:
    put(tmp_path / "VOCdevkit/VOC2012/JPEGImages/a.jpg", np.zeros((2, 2, 3), np.uint8))
    put(tmp_path / "VOCdevkit/VOC2012/SegmentationClass/a.png", np.zeros((2, 2), np.uint8))
    lists = tmp_path / "VOCdevkit/VOC2012/ImageSets/Segmentation"
    lists.mkdir(parents=True)
    (lists / "train.txt").write_text("a\nb\n")
    with pytest.raises(DataError, match=r"train\.txt, line 2: no image for 'b'"):
        voc(tmp_path, "train")
    (lists / "train.txt").write_text("a\n")
    assert len(voc(tmp_path, "train")) == 1
