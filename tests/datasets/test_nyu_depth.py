"""NYU Depth v2: 40 classes and meters."""

from pathlib import Path

import numpy as np
import pytest
import torch

from intarsia.datasets.nyu_depth import NAMES, nyu_depth
from intarsia.errors import DataError


@pytest.fixture
def root(tmp_path: Path, put, noise) -> Path:
    label = np.arange(41, dtype=np.uint8).repeat(2).reshape(2, 41)
    far = np.full((2, 41), 2.5, np.float32)
    far[0, 0] = 0
    for name in ("0", "8"):
        put(tmp_path / f"RGB/{name}.jpg", noise(2, 41, 3))
        put(tmp_path / f"Label/{name}.png", label.reshape(-1)[:82].reshape(2, 41))
    (tmp_path / "Depth").mkdir()
    np.save(tmp_path / "Depth/0.npy", far)
    put(tmp_path / "Depth/8.png", (far * 1000).astype(np.uint16))
    (tmp_path / "train.txt").write_text("RGB/8.jpg\tLabel/8.png\n")
    (tmp_path / "test.txt").write_text("RGB/0.jpg\tLabel/0.png\n")
    return tmp_path


def test_classes_start_at_one_and_depth_is_in_meters(root: Path, sound, run_cli) -> None:
    (root / "train.txt").write_text("8\n")
    (root / "test.txt").write_text("0\n")
    train, test = nyu_depth(root, "train"), nyu_depth(root, "test")
    assert [item.name for item in train.items] == ["8"] and [item.name for item in test.items] == ["0"]
    raw = np.arange(41).repeat(2).reshape(2, 41)
    for sample in (train[0], test[0]):
        assert (sample.labels.numpy() == np.where(raw == 0, 255, raw - 1)).all()
        assert sample.depth is not None and sample.depth[0, 0].isnan() and sample.depth[1, 1] == 2.5
    assert len(NAMES) == 40 and NAMES[0] == "wall" and NAMES[21] == "ceiling" and NAMES[39] == "otherprop"
    sound(train)
    assert run_cli("data", "audit", "nyu_depth", "--root", root)[0] == 0


def test_a_list_may_hold_both_paths(root: Path) -> None:
    assert [item.name for item in nyu_depth(root, "train").items] == ["8"]


def test_depth_as_the_fourth_channel(root: Path) -> None:
    plain, fused = nyu_depth(root, "test")[0], nyu_depth(root, "test", fused=True)[0]
    assert fused.image.shape == (4, 2, 41) and fused.image[3, 1, 1] == 25000 and fused.image[3, 0, 0] == 0
    assert torch.equal(fused.image[:3], plain.image.to(torch.int32) * 257)


def test_what_is_missing_is_named(root: Path) -> None:
    with pytest.raises(DataError, match=r"there is no list tset\.txt; did you mean 'test'"):
        nyu_depth(root, "tset")
    (root / "Depth/8.png").unlink()
    with pytest.raises(DataError, match=r"Depth: holds no 8\.npy and no 8\.png"):
        nyu_depth(root, "train")[0]
    (root / "Label/8.png").unlink()
    with pytest.raises(DataError, match=r"train\.txt: '8' has no RGB/8\.jpg or no Label/8\.png"):
        nyu_depth(root, "train")
    np.save(root / "Depth/0.npy", np.ones((3, 3), np.float32))
    for fused in (False, True):
        with pytest.raises(DataError, match=r"0\.jpg is 41x2 pixels, but its depth is 3x3"):
            nyu_depth(root, "test", fused=fused)[0]


def test_the_real_room(shared_data: Path, tmp_path: Path) -> None:
    home = shared_data / "nyuv2_1/DATA/NYUDepthv2"
    for name in ("RGB", "Label", "Depth"):
        (tmp_path / name).symlink_to(home / name)
    listed = next(
        line for file in ("train", "test") for line in (home / f"{file}.txt").read_text().splitlines() if "/0." in line
    )
    (tmp_path / "train.txt").write_text(listed)
    sample = nyu_depth(tmp_path, "train")[0]
    assert sample.labels.shape == (480, 640) and set(sample.labels.unique().tolist()) <= {*range(40), 255}
    assert 0.5 < sample.depth.nanmean() < 10
    with pytest.raises(DataError, match="has no RGB and Label"):
        nyu_depth(home, "train")  # a list of 795, of which one is there
