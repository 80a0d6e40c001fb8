"""SBD: VOC's train_aug from MATLAB files or palette PNGs; and VOC's objects."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

from intarsia.datasets.voc import voc
from intarsia.errors import DataError, LabelError


def put(path: Path, array: object, dtype: type = np.uint8) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.array(array, dtype)).save(path)
    return path


def photo(path: Path, height: int, width: int) -> Path:
    return put(path, np.full((height, width, 3), 90))


def voc2012(root: Path, own: str = "2007_000032", held_back: str = "2007_000033") -> Path:
    home = root / "VOCdevkit/VOC2012"
    lists = home / "ImageSets/Segmentation"
    lists.mkdir(parents=True)
    (lists / "train.txt").write_text(f"{own}\n")
    (lists / "val.txt").write_text(f"{held_back}\n")
    for name in (own, held_back, "2008_000008", "2008_000015"):
        photo(home / f"JPEGImages/{name}.jpg", 1, 3)
    for name in (own, held_back):
        put(home / f"SegmentationClass/{name}.png", [[0, 1, 255]])
        put(home / f"SegmentationObject/{name}.png", [[0, 7, 255]])
    return home


def sbd(root: Path) -> Path:
    top = root / "benchmark_RELEASE/dataset"
    (top / "cls").mkdir(parents=True)
    (top / "train.txt").write_text("2008_000008\n2007_000032\n2007_000033\n")
    (top / "val.txt").write_text("2008_000015\n")
    for name, third in (("2008_000008", 20), ("2008_000015", 12), ("2007_000032", 2), ("2007_000033", 2)):
        cell = {
            "Segmentation": np.array([[0, 13, third]], np.uint8),
            "Boundaries": np.zeros(2),
            "CategoriesPresent": [13],
        }
        savemat(top / f"cls/{name}.mat", {"GTcls": cell})
    return top


def test_train_aug_is_sbd_and_vocs_train_without_vocs_val(tmp_path: Path) -> None:
    voc2012(tmp_path)
    sbd(tmp_path)
    for split in ("train_aug", "trainaug"):
        dataset = voc(tmp_path, split)
        assert [item.name for item in dataset.items] == ["2007_000032", "2008_000008", "2008_000015"]
        assert [dataset[n].labels.tolist() for n in range(3)] == [
            [[0, 1, 255]],
            [[0, 13, 20]],
            [[0, 13, 12]],
        ]  # VOC's own first


def test_train_aug_as_pngs_with_and_without_a_list(tmp_path: Path) -> None:
    home = voc2012(tmp_path)
    for name in ("2007_000032", "2007_000033", "2008_000008"):
        put(home / f"SegmentationClassAug/{name}.png", [[0, 2, 255]])
    assert [item.name for item in voc(home, "train_aug").items] == ["2007_000032", "2008_000008"]
    lines = "/JPEGImages/2008_000008.jpg /SegmentationClassAug/2008_000008.png\n"
    (home / "ImageSets/Segmentation/train_aug.txt").write_text(lines)
    dataset = voc(tmp_path, "train_aug")
    assert [item.name for item in dataset.items] == ["2008_000008"] and dataset[0].labels.tolist() == [[0, 2, 255]]


def test_what_train_aug_lacks_is_said(tmp_path: Path) -> None:
    home = voc2012(tmp_path)
    with pytest.raises(DataError, match="neither SegmentationClassAug nor SBD, which train_aug needs; expected\n"):
        voc(tmp_path, "train_aug")
    top = sbd(tmp_path)
    with pytest.raises(DataError, match="train_aug of PASCAL VOC has no object numbers"):
        voc(tmp_path, "train_aug", objects=True)
    savemat(top / "cls/2008_000015.mat", {"GTcls": {"Segmentation": np.array([[0, 13, 21]], np.uint8)}})
    with pytest.raises(LabelError, match=r"2008_000015.mat: the mask holds 21 \(1 px\)"):
        voc(tmp_path, "train_aug")[2]
    (top / "cls/2008_000015.mat").unlink()
    with pytest.raises(DataError, match=r"2008_000015 belongs to train_aug, but there is no .*cls/2008_000015.mat"):
        voc(tmp_path, "train_aug")
    (home / "ImageSets/Segmentation/val.txt").unlink()
    with pytest.raises(DataError, match=r"val.txt: there is no such list; it says which images train_aug holds"):
        voc(tmp_path, "train_aug")


def test_objects_of_voc(tmp_path: Path) -> None:
    sample = voc(voc2012(tmp_path), "train", objects=True)[0]
    assert sample.labels.tolist() == [[0, 1, 255]] and sample.objects is not None
    assert sample.objects.tolist() == [[0, 1, 0]]


def test_real_objects_of_voc(shared_data: Path, tmp_path: Path) -> None:
    real = shared_data / "voc2012_sample"
    for folder in ("JPEGImages", "SegmentationClass", "ImageSets"):
        (tmp_path / folder).symlink_to(real / folder)
    (tmp_path / "SegmentationObject").symlink_to(real / "SegmentationObject_derived")
    dataset = voc(tmp_path, "val", objects=True)
    for n in range(0, len(dataset), 8):
        sample = dataset[n]
        stored = np.asarray(Image.open(real / f"SegmentationObject_derived/{sample.name}.png"))
        assert sample.objects is not None
        assert int(sample.objects.max()) == len(set(np.unique(stored).tolist()) - {0, 255})
        assert ((sample.objects > 0) == ((sample.labels > 0) & (sample.labels < 255))).all()
