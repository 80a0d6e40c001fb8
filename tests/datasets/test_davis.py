"""DAVIS: frames in their order, objects painted 255 in 2016 and numbered in 2017."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import intarsia.data
from intarsia.datasets.davis import davis
from intarsia.errors import DataError


@pytest.fixture
def root(tmp_path: Path, put, noise) -> Path:
    for sequence in ("bear", "dogs"):
        for n in range(3):
            put(tmp_path / f"JPEGImages/480p/{sequence}/{n:05d}.jpg", noise(6, 8, 3))
            mask = np.zeros((6, 8), np.uint8)
            mask[1, 1], mask[2, 2] = 1, 2
            picture = Image.fromarray(mask).convert("P")
            picture.putpalette([0, 0, 0, 128, 0, 0, 0, 128, 0])
            path = tmp_path / f"Annotations/480p/{sequence}/{n:05d}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            picture.save(path)
    lists = tmp_path / "ImageSets/2017"
    lists.mkdir(parents=True)
    (lists / "train.txt").write_text("dogs\n")
    (lists / "val.txt").write_text("bear\n")
    return tmp_path


def test_frames_in_order_with_numbered_objects(root: Path, sound, run_cli) -> None:
    dataset = davis(root, "train")
    assert [item.name for item in dataset.items] == ["dogs/00000", "dogs/00001", "dogs/00002"]
    sample = dataset[0]
    assert sample.labels[1, 1] == sample.labels[2, 2] == 1 and sample.labels[0, 0] == 0
    assert sample.objects[1, 1] == 1 and sample.objects[2, 2] == 2
    assert intarsia.datasets.splits("davis", root) == ("train", "val")
    assert len(davis(root, "all")) == 6
    sound(dataset)
    assert run_cli("data", "audit", "davis", "--root", root)[0] == 0


def test_2016_lists_frames_with_their_masks(root: Path, put) -> None:
    for n in range(3):
        mask = np.zeros((6, 8), np.uint8)
        mask[3, 3] = 255
        put(root / f"Annotations/480p/bear/{n:05d}.png", mask)
    lists = root / "ImageSets/480p"
    lists.mkdir()
    lines = [f"/JPEGImages/480p/bear/{n:05d}.jpg /Annotations/480p/bear/{n:05d}.png" for n in range(3)]
    (lists / "train.txt").write_text("\n".join(lines))
    dataset = davis(root, "train", year=2016)
    assert len(dataset) == 3
    sample = dataset[2]
    assert sample.labels[3, 3] == 1 and sample.objects[3, 3] == 1 and sample.objects.sum() == 1


def test_frames_without_a_mask_do_not_count(root: Path) -> None:
    (root / "Annotations/480p/dogs/00002.png").unlink()  # as in test-dev, where the first frame alone is annotated
    sample = davis(root, "train")[2]
    assert sample.labels.unique().tolist() == [255] and sample.objects is None


def test_what_is_missing_is_named(root: Path) -> None:
    with pytest.raises(DataError, match=r"vla\.txt: there is no such list; did you mean 'val'"):
        davis(root, "vla")
    (root / "ImageSets/2017/val.txt").write_text("bear\ncat\n")
    with pytest.raises(DataError, match="cat: holds no frame, but 'val' lists the sequence"):
        davis(root, "val")
    with pytest.raises(DataError, match="holds no JPEGImages/480p; set data.root to the folder of DAVIS"):
        davis(root / "x", "train")


def test_the_real_jump(shared_data: Path) -> None:
    dataset = davis(shared_data / "davis2016_3seq", "all", year=2016)
    assert len(dataset) == 40 and dataset.items[7].name == "motocross-jump/00007"
    sample = dataset[7]
    painted = np.asarray(Image.open(dataset.items[7].mask).convert("L")) > 127
    assert sample.labels.shape == (480, 854) and (sample.labels.numpy() == painted).all()
    assert (sample.objects.numpy() == painted).all()


def test_sequences_without_lists_are_one_split(shared_data: Path) -> None:
    assert intarsia.datasets.splits("davis", shared_data / "davis2016_3seq") == ("all",)
    dataset = intarsia.datasets.open("davis", shared_data / "davis2016_3seq", "all")
    assert repr(dataset) == "<davis all: 40 samples, 2 classes>"
