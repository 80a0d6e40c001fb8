"""ISBI 2012: two stacks of pages."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from intarsia.datasets.isbi2012 import isbi2012
from intarsia.errors import DataError, LabelError


def stack(path: Path, pages: list[np.ndarray]) -> None:
    first, *rest = map(Image.fromarray, pages)
    first.save(path, save_all=True, append_images=rest)


@pytest.fixture
def root(tmp_path: Path, noise) -> Path:
    stack(tmp_path / "train-volume.tif", [np.full((6, 8), n, np.uint8) for n in range(10)])
    truth = []
    for n in range(10):
        mask = np.full((6, 8), 255, np.uint8)
        mask[:, n % 8] = 0
        truth.append(mask)
    stack(tmp_path / "train-labels.tif", truth)
    return tmp_path


def test_each_page_is_a_sample_and_the_end_of_the_stack_validates(root: Path, sound) -> None:
    train, val = isbi2012(root, "train"), isbi2012(root, "val")
    assert [item.name for item in val.items] == ["slice_008", "slice_009"] and len(train) == 8
    assert len(isbi2012(root, "all")) == 10
    sample = train[3]
    assert sample.image.unique().tolist() == [3] and sample.image.shape == (1, 6, 8)
    assert sample.labels[0, 3] == 0 and sample.labels[0, 4] == 1  # membrane, cell
    assert val[1].image.unique().tolist() == [9] and val[1].labels[5, 1] == 0
    sound(train)


def test_the_audit_reads_the_pages_too(root: Path, run_cli) -> None:
    code, out, _ = run_cli("data", "audit", "isbi2012", "--root", root)
    assert code == 0 and "membrane" in out and "8 train, 2 val images of 1 channel," in out


def test_what_is_wrong_is_named(root: Path) -> None:
    with pytest.raises(DataError, match="no split 'test' of isbi2012; choose from 'train', 'val', 'all'"):
        isbi2012(root, "test")
    stack(root / "train-labels.tif", [np.zeros((6, 8), np.uint8)] * 9)
    with pytest.raises(DataError, match=r"train-volume\.tif has 10 slices, but .*train-labels\.tif has 9"):
        isbi2012(root, "train")
    stack(root / "train-labels.tif", [np.full((6, 8), 7, np.uint8)] * 10)
    with pytest.raises(LabelError, match=r"train-labels\.tif: slice_000: the mask holds 7 \(48 px\)"):
        isbi2012(root, "train")[0]
    (root / "train-volume.tif").write_text("no picture")
    with pytest.raises(DataError, match=r"train-volume\.tif: no TIFF that can be read"):
        isbi2012(root, "train")
    (root / "train-volume.tif").unlink()
    with pytest.raises(DataError, match=r"train-volume\.tif: there is no such file; ISBI 2012 is"):
        isbi2012(root, "train")
