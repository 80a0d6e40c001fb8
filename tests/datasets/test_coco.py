"""COCO: instances and panoptic masks of the official layout, and the official samples."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from intarsia.datasets import splits
from intarsia.datasets.coco import coco
from intarsia.errors import DataError, LabelError


def put(path: Path, array: object, dtype: type = np.uint8) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.array(array, dtype)).save(path)
    return path


def photo(path: Path, height: int, width: int) -> Path:
    return put(path, np.full((height, width, 3), 90))


SEGMENTS = [(1, 1, 0), (258, 1, 0), (3, 1, 1), (65536, 184, 0)]  # two people, a crowd, a tree


def panoptic(root: Path, segments: list[tuple[int, int, int]] = SEGMENTS) -> None:
    photo(root / "val2017/000000000001.jpg", 1, 5)
    numbers = np.array([[0, 1, 258, 3, 65536]])
    put(
        root / "annotations/panoptic_val2017/000000000001.png",
        np.dstack([numbers % 256, numbers // 256 % 256, numbers // 65536]),
    )
    tree = {
        "images": [{"id": 1, "file_name": "000000000001.jpg", "height": 1, "width": 5}],
        "annotations": [
            {
                "image_id": 1,
                "file_name": "000000000001.png",
                "segments_info": [{"id": i, "category_id": c, "iscrowd": w} for i, c, w in segments],
            }
        ],
        "categories": [
            {"id": 1, "name": "person", "isthing": 1, "color": [220, 20, 60]},
            {"id": 184, "name": "tree-merged", "isthing": 0, "color": [107, 142, 35]},
        ],
    }
    (root / "annotations/panoptic_val2017.json").write_text(json.dumps(tree))


def test_panoptic_numbers_are_spread_over_red_green_and_blue(tmp_path: Path) -> None:
    panoptic(tmp_path)
    dataset = coco(tmp_path, "val", masks="panoptic")
    assert dataset.labels.names == ("person", "tree-merged") and dataset.labels.colors[0] == (220, 20, 60)
    sample = dataset[0]
    assert sample.labels.tolist() == [[255, 0, 0, 0, 1]] and sample.name == "000000000001"
    assert sample.objects is not None
    assert sample.objects.tolist() == [[0, 1, 2, 0, 0]]  # neither crowds nor stuff are objects
    assert splits("coco", tmp_path, masks="panoptic") == ("val",) and splits("coco", tmp_path) == ()
    assert len(coco(tmp_path, "val2017", masks="panoptic")) == 1


def test_what_does_not_fit_is_said(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"holds no annotations; expected\n    \{train2017,val2017\}/NAME.jpg"):
        coco(tmp_path, "train")
    panoptic(tmp_path, SEGMENTS[:3])
    with pytest.raises(DataError, match=r"000000000001.png: holds segment 65536, which the JSON does not list"):
        coco(tmp_path, "val", masks="panoptic")[0]
    panoptic(tmp_path, [*SEGMENTS[:3], (65536, 99, 0)])
    with pytest.raises(LabelError, match=r"000000000001.png: the mask holds 99 \(1 px\)"):
        coco(tmp_path, "val", masks="panoptic")[0]
    with pytest.raises(DataError, match="no split 'train'; choose from 'val'"):
        coco(tmp_path, "train", masks="panoptic")
    (tmp_path / "val2017/000000000001.jpg").unlink()
    with pytest.raises(DataError, match=r"panoptic_val2017.json: 000000000001.jpg is listed, but not there"):
        coco(tmp_path, "val", masks="panoptic")


def test_instances_are_classes_and_objects(tmp_path: Path) -> None:
    photo(tmp_path / "images/train2017/000000000009.jpg", 2, 4)
    square = {"image_id": 9, "category_id": 1, "iscrowd": 0}
    tree = {
        "images": [{"id": 9, "file_name": "000000000009.jpg", "height": 2, "width": 4}],
        "annotations": [
            {"id": 7, **square, "segmentation": [[0, 0, 2, 0, 2, 2, 0, 2]]},
            {"id": 8, **square, "category_id": 90, "segmentation": {"size": [2, 4], "counts": [3, 1, 1, 1, 2]}},
        ],
        "categories": [{"id": 1, "name": "person"}, {"id": 90, "name": "toothbrush"}],
    }
    (tmp_path / "annotations").mkdir()
    (tmp_path / "annotations/instances_train2017.json").write_text(json.dumps(tree))
    dataset = coco(tmp_path, "train")
    sample = dataset[0]
    assert dataset.labels.names == ("background", "person", "toothbrush")
    assert sample.labels.tolist() == [[1, 1, 0, 0], [1, 2, 2, 0]]  # run lengths go down the columns
    assert sample.objects is not None
    assert sample.objects.tolist() == [[1, 1, 0, 0], [1, 2, 2, 0]]
    assert coco(tmp_path, "train", uncovered="ignore")[0].labels.tolist() == [[0, 0, 255, 255], [0, 1, 1, 255]]


def test_the_official_panoptic_sample_is_its_two_channel_form(shared_data: Path, tmp_path: Path) -> None:
    real = shared_data / "panopticapi_sample"
    (tmp_path / "annotations").mkdir()
    (tmp_path / "val2017").symlink_to(real / "sample_data/input_images")
    (tmp_path / "annotations/panoptic_val2017").symlink_to(real / "sample_data/panoptic_examples")
    tree = json.loads((real / "sample_data/panoptic_examples.json").read_text())
    told = json.loads((real / "panoptic_coco_categories.json").read_text())
    (tmp_path / "annotations/panoptic_val2017.json").write_text(json.dumps({**tree, "categories": told}))
    dataset = coco(tmp_path, "val", masks="panoptic")
    assert len(dataset) == 2 and dataset.labels.num_classes == 133
    ids = np.array([c["id"] for c in told])
    for n, annotation in enumerate(tree["annotations"]):
        sample = dataset[n]
        labels = sample.labels.numpy()
        for segment in annotation["segments_info"]:  # the JSON's own areas
            same = sum(s["area"] for s in annotation["segments_info"] if s["category_id"] == segment["category_id"])
            assert (labels == int(np.flatnonzero(ids == segment["category_id"])[0])).sum() == same
        two = np.asarray(Image.open(real / f"sample_data/panoptic_examples_2ch_format/{sample.name}.png"))[..., 0]
        assert (labels == 255).sum() == (two == 0).sum()
        assert (ids[labels[labels != 255]] == two[labels != 255]).all()
        things = {c["id"] for c in told if c["isthing"]}
        single = [s for s in annotation["segments_info"] if s["category_id"] in things and not s["iscrowd"]]
        assert sample.objects is not None
        assert int(sample.objects.max()) == len(single)


def test_fifty_real_images_of_instances(shared_data: Path) -> None:
    root = next((shared_data / "tiny_coco").rglob("annotations")).parent
    dataset = coco(root, "val")
    assert len(dataset) == 50 and dataset.labels.num_classes == 81
    sample = dataset[0]
    assert sample.image.shape[1:] == sample.labels.shape and sample.labels.max() > 0


def test_panoptic_masks_of_another_tool(shared_data: Path) -> None:
    root = shared_data / "datumaro_assets/tests/assets/coco_dataset/coco_panoptic"  # images are not of the masks' size
    assert splits("coco", root, masks="panoptic") == ("train", "val")
    for split in ("train", "val"):
        dataset = coco(root, split, masks="panoptic")
        file = json.loads((root / f"annotations/panoptic_{split}.json").read_text())
        things = {c["id"] for c in file["categories"] if c["isthing"]}
        for item, annotation in zip(dataset.items, file["annotations"], strict=True):
            raw = dataset.decode(item)
            segments = annotation["segments_info"]
            assert set(np.unique(raw.classes).tolist()) - {0} == {s["category_id"] for s in segments}
            assert len(set(np.unique(raw.objects).tolist()) - {0}) == sum(
                s["category_id"] in things and not s["iscrowd"] for s in segments
            )
