"""The 2018 Data Science Bowl: one file for each nucleus, or run lengths."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from intarsia.datasets.nuclei import nuclei
from intarsia.errors import DataError


def rgba(colors: np.ndarray) -> np.ndarray:
    return np.dstack([colors, np.full(colors.shape[:2], 255, np.uint8)])


@pytest.fixture
def root(tmp_path: Path, put, noise) -> Path:
    for name in ("aa", "bb", "cc"):
        put(tmp_path / f"stage1_train/{name}/images/{name}.png", rgba(noise(4, 5, 3)))
        for letter, (y, x) in (("p", (0, 0)), ("q", (2, 3))):
            mask = np.zeros((4, 5), np.uint8)
            mask[y : y + 2, x : x + 2] = 255
            put(tmp_path / f"stage1_train/{name}/masks/{letter}.png", mask)
    return tmp_path


def test_each_file_is_an_object(root: Path, sound, run_cli) -> None:
    dataset = nuclei(root, "all")
    sample = dataset[0]
    assert [item.name for item in dataset.items] == ["aa", "bb", "cc"] and sample.image.shape == (3, 4, 5)
    assert sample.objects is not None and sample.objects[1, 1] == 1 and sample.objects[3, 4] == 2
    assert sample.labels[1, 1] == sample.labels[3, 4] == 1 and sample.labels[0, 4] == 0
    sound(dataset)
    assert run_cli("data", "audit", "nuclei", "--root", root)[0] == 0


def test_run_lengths_go_down_the_columns_from_one(root: Path, sound) -> None:
    # the first nucleus covers rows 0..1 of columns 0..1: pixels 1, 2 and 5, 6 of columns of 4
    lines = [f"{name},1 2 5 2\n{name},15 2 19 2\n" for name in ("aa", "bb", "cc")]
    (root / "stage1_train_labels.csv").write_text("ImageId,EncodedPixels\n" + "".join(lines))
    from_table = nuclei(root, "all", table="stage1_train_labels.csv")
    for mine, theirs in zip(from_table, nuclei(root, "all"), strict=True):
        assert (mine.objects == theirs.objects).all() and (mine.labels == theirs.labels).all()
    sound(from_table)


def test_what_is_wrong_is_named(root: Path, put) -> None:
    table = root / "t.csv"
    for text, words in (
        ("aa,1 2 5\n", "t.csv: aa has a start without a length"),
        ("aa,1 99\n", "t.csv: a run of 99 pixels from 1 leaves aa, which is 5x4"),
    ):
        table.write_text("ImageId,EncodedPixels\n" + text + "bb,1 2\ncc,1 2\n")
        with pytest.raises(DataError, match=words):
            nuclei(root, "all", table="t.csv")[0]
    table.write_text("ImageId,EncodedPixels\naa,one two\n")
    with pytest.raises(DataError, match=r"t\.csv, line 2: expected ImageId,EncodedPixels"):
        nuclei(root, "all", table="t.csv")
    table.write_text("ImageId,EncodedPixels\naa,1 2\n")
    with pytest.raises(DataError, match=r"has no line for bb \(2 images in all\)"):
        nuclei(root, "all", table="t.csv")
    put(root / "stage1_train/bb/masks/r.png", np.zeros((3, 3), np.uint8))
    with pytest.raises(DataError, match=r"r\.png is 3x3 pixels, but its image is 5x4"):
        nuclei(root, "all")[1]
    put(root / "stage1_test/dd/images/dd.png", np.zeros((3, 3, 3), np.uint8))
    with pytest.raises(DataError, match=r"masks: is not there, but dd\.png needs it"):
        nuclei(root, "all", part="stage1_test")
    with pytest.raises(DataError, match="holds no stage1_train/ID/images"):
        nuclei(root / "x", "all")


def test_the_real_microscopy(shared_data: Path) -> None:
    dataset = nuclei(shared_data / "dsb2018_110", "all")
    assert len(dataset) == 60
    for index in range(0, 60, 20):
        sample, item = dataset[index], dataset.items[index]
        files = sorted(item.mask.glob("*.png"))
        union = np.logical_or.reduce([np.asarray(Image.open(f).convert("L")) > 127 for f in files])
        assert (sample.labels.numpy() == union).all() and sample.objects.max() == len(files)
        assert sample.image.shape[0] == 3
