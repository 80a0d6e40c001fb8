"""A folder without masks is read as what it holds: an export with its splits, or a data set as its makers pack it."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from intarsia.annotations.convert import convert, read
from intarsia.datasets import open as open_dataset
from intarsia.datasets.recognize import exports, public_layouts
from intarsia.doctor import audit
from intarsia.errors import DataError, LabelError
from intarsia.labels import LabelSpace
from intarsia.training.usual import init

SQUARES = {"lemon": (4, 4), "kiwi": (4, 24), "point": (30, 30)}  # row, column of a square of 10 pixels


def annotated(folder: Path, names: list[str], order: list[str], point: bool = False) -> Path:
    """LabelMe's files: each image has a square of each class, drawn in that order."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        noise = np.random.default_rng(list(name.encode())).integers(0, 255, (48, 48, 3), np.uint8)
        Image.fromarray(noise).save(folder / f"{name}.png")
        shapes: list[dict[str, Any]] = []
        for label in order:
            top, left = SQUARES[label]
            ring = [[left, top], [left + 10, top], [left + 10, top + 10], [left, top + 10]]
            shapes.append({"label": label, "points": ring, "shape_type": "polygon"})
        if point:
            shapes.append({"label": "lemon", "points": [[1, 1]], "shape_type": "point"})
        tree = {"version": "5.0", "shapes": shapes, "imagePath": f"{name}.png", "imageHeight": 48, "imageWidth": 48}
        (folder / f"{name}.json").write_text(json.dumps(tree))
    return folder


def opened(recipe: dict[str, Any]) -> list[Any]:
    data = dict(recipe["data"])
    name, root, *splits = (data.pop(key) for key in ("name", "root", "train", "val"))
    labels = LabelSpace.from_dict(recipe["labels"]) if "labels" in recipe else None
    return [open_dataset(name, root, split, labels, **data) for split in splits if split]


def test_splits_whose_tools_list_the_classes_in_other_orders_mean_the_same(tmp_path: Path) -> None:
    annotated(tmp_path / "train", ["a", "b"], ["lemon", "kiwi"])
    annotated(tmp_path / "val", ["c"], ["kiwi", "lemon"])
    recipe, said = init(tmp_path)
    assert "an export of labelme in train (2 pictures)" in said and "val to validate on" in said
    assert recipe["data"]["file"] == "{split}" and recipe["labels"]["classes"] == ["background", "lemon", "kiwi"]
    train, val = opened(recipe)
    for dataset in (train, val):
        labels = np.asarray(dataset[0].labels)
        assert [int(labels[6, 6]), int(labels[6, 26]), int(labels[40, 40])] == [1, 2, 0]
    assert not audit(train, val).errors
    # and so do they where nobody listed the classes, but training hands the first split's meaning to the second
    first = open_dataset("export", tmp_path, "train", None, file="{split}")
    second = open_dataset("export", tmp_path, "val", first.labels, file="{split}")
    assert np.array_equal(first[0].labels, second[0].labels) and first.labels.names == ("background", "lemon", "kiwi")


def test_a_class_of_val_alone_is_kept_and_told(tmp_path: Path) -> None:
    annotated(tmp_path / "train", ["a", "b"], ["lemon"])
    annotated(tmp_path / "val", ["c"], ["kiwi", "lemon"])
    train, val = opened(init(tmp_path)[0])
    assert train.labels.names == ("background", "lemon", "kiwi")
    assert any("train holds no pixel of kiwi" in finding.message for finding in audit(train, val).findings)
    first = open_dataset("export", tmp_path, "train", None, file="{split}")
    with pytest.raises(
        LabelError, match=r"'kiwi' is none of the labels' names.*list the tool's names in data\.classes"
    ):
        open_dataset("export", tmp_path, "val", first.labels, file="{split}")


def test_labels_go_by_name_and_only_else_by_place(tmp_path: Path) -> None:
    annotated(tmp_path, ["a"], ["lemon", "kiwi"])

    def at(labels: LabelSpace, **options: Any) -> list[int]:
        drawn = np.asarray(open_dataset("export", tmp_path, "all", labels, **options)[0].labels)
        return [int(drawn[6, 6]), int(drawn[6, 26]), int(drawn[40, 40])]

    assert at(LabelSpace(("background", "kiwi", "lemon"))) == [2, 1, 0]
    fruit = LabelSpace(("background", "fruit"), values={0: "background", 1: "fruit", 2: "fruit"})
    assert at(fruit) == [1, 1, 0]
    renamed = LabelSpace(("background", "sour", "sweet"), values={0: "background", 1: "sour", 2: "sweet"})
    assert at(renamed) == [1, 2, 0] and at(renamed, classes=["kiwi", "lemon"]) == [2, 1, 0]
    without = LabelSpace(("lemon", "kiwi"), values={0: "ignore", 1: "lemon", 2: "kiwi"})
    assert at(without, uncovered="ignore") == [0, 1, 255]
    with pytest.raises(LabelError, match=r"value 0 stands for what no region covers, but the labels call it 'lemon'"):
        at(LabelSpace(("lemon", "kiwi")))
    with pytest.raises(LabelError, match=r"data\.classes lists no 'kiwi'"):
        at(renamed, classes=["lemon", "kiwis"])


def test_coco_files_of_two_splits_are_one_export(tmp_path: Path) -> None:
    for split, names in (("train", ["a", "b"]), ("val", ["c"])):
        made = convert(read(annotated(tmp_path / "in" / split, names, ["lemon", "kiwi"])), "coco", tmp_path / split)
        assert len(made.pictures) == len(names)
        (tmp_path / "set" / "annotations").mkdir(parents=True, exist_ok=True)
        (tmp_path / split / "instances.json").rename(tmp_path / f"set/annotations/instances_{split}2017.json")
        (tmp_path / split / "images").rename(tmp_path / f"set/{split}2017")
    recipe, said = init(tmp_path / "set")
    assert recipe["data"]["file"] == "annotations/instances_{split}2017.json", said
    train, val = opened(recipe)
    assert (len(train), len(val)) == (2, 1) and np.array_equal(train[0].labels, val[0].labels)


def test_one_export_below_a_folder_is_held_out_and_several_are_asked_about(tmp_path: Path) -> None:
    annotated(tmp_path / "project/jobs", [f"n{i}" for i in range(5)], ["lemon"], point=True)
    recipe, said = init(tmp_path)
    assert recipe["data"]["file"] == "project/jobs" and recipe["data"]["holdout"] == 0.2
    assert "5 shapes left out" in said
    train, val = opened(recipe)
    assert (len(train), len(val)) == (4, 1)
    told = [f for f in audit(train, val).findings if "points and lines" in f.message]
    assert told and all(f.kind == "left_out" and f.severity == "warning" for f in told)  # each once
    with pytest.raises(LabelError, match="names its classes itself"):
        init(tmp_path, classes=["background", "fruit"])
    annotated(tmp_path / "other", ["z"], ["kiwi"])
    assert len(exports(tmp_path)) == 2
    with pytest.raises(
        DataError,
        match=r"holds exports of labelme in other, labelme in project/jobs; give the folder",
    ):
        init(tmp_path)


def test_neither_masks_nor_an_export(tmp_path: Path) -> None:
    Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(tmp_path / "a.png")
    with pytest.raises(
        DataError, match=r"no image has a mask of its name.*is no export of a known annotation tool either"
    ):
        init(tmp_path)
    (tmp_path / "sub").mkdir()
    with pytest.raises(DataError, match="no images below this folder"):
        init(tmp_path / "sub")


def test_the_verbs_take_an_export_by_its_folder(tmp_path: Path, run_cli) -> None:
    annotated(tmp_path / "set/jobs", [f"n{i}" for i in range(5)], ["lemon", "kiwi"])
    code, out, err = run_cli("data", "audit", tmp_path / "set", "--json", "--fix", tmp_path / "clean")
    found = json.loads(out)
    assert (code, err) == (0, "") and any(f["kind"] == "recognized" for f in found["findings"])
    assert list(found["classes"]) == ["background", "lemon", "kiwi"] and any((tmp_path / "clean").rglob("n0.png"))
    code, out, err = run_cli("data", "show", tmp_path / "set", "--out", tmp_path / "show.png", "--count", 1)
    assert (code, err) == (0, "") and (tmp_path / "show.png").is_file()
    code, out, err = run_cli("data", "convert", tmp_path / "set", "--to", "coco", "--out", tmp_path / "coco")
    assert (code, err) == (0, "") and "labelme: 5 pictures, 10 regions" in out


def test_an_archive_and_a_file_are_exports_as_well(tmp_path: Path, run_cli) -> None:
    made = annotated(tmp_path / "in", [f"n{i}" for i in range(5)], ["lemon", "kiwi"])
    shutil.make_archive(str(tmp_path / "all"), "zip", made)
    convert(read(made), "coco", tmp_path / "coco")
    for source in (tmp_path / "all.zip", tmp_path / "coco/instances.json"):
        recipe, said = init(source)
        assert "an export of" in said and recipe["data"]["file"] == source.name
        train, val = opened(recipe)
        assert (len(train), len(val)) == (4, 1) and np.unique(train[0].labels).tolist() == [0, 1, 2]
        code, out, err = run_cli("data", "audit", source, "--json")
        assert (code, err) == (0, "") and list(json.loads(out)["classes"]) == ["background", "lemon", "kiwi"]
    (tmp_path / "no.json").write_text("[]")
    code, _, err = run_cli("data", "audit", tmp_path / "no.json")
    assert code == 2 and "is no export of a known annotation tool" in err


def test_layouts_of_makers(tmp_path: Path, shared_data: Path) -> None:
    recipe, said = init(shared_data / "dsb2018_110")
    assert "the layout of nuclei" in said and recipe["data"]["name"] == "nuclei" and len(opened(recipe)[0]) == 48
    assert [known.data["name"] for known in public_layouts(shared_data / "camvid")] == ["camvid"]
    (hint,) = (f for f in audit(shared_data / "drive").findings if f.kind == "layout")
    assert "DRIVE: vessels" in hint.message and "intarsia data audit drive --root" in hint.fix
    recipe, _ = init(shared_data / "sly_lemons")
    assert recipe["labels"]["classes"] == ["background", "kiwi", "lemon"]


def test_a_zip_holds_its_export_in_a_lone_folder_beside_files(tmp_path: Path) -> None:
    annotated(tmp_path / "pack/project", ["a", "b"], ["lemon"])
    (tmp_path / "pack/README.md").write_text("who made it")
    file = shutil.make_archive(str(tmp_path / "set"), "zip", tmp_path / "pack")
    assert [p.name for p in read(file).pictures] == ["a", "b"]
