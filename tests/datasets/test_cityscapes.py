"""Cityscapes: ids to train ids, single objects, the panoptic files of its scripts, and the real thumbnail."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from intarsia.datasets import open as open_data
from intarsia.datasets import splits
from intarsia.datasets.cityscapes import LABELS, SPACES, TRAIN_IDS, cityscapes
from intarsia.errors import DataError, LabelError


def put(path: Path, array: object, dtype: type = np.uint8) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.array(array, dtype)).save(path)
    return path


def photo(path: Path, height: int, width: int) -> Path:
    return put(path, np.full((height, width, 3), 90))


RAW = [[7, 0, 26, 26], [33, 29, 24, 23]]  # road, unlabeled, two cars, bicycle, caravan, person, sky
CODES = [[7, 0, 26000, 26001], [33, 29001, 24003, 23]]  # the bicycles are a group


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for split, city in (("train", "aachen"), ("val", "frankfurt")):
        name = f"{city}_000000_000019"
        photo(tmp_path / f"leftImg8bit/{split}/{city}/{name}_leftImg8bit.png", 2, 4)
        put(tmp_path / f"gtFine/{split}/{city}/{name}_gtFine_labelIds.png", RAW)
        put(tmp_path / f"gtFine/{split}/{city}/{name}_gtFine_instanceIds.png", CODES, np.uint16)
    return tmp_path


def test_the_nineteen_of_the_official_table() -> None:
    assert (
        LABELS.names
        == TRAIN_IDS.names
        == tuple(
            "road,sidewalk,building,wall,fence,pole,traffic light,traffic sign,vegetation,terrain,sky,person,rider,car,truck,"
            "bus,train,motorcycle,bicycle".split(",")
        )
    )
    kept = [n for n in range(34) if LABELS.values[n] != "ignore"]
    assert kept == [7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33]
    assert LABELS.colors[:2] == ((128, 64, 128), (244, 35, 232)) and LABELS.colors[-1] == (119, 11, 32)
    assert SPACES[34].names[:4] == ("unlabeled", "ego vehicle", "rectification border", "out of roi")
    assert SPACES[8].names == ("void", "flat", "construction", "object", "nature", "sky", "human", "vehicle")


def test_label_ids_become_train_ids(root: Path) -> None:
    dataset = cityscapes(root, "train")
    assert [item.name for item in dataset.items] == ["aachen_000000_000019"] and splits("cityscapes", root) == (
        "train",
        "val",
    )
    assert dataset[0].labels.tolist() == [[0, 255, 13, 13], [18, 255, 11, 10]] and dataset[0].objects is None


@pytest.mark.parametrize(
    ("classes", "expected"),
    [(34, RAW), (8, [[1, 0, 7, 7], [7, 7, 6, 5]]), (7, [[0, 255, 6, 6], [6, 6, 5, 4]])],
)
def test_other_sets_of_classes(root: Path, classes: int, expected: list[list[int]]) -> None:
    assert open_data("cityscapes", root, "val", classes=classes)[0].labels.tolist() == expected


def test_single_objects_count_from_one_and_groups_are_none(root: Path) -> None:
    sample = cityscapes(root, "train", objects=True)[0]
    assert sample.labels.tolist() == [[0, 255, 13, 13], [18, 255, 11, 10]]
    assert sample.objects is not None
    assert sample.objects.tolist() == [[0, 0, 2, 3], [0, 0, 1, 0]]  # the caravan is ignored, so it is no object
    assert cityscapes(root, "train", objects=True, classes=34)[0].objects.tolist() == [[0, 0, 2, 3], [0, 4, 1, 0]]


def test_coarse_annotations_and_their_extra_split(root: Path) -> None:
    photo(root / "leftImg8bit/train_extra/erfurt/erfurt_000000_000000_leftImg8bit.png", 1, 2)
    put(root / "gtCoarse/train_extra/erfurt/erfurt_000000_000000_gtCoarse_labelIds.png", [[0, 8]])
    dataset = cityscapes(root, "train_extra", annotations="gtCoarse")
    assert dataset[0].labels.tolist() == [[255, 1]]
    with pytest.raises(DataError, match="no split 'train_extra'.*'train'"):
        cityscapes(root, "train_extra")


def test_panoptic_files_of_the_scripts(root: Path) -> None:
    codes = np.array(CODES)
    codes[np.isin(codes, (0, 29001))] = 0  # ids that are not evaluated are left out
    put(
        root / "gtFine/cityscapes_panoptic_val/frankfurt_000000_000019_gtFine_panoptic.png",
        np.dstack([codes % 256, codes // 256, codes * 0]),
    )
    segments = [(7, 7, 0), (26000, 26, 0), (26001, 26, 0), (33, 33, 1), (24003, 24, 0), (23, 23, 0)]
    tree = {
        "images": [{"id": "frankfurt_000000_000019", "file_name": "frankfurt_000000_000019_gtFine_leftImg8bit.png"}],
        "annotations": [
            {
                "image_id": "frankfurt_000000_000019",
                "file_name": "frankfurt_000000_000019_gtFine_panoptic.png",
                "segments_info": [{"id": i, "category_id": c, "iscrowd": w} for i, c, w in segments],
            }
        ],
        "categories": [{"id": n, "name": str(n), "color": [0, 0, 0], "isthing": int(n > 23)} for n in range(7, 34)],
    }
    (root / "gtFine/cityscapes_panoptic_val.json").write_text(json.dumps(tree))
    sample = cityscapes(root, "val", panoptic=True)[0]
    assert sample.labels.tolist() == [[0, 255, 13, 13], [18, 255, 11, 10]]
    assert sample.objects is not None
    assert sample.objects.tolist() == [[0, 0, 2, 3], [0, 0, 1, 0]]


def test_what_is_wrong_is_said(root: Path, tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match=r"holds no leftImg8bit and gtFine; expected\n.*leftImg8bit/\{train,val,test\}/CITY"
    ):
        cityscapes(tmp_path / "gtFine", "train")
    with pytest.raises(DataError, match="there is no such folder; expected"):
        cityscapes(tmp_path / "nowhere", "train")
    with pytest.raises(DataError, match="no split 'vla'; did you mean 'val'"):
        cityscapes(root, "vla")
    with pytest.raises(DataError, match="classes is 20; choose from 19, 34, 8, 7"):
        open_data("cityscapes", root, "train", classes=20)
    put(root / "gtFine/train/aachen/aachen_000000_000019_gtFine_labelIds.png", [[7, 0, 26, 40], [33, 29, 24, 23]])
    with pytest.raises(LabelError, match=r"labelIds.png: the mask holds 40 \(1 px\)"):
        cityscapes(root, "train")[0]


def test_the_real_thumbnail_is_its_train_ids(shared_data: Path) -> None:
    root = shared_data / "mmseg_fixtures/tests/data/pseudo_cityscapes_dataset"
    sample = cityscapes(root, "val", objects=True)[0]
    theirs = np.asarray(Image.open(next(root.rglob("*_labelTrainIds.png"))))
    codes = np.asarray(Image.open(next(root.rglob("*_instanceIds.png"))))
    assert (sample.labels.numpy() == theirs).mean() > 0.997  # each was shrunk by itself, so edges differ
    assert sample.objects is not None
    assert int(sample.objects.max()) == len(np.unique(codes[codes >= 1000])) == 7
