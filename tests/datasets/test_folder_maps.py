"""A folder of one's own with maps of objects and of depth beside the masks."""

from pathlib import Path

import numpy as np
import pytest
import torch

from intarsia import datasets
from intarsia.data.cache import Cached
from intarsia.errors import DataError
from intarsia.labels import LabelSpace

LABELS = LabelSpace(("background", "road", "car"))
MASK = np.array([[0, 1, 2, 2], [0, 1, 2, 2]], np.uint8)
OBJECTS = np.array([[0, 9, 300, 300], [0, 9, 7, 7]], np.uint16)


@pytest.fixture
def root(tmp_path: Path, put, noise) -> Path:
    for n, name in enumerate("abcd"):
        put(tmp_path / f"images/{name}.png", noise(2, 4, 3))
        put(tmp_path / f"masks/{name}.png", MASK)
        put(tmp_path / f"ids/{name}.png", OBJECTS)
        (tmp_path / "far").mkdir(exist_ok=True)
        if n % 2:
            np.save(tmp_path / f"far/{name}.npy", np.array([[0, 1.5, np.nan, 2]] * 2, np.float32))
        else:
            put(tmp_path / f"far/{name}.png", np.array([[0, 1500, 0, 2000]] * 2, np.uint16))
    return tmp_path


def opened(root: Path, labels: LabelSpace = LABELS, **options):
    return datasets.open("folder", root, "all", labels, images="images", masks="masks", **options)


def test_objects_and_depth_beside_the_masks(root: Path, sound, tmp_path: Path) -> None:
    dataset = opened(root, objects="ids", depth="far")
    assert dataset.labels.things == ("road", "car")
    for n in range(4):
        sample = dataset[n]
        assert torch.equal(sample.labels, torch.from_numpy(MASK))
        assert sample.objects.tolist() == [[0, 2, 3, 3], [0, 2, 1, 1]]  # 7, 9, 300
        assert sample.depth.nan_to_num(-1).tolist() == [[-1, 1.5, -1, 2]] * 2
    sound(dataset)
    cars = opened(root, LabelSpace(LABELS.names, things=("car",)), objects="ids")
    assert cars[0].objects.tolist() == [[0, 0, 3, 3], [0, 0, 1, 1]] and cars.labels.things == ("car",)
    assert opened(root).labels.things == () and opened(root)[0].objects is None
    assert opened(root, depth="far").labels.things == () and opened(root, depth="far")[1].objects is None
    assert Cached(dataset, tmp_path / "cache").built and not Cached(opened(root, objects="ids", depth="far"), tmp_path / "cache").built  # fmt: skip
    put_again = root / "far/a.png"
    put_again.write_bytes((root / "far/c.png").read_bytes() + b" ")
    assert Cached(opened(root, objects="ids", depth="far"), tmp_path / "cache").built


def test_masks_whose_values_are_object_numbers(root: Path, put) -> None:
    for name in "abcd":
        put(root / f"masks/{name}.png", np.array([[0, 1, 2, 2], [0, 1, 5, 5]], np.uint8))
    cells = LabelSpace(("background", "cell"), values={0: "background", "1..65535": "cell"})
    dataset = opened(root, cells, objects="masks")
    assert dataset.labels.things == ("cell",)
    assert dataset[0].objects.tolist() == [[0, 1, 2, 2], [0, 1, 3, 3]]
    assert dataset[0].labels.tolist() == [[0, 1, 1, 1], [0, 1, 1, 1]]


def test_a_file_for_each_object_numbers_them(root: Path, put) -> None:
    for name in "abcd":
        for n in (1, 2):
            put(root / f"each/{name}/{n}.png", (n == MASK).astype(np.uint8) * 255)
    space = LabelSpace(("background", "object"))
    dataset = datasets.open("folder", root, "all", space, images="images", masks="each/{name}/{object}")
    assert dataset.labels.things == ("object",) and dataset[0].objects.unique().tolist() == [0, 1, 2]


def test_splits_and_channels_of_files(root: Path, put, noise) -> None:
    for split in ("train", "val"):
        for n in range(2):
            put(root / f"new/{split}/images/a_{n:04}.png", noise(2, 4))
        put(root / f"new/{split}/masks/a.png", MASK)
        put(root / f"new/{split}/ids/a.png", OBJECTS)
    options = {"images": "{split}/images", "masks": "{split}/masks", "image_suffix": "_{channel}"}
    dataset = datasets.open("folder", root / "new", "val", LABELS, objects="{split}/ids", **options)
    assert dataset[0].image.shape == (2, 2, 4) and dataset[0].objects.max() == 3


def test_what_is_missing_is_named(root: Path, put) -> None:
    with pytest.raises(DataError, match="idz: there is no such folder, which data.objects names; did you mean 'ids'"):
        opened(root, objects="idz")
    put(root / "ids/b.tif", OBJECTS)
    with pytest.raises(DataError, match=r"b\.png and .*b\.tif are of one name; keep one of them"):
        opened(root, objects="ids")
    (root / "ids/b.tif").unlink()
    put(root / "ids/b.png", OBJECTS[:1])
    with pytest.raises(DataError, match=r"b\.png is 4x2 pixels, but its objects .*b\.png are 4x1"):
        opened(root, objects="ids")[1]
    (root / "ids/b.png").unlink()
    with pytest.raises(DataError, match="ids: holds no map of b; data.objects needs one for each mask"):
        opened(root, objects="ids")
    put(root / "far/a.png", np.zeros((2, 4, 3), np.uint8))
    with pytest.raises(DataError, match=r"a\.png: an array of shape \[2, 4, 3\]; depth is one number for each pixel"):
        opened(root, depth="far")[0]
