"""Chest X-rays: JSRT with SCR's overlapping organs, Montgomery and Shenzhen with lungs."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from intarsia.datasets.chest_xray import ORGANS, chest_xray, planes
from intarsia.errors import DataError
from intarsia.labels import LabelSpace


@pytest.fixture
def jsrt(tmp_path: Path, put) -> Path:
    (tmp_path / "All247images").mkdir()
    for fold, name in (("fold1", "JPCLN001"), ("fold2", "JPCLN002")):
        film = np.full((2048, 2048), 1000, ">u2")
        film[:2, :2] = [[4095, 4095], [4095, 4091]]
        film.tofile(tmp_path / f"All247images/{name}.IMG")
        for number, organ in enumerate(ORGANS):
            mask = np.zeros((1024, 1024), np.uint8)
            mask[100 * number : 100 * number + 150, :10] = 255  # each overlaps the next
            put(tmp_path / fold / "masks" / organ / f"{name}.gif", mask)
    return tmp_path


def test_jsrt_is_halved_and_its_organs_cover_each_other_in_order(jsrt: Path, sound) -> None:
    dataset = chest_xray(jsrt, "fold1")
    assert [item.name for item in dataset.items] == ["JPCLN001"]
    sample = dataset[0]
    assert sample.image.shape == (1, 1024, 1024) and sample.image[0, 5, 5] == 16 * 1000
    assert sample.image[0, 0, 0] == 16 * 4094  # the mean of 4095, 4095, 4095 and 4091
    names = ("background", "lungs", "heart", "clavicles")
    assert [names[sample.labels[y, 0]] for y in (0, 120, 220, 320, 420, 600)] == [
        "lungs", "lungs", "heart", "clavicles", "clavicles", "background",
    ]  # fmt: skip
    every = planes(dataset.items[0])
    assert (
        every.shape == (5, 1024, 1024) and every[:2, 120, 0].all() and every[:, :, 0].sum(axis=1).tolist() == [150] * 5
    )
    assert [item.name for item in chest_xray(jsrt, "all").items] == ["JPCLN001", "JPCLN002"]
    sound(dataset)


def test_jsrt_as_planes_keeps_every_organ(jsrt: Path) -> None:
    """What the heart and the clavicles cover of the lungs is still lung."""
    dataset = chest_xray(jsrt, "fold1", planes=True)
    assert dataset.labels.names == ORGANS and dataset.labels.planes
    every = planes(dataset.items[0])
    assert np.array_equal(dataset[0].planes.numpy(), every) and (every.sum(axis=0) > 1).any()
    some = chest_xray(jsrt, "fold1", labels=LabelSpace(("heart", "left lung"), planes=True))
    assert np.array_equal(some[0].planes.numpy(), every[[2, 0]])
    with pytest.raises(
        DataError, match="labels.classes lists 'hart', of which there are no masks; did you mean 'heart'"
    ):
        chest_xray(jsrt, "fold1", labels=LabelSpace(("hart",), planes=True))


def test_jsrt_with_something_missing(jsrt: Path) -> None:
    with pytest.raises(DataError, match="no split 'train' of JSRT; expected All247images"):
        chest_xray(jsrt, "train")
    dataset = chest_xray(jsrt, "fold1")
    (jsrt / "fold1/masks/heart").rename(jsrt / "fold1/masks/herz")
    with pytest.raises(DataError, match=r"heart/JPCLN001\.gif: there is no such file; SCR has one for each organ"):
        dataset[0]
    film = jsrt / "All247images/JPCLN002.IMG"
    film.write_bytes(b"short")
    with pytest.raises(DataError, match=r"JPCLN002\.IMG: holds 2 values of 16 bit; JSRT's files hold 2048x2048"):
        chest_xray(jsrt, "fold2")[0]
    film.unlink()
    with pytest.raises(DataError, match=r"JPCLN002\.IMG: there is no such file, but .*JPCLN002\.gif needs it"):
        chest_xray(jsrt, "fold2")


def test_montgomery_has_a_file_for_each_lung(tmp_path: Path, put, noise, sound) -> None:
    for n in range(3):
        put(tmp_path / f"CXR_png/MCUCXR_000{n}_0.png", noise(6, 8))
        for side, column in (("left", 6), ("right", 1)):
            mask = np.zeros((6, 8), np.uint8)
            mask[:, column] = 255
            put(tmp_path / f"ManualMask/{side}Mask/MCUCXR_000{n}_0.png", mask)
    dataset = chest_xray(tmp_path, "all", source="montgomery")
    assert dataset[0].labels[0].tolist() == [0, 1, 0, 0, 0, 0, 1, 0]
    sound(dataset)
    (tmp_path / "ManualMask/rightMask/MCUCXR_0001_0.png").unlink()
    with pytest.raises(DataError, match=r"rightMask/MCUCXR_0001_0\.png: there is no such file"):
        chest_xray(tmp_path, "train", source="montgomery")


def test_shenzhen_has_images_without_a_mask(tmp_path: Path, put, noise) -> None:
    for n in range(3):
        put(tmp_path / f"CXR_png/CHNCXR_000{n}_0.png", noise(6, 8))
        if n:
            put(tmp_path / f"mask/CHNCXR_000{n}_0_mask.png", np.full((6, 8), 40 * n + 80, np.uint8))
    dataset = chest_xray(tmp_path, "all", source="shenzhen")
    assert len(dataset) == 2 and dataset.unmatched[0] == ("CHNCXR_0000_0.png",)
    assert dataset[0].labels.unique().tolist() == [0] and dataset[1].labels.unique().tolist() == [1]  # cut at 127
    with pytest.raises(DataError, match="montgomery is CXR_png and ManualMask/leftMask"):
        chest_xray(tmp_path, "train", source="montgomery")


def test_the_real_lungs(shared_data: Path, tmp_path: Path) -> None:
    (tmp_path / "CXR_png").symlink_to(shared_data / "lung_cxr17/train_images")
    (tmp_path / "mask").symlink_to(shared_data / "lung_cxr17/train_masks")
    dataset = chest_xray(tmp_path, "all", source="shenzhen")
    assert len(dataset) == 10 and len(chest_xray(tmp_path, "val", source="shenzhen")) == 2
    for sample, item in zip(dataset, dataset.items, strict=True):
        assert (sample.labels.numpy() == (np.asarray(Image.open(item.mask)) > 127)).all()
        assert 0.15 < sample.labels.float().mean() < 0.5
