"""Carvana: GIF masks, and a holdout that does not tear a car apart."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from intarsia.datasets import splits
from intarsia.datasets.carvana import carvana
from intarsia.errors import DataError, LabelError


def put(path: Path, array: object, dtype: type = np.uint8) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.array(array, dtype)).save(path)
    return path


def photo(path: Path, height: int, width: int) -> Path:
    return put(path, np.full((height, width, 3), 90))


def gif(path: Path, rows: list[list[int]], palette: tuple[int, int] = (0, 255)) -> None:
    """A mask as the challenge has it: palette indices, 0 black and 1 white."""
    image = Image.fromarray(np.array(rows, np.uint8)).convert("P")
    image.putdata([v for row in rows for v in row])
    image.putpalette([gray for gray in palette for _ in range(3)])
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for car in ("00087a6bd4dc", "02159e548029", "0495dcf27283", "04b8d729c969"):
        for side in ("01", "16"):
            photo(tmp_path / f"train/{car}_{side}.jpg", 2, 3)
            gif(tmp_path / f"train_masks/{car}_{side}_mask.gif", [[0, 1, 1], [0, 0, 1]])
    return tmp_path


def test_white_is_the_car(root: Path) -> None:
    dataset = carvana(root, "train")
    assert len(dataset) == 8 and dataset.items[0].name == "00087a6bd4dc_01"
    assert dataset[0].labels.tolist() == [[0, 1, 1], [0, 0, 1]] and dataset.labels.names == ("background", "car")
    assert splits("carvana", root) == ("train",) and splits("carvana", root, holdout=0.2) == ("train", "val")
    gif(
        root / "train_masks/00087a6bd4dc_01_mask.gif", [[0, 1, 1], [0, 0, 1]], palette=(255, 0)
    )  # saved again by some tool
    assert dataset[0].labels.tolist() == [[1, 0, 0], [1, 1, 0]]


def test_all_sides_of_a_car_stay_together(root: Path) -> None:
    train, val = ({i.name.split("_")[0] for i in carvana(root, s, holdout=0.25).items} for s in ("train", "val"))
    assert len(train) == 3 and len(val) == 1 and not train & val


def test_what_is_wrong_is_said(root: Path) -> None:
    with pytest.raises(DataError, match=r"holds no train_hq; expected\n    train/CAR_SIDE.jpg"):
        carvana(root, "train", images="train_hq")
    with pytest.raises(DataError, match="no split 'val'; choose from 'train'"):
        carvana(root, "val")
    gif(root / "train_masks/00087a6bd4dc_01_mask.gif", [[0, 1, 0], [0, 0, 0]], palette=(0, 128))
    with pytest.raises(LabelError, match=r'00087a6bd4dc_01_mask.gif: the mask holds "#808080" \(1 px\)'):
        carvana(root, "train")[0]
