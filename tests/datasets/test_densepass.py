"""DensePASS: Cityscapes' train ids on panoramas."""

from pathlib import Path

import numpy as np
import pytest

import intarsia.data
from intarsia.datasets.densepass import densepass
from intarsia.errors import DataError, LabelError

IDS = np.array([[*range(19), 255]], np.uint8).repeat(2, 0)


@pytest.fixture
def root(tmp_path: Path, put, noise) -> Path:
    for number in (1, 2):
        put(tmp_path / f"leftImg8bit/val/cs/{number}_.png", noise(2, 20, 3))
        put(tmp_path / f"gtFine/val/cs/{number}_labelTrainIds.png", IDS)
    put(tmp_path / "leftImg8bit/train/cs/7_.png", noise(2, 20, 3))
    return tmp_path


def test_labeled_and_unlabeled_panoramas(root: Path, sound, run_cli) -> None:
    dataset = densepass(root, "val")
    assert [item.name for item in dataset.items] == ["cs/1_", "cs/2_"]
    assert dataset[0].labels[0].tolist() == [*range(19), 255] and dataset.labels.names[13] == "car"
    assert densepass(root, "train")[0].labels.unique().tolist() == [255]
    assert intarsia.datasets.splits("densepass", root) == ("train", "val")
    sound(dataset)
    assert run_cli("data", "audit", "densepass", "--root", root, "--split", "val")[0] == 0


def test_what_is_wrong_is_named(root: Path, put) -> None:
    with pytest.raises(DataError, match="no split 'test' of DensePASS; expected leftImg8bit/test and gtFine/test"):
        densepass(root, "test")
    put(root / "gtFine/val/cs/2_labelTrainIds.png", np.full((2, 20), 19, np.uint8))
    with pytest.raises(LabelError, match=r"2_labelTrainIds\.png: the mask holds 19 \(40 px\)"):
        densepass(root, "val")[1]
    (root / "gtFine/val/cs/2_labelTrainIds.png").unlink()
    with pytest.raises(DataError, match=r"2_labelTrainIds\.png: there is no such file, but .*2_\.png needs it"):
        densepass(root, "val")
