"""Objects that are empty, there twice, cut or joined, and things without an object: each is found where it is planted."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from intarsia.data.files.object_masks import ObjectMasks, on_top, read_object_masks, write_object_masks
from intarsia.datasets.export import export
from intarsia.datasets.folder import folder
from intarsia.doctor import describe, mend, visit
from intarsia.doctor.described import opened
from intarsia.doctor.exam.examine import Exam
from intarsia.doctor.exam.instances import Instances
from intarsia.doctor.findings.instances import instances
from intarsia.errors import DataError
from intarsia.labels import LabelSpace

SPACE = LabelSpace(("background", "car", "tree"))


def noise(path: Path, seed: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (64, 96, 3), np.uint8)).save(path)


def numbered(root: Path, numbers: np.ndarray, classes: np.ndarray) -> dict[str, str]:
    """The findings on a folder of one image with a map of object numbers beside its mask: kind -> sentence."""
    noise(root / "images/a.png", 0)
    for part, array in (("masks", classes), ("objects", numbers)):
        (root / part).mkdir()
        Image.fromarray(array.astype(np.uint8)).save(root / part / "a.png")
    dataset = folder(root, "all", labels=SPACE, images="images", masks="masks", objects="objects")
    return {f.kind: f.message for f in visit((dataset,), suspect=True).audit.findings}


def annotated(root: Path, polygons: list[list[float]]) -> Path:
    """A COCO file with one image, and a car for each polygon."""
    noise(root / "a.png", 1)
    annotations: list[dict[str, Any]] = [
        {"id": n, "image_id": 1, "category_id": 1, "segmentation": [polygon], "iscrowd": 0}
        for n, polygon in enumerate(polygons, 1)
    ]
    images = [{"id": 1, "file_name": "a.png", "height": 64, "width": 96}]
    tree = {"images": images, "annotations": annotations, "categories": [{"id": 1, "name": "car"}]}
    (root / "instances.json").write_text(json.dumps(tree))
    return root


BOX = [10, 10, 40, 10, 40, 40, 10, 40]


@pytest.mark.parametrize("overlaps", [False, True])
@pytest.mark.parametrize(("more", "kind", "says"), [
    ([50, 20, 60, 20, 60, 20], "objects_empty", "1 object without a pixel in 1 picture: 1 car"),
    ([120, 10, 140, 10, 140, 30, 120, 30], "objects_empty", "1 object without a pixel"),
    ([10, 10, 40, 10, 40, 40.6, 10, 40.4], "objects_twice", "1 object with the pixels of another one of the same class"),
])  # fmt: skip
def test_empty_objects_and_copies_are_found(
    tmp_path: Path, more: list[float], kind: str, says: str, overlaps: bool
) -> None:
    root = annotated(tmp_path, [BOX, more, [60, 40, 80, 40, 80, 60, 60, 60]])
    found = visit((export(root, "all", overlaps=overlaps),)).audit.findings
    told = {f.kind: f.message for f in found if f.kind.startswith("objects_")}
    assert list(told) == [kind] and says in told[kind] and "(the first in a)" in told[kind]
    assert next(f.severity for f in found if f.kind == kind) == "warning"


def test_a_region_outside_of_its_picture_is_told_as_such(tmp_path: Path) -> None:
    found = visit(annotated(tmp_path, [BOX, [120, 10, 140, 10, 140, 30, 120, 30]])).audit.findings
    assert any("1 region outside of the picture, so nothing of them is drawn" in f.message for f in found)


def test_sound_objects_have_no_findings(tmp_path: Path) -> None:
    """Neighbors of one class whose border is no line across both, and one that another hides in part."""
    numbers = np.zeros((64, 96), np.uint8)
    numbers[10:50, 10:40], numbers[20:36, 40:70], numbers[25:30, 15:65] = 1, 2, 3
    assert not [kind for kind in numbered(tmp_path, numbers, numbers > 0) if kind.startswith("objects_")]


def test_an_object_that_a_line_cuts_and_two_under_one_number(tmp_path: Path) -> None:
    numbers = np.zeros((64, 96), np.uint8)
    numbers[10:40, 10:30], numbers[10:40, 30:55] = 1, 2  # one car, cut at column 30
    numbers[50:56, 5:11], numbers[50:56, 80:86] = 3, 3
    told = numbered(tmp_path, numbers, numbers > 0)
    assert told["objects_cut"].startswith("the whole set: 1 object in 1 picture with a neighbor of the same")
    assert told["objects_joined"].startswith("the whole set: 1 object in 1 picture with pixels in two places far apart")


def test_neighbors_of_two_classes_are_not_cut(tmp_path: Path) -> None:
    numbers = np.zeros((64, 96), np.uint8)
    numbers[10:40, 10:30], numbers[10:40, 30:55] = 1, 2
    assert "objects_cut" not in numbered(tmp_path, numbers, numbers)


def test_a_thing_with_pixels_and_no_object(tmp_path: Path) -> None:
    classes = np.zeros((64, 96), np.uint8)
    classes[10:40, 10:30], classes[10:40, 50:70] = 1, 2
    told = numbered(tmp_path, classes * (classes == 1), classes)
    assert told["objects_missing"] == ("the whole set: tree has pixels but no object, though labels.things lists it.")


def test_more_objects_than_16_bits_can_number() -> None:
    exam = Exam("a", "a", instances=Instances({1: 65000, 2: 1000}))
    (found,) = instances("train", SPACE, [exam], suspect=False)
    assert found.kind == "objects_many"
    assert found.message.startswith(
        "train: 465 objects beyond the 65,535 that a map of 16 bits can number, in 1 picture"
    )


@pytest.mark.parametrize("planes", [False, True])
def test_a_clean_copy_keeps_objects_that_overlap(tmp_path: Path, planes: bool) -> None:
    """All pixels of each object, its class and its number come back, of one label a pixel and of several."""
    root = annotated(tmp_path / "set", [BOX, [30, 20, 70, 20, 70, 60, 30, 60], [32, 30, 50, 30, 50, 38, 32, 38]])
    before = export(root, "all", overlaps=True, planes=planes)
    mend(visit((before,)), tmp_path / "clean")
    known = describe(tmp_path / "clean")
    assert known.data["objects"] == "objects"
    (after,) = opened(known, ["all"])
    old, new = before[0], after[0]
    assert old.masks is not None and new.masks is not None and old.masks.sum() > (old.masks.any(0)).sum()
    assert torch.equal(old.masks, new.masks) and torch.equal(old.classes, new.classes)
    assert torch.equal(old.labels, new.labels)
    for part in ("objects",) if not planes else ("planes",):
        assert torch.equal(getattr(old, part), getattr(new, part))


def test_files_of_overlapping_objects_that_are_none_are_sentences(tmp_path: Path) -> None:
    masks = np.zeros((2, 8, 9), bool)
    masks[0, :4], masks[1, 2:6] = True, True
    good = ObjectMasks(masks, ("car", "tree"), on_top(masks))
    write_object_masks(tmp_path / "a.npz", good)
    read = read_object_masks(tmp_path / "a.npz")
    assert np.array_equal(read.masks, masks) and read.classes == good.classes
    assert read.objects[3, 0] == 2 and read.objects[0, 0] == 1
    write_object_masks(tmp_path / "b.npz", good._replace(classes=("car",) * 9))
    write_object_masks(tmp_path / "c.npz", good._replace(objects=good.objects + 5))
    (tmp_path / "d.npz").write_bytes((tmp_path / "a.npz").read_bytes()[:200])
    np.savez(tmp_path / "e.npz", masks=np.zeros((1, 8, 9), np.uint8))
    for name, says in (
        ("b", "do not fit together"),
        ("c", "objects holds 5 to 7, but there are 2 masks"),
        ("d", "no readable file of objects"),
        ("e", "no readable file of objects"),
        ("f", "there is no such file"),
    ):
        with pytest.raises(DataError, match=says):
            read_object_masks(tmp_path / f"{name}.npz")
