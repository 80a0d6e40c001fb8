"""ADE20K: the 150 of the benchmark, the colors of the full release, and real samples of both."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from intarsia.datasets import splits
from intarsia.datasets.ade20k import LABELS, NAMES, ade20k
from intarsia.errors import DataError, LabelError


def put(path: Path, array: object, dtype: type = np.uint8) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.array(array, dtype)).save(path)
    return path


def photo(path: Path, height: int, width: int) -> Path:
    return put(path, np.full((height, width, 3), 90))


def test_the_150_names_and_colors(shared_data: Path) -> None:
    lines = (shared_data / "ade20k_scene3/objectInfo150.txt").read_text().splitlines()[1:]
    assert [line.split("\t")[4].split(",")[0].strip() for line in lines] == list(NAMES)
    assert (NAMES[0], NAMES[58], NAMES[130], NAMES[141], NAMES[149]) == (
        "wall",
        "screen door",
        "screen",
        "crt screen",
        "flag",
    )
    assert LABELS.colors[0] == (120, 120, 120) and LABELS.colors[149] == (92, 0, 255)


def test_zero_is_ignored_and_one_is_the_first(tmp_path: Path) -> None:
    root = tmp_path / "ADEChallengeData2016"
    photo(root / "images/training/ADE_train_00000001.jpg", 1, 4)
    photo(root / "images/validation/ADE_val_00000001.jpg", 1, 4)
    put(root / "annotations/training/ADE_train_00000001.png", [[0, 1, 2, 150]])
    put(root / "annotations/validation/ADE_val_00000001.png", [[0, 1, 2, 151]])
    dataset = ade20k(tmp_path, "train", classes=150)
    assert dataset[0].labels.tolist() == [[255, 0, 1, 149]] and splits("ade20k", tmp_path) == ("train", "val")
    with pytest.raises(LabelError, match=r"ADE_val_00000001.png: the mask holds 151 \(1 px\)"):
        ade20k(root, "val")[0]
    with pytest.raises(DataError, match=r"no split 'validation'; choose from 'train', 'val'; expected\n"):
        ade20k(root, "validation")
    with pytest.raises(DataError, match="holds no images and annotations; expected\n    ADEChallengeData2016/images"):
        ade20k(tmp_path / "ADEChallengeData2016" / "images", "train")
    with pytest.raises(DataError, match="classes is '151'; choose from '150', 'full'"):
        ade20k(root, "train", classes=151)  # type: ignore[arg-type]


def test_objects_of_the_150_are_in_the_green_channel(tmp_path: Path) -> None:
    photo(tmp_path / "images/training/ADE_train_00000001.jpg", 1, 4)
    put(tmp_path / "annotations/training/ADE_train_00000001.png", [[13, 13, 3, 0]])
    put(
        tmp_path / "annotations_instance/training/ADE_train_00000001.png",
        [[[4, 9, 0], [4, 2, 0], [0, 0, 0], [4, 7, 0]]],
    )
    sample = ade20k(tmp_path, "train", objects=True)[0]
    assert sample.labels.tolist() == [[12, 12, 2, 255]] and sample.objects is not None
    assert sample.objects.tolist() == [[2, 1, 0, 0]]
    (tmp_path / "annotations_instance/training/ADE_train_00000001.png").unlink()
    with pytest.raises(DataError, match=r"annotations_instance/training/ADE_train_00000001.png: there is no such file"):
        ade20k(tmp_path, "train", objects=True)[0]


def test_the_full_release_spreads_class_and_object_over_colors(tmp_path: Path) -> None:
    home = tmp_path / "ADE20K_2021_17_01/images/ADE/training/urban/street"
    photo(home / "ADE_train_1.jpg", 1, 5)
    # 401 = 10 // 10 * 256 + 145, 1831 = 70 // 10 * 256 + 39, 5 = 0 * 256 + 5
    put(home / "ADE_train_1_seg.png", [[[0, 0, 0], [10, 145, 5], [10, 145, 10], [70, 39, 5], [0, 5, 5]]])
    things = [(401, "car", 0), (1831, "door", 0), (5, "door", 0), (774, "rim", 1)]
    objects = [{"name": name, "name_ndx": n, "parts": {"part_level": level}} for n, name, level in things]
    (home / "ADE_train_1.json").write_text(json.dumps({"annotation": {"object": objects}}))
    dataset = ade20k(tmp_path, "train", classes="full", names=str(tmp_path / "names.json"))
    assert dataset.labels.names == ("door (5)", "car", "door (1831)")  # two classes of one name; parts are none
    sample = dataset[0]
    assert sample.labels.tolist() == [[255, 1, 1, 2, 0]] and sample.name == "ADE_train_1"
    assert sample.objects is not None
    assert sample.objects.tolist() == [[0, 2, 3, 4, 1]]
    (home / "ADE_train_1.json").unlink()
    again = ade20k(tmp_path, "train", classes="full", names=str(tmp_path / "names.json"))
    assert again.labels.names == dataset.labels.names and splits("ade20k", tmp_path, classes="full") == ("train",)
    with pytest.raises(DataError, match="no JSON file tells the names of the classes"):
        ade20k(tmp_path, "train", classes="full")
    put(home / "ADE_train_1_seg.png", [[[0, 0, 0], [10, 145, 5], [20, 0, 10], [70, 39, 5], [0, 5, 5]]])
    with pytest.raises(LabelError, match=r"_seg.png: the mask holds 512 \(1 px\)"):
        again[0]


def test_the_benchmarks_own_sample(shared_data: Path, tmp_path: Path) -> None:
    real = shared_data / "ade20k_scene3/sampleData"
    for folder in ("images", "annotations"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "validation").symlink_to(real / folder)
    dataset = ade20k(tmp_path, "val")
    assert len(dataset) == 3 and splits("ade20k", tmp_path) == ("val",)
    for sample, item in zip((dataset[n] for n in range(3)), dataset.items, strict=True):
        raw = np.asarray(Image.open(item.mask)).astype(int)
        assert (sample.labels.numpy() == np.where(raw == 0, 255, raw - 1)).all()


def test_three_images_of_the_full_release(shared_data: Path) -> None:
    dataset = ade20k(shared_data / "ade20k_full3/dataset", "train", classes="full")
    assert len(dataset) == 3
    for n, item in enumerate(dataset.items):
        told = json.loads((item.image.with_suffix(".json")).read_text())["annotation"]["object"]
        whole = [thing for thing in told if thing["parts"]["part_level"] == 0]
        sample = dataset[n]
        seen = {dataset.labels.names[k] for k in sample.labels.unique().tolist() if k != dataset.labels.ignore_index}
        assert seen == {thing["name"] for thing in whole} and sample.objects is not None
        assert int(sample.objects.max()) == len(whole)


def test_the_full_release_in_miniature(shared_data: Path) -> None:
    root = shared_data / "datumaro_assets/tests/assets/ade20k2020_dataset/dataset"
    train, val = (ade20k(root, split, classes="full") for split in ("train", "val"))
    assert train.labels.names == val.labels.names  # of both splits
    assert train.labels.names == (
        "car, auto, automobile, machine, motorcar",
        "person, individual, someone, somebody, mortal, soul",
    )
    assert train[0].labels.unique().tolist() == val[0].labels.unique().tolist() == [0, 1, 255]
