"""Data sets that know objects say which classes are things; what is no thing has no number; videos know the frame before."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from intarsia import datasets
from intarsia.data.things import only_things, thing_rows, with_things
from intarsia.datasets import ade20k, mapillary
from intarsia.datasets.davis import davis
from intarsia.datasets.kitti_step import kitti_step
from intarsia.errors import DataError
from intarsia.labels import LabelSpace


def put(path: Path, array: Any, dtype: Any = np.uint8) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.asarray(array, dtype)).save(path)
    return path


def test_things_of_a_label_space() -> None:
    space = LabelSpace(("sky", "car", "person"), values={3: "sky", 5: "car", 9: "person"})
    assert with_things(space, ("person", "dog")).things == ("person",)
    assert with_things(space, ("person",)).values == space.values
    named = LabelSpace(("sky", "car", "person"), things=("car",))
    assert with_things(named, ("person",)) is named and with_things(space, ("dog",)) is space
    plain = LabelSpace(("sky", "car"))
    assert not with_things(plain, ("car",)).explicit and with_things(space, ("car",)).explicit


def test_numbers_outside_of_things_are_cleared_and_rows_stay_in_step() -> None:
    space = LabelSpace(("sky", "car", "person"), things=("car",))
    labels = np.array([[0, 1, 2, 255, 1]], np.uint8)
    objects = np.array([[4, 5, 6, 7, 0]], np.int32)
    assert only_things(objects, labels, space).tolist() == [[0, 5, 0, 0, 0]]
    assert only_things(objects, labels, LabelSpace(space.names)).tolist() == objects.tolist()
    masks = np.eye(4, dtype=bool)[:, None, :]
    kinds = np.array([1, 2, 255, 1])
    kept, classes, numbers = thing_rows(masks, kinds, space, np.array([[1, 2, 3, 4, 0]], np.int32))
    assert np.array_equal(kept, masks[[0, 3]]) and classes.tolist() == [1, 1] and numbers.tolist() == [[1, 0, 0, 2, 0]]
    assert thing_rows(masks, kinds, LabelSpace(space.names), None)[1].tolist() == [1, 2, 1]


def test_ade20k_tells_100_of_its_classes_apart() -> None:
    assert len(ade20k.THINGS) == 100 and {"person", "car", "flag"} <= set(ade20k.THINGS)
    assert not {"wall", "sky", "shower"} & set(ade20k.THINGS)


def test_cityscapes_numbers_what_the_recipe_calls_things(tmp_path: Path) -> None:
    stem = "ulm_000000_000019"
    put(tmp_path / f"leftImg8bit/train/ulm/{stem}_leftImg8bit.png", np.zeros((1, 4, 3)))
    put(tmp_path / f"gtFine/train/ulm/{stem}_gtFine_labelIds.png", [[7, 26, 24, 29]])
    put(tmp_path / f"gtFine/train/ulm/{stem}_gtFine_instanceIds.png", [[7, 26001, 24001, 29]], np.uint16)
    plain = datasets.open("cityscapes", tmp_path, "train")
    assert plain.labels.things == () and plain[0].objects is None
    full = datasets.open("cityscapes", tmp_path, "train", objects=True)
    assert full.labels.things == ("person", "rider", "car", "truck", "bus", "train", "motorcycle", "bicycle")
    assert full[0].objects.tolist() == [[0, 2, 1, 0]] and full[0].labels.tolist() == [[0, 13, 11, 255]]
    cars = LabelSpace(full.labels.names, values=full.labels.values, things=("car",))
    assert datasets.open("cityscapes", tmp_path, "train", cars, objects=True)[0].objects.tolist() == [[0, 2, 0, 0]]
    assert datasets.open("cityscapes", tmp_path, "train", objects=True, classes=8).labels.things == ("human", "vehicle")


def test_coco_panoptic_takes_its_things_from_the_file(tmp_path: Path) -> None:
    kinds = [{"id": 1, "name": "person", "isthing": 1}, {"id": 91, "name": "tree", "isthing": 0}]
    put(tmp_path / "val2017/1.jpg", np.zeros((1, 4, 3)))
    put(tmp_path / "annotations/panoptic_val2017/1.png", np.dstack([[[5, 6, 7, 0]], [[0] * 4], [[0] * 4]]))
    info = [{"id": n, "category_id": c, "iscrowd": i} for n, c, i in ((5, 1, 0), (6, 1, 1), (7, 91, 0))]
    tree = {
        "images": [{"id": 1, "file_name": "1.jpg", "height": 1, "width": 4}],
        "annotations": [{"image_id": 1, "file_name": "1.png", "segments_info": info}], "categories": kinds,
    }  # fmt: skip
    (tmp_path / "annotations/panoptic_val2017.json").write_text(json.dumps(tree))
    dataset = datasets.open("coco", tmp_path, "val", masks="panoptic")
    assert dataset.labels.things == ("person",)
    assert dataset[0].objects.tolist() == [[1, 0, 0, 0]] and dataset[0].labels.tolist() == [[0, 0, 1, 255]]


def test_mapillary_knows_its_things() -> None:
    entries = mapillary.known(Path("/nowhere"), "v1.2")
    assert sum(entry.thing for entry in entries) == 37


def _drive(root: Path, frames: dict[str, list[list[int]]]) -> None:
    for name, pixels in frames.items():
        put(root / f"images/train/{name}.png", np.zeros((1, len(pixels), 3)))
        put(root / f"panoptic_maps/train/{name}.png", [pixels])


def test_step_gives_an_object_one_number_in_all_of_its_drive(tmp_path: Path) -> None:
    """Pixels are (class, 256s of the track, track): cars 1 and 2, person 2; in the second drive car 2 is another."""
    car1, car2, person2, road = [13, 0, 1], [13, 0, 2], [11, 0, 2], [0, 0, 0]
    frames = {
        "0000/000000": [car2, road, person2], "0000/000001": [car1, car2, road], "0000/000002": [road, road, car1],
        "0001/000000": [car2, car2, road],
    }  # fmt: skip
    _drive(tmp_path, frames)
    dataset = kitti_step(tmp_path, "train", previous=True)
    samples = [dataset[n] for n in range(4)]
    numbers = {"car1": int(samples[1].objects[0, 0]), "car2": int(samples[0].objects[0, 0])}
    person = int(samples[0].objects[0, 2])
    assert len({*numbers.values(), person, 0}) == 4
    for frame, sample in enumerate(samples[:3]):
        expected = [{(13, 1): numbers["car1"], (13, 2): numbers["car2"], (11, 2): person}.get((p[0], p[2]), 0)
                    for p in frames[f"0000/{frame:06}"]]  # fmt: skip
        assert sample.objects.tolist() == [expected]
    assert not samples[0].previous.any() and not samples[3].previous.any()  # the first of each drive
    assert torch.equal(samples[1].previous, samples[0].objects)
    assert torch.equal(samples[2].previous, samples[1].objects)
    assert samples[1].previous.dtype == torch.int32 and kitti_step(tmp_path, "train")[1].previous is None
    assert [shot.video for shot in dataset.shots] == ["0000", "0000", "0000", "0001"]
    put(tmp_path / "images/train/0000/000001.png", np.full((1, 3, 3), 9))
    seen = kitti_step(tmp_path, "train", previous="centers")
    assert [seen[n].image[:, 0, 0].tolist()[:6] for n in (0, 1, 2)] == [[0] * 6, [9] * 3 + [0] * 3, [0] * 3 + [9] * 3]
    assert (
        seen[1].image.shape == (7, 1, 3)
        and seen[1].image[6].tolist() == [[255, 225, 255]]
        and not seen[0].image[6].any()
    )
    assert kitti_step(tmp_path, "train", previous="frame")[1].image.shape == (6, 1, 3)
    cars = LabelSpace(dataset.labels.names, values=dataset.labels.values, things=("car",))
    only = kitti_step(tmp_path, "train", labels=cars, previous=True)[1]
    assert only.previous.tolist() == [[numbers["car2"], 0, 0]]


def test_a_drive_that_lacks_a_frame_is_refused(tmp_path: Path) -> None:
    _drive(tmp_path, {f"0000/{n:06}": [[13, 0, 1]] for n in (0, 1, 2, 4)})
    assert len(kitti_step(tmp_path, "train")) == 4
    with pytest.raises(DataError, match="0000: 1 frame between 000002.png and 000004.png is missing"):
        kitti_step(tmp_path, "train", previous=True)


def test_davis_knows_the_frame_before_and_says_where_there_is_none(tmp_path: Path) -> None:
    for n, pixels in enumerate(([0, 1, 2], [1, 2, 0], [2, 0, 0])):
        put(tmp_path / f"JPEGImages/480p/bear/{n:05}.jpg", np.zeros((1, 3, 3)))
        put(tmp_path / f"Annotations/480p/bear/{n:05}.png", [pixels])
    dataset = davis(tmp_path, "all", previous=True)
    assert [dataset[n].previous.tolist() for n in range(3)] == [[[0, 0, 0]], [[0, 1, 2]], [[1, 2, 0]]]
    put(tmp_path / "Annotations/480p/bear/00001.png", [[0, 1, 1, 1]])
    with pytest.raises(DataError, match="frame before .*4x1"):
        dataset[2]
    (tmp_path / "Annotations/480p/bear/00001.png").unlink()
    with pytest.raises(
        DataError, match="data.previous needs the objects of the frame before, and .*00001.jpg has no mask"
    ):
        davis(tmp_path, "all", previous=True)
    assert davis(tmp_path, "all")[2].objects is not None
