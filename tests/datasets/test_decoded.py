"""Data sets with a decoder of their own: object numbers, other processes, the audit, and the catalogue's rows."""

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import intarsia.data
from intarsia.data.loader import Loader
from intarsia.data.pairs import numbered
from intarsia.datasets.catalogue import DATASETS
from intarsia.datasets.kitti_step import kitti_step
from intarsia.errors import DataError

NEW = (
    "cityscapes kitti kitti_step bdd100k ade20k coco coco_stuff mapillary pascal_context pets carvana waymo voc"
).split()  # fmt: skip


def put(path: Path, array: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.array(array, np.uint8)).save(path)
    return path


def test_numbers_follow_the_codes_and_skip_what_does_not_count() -> None:
    codes = np.array([[0, 26001, 26000], [9, 0, 26001]])
    counted = np.array([[True, True, True], [False, True, False]])
    assert numbered(codes, np.ones_like(counted)).tolist() == [[0, 3, 2], [1, 0, 3]]
    assert numbered(codes, counted).tolist() == [[0, 2, 1], [0, 0, 0]]
    assert numbered(np.zeros((2, 2), int), np.ones((2, 2), bool)).max() == 0
    assert numbered(codes, counted).dtype == np.int32


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for frame in range(2):
        put(tmp_path / f"images/train/0000/{frame:06}.png", np.full((2, 2, 3), 60 * frame))
        put(tmp_path / f"panoptic_maps/train/0000/{frame:06}.png", [[[0, 0, 0], [13, 0, 1]], [[255, 0, 0], [11, 0, 1]]])
    return tmp_path


def test_decoders_travel_to_other_processes(root: Path) -> None:
    dataset = kitti_step(root, "train")
    again = pickle.loads(pickle.dumps(dataset))
    assert all(torch.equal(a, b) for a, b in zip(dataset[1][:2], again[1][:2], strict=True))
    batch = next(Loader(dataset, batch_size=2, workers=1).stream())
    assert batch.labels.shape == (2, 2, 2) and set(batch.names) == {"0000_000000", "0000_000001"}


def test_the_audit_reads_them(root: Path) -> None:
    found = intarsia.doctor.audit(kitti_step(root, "train"))
    assert not [finding for finding in found.findings if finding.severity == "error"]
    counts = dict(zip(found.names, found.counts.tolist(), strict=True))
    assert (counts["road"], counts["car"], counts["person"], counts["bus"]) == (2, 2, 2, 0) and found.ignored == 0.25


def test_masks_of_another_size_are_named(root: Path) -> None:
    put(root / "images/train/0000/000000.png", np.zeros((2, 3, 3)))
    with pytest.raises(DataError, match=r"000000.png is 3x2 pixels, but its mask .*000000.png is 2x2"):
        kitti_step(root, "train")[0]


@pytest.mark.parametrize("name", NEW)
def test_every_row_says_its_terms_and_shows_its_tree(name: str, tmp_path: Path) -> None:
    entry = DATASETS[name]
    assert entry.terms.endswith(".") and "\n    " in entry.steps
    assert intarsia.datasets.splits(name, tmp_path) in ((), ("train",))
    with pytest.raises(DataError, match="expected\n    |set data.root to the folder"):
        intarsia.datasets.open(name, tmp_path, "train")
