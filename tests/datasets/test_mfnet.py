"""MFNet: four channels, the last of which is heat."""

from pathlib import Path

import numpy as np
import pytest

import intarsia.data
from intarsia.datasets.mfnet import LABELS, mfnet
from intarsia.errors import DataError, LabelError


@pytest.fixture
def root(tmp_path: Path, put, noise) -> Path:
    for name in ("00001D", "00002N", "00003D"):
        put(tmp_path / f"images/{name}.png", noise(3, 9, 4))
        put(tmp_path / f"labels/{name}.png", np.arange(9, dtype=np.uint8)[None].repeat(3, 0))
    for split, names in (("train", "00001D\n"), ("val", "00002N\n"), ("test", "00003D\n"), ("test_night", "00002N\n")):
        (tmp_path / f"{split}.txt").write_text(names)
    (tmp_path / "readme.txt").write_text("about the data\n")
    return tmp_path


def test_four_channels_and_nine_classes(root: Path, sound, run_cli) -> None:
    dataset = mfnet(root, "train")
    sample = dataset[0]
    assert sample.image.shape == (4, 3, 9) and sample.labels[0].tolist() == list(range(9))
    assert LABELS.names[1] == "car" and LABELS.names[8] == "bump" and LABELS.num_classes == 9
    assert intarsia.datasets.splits("mfnet", root) == ("train", "test", "test_night", "val")
    sound(dataset)
    assert run_cli("data", "audit", "mfnet", "--root", root, "--split", "train", "--split", "val")[0] == 0


def test_what_is_wrong_is_named(root: Path, put) -> None:
    with pytest.raises(DataError, match=r"no list tran\.txt beside images/ and labels/; did you mean 'train'"):
        mfnet(root, "tran")
    put(root / "labels/00001D.png", np.full((3, 9), 9, np.uint8))
    with pytest.raises(LabelError, match=r"00001D\.png: the mask holds 9 \(27 px\)"):
        mfnet(root, "train")[0]
    put(root / "images/00001D.png", np.zeros((3, 9, 3), np.uint8))
    assert mfnet(root, "val")[0].name == "00002N"
    (root / "labels/00002N.png").unlink()
    with pytest.raises(DataError, match=r"val\.txt, line 1: no mask for '00002N'"):
        mfnet(root, "val")
