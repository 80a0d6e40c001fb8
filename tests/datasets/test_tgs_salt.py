"""TGS Salt: 16-bit masks of 0 and 65535, of which many are empty."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from intarsia.datasets import splits
from intarsia.datasets.tgs_salt import tgs_salt
from intarsia.doctor import audit
from intarsia.errors import DataError, LabelError


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Five pairs as the challenge has them; the first mask is empty."""
    for part in ("train/images", "train/masks", "test/images"):
        (tmp_path / part).mkdir(parents=True)
    for n in range(5):
        random = np.random.default_rng(n)
        gray = random.integers(0, 255, (101, 101, 1), np.uint8).repeat(3, 2)
        Image.fromarray(gray).save(tmp_path / f"train/images/{n:010x}.png")
        mask = np.zeros((101, 101), np.uint16)
        mask[40 : 40 + 10 * n, 20:80] = 65535
        Image.fromarray(mask).save(tmp_path / f"train/masks/{n:010x}.png")
    (tmp_path / "train.csv").write_text("id,rle_mask\n0000000000,\n")
    return tmp_path


def test_white_is_salt(root: Path) -> None:
    dataset = tgs_salt(root, "train")
    assert len(dataset) == 5 and dataset.labels.names == ("sediment", "salt") and splits("tgs_salt", root) == ("train",)
    assert [int(dataset[n].labels.sum()) for n in range(5)] == [600 * n for n in range(5)]
    assert len(tgs_salt(root / "train", "train")) == 5  # the folder itself does as well
    assert [len(tgs_salt(root, split, holdout=0.4)) for split in ("train", "val")] == [3, 2]
    assert not audit(dataset).errors


def test_what_is_wrong_is_said(root: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no split 'val'; choose from 'train'"):
        tgs_salt(root, "val")
    with pytest.raises(DataError, match=r"holds no images and masks; expected\n    train/images/ID.png"):
        tgs_salt(root / "test/images", "train")
    Image.fromarray(np.full((101, 101), 7, np.uint8)).save(root / "train/masks/0000000001.png")
    with pytest.raises(LabelError, match=r"0000000001.png: the mask holds 7"):
        tgs_salt(root, "train")[1]
