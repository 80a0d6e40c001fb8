"""BDD100K: the layout and ids of the 2020 release, and the real thumbnails."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from intarsia.datasets import splits
from intarsia.datasets.bdd100k import bdd100k
from intarsia.errors import DataError, LabelError


def put(path: Path, array: object, dtype: type = np.uint8) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.array(array, dtype)).save(path)
    return path


def photo(path: Path, height: int, width: int) -> Path:
    return put(path, np.full((height, width, 3), 90))


def test_train_ids_and_the_unknown(tmp_path: Path) -> None:
    photo(tmp_path / "bdd100k/images/10k/train/0004a4c0-d4dff0ad.jpg", 1, 3)
    photo(tmp_path / "bdd100k/images/10k/test/ac6d4f42-00000000.jpg", 1, 3)
    put(tmp_path / "bdd100k/labels/sem_seg/masks/train/0004a4c0-d4dff0ad.png", [[0, 18, 255]])
    dataset = bdd100k(tmp_path, "train")
    assert dataset[0].labels.tolist() == [[0, 18, 255]] and dataset.labels.names[18] == "bicycle"
    assert splits("bdd100k", tmp_path) == splits("bdd100k", tmp_path / "bdd100k") == ("train",)
    with pytest.raises(DataError, match=r"no split 'test'.*expected\n    images/10k"):
        bdd100k(tmp_path, "test")
    put(tmp_path / "bdd100k/labels/sem_seg/masks/train/0004a4c0-d4dff0ad.png", [[0, 19, 255]])
    with pytest.raises(LabelError, match=r"d4dff0ad.png: the mask holds 19 \(1 px\)"):
        bdd100k(tmp_path, "train")[0]
    with pytest.raises(DataError, match="holds no images/10k and labels/sem_seg/masks; expected"):
        bdd100k(tmp_path / "bdd100k" / "images", "train")


def test_the_real_thumbnails(shared_data: Path) -> None:
    root = shared_data / "mmseg_fixtures/tests/data/pseudo_bdd100k_dataset"
    train, val = bdd100k(root, "train"), bdd100k(root, "val")
    assert (len(train), len(val)) == (3, 3)
    seen = {train.labels.names[n] for data in (train, val) for i in range(3) for n in data[i].labels.unique().tolist()}
    assert seen == {"building", "vegetation"}
