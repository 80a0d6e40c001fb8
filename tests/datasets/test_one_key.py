"""Sets whose masks tell objects or depth are known by their folder: the recipe that `init` writes gives them by itself."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from intarsia import datasets
from intarsia.datasets.recognize import richer
from intarsia.doctor import visit
from intarsia.doctor.describe import describe
from intarsia.errors import DataError, LabelError
from intarsia.labels import LabelSpace
from intarsia.structures import Sample


def first(folder: Path) -> tuple[Any, Sample]:
    """The training set that a folder is described as, and its first sample."""
    known = describe(folder)
    data = dict(known.data)
    name, root, train = data.pop("name"), data.pop("root"), data.pop("train")
    data.pop("val")
    dataset = datasets.open(name, root, train, known.labels, **data)
    return dataset, dataset[0]


@pytest.mark.parametrize(
    ("folder", "name", "things", "objects"),
    [
        ("dsb2018_110", "nuclei", 1, True), ("tiny_coco", "coco", 80, True), ("panopticapi_sample", "panoptic", 80, True),
        ("panopticapi_sample/sample_data", "panoptic", 80, True), ("nyuv2_1", "nyu_depth", 0, False),
    ],
)  # fmt: skip
def test_real_folders(folder: str, name: str, things: int, objects: bool, shared_data: Path) -> None:
    dataset, sample = first(shared_data / folder)
    assert dataset.name == name and len(dataset.labels.things) == things
    assert (sample.objects is not None) == objects and (sample.depth is not None) == (not objects)
    if sample.objects is not None:
        assert sample.objects.max() > 0
        assert {dataset.labels.names[k] for k in sample.labels[sample.objects > 0].unique()} <= set(
            dataset.labels.things
        )


@pytest.mark.parametrize("folder", ["panopticapi_sample", "nyuv2_1"])
def test_the_doctor_looks_at_them_as_they_are(folder: str, shared_data: Path) -> None:
    found = visit(shared_data / folder)
    assert [finding.message for finding in found.audit.errors] == []
    names = found.labels.names
    assert "person" in names and not any(name.startswith(("color_", "class_")) for name in names)


def test_crowds_of_coco_are_no_objects(shared_data: Path) -> None:
    """As the file has it: objects that are no crowds and have pixels that are seen, and no others."""
    tree = json.loads((shared_data / "tiny_coco/annotations/instances_val2017.json").read_text())
    crowds = {a["image_id"] for a in tree["annotations"] if a["iscrowd"]}
    assert crowds
    dataset = datasets.open("coco", shared_data / "tiny_coco", "val", overlaps=True)
    by_name = {item.name: n for n, item in enumerate(dataset.items)}
    files = {image["id"]: Path(image["file_name"]).stem for image in tree["images"]}
    names = {category["id"]: category["name"] for category in tree["categories"]}
    for owner in sorted(crowds)[:3]:
        single = [a for a in tree["annotations"] if a["image_id"] == owner and not a["iscrowd"]]
        sample = dataset[by_name[files[owner]]]
        assert [dataset.labels.names[k] for k in sample.classes] == [names[a["category_id"]] for a in single]
        assert len(sample.masks) == len(single)
        for number in sample.objects.unique().tolist():
            assert not number or bool(sample.masks[number - 1][sample.objects == number].all())


def test_penn_fudan_is_known_by_its_folders(tmp_path: Path, put, noise) -> None:
    for n in range(1, 6):
        put(tmp_path / f"PennFudanPed/PNGImages/FudanPed{n:05}.png", noise(4, 6, 3))
        put(tmp_path / f"PennFudanPed/PedMasks/FudanPed{n:05}_mask.png", np.array([[0, 1, 1, 0, 2, 2]] * 4, np.uint8))
    for folder in (tmp_path, tmp_path / "PennFudanPed"):
        dataset, sample = first(folder)
        assert dataset.name == "penn_fudan" and dataset.labels.things == ("pedestrian",)
        assert sample.objects.unique().tolist() == [0, 1, 2] and sample.labels.unique().tolist() == [0, 1]
    with pytest.raises(LabelError, match="names its classes itself"):
        describe(tmp_path, classes=["background", "walker"])


def panoptic(root: Path, *names: str, form: str = "panoptic.json") -> Path:
    """Two segments of a car and one of the sky in each image; images lie beside, by the names of the masks."""
    kinds = [{"id": 3, "name": "car", "isthing": 1}, {"id": 7, "name": "sky", "isthing": 0}]
    tree: dict[str, Any] = {"images": [], "annotations": [], "categories": kinds}
    (root / form).with_suffix("").mkdir(parents=True)
    (root / "photos").mkdir(exist_ok=True)
    for n, name in enumerate(names):
        rng = np.random.default_rng(n)
        Image.fromarray(rng.integers(0, 255, (2, 3, 3), np.uint8)).save(root / f"photos/{name}.png")
        ids = np.dstack([[[1, 2, 3]] * 2, [[0] * 3] * 2, [[0] * 3] * 2]).astype(np.uint8)
        Image.fromarray(ids).save((root / form).with_suffix("") / f"{name}.png")
        tree["images"].append({"id": n, "file_name": f"{name}.png", "height": 2, "width": 3})
        info = [{"id": i, "category_id": c, "iscrowd": 0} for i, c in ((1, 3), (2, 3), (3, 7))]
        tree["annotations"].append({"image_id": n, "file_name": f"{name}.png", "segments_info": info})
    (root / form).write_text(json.dumps(tree))
    return root


def test_panoptic_masks_of_your_own(tmp_path: Path, sound) -> None:
    dataset, sample = first(panoptic(tmp_path, *"abcde"))
    assert (len(dataset), dataset.labels.names, dataset.labels.things) == (4, ("car", "sky"), ("car",))
    assert sample.labels.tolist() == [[0, 0, 1]] * 2 and sample.objects.tolist() == [[1, 2, 0]] * 2
    sound(dataset)
    val = datasets.open("panoptic", tmp_path, "val", holdout=0.2)
    assert len(val) == 1 and val.items[0].name not in {item.name for item in dataset.items}
    assert len(datasets.open("panoptic", tmp_path, "all")) == 5
    space = LabelSpace(("vehicle", "sky"), values={0: "ignore", 3: "vehicle", 7: "sky"})
    renamed = datasets.open("panoptic", tmp_path, "all", space)  # whose names are none of the file's
    assert renamed.labels.things == () and renamed[0].objects.tolist() == [[1, 2, 0]] * 2


def test_panoptic_files_of_two_splits(tmp_path: Path) -> None:
    panoptic(tmp_path, "a", "b", form="masks/panoptic_train.json")
    panoptic(tmp_path, "c", form="masks/panoptic_val.json")
    known = describe(tmp_path)
    assert known.data == {
        "name": "panoptic", "root": str(tmp_path), "file": "masks/panoptic_{split}.json", "train": "train", "val": "val",
    }  # fmt: skip
    assert [len(datasets.open("panoptic", tmp_path, s, file=known.data["file"])) for s in ("train", "val")] == [2, 1]
    with pytest.raises(DataError, match="there is no split 'vla'.*did you mean 'val'"):
        datasets.open("panoptic", tmp_path, "vla", file=known.data["file"])
    with pytest.raises(DataError, match="holds 2 panoptic files .*name one in data.file"):
        datasets.open("panoptic", tmp_path, "all")


def test_one_panoptic_file_that_is_called_val_is_held_out_of(tmp_path: Path) -> None:
    dataset, _ = first(panoptic(tmp_path, *"abcde", form="panoptic_val2017.json"))
    assert len(dataset) == 4


def test_what_panoptic_does_not_take(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no panoptic file; expected\n    FILE.json"):
        datasets.open("panoptic", tmp_path, "all")
    panoptic(tmp_path, "a", "b")
    with pytest.raises(DataError, match="holdout is 2; give the share"):
        datasets.open("panoptic", tmp_path, "train", holdout=2)
    with pytest.raises(DataError, match="there is no split 'train'.*data.holdout: 0.2"):
        datasets.open("panoptic", tmp_path, "train")
    (tmp_path / "photos/b.png").unlink()
    with pytest.raises(DataError, match="b.png is listed, but not there"):
        datasets.open("panoptic", tmp_path, "all")
    assert richer(tmp_path / "photos", 0.2) is None


def test_nyu_lists_of_pictures_that_are_not_there_are_counted(tmp_path: Path, put, noise) -> None:
    for name in ("0", "1"):
        put(tmp_path / f"RGB/{name}.jpg", noise(2, 3, 3))
        put(tmp_path / f"Label/{name}.png", np.ones((2, 3), np.uint8))
        put(tmp_path / f"Depth/{name}.png", np.full((2, 3), 1500, np.uint16))
    (tmp_path / "train.txt").write_text("0\n1\n7\n8\n")
    (tmp_path / "test.txt").write_text("9\n")
    dataset = datasets.open("nyu_depth", tmp_path, "train")
    assert len(dataset) == 2 and dataset.notes.remarks == (
        "train.txt lists 2 names of which no file is there, such as 7",
    )
    assert datasets.splits("nyu_depth", tmp_path) == ("train",)
    with pytest.raises(DataError, match="'9' has no RGB and Label, nor has another one that it lists"):
        datasets.open("nyu_depth", tmp_path, "test")
    assert (first(tmp_path)[1].depth == 1.5).all()
