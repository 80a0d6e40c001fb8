"""Pictures in a folder for each class: found, named, held out, and refused in one sentence where they cannot be meant."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from intarsia.data.cache import Cached
from intarsia.data.loader import Loader
from intarsia.datasets.class_folders import class_folders, is_one, splits
from intarsia.doctor.describe import describe
from intarsia.errors import DataError
from intarsia.labels import LabelSpace
from intarsia.training.usual import init

CLASSES = ("cat", "dog", "owl")


def fill(root: Path, put, names=CLASSES, count: int = 5) -> Path:
    random = np.random.default_rng(0)
    for name in names:
        for n in range(count):
            put(root / name / f"{name[0]}{n}.png", random.integers(0, 255, (40, 48, 3), dtype=np.uint8))
    return root


@pytest.fixture
def root(tmp_path: Path, put) -> Path:
    return fill(tmp_path / "animals", put)


def test_the_folder_is_the_class_and_no_pixel_has_a_label(root: Path) -> None:
    dataset = class_folders(root, "all")
    assert len(dataset) == 15 and dataset.labels.names == CLASSES and splits(root) == ("all",)
    for n, item in enumerate(dataset.items):
        sample = dataset[n]
        assert item.image.parent.name == CLASSES[int(sample.tags.nonzero())] and sample.tags.sum() == 1
        assert (sample.labels == 255).all() and sample.planes is None
    assert dataset.items[0].name == "cat/c0"


def test_tags_travel_in_batches_and_through_the_cache_on_disk(root: Path, tmp_path: Path) -> None:
    dataset = class_folders(root, "all")
    cached = Cached(dataset, tmp_path / "cache")
    assert all(torch.equal(cached[n].tags, dataset[n].tags) for n in range(len(dataset)))
    batch = next(Loader(dataset, batch_size=4).stream())
    assert batch.tags.shape == (4, 3) and batch.tags.sum(dim=1).tolist() == [1, 1, 1, 1]
    assert [name.split("/")[0] for name in batch.names] == [CLASSES[int(row.nonzero())] for row in batch.tags]


def test_a_share_of_each_class_is_held_out(root: Path) -> None:
    train, val = (class_folders(root, split, holdout=0.2) for split in ("train", "val"))
    names = [{item.name for item in part.items} for part in (train, val)]
    assert not names[0] & names[1] and len(names[0] | names[1]) == 15
    assert [name.split("/")[0] for name in sorted(names[1])] == list(CLASSES)
    assert splits(root, holdout=0.2) == ("train", "val")


def test_splits_are_folders_and_a_class_may_be_missing_from_one(tmp_path: Path, put) -> None:
    fill(tmp_path / "train", put)
    fill(tmp_path / "val", put, ("cat", "owl"), 2)
    assert splits(tmp_path) == ("train", "val")
    val = class_folders(tmp_path, "val")
    assert val.labels.names == CLASSES and len(val) == 4
    assert [int(val[n].tags.nonzero()) for n in range(4)] == [0, 0, 2, 2]
    with pytest.raises(DataError, match="there is no split 'vall'; did you mean 'val'"):
        class_folders(tmp_path, "vall")
    with pytest.raises(DataError, match=r"has splits of its own .* leave out data\.holdout"):
        class_folders(tmp_path, "val", holdout=0.3)


def test_init_writes_a_recipe_for_a_classifier(root: Path) -> None:
    tree, told = init(root)
    assert "pictures in a folder for each of 3 classes (15 to train on)" in told
    assert tree["model"]["name"] == "classifier" and tree["loss"]["name"] == "class_cross_entropy"
    assert tree["data"] == {
        "name": "class_folders", "root": str(root), "holdout": 0.2, "train": "train", "val": "val",
    }  # fmt: skip
    assert tree["labels"]["classes"] == list(CLASSES) and tree["augment"]["crop"] == [40, 48]


def test_splits_are_described(tmp_path: Path, put) -> None:
    for split in ("train", "val", "test"):
        fill(tmp_path / split, put, count=2 if split == "val" else 3)
    known = describe(tmp_path)
    assert known.data == {"name": "class_folders", "root": str(tmp_path), "train": "train", "val": "val"}
    assert len(known.open("test")) == 9


@pytest.mark.parametrize("names", [("images", "masks"), ("rgb", "depth"), ("JPEGImages", "SegmentationClass")])
def test_folders_of_images_and_masks_are_no_classes(tmp_path: Path, put, names: tuple[str, str]) -> None:
    assert not is_one(fill(tmp_path, put, names))


def test_folders_whose_files_all_have_the_same_names_are_not_guessed_to_be_classes(tmp_path: Path, put) -> None:
    for name in ("left", "right"):
        for n in range(3):
            put(tmp_path / name / f"{n}.png", np.random.default_rng(n).integers(0, 255, (40, 48, 3), dtype=np.uint8))
    assert not is_one(tmp_path)
    with pytest.raises(DataError, match=r"write data\.name: class_folders into a recipe"):
        init(tmp_path)
    put(tmp_path / "left" / "more.png", np.zeros((40, 48, 3), np.uint8))
    assert is_one(tmp_path)


def test_a_single_class_is_refused(tmp_path: Path, put) -> None:
    with pytest.raises(DataError, match="'cat' is the only class, so there is nothing to tell apart"):
        class_folders(fill(tmp_path, put, ("cat",)), "all")


def test_a_class_without_pictures_is_refused(root: Path) -> None:
    (root / "yak").mkdir()
    with pytest.raises(DataError, match=r"yak: holds no picture, so nothing says what 'yak' looks like"):
        class_folders(root, "all")


def test_a_folder_without_classes_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"(?s)holds no folders; expected .*root/<class>/\*\.jpg"):
        class_folders(tmp_path, "all")
    with pytest.raises(DataError, match="there is no such folder"):
        class_folders(tmp_path / "nowhere", "all")


def test_a_picture_in_two_classes_is_refused(root: Path) -> None:
    shutil.copy(root / "cat" / "c3.png", root / "owl" / "same.png")
    with pytest.raises(DataError, match=r"same\.png is a copy of .*c3\.png, so that it is 'owl' and 'cat' at once"):
        class_folders(root, "all")


def test_copies_within_a_class_and_names_that_differ_in_their_ending_are_sound(root: Path) -> None:
    shutil.copy(root / "cat" / "c3.png", root / "cat" / "copy.png")
    shutil.copy(root / "cat" / "c2.png", root / "cat" / "c3.bmp")
    names = [item.name for item in class_folders(root, "all").items]
    assert {"cat/c3.png", "cat/c3.bmp", "cat/copy"} <= set(names) and len(set(names)) == 17


def test_classes_follow_the_label_space(root: Path) -> None:
    space = LabelSpace(("owl", "dog", "cat", "yak"))
    dataset = class_folders(root, "all", labels=space)
    assert dataset.labels is space and int(dataset[0].tags.nonzero()) == 0
    assert dataset.items[0].name == "owl/o0"
    with pytest.raises(DataError, match=r"'owl' is no class of labels\.classes"):
        class_folders(root, "all", labels=LabelSpace(("cat", "dog")))
