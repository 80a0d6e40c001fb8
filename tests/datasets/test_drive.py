"""DRIVE: vessels, and the field of view outside of which nothing counts."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import intarsia.data
from intarsia.datasets.drive import drive
from intarsia.errors import DataError


@pytest.fixture
def root(tmp_path: Path, put, noise) -> Path:
    vessel = np.zeros((6, 8), np.uint8)
    vessel[2:4, :] = 255
    view = np.zeros((6, 8), np.uint8)
    view[:, 2:6] = 255
    for part, numbers in (("training", ("21", "22")), ("test", ("01",))):
        for number in numbers:
            put(tmp_path / part / "images" / f"{number}_{part}.tif", noise(6, 8, 3))
            put(tmp_path / part / "1st_manual" / f"{number}_manual1.gif", vessel)
            put(tmp_path / part / "mask" / f"{number}_{part}_mask.gif", view)
    return tmp_path


def test_vessels_background_and_what_lies_outside_of_the_view(root: Path, sound) -> None:
    dataset = drive(root, "training")
    assert [item.name for item in dataset.items] == ["21_training", "22_training"]
    labels = dataset[0].labels
    assert labels[2, 3] == 1 and labels[0, 3] == 0 and labels[2, 0] == 255 and labels[0, 7] == 255
    assert labels.unique().tolist() == [0, 1, 255]
    assert intarsia.datasets.splits("drive", root) == ("training", "test")
    sound(dataset)


def test_the_second_observer_stores_zero_and_one_in_a_palette(root: Path) -> None:
    picture = Image.fromarray(np.eye(6, 8, dtype=np.uint8))
    picture = picture.convert("P")
    picture.putpalette([0, 0, 0, 255, 255, 255])
    (root / "test/2nd_manual").mkdir()
    picture.save(root / "test/2nd_manual/01_manual2.gif")
    labels = drive(root, "test", observer="2nd")[0].labels
    assert labels[2, 2] == 1 and labels[2, 3] == 0 and labels[0, 0] == 255
    with pytest.raises(DataError, match="holds no 2nd_manual; the second observer drew the test set alone"):
        drive(root, "training", observer="2nd")


def test_what_is_missing_is_named(root: Path) -> None:
    with pytest.raises(DataError, match="no split 'trainning' of DRIVE.*did you mean 'training'"):
        drive(root, "trainning")
    (root / "training/mask/22_training_mask.gif").unlink()
    with pytest.raises(DataError, match=r"22_training_mask\.gif: there is no such file, but 22_training\.tif needs it"):
        drive(root, "training")
    (root / "training/1st_manual/21_manual1.gif").unlink()
    with pytest.raises(DataError, match=r"21_manual1\.gif: there is no such file"):
        drive(root, "training")


def test_a_test_set_without_masks_is_no_split(root: Path) -> None:
    (root / "test/1st_manual/01_manual1.gif").unlink()
    (root / "test/1st_manual").rmdir()
    assert intarsia.datasets.splits("drive", root) == ("training",)


def white(path: Path) -> np.ndarray:
    with Image.open(path) as picture:
        return np.asarray(picture.convert("L")) > 127


def test_the_real_photographs(shared_data: Path, run_cli) -> None:
    dataset = drive(shared_data / "drive", "training")
    assert len(dataset) == 12
    sample = dataset[0]
    truth, view = (
        white(shared_data / "drive/training" / name)
        for name in ("1st_manual/21_manual1.gif", "mask/21_training_mask.gif")
    )
    labels = sample.labels.numpy()
    assert labels.shape == (584, 565) and (labels[~view] == 255).all() and (labels[view] == truth[view]).all()
    assert 0.08 < (labels == 1).sum() / view.sum() < 0.2
    code, out, _ = run_cli("data", "audit", "drive", "--root", shared_data / "drive", "--split", "training")
    assert code == 0 and "vessel" in out
