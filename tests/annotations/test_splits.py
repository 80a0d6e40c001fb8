"""The splits that an export declares are kept: a test split is never trained or validated on, and what is not used is said."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image

from intarsia.annotations.catalogue import TOOLS
from intarsia.annotations.convert import convert, read
from intarsia.annotations.from_datasets import project as as_project
from intarsia.annotations.project import Picture, Project, Region, draw, draw_objects, paint
from intarsia.annotations.splits import declared, memberships
from intarsia.data.roles import role
from intarsia.datasets import open as open_dataset
from intarsia.datasets import splits
from intarsia.doctor import audit
from intarsia.errors import DataError, LabelError
from intarsia.labels import LabelSpace
from intarsia.training.usual import init

H, W = 24, 32
SPLITS = {"Train": ["a", "b", "c"], "Validation": ["d"], "Test": ["e", "f"]}


def image(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(list(path.stem.encode())).integers(0, 255, (H, W, 3), np.uint8)
    Image.fromarray(noise).save(path)


def text(path: Path, content: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, encoding="utf-8")


def square(split: str, name: str) -> Region:
    ring = np.array([(4, 4), (14, 4), (14, 14), (4, 14)], float)
    return Region("leaf", ((ring,),))


def project(folder: Path, names: dict[str, list[str]] = SPLITS) -> Project:
    """Pictures with a square each, which say their split."""
    pictures = []
    for split, held in names.items():
        for name in held:
            image(folder / f"{name}.png")
            pictures.append(Picture(name, folder / f"{name}.png", H, W, (square(split, name),), split))
    return Project(("leaf",), tuple(pictures), "test")


LINE = "0 0.1 0.1 0.5 0.1 0.5 0.5 0.1 0.5\n"


def yolo(folder: Path) -> None:
    """Ultralytics' layout; the path is that of another computer."""
    tree = {"path": "/elsewhere/set", "train": "images/train", "val": "images/val", "test": "images/test"}
    text(folder / "data.yaml", yaml.safe_dump({**tree, "names": {0: "leaf"}}))
    for split, word in zip(SPLITS, ("train", "val", "test"), strict=True):
        for name in SPLITS[split]:
            image(folder / "images" / word / f"{name}.png")
            text(folder / "labels" / word / f"{name}.txt", LINE)


def roboflow(folder: Path) -> None:
    """train/, valid/, test/ with images and labels in each; data.yaml knows nothing of the test."""
    text(
        folder / "data.yaml", yaml.safe_dump({"train": "../train/images", "val": "../valid/images", "names": ["leaf"]})
    )
    for split, word in zip(SPLITS, ("train", "valid", "test"), strict=True):
        for name in SPLITS[split]:
            image(folder / word / "images" / f"{name}.png")
            text(folder / word / "labels" / f"{name}.txt", LINE)


def roboflow_coco(folder: Path) -> None:
    for split, word in zip(SPLITS, ("train", "valid", "test"), strict=True):
        images, annotations = [], []
        for n, name in enumerate(SPLITS[split]):
            image(folder / word / f"{name}.png")
            images.append({"id": n, "file_name": f"{name}.png", "height": H, "width": W})
            ring = [4, 4, 14, 4, 14, 14, 4, 14]
            annotations.append({"id": n, "image_id": n, "category_id": 1, "segmentation": [ring]})
        tree = {"images": images, "annotations": annotations, "categories": [{"id": 1, "name": "leaf"}]}
        text(folder / word / "_annotations.coco.json", json.dumps(tree))


def cvat(folder: Path) -> None:
    rows = []
    for split, names in SPLITS.items():
        for n, name in enumerate(names):
            image(folder / "images" / split / f"{name}.png")
            shape = '<polygon label="leaf" points="4,4;14,4;14,14;4,14" z_order="0"/>'
            rows.append(f'<image id="{n}" name="{name}.png" subset="{split}" width="{W}" height="{H}">{shape}</image>')
    head = "<version>1.1</version><meta><project><labels><label><name>leaf</name></label></labels></project></meta>"
    text(folder / "annotations.xml", f"<annotations>{head}{''.join(rows)}</annotations>")


def voc(folder: Path) -> None:
    """PASCAL VOC's XML with the lists of ImageSets, trainval and those of single classes among them."""
    for names in SPLITS.values():
        for name in names:
            image(folder / "JPEGImages" / f"{name}.png")
            points = "<polygon><x1>4</x1><y1>4</y1><x2>14</x2><y2>4</y2><x3>14</x3><y3>14</y3></polygon>"
            text(
                folder / "Annotations" / f"{name}.xml",
                f"<annotation><filename>{name}.png</filename><size><width>{W}</width><height>{H}</height></size>"
                f"<object><name>leaf</name>{points}</object></annotation>",
            )
    lists = {"train": SPLITS["Train"], "val": SPLITS["Validation"], "test": SPLITS["Test"]}
    lists["trainval"] = lists["train"] + lists["val"]
    for split, names in lists.items():
        text(folder / "ImageSets" / "Main" / f"{split}.txt", "".join(f"{name}\n" for name in names))
        text(folder / "ImageSets" / "Main" / f"leaf_{split}.txt", "".join(f"{name}  1\n" for name in "abcdef"))


def _supervisely(folder: Path, place: str, name: str, tags: list[dict[str, Any]]) -> None:
    image(folder / place / "img" / f"{name}.png")
    points = {"exterior": [[4, 4], [14, 4], [14, 14], [4, 14]], "interior": []}
    thing = {"id": 1, "classTitle": "leaf", "geometryType": "polygon", "tags": [], "points": points}
    tree = {"description": "", "tags": tags, "size": {"height": H, "width": W}, "objects": [thing]}
    text(folder / place / "ann" / f"{name}.png.json", json.dumps(tree))
    text(folder / "meta.json", json.dumps({"classes": [{"title": "leaf", "shape": "polygon", "color": "#00FF00"}]}))


def supervisely_datasets(folder: Path) -> None:
    for split, names in SPLITS.items():
        for name in names:
            _supervisely(folder, split, name, [])


def supervisely_tags(folder: Path) -> None:
    """One data set whose images say by a tag of which split they are."""
    for split, names in SPLITS.items():
        for name in names:
            _supervisely(folder, "ds0", name, [{"name": "blurred"}, {"name": split.lower(), "value": None}])


def datumaro(folder: Path) -> None:
    for split, names in SPLITS.items():
        items = []
        for name in names:
            image(folder / "images" / split / f"{name}.png")
            shape = {"id": 0, "type": "polygon", "label_id": 0, "group": 0, "z_order": 0, "attributes": {}}
            shape["points"] = [4, 4, 14, 4, 14, 14, 4, 14]
            items.append({"id": name, "annotations": [shape], "image": {"path": f"{name}.png", "size": [H, W]}})
        about = {"label": {"labels": [{"name": "leaf", "parent": "", "attributes": []}], "attributes": []}}
        text(folder / "annotations" / f"{split}.json", json.dumps({"info": {}, "categories": about, "items": items}))


def pairs_with_lists(folder: Path) -> None:
    """Images and masks in one folder each, and lists of the splits."""
    for split, names in SPLITS.items():
        for name in names:
            image(folder / "images" / f"{name}.png")
            mask = np.zeros((H, W), np.uint8)
            mask[4:14, 4:14] = 1
            (folder / "masks").mkdir(exist_ok=True)
            Image.fromarray(mask).save(folder / "masks" / f"{name}.png")
        text(folder / f"{split}.txt", "".join(f"{name}\n" for name in names))


LAYOUTS: dict[str, Callable[[Path], None]] = {
    "yolo": yolo,
    "roboflow": roboflow,
    "roboflow_coco": roboflow_coco,
    "cvat": cvat,
    "voc": voc,
    "supervisely_datasets": supervisely_datasets,
    "supervisely_tags": supervisely_tags,
    "datumaro": datumaro,
    "lists": pairs_with_lists,
}


def opened(recipe: dict[str, Any], split: str) -> Any:
    """A split of a recipe's data."""
    data = {key: value for key, value in recipe["data"].items() if key not in ("name", "root", "train", "val")}
    labels = LabelSpace.from_dict(recipe["labels"])
    return open_dataset(recipe["data"]["name"], recipe["data"]["root"], split, labels, **data)


def names_of(dataset: Any) -> list[str]:
    return sorted(Path(item.name).name for item in dataset.items)


def holds_the_splits(folder: Path) -> None:
    """That a recipe for a folder trains, validates and tests on what SPLITS says."""
    recipe, said = init(folder)
    assert "holdout" not in recipe["data"] and ("to train on" in said or "the lists" in said)
    assert names_of(opened(recipe, recipe["data"]["train"])) == ["a", "b", "c"]
    assert names_of(opened(recipe, recipe["data"]["val"])) == ["d"]
    options = {k: v for k, v in recipe["data"].items() if k not in ("name", "root", "train", "val")}
    (test,) = [name for name in splits(recipe["data"]["name"], folder, **options) if role(name) == "test"]
    assert f"{test} " in said and "is left for the test" in said
    assert names_of(opened(recipe, test)) == ["e", "f"]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_declared_splits_are_those_of_the_recipe(layout: str, tmp_path: Path) -> None:
    LAYOUTS[layout](tmp_path / "set")
    holds_the_splits(tmp_path / "set")


@pytest.mark.parametrize("tool", [name for name, entry in TOOLS.items() if entry.splits])
def test_what_is_written_carries_the_splits_on(tool: str, tmp_path: Path) -> None:
    made = convert(project(tmp_path / "images"), tool, tmp_path / "out")
    assert not any("no splits" in remark for remark in made.remarks)
    holds_the_splits(tmp_path / "out")


WITHOUT = [name for name, entry in TOOLS.items() if entry.write and not entry.splits and name != "geojson"]
"""The formats that know no splits; GeoJSON, another one, takes only images that have a place on earth."""


@pytest.mark.parametrize("tool", WITHOUT)
def test_a_format_without_splits_says_so(tool: str, tmp_path: Path) -> None:
    made = convert(project(tmp_path / "images"), tool, tmp_path / "out")
    assert any("this format knows no splits" in remark for remark in made.remarks)
    assert {picture.name for picture in made} == {f"{split}/{n}" for split, held in SPLITS.items() for n in held}


def test_names_of_splits_mean_what_the_table_says() -> None:
    for name in ("Train", "Training", "TRAIN", "train2017", "train_2", "trainset", "training set"):
        assert role(name) == "train", name
    for name in ("valid", "validation", "Val", "val2014", "dev", "minival2014"):
        assert role(name) == "val", name
    for name in ("Test", "testing", "TEST", "test-dev2017", "test2015"):
        assert role(name) == "test", name
    assert [role(name) for name in ("golden", "batch_7", "latest", "trainer", "default", "")] == [""] * 6
    assert role("golden", {"golden": "val"}) == "val"


def test_convert_takes_all_splits_or_those_named(tmp_path: Path, run_cli: Any) -> None:
    for layout in ("roboflow_coco", "cvat", "lists"):
        LAYOUTS[layout](tmp_path / layout)
        out = tmp_path / f"{layout}-all"
        code, told, _ = run_cli("data", "convert", tmp_path / layout, "--to", "masks", "--out", out)
        assert code == 0 and "6 pictures" in told
        assert sorted(path.stem for path in (out / "masks").rglob("*.png")) == list("abcdef")
        out = tmp_path / f"{layout}-test"
        name = {"roboflow_coco": "test"}.get(layout, "Test")
        code, *_ = run_cli("data", "convert", tmp_path / layout, "--to", "masks", "--out", out, "--split", name)
        assert code == 0 and sorted(path.stem for path in (out / "masks").rglob("*.png")) == ["e", "f"]
    code, _, err = run_cli(
        "data", "convert", tmp_path / "cvat", "--to", "masks", "--out", tmp_path / "x", "--split", "Tets"
    )
    assert code == 2 and "there is no split 'Tets'; did you mean 'Test'?" in err


def test_convert_makes_no_holdout_of_a_folder_without_splits(tmp_path: Path, run_cli: Any) -> None:
    pairs_with_lists(tmp_path / "set")
    for file in (tmp_path / "set").glob("*.txt"):
        file.unlink()
    assert "are held out as val" in init(tmp_path / "set")[1]
    code, *_ = run_cli("data", "convert", tmp_path / "set", "--to", "masks", "--out", tmp_path / "out")
    assert code == 0 and len(list((tmp_path / "out/masks").glob("*.png"))) == 6
    code, told, err = run_cli("data", "shard", tmp_path / "set", "--out", tmp_path / "tars")
    assert code == 0 and "5 train, 1 val samples" in told and "are held out as val" in err


def test_audit_show_and_shard_know_the_test(tmp_path: Path, run_cli: Any) -> None:
    cvat(tmp_path / "set")
    code, out, _ = run_cli("data", "audit", tmp_path / "set", "--json")
    assert code == 0 and json.loads(out)["images"] == {"Train": 3, "Validation": 1, "Test": 2}
    code, out, _ = run_cli("data", "show", tmp_path / "set", "--split", "test", "--out", tmp_path / "s.png")
    assert code == 0 and "2 of 2 samples" in out
    code, out, _ = run_cli("data", "shard", tmp_path / "set", "--out", tmp_path / "tars")
    assert code == 0 and sorted(p.name for p in (tmp_path / "tars").glob("*.tar")) == [
        "Test-000000.tar",
        "Train-000000.tar",
        "Validation-000000.tar",
    ]


def test_a_name_that_says_nothing_is_asked_about_and_not_used(tmp_path: Path, run_cli: Any) -> None:
    names = {"Train": ["a", "b", "c"], "golden": ["d"], "Test": ["e", "f"]}
    convert(project(tmp_path / "images", names), "cvat", tmp_path / "set")
    recipe, said = init(tmp_path / "set", holdout=0.34)
    assert "is 'golden' (1 picture) for train, val or test?" in said and "--role golden=train" in said
    used = [name for split in ("train", "val") for name in names_of(opened(recipe, split))]
    assert sorted(used) == ["a", "b", "c"] and names_of(opened(recipe, "test")) == ["e", "f"]
    code, told, _ = run_cli("init", tmp_path / "set", "--role", "golden=val", "--out", tmp_path / "r.yaml")
    made = yaml.safe_load((tmp_path / "r.yaml").read_text())
    assert code == 0 and "golden (1) to validate on" in told
    assert (made["data"]["train"], made["data"]["val"]) == ("Train", "golden") and "holdout" not in made["data"]
    assert names_of(opened(made, "golden")) == ["d"]
    for wrong, sentence in (("golden=vla", "'golden' is 'vla'"), ("goldn=val", "no split 'goldn'; did you mean")):
        code, _, err = run_cli("init", tmp_path / "set", "--role", wrong, "--out", tmp_path / "x.yaml")
        assert code == 2 and sentence in err


def test_names_that_all_say_nothing_are_one_set(tmp_path: Path) -> None:
    convert(project(tmp_path / "images", {"monday": ["a", "b", "c"], "tuesday": ["d"]}), "cvat", tmp_path / "set")
    recipe, said = init(tmp_path / "set")
    assert "are 'monday' (3 pictures) and 'tuesday' (1 picture) for train, val or test?" in said
    assert recipe["data"]["holdout"] == 0.2 and "are held out as val: no split is declared for that" in said
    assert names_of(opened(recipe, "tuesday")) == ["d"] and len(opened(recipe, "train")) == 3


def test_a_holdout_is_of_the_training_split_alone(tmp_path: Path) -> None:
    names = {"Train": list("abcde"), "Test": ["f"]}
    for tool in ("cvat", "coco", "masks", "datumaro"):
        convert(project(tmp_path / tool / "images", names), tool, tmp_path / tool / "set")
        recipe, said = init(tmp_path / tool / "set")
        assert "are held out as val" in said and "Test" in said
        assert sorted(names_of(opened(recipe, "train")) + names_of(opened(recipe, "val"))) == list("abcde")
        assert names_of(opened(recipe, "Test")) == ["f"]


def test_an_old_recipe_does_not_hold_out_of_what_is_declared(tmp_path: Path) -> None:
    cvat(tmp_path)
    with pytest.raises(DataError, match=r"has a split to validate on, Validation; leave out data\.holdout"):
        open_dataset("export", tmp_path, "train", holdout=0.2)


def test_nothing_to_train_on_is_refused_but_looked_at(tmp_path: Path, run_cli: Any) -> None:
    convert(project(tmp_path / "images", {"Test": ["a", "b"], "lemons": ["c"]}), "cvat", tmp_path / "set")
    with pytest.raises(
        DataError, match=r"no split is declared for training, there are Test \(2\), lemons \(1\).*lemons=train"
    ):
        init(tmp_path / "set")
    code, out, _ = run_cli("data", "audit", tmp_path / "set", "--json")
    assert code == 0 and json.loads(out)["images"] == {"Test": 2, "lemons": 1}
    recipe, _ = init(tmp_path / "set", roles={"lemons": "train"})
    assert (recipe["data"]["train"], recipe["data"]["val"]) == ("lemons", None)


def test_pictures_of_no_split_are_not_used_and_counted(tmp_path: Path) -> None:
    voc(tmp_path)
    for file in (tmp_path / "ImageSets/Main").glob("t*.txt"):
        file.write_text(file.read_text().replace("c\n", ""))
    recipe, said = init(tmp_path)
    assert "1 picture of no split is not used" in said and names_of(opened(recipe, "train")) == ["a", "b"]
    assert names_of(opened(recipe, "all")) == list("abcdef")


def test_a_picture_in_several_lists_is_taken_for_the_test_first() -> None:
    lists = {"train": ["a", "b", "x"], "trainval": ["a", "b", "c"], "val": ["b", "c"], "test": ["c"]}
    held, said = memberships(lists, ["a", "b", "c"], "ImageSets/Main")
    assert held == {"a": "train", "b": "val", "c": "test"}
    assert said[0] == "1 name in ImageSets/Main of which there is no picture"
    assert "2 pictures in several splits of ImageSets/Main (the first: b in train and val)" in said[1]


def test_the_same_images_twice_in_data_yaml(tmp_path: Path) -> None:
    yolo(tmp_path / "set")
    place = tmp_path / "set/data.yaml"
    tree = yaml.safe_load(place.read_text())
    for changed, counts in (
        (
            {"val": "images/train", "test": ""},
            {"": 3, "val": 1, "test": 2},
        ),  # the other folders' names still say theirs
        ({"test": "images/val"}, {"train": 3, "val": 1, "test": 2}),
        ({"val": ["images/val", "images/test"]}, {"train": 3, "val": 1, "test": 2}),
        ({"train": "/home/me/set/images/train", "val": "C:\\set\\images\\val"}, {"train": 3, "val": 1, "test": 2}),
    ):
        place.write_text(yaml.safe_dump({**tree, **changed}))
        found = read(tmp_path / "set")
        known = declared(found)
        assert {**known.counts, **({"": known.bare} if known.bare else {})} == counts, changed
    assert not [r for r in found.remarks if "not there" in r]


def test_a_subset_cannot_lead_out_of_the_folder(tmp_path: Path) -> None:
    cvat(tmp_path / "set")
    file = tmp_path / "set/annotations.xml"
    file.write_text(file.read_text().replace('subset="Test"', 'subset="../../Test"'))
    convert(read(tmp_path / "set"), "masks", tmp_path / "deep/er/out")
    assert {path.name for path in tmp_path.iterdir()} == {"set", "deep"}
    assert [path.name for path in (tmp_path / "deep").rglob("*") if path.is_dir()].count("out") == 1


def test_nnunet_keeps_its_test(tmp_path: Path) -> None:
    for split, names in (("Tr", "abcd"), ("Ts", "ef")):
        for name in names:
            image(tmp_path / f"images{split}" / f"{name}_0000.png")
            mask = np.zeros((H, W), np.uint8)
            mask[4:14, 4:14] = 1
            (tmp_path / f"labels{split}").mkdir(exist_ok=True)
            Image.fromarray(mask).save(tmp_path / f"labels{split}" / f"{name}.png")
    recipe, said = init(tmp_path)
    assert sorted(names_of(opened(recipe, "train")) + names_of(opened(recipe, "val"))) == list("abcd")
    assert names_of(opened(recipe, "Ts")) == ["e", "f"] and "Ts is left for the test" in said
    shutil.rmtree(tmp_path / "labelsTs")
    recipe, said = init(tmp_path)
    assert "2 images in imagesTs without masks: left for predict" in said
    assert sorted(names_of(opened(recipe, "train")) + names_of(opened(recipe, "val"))) == list("abcd")


def test_lists_of_training_and_test_hold_out_of_training(tmp_path: Path) -> None:
    pairs_with_lists(tmp_path)
    (tmp_path / "Validation.txt").unlink()
    recipe, said = init(tmp_path, holdout=0.34)
    assert "Test is left for the test" in said and recipe["data"]["list"] == "{split}.txt"
    assert sorted(names_of(opened(recipe, "train")) + names_of(opened(recipe, "val"))) == ["a", "b", "c"]
    assert names_of(opened(recipe, "Test")) == ["e", "f"]


def layered() -> Picture:
    """Seven regions: two small ones under a large one, one of them by nine tenths and more, and an object of two pieces."""

    def box(label: str, x0: int, y0: int, x1: int, y1: int, thing: str = "") -> Region:
        ring = np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)], float)
        return Region(label, ((ring,),), object=thing)

    regions = (
        box("bud", 2, 2, 6, 6),  # covered as a whole
        box("bud", 0, 10, 10, 14),  # of 40 px the 3 in x = 0 .. are seen: see below
        box("tip", 10, 2, 14, 6),  # half of it is seen
        box("leaf", 1, 1, 12, 20),
        box("bud", 13, 10, 15, 12, "one"),  # covered by a piece of the same object, so the object is seen
        box("bud", 13, 10, 16, 16, "one"),
        box("leaf", 40, 40, 50, 50),  # outside of the picture, which another remark says
    )
    return Picture("p", None, H, W, regions)


def test_covered_regions_are_counted_by_class() -> None:
    painted = paint(layered(), ["leaf", "bud", "tip"])
    # the second bud: 4 of its 40 px lie left of the leaf, which is a tenth: not less
    assert painted.covered == ("bud",)
    moved = layered()._replace(regions=(*layered().regions, layered().regions[3]._replace(label="tip")))
    assert paint(moved, ["leaf", "bud", "tip"]).covered == ("bud", "leaf")
    assert int((painted.values == 2).sum()) == 4 + 18 and painted.objects.max() == 5
    assert np.array_equal(painted.values, draw(layered(), ["leaf", "bud", "tip"]))
    assert np.array_equal(painted.objects, draw_objects(layered()))


def test_audit_convert_and_shard_say_what_is_covered(tmp_path: Path, run_cli: Any) -> None:
    image(tmp_path / "in/p.png")
    image(tmp_path / "in/q.png")
    pictures = [layered()._replace(name=n, image=tmp_path / "in" / f"{n}.png") for n in "pq"]
    told = "2 regions are covered by later ones, so that nothing or less than 10% of them is seen: 2 bud"
    made = convert(Project(("leaf", "bud", "tip"), tuple(pictures), "test"), "cvat", tmp_path / "cvat")
    assert not [r for r in made.remarks if "covered" in r]
    for tool in ("masks", "cvat_masks"):
        made = convert(read(tmp_path / "cvat"), tool, tmp_path / tool)
        assert [r for r in made.remarks if told in r], made.remarks
    dataset = open_dataset("export", tmp_path / "cvat", "all")
    (finding,) = [f for f in audit(dataset).findings if f.kind == "covered"]
    assert finding.severity == "warning" and told in finding.message and "p.png (bud)" in finding.places[0]
    assert any(told in remark for remark in as_project([dataset]).remarks)
    code, _, err = run_cli("data", "shard", tmp_path / "cvat", "--split", "all", "--out", tmp_path / "tars")
    assert code == 0 and told in err


def test_planes_under_others_are_counted(tmp_path: Path) -> None:
    for name in "abc":
        image(tmp_path / "images" / f"{name}.png")
        for n, (label, end) in enumerate((("bud", 8), ("leaf", 20))):
            (tmp_path / "masks" / label).mkdir(parents=True, exist_ok=True)
            plane = np.zeros((H, W), np.uint8)
            plane[4 - n : end, 4 - n : end] = 255
            Image.fromarray(plane).save(tmp_path / "masks" / label / f"{name}.png")
    recipe, _ = init(tmp_path)
    kinds = {f.kind: f.message for f in audit(opened(recipe, "train")).findings}
    assert "2 regions are covered by later ones" in kinds["covered"] and "2 bud" in kinds["covered"]
    kinds = {f.kind: f.message for f in audit(tmp_path).findings}
    assert "3 regions are covered by later ones" in kinds["covered"] and "3 bud" in kinds["covered"]


def test_one_class_alone_is_refused_by_every_verb(tmp_path: Path, run_cli: Any) -> None:
    for name in "abcd":
        image(tmp_path / "set/images" / f"{name}.png")
        (tmp_path / "set/masks").mkdir(exist_ok=True)
        Image.fromarray(np.full((H, W), 3, np.uint8)).save(tmp_path / "set/masks" / f"{name}.png")
    with pytest.raises(LabelError, match="'class_3', one class alone, so there is nothing that a network could tell"):
        init(tmp_path / "set")
    (finding,) = audit(tmp_path / "set").errors
    assert finding.kind == "one_class" and "is the only class" in finding.message
    code, _, err = run_cli("data", "convert", tmp_path / "set", "--to", "coco", "--out", tmp_path / "out")
    assert code == 2 and "one class alone" in err and not (tmp_path / "out").exists()
    recipe = {
        "model": {"name": "fpn", "encoder": "resnet18", "channels": 8},
        "data": {"name": "folder", "root": str(tmp_path / "set"), "train": "all", "val": None},
        "labels": {"classes": ["class_3"], "values": {3: "class_3"}},
        "train": {"steps": 1},
    }
    (tmp_path / "r.yaml").write_text(yaml.safe_dump(recipe))
    for audited in ("true", "false"):
        code, _, err = run_cli("train", tmp_path / "r.yaml", f"train.audit={audited}", "--out", tmp_path / "run")
        assert code == 2 and "is the only class, so there is nothing" in err


@pytest.mark.parametrize(
    ("name", "train", "val"),
    [
        ("yolo-ultralytics-layout", {"y0", "y1", "y2", "y3", "y4"}, {"y10", "y11", "y12"}),
        ("cvat-subsets", {f"c{n}" for n in range(7)}, {"c7", "c8", "c9"}),
    ],
)
def test_reported_splits_in_every_verb(
    shared_data: Any, tmp_path: Path, run_cli: Any, name: str, train: set[str], val: set[str]
) -> None:
    folder, recipe = shared_data / f"reported/{name}", tmp_path / "r.yaml"
    code, _, _ = run_cli("init", folder, "--out", recipe)
    tree = yaml.safe_load(recipe.read_text())
    assert code == 0 and "holdout" not in tree["data"]
    assert set(names_of(opened(tree, tree["data"]["train"]))) == train
    assert set(names_of(opened(tree, tree["data"]["val"]))) == val
    code, out, _ = run_cli("data", "audit", folder, "--json")
    assert code == 0 and list(json.loads(out)["images"].values()) == [len(train), len(val)]
    code, out, _ = run_cli("data", "convert", folder, "--to", "coco", "--out", tmp_path / "coco")
    assert code == 0 and len(list((tmp_path / "coco").glob("instances_*.json"))) == 2
    code, _, err = run_cli("train", recipe, *TINY, "--out", tmp_path / "run")
    assert code == 0, err


def test_reported_covered_regions_in_every_verb(shared_data: Any, tmp_path: Path, run_cli: Any) -> None:
    folder, recipe = shared_data / "reported/cvat-some-covered", tmp_path / "r.yaml"
    assert run_cli("init", folder, "--out", recipe)[0] == 0
    code, out, _ = run_cli("data", "audit", folder, "--json")
    (finding,) = [f for f in json.loads(out)["findings"] if f["kind"] == "covered"]
    assert code == 0 and "4 bud (the first in c1)" in finding["message"]
    code, _, err = run_cli("data", "convert", folder, "--to", "masks", "--out", tmp_path / "masks")
    assert code == 0 and "4 bud (the first in c1)" in err
    code, out, err = run_cli("train", recipe, *TINY, f"train.cache_dir={tmp_path}", "--out", tmp_path / "run")
    assert code == 0 and "4 bud" in out + err


def test_reported_one_class_in_every_verb(shared_data: Any, tmp_path: Path, run_cli: Any) -> None:
    folder = shared_data / "reported/one-class-only"
    code, _, err = run_cli("init", folder, "--out", tmp_path / "r.yaml")
    assert code == 2 and "'color_ff0000', one class alone" in err and not (tmp_path / "r.yaml").exists()
    code, out, _ = run_cli("data", "audit", folder, "--json")
    assert code == 1 and [f["kind"] for f in json.loads(out)["findings"] if f["severity"] == "error"] == ["one_class"]
    assert run_cli("data", "convert", folder, "--to", "masks", "--out", tmp_path / "masks")[0] == 2


TINY = ("train.steps=2", "train.workers=0", "train.batch_size=2", "model.channels=8", "augment.crop=[32,32]")
