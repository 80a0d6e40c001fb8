"""Penn-Fudan: pedestrians with numbers."""

from pathlib import Path

import numpy as np
import pytest

from intarsia.datasets.penn_fudan import penn_fudan
from intarsia.errors import DataError


@pytest.fixture
def root(tmp_path: Path, put, noise) -> Path:
    for n in range(1, 6):
        mask = np.zeros((6, 8), np.uint8)
        mask[1:3, 1:3], mask[3:5, 4:7] = 1, 2
        put(tmp_path / f"PennFudanPed/PNGImages/FudanPed0000{n}.png", noise(6, 8, 3))
        put(tmp_path / f"PennFudanPed/PedMasks/FudanPed0000{n}_mask.png", mask)
    return tmp_path


def test_people_are_one_class_and_many_objects(root: Path, sound) -> None:
    dataset = penn_fudan(root, "all")
    assert [item.name for item in dataset.items] == [f"FudanPed0000{n}" for n in range(1, 6)]
    sample = dataset[0]
    assert sample.labels[1, 1] == sample.labels[4, 5] == 1 and sample.labels[0, 0] == 0
    assert sample.objects is not None and sample.objects[1, 1] == 1 and sample.objects[4, 5] == 2
    sound(dataset)


def test_both_sides_of_the_holdout_are_the_whole(root: Path, run_cli) -> None:
    names = [{item.name for item in penn_fudan(root / "PennFudanPed", split).items} for split in ("train", "val")]
    assert len(names[0]) == 4 and len(names[1]) == 1 and not names[0] & names[1]
    assert run_cli("data", "audit", "penn_fudan", "--root", root)[0] == 0


def test_what_is_missing_is_told(root: Path, tmp_path: Path) -> None:
    (root / "PennFudanPed/PedMasks/FudanPed00003_mask.png").unlink()
    assert penn_fudan(root, "all").unmatched[0] == ("PNGImages/FudanPed00003.png",)
    with pytest.raises(DataError, match="no split 'test' of a holdout"):
        penn_fudan(root, "test")
    with pytest.raises(DataError, match="holds no PNGImages and PedMasks; set data.root to the folder PennFudanPed"):
        penn_fudan(tmp_path / "x", "train")
