"""ISPRS: tiles of two towns, classes as colors, the contest's split."""

from pathlib import Path

import numpy as np
import pytest

import intarsia.data
from intarsia.datasets.isprs import COLORS, NAMES, TRAIN, isprs
from intarsia.errors import DataError, LabelError

TRUTH = np.array([*COLORS, (0, 0, 0)], np.uint8)[None].repeat(2, 0)  # [2, 7, 3]: each class and the eroded border


@pytest.fixture
def potsdam(tmp_path: Path, put, noise) -> Path:
    for tile in ("2_10", "6_7", "2_13"):
        put(tmp_path / f"2_Ortho_RGB/top_potsdam_{tile}_RGB.tif", noise(2, 7, 3))
        put(tmp_path / f"5_Labels_all_noBoundary/top_potsdam_{tile}_label_noBoundary.tif", TRUTH)
    return tmp_path


def test_potsdam(potsdam: Path, sound, run_cli) -> None:
    train, test = isprs(potsdam, "train"), isprs(potsdam, "test")
    assert [item.name for item in train.items] == ["potsdam_2_10", "potsdam_6_7"]
    assert [item.name for item in test.items] == ["potsdam_2_13"]
    assert train[0].labels[0].tolist() == [0, 1, 2, 3, 4, 5, 255] and NAMES[4] == "car"
    sound(train)
    assert run_cli("data", "audit", "isprs", "--root", potsdam)[0] == 0


@pytest.mark.parametrize(
    ("folder", "ending"),
    [("gts_for_participants", ""), ("ISPRS_semantic_labeling_Vaihingen_ground_truth_eroded_COMPLETE", "_noBoundary")],
)
def test_vaihingen(tmp_path: Path, put, noise, folder: str, ending: str) -> None:
    for area in (1, 2, 30):
        put(tmp_path / f"top/top_mosaic_09cm_area{area}.tif", noise(2, 7, 3))
        if area != 2:
            put(tmp_path / folder / f"top_mosaic_09cm_area{area}{ending}.tif", TRUTH)
    train = isprs(tmp_path, "train", town="vaihingen")
    assert [item.name for item in train.items] == ["vaihingen_1", "vaihingen_30"]
    assert train[1].labels[0, 5] == 5
    with pytest.raises(DataError, match="holds no tile of vaihingen's test split with its truth"):
        isprs(tmp_path, "test", town="vaihingen")
    assert intarsia.datasets.splits("isprs", tmp_path, town="vaihingen") == ("train",)


def test_the_contests_tiles() -> None:
    assert len(TRAIN["potsdam"]) == len(set(TRAIN["potsdam"])) == 24
    assert len(TRAIN["vaihingen"]) == len(set(TRAIN["vaihingen"])) == 16


def test_what_is_wrong_is_named(potsdam: Path, put) -> None:
    (potsdam / "5_Labels_all_noBoundary/top_potsdam_6_7_label_noBoundary.tif").unlink()
    assert isprs(potsdam, "train").unmatched[0] == ("2_Ortho_RGB/top_potsdam_6_7_RGB.tif",)
    put(potsdam / "5_Labels_all_noBoundary/top_potsdam_2_10_label_noBoundary.tif", np.full((2, 7, 3), 252, np.uint8))
    with pytest.raises(LabelError, match=r'2_10_label_noBoundary\.tif: the mask holds "#fcfcfc" \(14 px\)'):
        isprs(potsdam, "train")[0]
    with pytest.raises(DataError, match="no split 'val' of isprs; choose from 'train', 'test'"):
        isprs(potsdam, "val")
    with pytest.raises(DataError, match="holds none of the folders of images 3_Ortho_IRRG"):
        isprs(potsdam, "train", images="3_Ortho_IRRG")


def test_the_real_tile_in_its_own_colors(shared_data: Path, tmp_path: Path, put) -> None:
    """A crop that comes converted to 0 border, 1..6 classes, painted back into the release's colors."""
    from PIL import Image

    home = shared_data / "mmseg_fixtures/tests/data/pseudo_potsdam_dataset"
    ids = np.asarray(Image.open(home / "ann_dir/2_10_0_0_512_512.png"))
    palette = np.array([(0, 0, 0), *COLORS], np.uint8)
    put(tmp_path / "5_Labels_all/top_potsdam_2_10_label.tif", palette[ids])
    (tmp_path / "2_Ortho_RGB").mkdir()
    Image.open(home / "img_dir/2_10_0_0_512_512.png").convert("RGB").save(
        tmp_path / "2_Ortho_RGB/top_potsdam_2_10_RGB.tif"
    )
    labels = isprs(tmp_path, "train")[0].labels.numpy()
    assert (labels == np.where(ids == 0, 255, ids.astype(int) - 1)).all()
