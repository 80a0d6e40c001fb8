"""Samples that are put together from several files: kept on disk, packed in tars, and read by other processes alike."""

from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

import intarsia.data
from intarsia.data.cache import Cached
from intarsia.data.loader import Loader
from intarsia.data.pairs import Pair, Pairs, Raw
from intarsia.data.write_shards import shard
from intarsia.datasets.nuclei import nuclei
from intarsia.errors import DataError
from intarsia.labels import LabelSpace


@pytest.fixture
def root(tmp_path: Path, put, noise) -> Path:
    for name in ("aa", "bb", "cc"):
        put(
            tmp_path / f"in/stage1_train/{name}/images/{name}.png",
            np.dstack([noise(4, 5, 3), np.full((4, 5), 255, np.uint8)]),
        )
        for n in range(2):
            mask = np.zeros((4, 5), np.uint8)
            mask[2 * n, 1:3] = 255
            put(tmp_path / f"in/stage1_train/{name}/masks/{n}.png", mask)
    return tmp_path / "in"


def test_the_cache_on_disk_keeps_the_objects(root: Path, tmp_path: Path) -> None:
    dataset = nuclei(root, "all")
    kept = Cached(dataset, tmp_path / "cache")
    for mine, theirs in zip(dataset, (kept[n] for n in range(3)), strict=True):
        assert torch.equal(mine.labels, theirs.labels) and torch.equal(mine.objects, theirs.objects)
        assert mine.objects.dtype == theirs.objects.dtype == torch.int32 and theirs.depth is None


def test_other_options_are_another_cache(root: Path, tmp_path: Path) -> None:
    (root / "t.csv").write_text("ImageId,EncodedPixels\naa,1 2\nbb,1 2\ncc,1 2\n")
    first = Cached(nuclei(root, "all", table="t.csv"), tmp_path / "cache")
    again = Cached(nuclei(root, "all", table="t.csv"), tmp_path / "cache")
    assert first.built and not again.built
    assert Cached(nuclei(root, "all"), tmp_path / "cache").built
    (root / "stage1_train/bb/masks/1.png").unlink()
    assert Cached(nuclei(root, "all"), tmp_path / "cache").built


def test_tars_hold_what_was_put_together(root: Path, tmp_path: Path) -> None:
    dataset = nuclei(root, "all")
    shard([dataset], tmp_path / "tars")
    packed = intarsia.datasets.open("shards", tmp_path / "tars", "all")
    for n in range(3):
        assert torch.equal(dataset[n].labels, packed[n].labels) and torch.equal(dataset[n].image, packed[n].image)
        assert packed[n].image.shape[0] == 3  # the files have four channels


def test_workers_read_them(root: Path) -> None:
    batch = next(Loader(nuclei(root, "all"), batch_size=3, workers=1).stream())
    assert batch.labels.sum() == 3 * 4


def square(what: str, item: Pair) -> Raw:
    return Raw(np.zeros((4, 5), np.uint8), **{what: np.ones((3, 3), np.float32)})


def test_maps_of_another_size_are_told_by_what_they_are(root: Path) -> None:
    image = root / "stage1_train/aa/images/aa.png"
    mask = root / "stage1_train/aa/masks/0.png"
    space = LabelSpace(("a", "b"), values={0: "a", 255: "b"})
    for what, told in (("depth", "its depth is 3x3"), ("objects", r"its objects .*0\.png are 3x3")):
        dataset = Pairs([Pair("aa", image, mask)], space, name="x", split="all", decode=partial(square, what))
        with pytest.raises(DataError, match=rf"aa\.png is 5x4 pixels, but {told}; they must be of one size"):
            dataset[0]
