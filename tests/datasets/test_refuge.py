"""REFUGE: cup 0, disc 128, all else 255."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import intarsia.data
from intarsia.datasets.refuge import refuge
from intarsia.errors import DataError, LabelError


@pytest.fixture
def root(tmp_path: Path, put, noise) -> Path:
    mask = np.full((6, 8), 255, np.uint8)
    mask[1:5, 1:6], mask[2:4, 2:4] = 128, 0
    for image, truth in (
        ("Training400/Glaucoma/g0001", "Annotation-Training400/Disc_Cup_Masks/Glaucoma/g0001"),
        ("Training400/Non-Glaucoma/n0001", "Annotation-Training400/Disc_Cup_Masks/Non-Glaucoma/n0001"),
        ("REFUGE-Validation400/V0001", "REFUGE-Validation400-GT/Disc_Cup_Masks/V0001"),
        ("Test400/T0001", "REFUGE-Test-GT/Disc_Cup_Masks/G/T0001"),
    ):
        put(tmp_path / f"{image}.jpg", noise(6, 8, 3))
        put(tmp_path / f"{truth}.bmp", mask)
    return tmp_path


def test_disc_around_the_cup(root: Path, sound, run_cli) -> None:
    dataset = refuge(root, "train")
    assert [item.name for item in dataset.items] == ["g0001", "n0001"]
    labels = dataset[0].labels
    assert labels[0, 0] == 0 and labels[1, 1] == 1 and labels[2, 2] == 2
    assert [refuge(root, s).items[0].name for s in ("val", "test")] == ["V0001", "T0001"]
    assert intarsia.datasets.splits("refuge", root) == ("train", "test", "val")
    sound(dataset)
    assert run_cli("data", "audit", "refuge", "--root", root, "--split", "train")[0] == 0


def test_what_is_wrong_is_named(root: Path, put) -> None:
    with pytest.raises(DataError, match="no split 'vall' of refuge; did you mean 'val'"):
        refuge(root, "vall")
    with pytest.raises(DataError, match="the train split of REFUGE is Training400 and Annotation-Training400"):
        refuge(root / "x", "train")
    put(root / "REFUGE-Validation400-GT/Disc_Cup_Masks/V0001.bmp", np.full((6, 8), 64, np.uint8))
    with pytest.raises(LabelError, match=r"V0001\.bmp: the mask holds 64 \(48 px\)"):
        refuge(root, "val")[0]
    (root / "REFUGE-Test-GT/Disc_Cup_Masks/G/T0001.bmp").unlink()
    with pytest.raises(DataError, match=r"REFUGE-Test-GT: holds no T0001\.bmp"):
        refuge(root, "test")


def test_the_real_photograph(shared_data: Path, tmp_path: Path, put) -> None:
    """It comes as 0 background, 1 cup, 2 disc; painted back, the cup lies within the disc."""
    home = shared_data / "mmseg_fixtures/tests/data/pseudo_refuge_dataset"
    ids = np.asarray(Image.open(home / "ann_dir/pseudo_g0001.png"))[..., 0]
    put(tmp_path / "Annotation-Training400/Disc_Cup_Masks/Glaucoma/g0001.bmp", np.array([255, 0, 128], np.uint8)[ids])
    (tmp_path / "Training400/Glaucoma").mkdir(parents=True)
    Image.open(home / "img_dir/pseudo_g0001.png").convert("RGB").save(tmp_path / "Training400/Glaucoma/g0001.jpg")
    labels = refuge(tmp_path, "train")[0].labels
    disc, cup = ((labels == n).nonzero().float() for n in (1, 2))
    assert (disc.mean(0) - cup.mean(0)).abs().max() < 8 and (disc.std(0) > 1.3 * cup.std(0)).all()  # a ring around it
