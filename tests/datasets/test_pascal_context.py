"""PASCAL-Context: the 459 of the release, the choices of 59 and 33, and three forms of masks."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

from intarsia.datasets import splits
from intarsia.datasets.pascal_context import ALL, CLASSES33, CLASSES59, pascal_context
from intarsia.errors import DataError, LabelError


def put(path: Path, array: object, dtype: type = np.uint8) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.array(array, dtype)).save(path)
    return path


def photo(path: Path, height: int, width: int) -> Path:
    return put(path, np.full((height, width, 3), 90))


# labels.txt: 2 aeroplane, 80 cloth, 19 bedclothes, 397 table, 458 wood, 1 accordion, 360 sky
RAW = [[2, 80, 19, 397], [458, 1, 360, 431]]


def release(root: Path, raw: list[list[int]] = RAW) -> Path:
    photo(root / "VOC2010/JPEGImages/2008_000002.jpg", 2, 4)
    for name in ("train", "aeroplane_train"):
        (root / "VOC2010/ImageSets/Main").mkdir(parents=True, exist_ok=True)
        (root / f"VOC2010/ImageSets/Main/{name}.txt").write_text("2008_000002\n")
    (root / "trainval").mkdir(exist_ok=True)
    savemat(root / "trainval/2008_000002.mat", {"LabelMap": np.array(raw, np.uint16)})
    return root


def called(dataset: object) -> list[str]:
    labels, space = dataset[0].labels, dataset.labels  # type: ignore[index, attr-defined]
    return [space.names[n] if n != space.ignore_index else "" for n in labels.flatten().tolist()]


def test_the_lists_of_59_and_33() -> None:
    assert (len(ALL), len(CLASSES59), len(CLASSES33)) == (459, 59, 33)
    assert (ALL[0], ALL[430], ALL[458]) == ("accordion", "unknown", "wool")
    assert (CLASSES59[20], CLASSES59[41], CLASSES59[58]) == ("bag", "curtain", "wood")
    assert (CLASSES33[20], CLASSES33[32]) == ("sky", "ceiling") and CLASSES33[:20] == CLASSES59[:20]


def test_the_release_is_read_as_59_33_or_459(tmp_path: Path) -> None:
    root = release(tmp_path)
    dataset = pascal_context(root, "train")
    assert dataset.labels.num_classes == 60 and splits("pascal_context", root) == ("train",)
    assert called(dataset) == [
        "aeroplane", "clothes", "bedcloth", "diningtable", "wood", "background", "sky", "background",
    ]  # fmt: skip
    assert pascal_context(root, "train", background=False).labels.num_classes == 59
    assert called(pascal_context(root, "train", background=False))[4:] == ["wood", "", "sky", ""]
    assert called(pascal_context(root, "train", classes=33)) == [
        "aeroplane", "background", "background", "diningtable", "background", "background", "sky", "background",
    ]  # fmt: skip
    whole = pascal_context(root, "train", classes=459)
    assert called(whole) == ["aeroplane", "cloth", "bedclothes", "table", "wood", "accordion", "sky", "unknown"]
    assert whole.labels.ignore_index == 65535


def test_masks_of_59_in_both_orders(tmp_path: Path) -> None:
    root = release(tmp_path)
    (root / "trainval/2008_000002.mat").unlink()
    with pytest.raises(DataError, match="holds no masks of 59 classes; expected"):
        pascal_context(root, "train")
    put(root / "VOC2010/SegmentationClassContext/2008_000002.png", [[0, 1, 2, 3], [4, 5, 58, 59]])
    assert called(pascal_context(root, "train")) == [
        "background", "aeroplane", "bag", "bed", "bedcloth", "bench", "window", "wood",
    ]  # fmt: skip
    put(root / "59_context_labels/2008_000002.png", [[0, 1, 11, 20], [21, 42, 52, 59]])
    assert called(pascal_context(root, "train")) == [
        "background", "aeroplane", "diningtable", "tvmonitor", "bag", "curtain", "bedcloth", "wood",
    ]  # fmt: skip
    put(root / "33_context_labels/2008_000002.png", [[0, 1, 11, 20], [21, 22, 32, 33]])
    assert called(pascal_context(root, "train", classes=33)) == [
        "background", "aeroplane", "diningtable", "tvmonitor", "sky", "grass", "keyboard", "ceiling",
    ]  # fmt: skip


def test_what_is_wrong_is_said(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no JPEGImages, nor does VOC2010 below it; expected\n    VOC2010/"):
        pascal_context(tmp_path, "train")
    root = release(tmp_path, [[2, 80, 19, 397], [460, 1, 360, 431]])
    with pytest.raises(DataError, match="no split 'val'; choose from 'train'"):
        pascal_context(root, "val")
    with pytest.raises(DataError, match="classes is 60; choose from 59, 33, 459"):
        pascal_context(root, "train", classes=60)  # type: ignore[arg-type]
    with pytest.raises(LabelError, match=r"2008_000002.mat: the mask holds 460 \(1 px\)"):
        pascal_context(root, "train")[0]
    savemat(root / "trainval/2008_000002.mat", {"Labelmap": np.zeros((2, 4))})
    with pytest.raises(DataError, match="holds no variable 'LabelMap'; did you mean 'Labelmap'"):
        pascal_context(root, "train")[0]
    (root / "trainval/2008_000002.mat").write_bytes(b"nothing")
    with pytest.raises(DataError, match="no MATLAB file that can be read"):
        pascal_context(root, "train")[0]
    (root / "VOC2010/ImageSets/Main/train.txt").write_text("2008_000003\n")
    with pytest.raises(DataError, match=r"train.txt: lists 2008_000003, but there is no .*2008_000003.jpg"):
        pascal_context(root, "train")
