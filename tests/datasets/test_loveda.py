"""LoveDA: seven classes from 1, and 0 for no data."""

from pathlib import Path

import numpy as np
import pytest

import intarsia.data
from intarsia.datasets.loveda import loveda
from intarsia.errors import DataError, LabelError


@pytest.fixture
def root(tmp_path: Path, put, noise) -> Path:
    for split in ("Train", "Val", "Test"):
        for scene, number in (("Rural", 0), ("Urban", 1366)):
            put(tmp_path / f"{split}/{scene}/images_png/{number}.png", noise(2, 8, 3))
            if split != "Test":
                mask = np.arange(8, dtype=np.uint8)[None].repeat(2, 0)
                put(tmp_path / f"{split}/{scene}/masks_png/{number}.png", mask)
    return tmp_path


def test_both_scenes_city_first(root: Path, sound, run_cli) -> None:
    dataset = loveda(root, "train")
    assert [item.name for item in dataset.items] == ["Urban/1366", "Rural/0"]
    assert dataset[0].labels[0].tolist() == [255, 0, 1, 2, 3, 4, 5, 6]
    assert dataset.labels.names[6] == "agricultural"
    assert [item.name for item in loveda(root, "val", scene="rural").items] == ["Rural/0"]
    assert intarsia.datasets.splits("loveda", root) == ("train", "val")
    sound(dataset)
    assert run_cli("data", "audit", "loveda", "--root", root)[0] == 0


def test_what_is_wrong_is_named(root: Path, put) -> None:
    with pytest.raises(DataError, match="holds no masks_png; LoveDA's test masks are not public"):
        loveda(root, "test")
    with pytest.raises(DataError, match="no split 'vall' of LoveDA.*did you mean 'val'"):
        loveda(root, "vall")
    put(root / "Val/Urban/masks_png/1366.png", np.full((2, 8), 8, np.uint8))
    with pytest.raises(LabelError, match=r"1366\.png: the mask holds 8 \(16 px\)"):
        loveda(root, "val")[0]
    (root / "Train/Rural/masks_png/0.png").unlink()
    with pytest.raises(DataError, match=r"Rural/images_png/0\.png: has no mask in masks_png \(1 such images\)"):
        loveda(root, "train")


def test_the_real_tiles(shared_data: Path, tmp_path: Path) -> None:
    home = shared_data / "mmseg_fixtures/tests/data/pseudo_loveda_dataset"  # its values are the release's own
    (tmp_path / "Train/Urban").mkdir(parents=True)
    (tmp_path / "Train/Urban/images_png").symlink_to(home / "img_dir")
    (tmp_path / "Train/Urban/masks_png").symlink_to(home / "ann_dir")
    sample = loveda(tmp_path, "train")[0]
    assert sample.labels.shape == (1024, 1024) and sample.labels.unique().tolist() == [0, 1, 2, 3, 6]
