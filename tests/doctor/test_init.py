"""`init` writes a recipe whose masks load, says what it took for granted, and believes no file that the masks contradict."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from intarsia.datasets import open as open_dataset
from intarsia.doctor import audit, describe
from intarsia.errors import DataError, LabelError
from intarsia.labels import LabelSpace
from intarsia.training.usual import init


def put(path: Path, array: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path)


def two_folders(root: Path, masks: list[np.ndarray], names: tuple[str, str] = ("images", "masks")) -> None:
    for n, mask in enumerate(masks):
        put(
            root / names[0] / f"s{n}.png",
            np.random.default_rng(n).integers(0, 256, (*mask.shape[:2], 3)).astype(np.uint8),
        )
        put(root / names[1] / f"s{n}.png", mask)


def ids(*values: int, count: int = 5) -> list[np.ndarray]:
    return [np.random.default_rng(n).choice(values, (40, 48)).astype(np.uint8) for n in range(count)]


def opened(recipe: dict[str, Any]) -> list[Any]:
    """The data sets that a recipe means."""
    data = dict(recipe["data"])
    name, root, *splits = (data.pop(key) for key in ("name", "root", "train", "val"))
    return [
        open_dataset(name, root, split, LabelSpace.from_dict(recipe["labels"]), **data) for split in splits if split
    ]


def test_two_values_are_background_and_foreground(tmp_path: Path) -> None:
    for high in (1, 255):
        two_folders(tmp_path, ids(0, high))
        recipe, said = init(tmp_path)
        assert recipe["labels"]["classes"] == ["background", "foreground"]
        assert recipe["labels"]["values"] == {0: "background", high: "foreground"}
        train, val = opened(recipe)
        assert len(train) == 4 and len(val) == 1 and set(train[0].labels.unique().tolist()) == {0, 1}
        assert not audit(train, val).errors
    assert "255 is not ignore" in said


def test_white_of_sixteen_bits_is_the_foreground(tmp_path: Path) -> None:
    """As TGS Salt and many microscopes have it: 0 and 65535, some masks empty."""
    masks = [*ids(0, 1), np.zeros((40, 48), np.uint8)]
    two_folders(tmp_path, [mask.astype(np.uint16) * 65535 for mask in masks])
    recipe, _ = init(tmp_path)
    assert recipe["labels"]["values"] == {0: "background", 65535: "foreground"}
    samples = {s.name: s.labels for part in opened(recipe) for s in (part[n] for n in range(len(part)))}
    assert all(np.array_equal(samples[f"s{n}"], mask) for n, mask in enumerate(masks))
    assert not audit(tmp_path).errors and audit(tmp_path).names == ("background", "foreground")


def test_names_of_the_caller_stand_for_the_ids(tmp_path: Path) -> None:
    two_folders(tmp_path, ids(1, 2, 3, 255))
    recipe, said = init(tmp_path, classes=["sky", "road", "tree"])
    assert recipe["labels"]["values"] == {1: "sky", 2: "road", 3: "tree", 255: "ignore"} and "ids start at 1" in said
    with pytest.raises(LabelError, match=r"2 classes given, but the masks hold 3 ids \(1, 2, 3\); name each"):
        init(tmp_path, classes=["sky", "road"])
    recipe, said = init(tmp_path)
    assert (
        recipe["labels"]["classes"] == ["class_1", "class_2", "class_3"]
        and "255 is taken for pixels without a label" in said
    )


def test_colors_become_values(tmp_path: Path) -> None:
    palette = np.array([[128, 64, 128], [70, 130, 180], [0, 0, 0]], np.uint8)
    two_folders(tmp_path, [palette[m] for m in ids(0, 1, 2)])
    recipe, _ = init(tmp_path)
    assert recipe["labels"]["values"] == {
        "#000000": "color_000000",
        "#4682b4": "color_4682b4",
        "#804080": "color_804080",
    }
    assert recipe["labels"]["colors"] == ["#000000", "#4682b4", "#804080"]
    (tmp_path / "class_dict.csv").write_text("name,r,g,b\nroad,128,64,128\nsky,70,130,180\nVoid,0,0,0\ntree,0,128,0\n")
    recipe, said = init(tmp_path)
    assert recipe["labels"]["values"] == {"#804080": "road", "#4682b4": "sky", "#000000": "ignore", "#008000": "tree"}
    assert "names from class_dict.csv, by color" in said and set(opened(recipe)[0][0].labels.unique().tolist()) == {
        0,
        1,
        255,
    }


def test_a_file_of_colors_that_lie_is_told_and_not_used(tmp_path: Path) -> None:
    palette = np.array([[128, 64, 128], [70, 130, 180]], np.uint8)
    two_folders(tmp_path, [palette[m] for m in ids(0, 1)])
    (tmp_path / "classes.json").write_text(
        json.dumps({"classes": [{"title": "Water", "color": "#50E3C2"}, {"title": "Land", "color": "#F5A623"}]})
    )
    recipe, said = init(tmp_path)
    assert recipe["labels"]["classes"] == ["color_4682b4", "color_804080"]
    assert (
        "classes.json gives the colors #50e3c2, #f5a623, ..., none of which the masks hold: its names (Water, Land) are not used"
        in said
    )


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("classes.txt", "sky\nroad\ntree\n"),
        ("labels.txt", "0: sky\n1: road\n2: tree\n"),
        ("classes.json", '["sky", "road", "tree"]'),
        ("classes.json", '{"2": "tree", "0": "sky", "1": "road"}'),
        ("labels.json", '[{"name": "sky", "id": 0}, {"name": "tree", "id": 2}, {"name": "road", "id": 1}]'),
        ("_classes.csv", "Pixel Value, Class\n0, sky\n1, road\n2, tree\n"),
        ("labels.txt", "__ignore__\nsky\nroad\ntree\n"),  # LabelMe's lists count from -1
    ],
)
def test_files_of_names(tmp_path: Path, file: str, text: str) -> None:
    two_folders(tmp_path, ids(0, 1, 2))
    (tmp_path / file).write_text(text)
    recipe, said = init(tmp_path)
    assert recipe["labels"]["values"] == {0: "sky", 1: "road", 2: "tree"} and f"names from {file}" in said


def test_the_scripts_of_labelme_write_masks_beside_annotations_and_pictures_of_masks(shared_data: Path) -> None:
    recipe, said = init(shared_data / "labelme_examples/examples/video_annotation")
    assert recipe["data"]["masks"] == "data_dataset_voc/SegmentationClassPNG"
    assert recipe["labels"]["values"] == {0: "background", 1: "car", 2: "track"} and "563 pixels high" in said
    recipe, _ = init(shared_data / "labelme_examples/examples/instance_segmentation")
    assert recipe["data"]["masks"] == "data_dataset_voc/SegmentationClass"
    assert recipe["labels"]["classes"][:3] == ["background", "aeroplane", "bicycle"]


def test_of_one_pair_nothing_is_held_out(tmp_path: Path) -> None:
    two_folders(tmp_path, ids(0, 1, count=1))
    recipe, said = init(tmp_path)
    assert recipe["data"]["train"] == "all" and "1 pair," in said and "held out as val" not in said


def test_palette_masks_check_the_colors_of_a_file_of_names(tmp_path: Path) -> None:
    colors = [(0, 0, 0), (128, 0, 0), (0, 128, 0)]
    two_folders(tmp_path, ids(0, 1, 2))
    for path in (tmp_path / "masks").glob("*.png"):
        picture = Image.open(path).copy()
        picture.putpalette([v for color in colors for v in color])
        picture.save(path)
    (tmp_path / "label_colors.txt").write_text("128 0 0 plane\n0 0 0 sky\n0 128 0 bicycle\n")
    assert init(tmp_path)[0]["labels"]["values"] == {0: "sky", 1: "plane", 2: "bicycle"}
    (tmp_path / "label_colors.txt").write_text("1 0 0 plane\n2 0 0 sky\n3 128 0 bicycle\n")
    recipe, said = init(tmp_path)
    assert (
        recipe["labels"]["classes"] == ["class_0", "class_1", "class_2"]
        and "gives other colors than the masks' palette" in said
    )


def test_the_same_index_in_other_colors_makes_it_read_colors(tmp_path: Path) -> None:
    two_folders(tmp_path, [np.zeros((40, 48), np.uint8) + np.eye(40, 48, dtype=np.uint8)] * 2)
    for path, palette in zip(
        sorted((tmp_path / "masks").glob("*.png")), ([255, 0, 0, 0, 0, 255], [0, 0, 255, 255, 0, 0]), strict=True
    ):
        picture = Image.open(path).copy()
        picture.putpalette(palette)
        picture.save(path)
    recipe, said = init(tmp_path)
    assert "read as colors" in said and recipe["labels"]["values"] == {
        "#0000ff": "color_0000ff",
        "#ff0000": "color_ff0000",
    }
    data = {**recipe["data"], "holdout": 0.5}
    first, second = (d[0].labels.numpy() for d in opened({**recipe, "data": data}))
    assert ((first == second) == np.zeros((40, 48), bool)).all()


def test_smoothed_gray_masks_are_cut_in_the_middle(tmp_path: Path) -> None:
    masks = []
    for n in range(4):
        ramp = np.clip((np.arange(200) - 80 - 5 * n) * 20, 0, 255).astype(np.uint8)
        masks.append(np.tile(ramp, (40, 1)))
    two_folders(tmp_path, masks)
    recipe, said = init(tmp_path)
    assert (
        recipe["labels"]["values"] == {"0..127": "background", "128..255": "foreground"}
        and "from smoothing or resampling; below 128 is one class" in said
    )
    assert not audit(*opened(recipe)).errors


def test_what_holds_no_classes_is_refused(tmp_path: Path) -> None:
    two_folders(tmp_path / "objects", [np.arange(1920, dtype=np.uint16).reshape(40, 48)] * 3)
    with pytest.raises(LabelError, match="1920 different ids up to 1919; these look like numbers of objects"):
        init(tmp_path / "objects")
    two_folders(
        tmp_path / "smooth",
        [np.random.default_rng(0).integers(0, 256, (40, 48, 3)).astype(np.uint8)] * 3,
        ("images", "masks"),
    )
    with pytest.raises(DataError, match="the files of one name in masks are photos, not masks"):
        init(tmp_path / "smooth")
    with pytest.raises(DataError, match="there is no such folder"):
        init(tmp_path / "nowhere")


def test_splits_that_are_there_are_used(tmp_path: Path) -> None:
    for split, count in (("training", 3), ("validation", 2), ("test", 2)):
        two_folders(tmp_path / split, ids(0, 1, count=count))
    recipe, _ = init(tmp_path)
    assert recipe["data"]["images"] == "{split}/images" and (recipe["data"]["train"], recipe["data"]["val"]) == (
        "training",
        "validation",
    )
    assert [len(d) for d in opened(recipe)] == [3, 2] and "holdout" not in recipe["data"]


def test_a_test_set_is_left_alone(tmp_path: Path) -> None:
    for split, count in (("train", 5), ("test", 2)):
        two_folders(tmp_path / split, ids(0, 1, count=count))
    recipe, said = init(tmp_path, holdout=0.4)
    assert [len(d) for d in opened(recipe)] == [3, 2] and recipe["data"]["images"] == "{split}/images"
    assert "test is left for the test" in said and "40% of the pairs" in said
    assert [len(d) for d in opened({**recipe, "data": {**recipe["data"], "train": "test", "val": None}})] == [2]


def test_a_single_pair_has_nothing_to_hold_out(tmp_path: Path) -> None:
    two_folders(tmp_path, ids(0, 1, count=1))
    recipe, _ = init(tmp_path)
    assert recipe["data"]["val"] is None and [len(d) for d in opened(recipe)] == [1]


def test_folders_without_telling_names_are_told_apart_by_what_they_hold(tmp_path: Path) -> None:
    two_folders(tmp_path, ids(0, 1), ("zebra", "apple"))
    assert init(tmp_path)[0]["data"]["masks"] == "apple"
    two_folders(tmp_path / "other", ids(0, 1), ("apple", "zebra"))
    assert init(tmp_path / "other")[0]["data"]["masks"] == "zebra"


def test_gray_and_rgb_images_together_are_read_as_rgb(tmp_path: Path) -> None:
    two_folders(tmp_path, ids(0, 1))
    put(tmp_path / "images/s0.png", np.arange(1920, dtype=np.uint16).astype(np.uint8).reshape(40, 48))
    recipe, said = init(tmp_path)
    assert recipe["data"]["channels"] == 3 and "read as RGB" in said and not audit(*opened(recipe)).errors


def test_the_recipe_is_complete(tmp_path: Path) -> None:
    recipe_module = pytest.importorskip("intarsia.training.recipe", reason="needs the catalogues")
    two_folders(tmp_path, ids(0, 1, 2))
    recipe, _ = init(tmp_path)
    parsed = recipe_module.load(recipe)
    assert parsed.labels.classes == ["class_0", "class_1", "class_2"] and parsed.data.name == "folder"
    assert max(parsed.augment.crop) <= 48


class TestRealFolders:
    @pytest.mark.parametrize(
        ("name", "count", "classes"),
        [
            ("whales", 148, 2),
            ("kvasir5", 5, 2),
            ("lung_cxr17", 10, 2),
            ("oxford_pets", 52, 2),  # and 28 that its test.txt lists
            ("drive", 12, 2),
            ("dubai_aerial", 54, 5),
            ("voc2012_sample", 82, 21),
        ],
    )
    def test_every_mask_loads(self, shared_data: Path, name: str, count: int, classes: int) -> None:
        recipe, said = init(shared_data / name)
        sets = opened(recipe)
        assert sum(map(len, sets)) == count and len(recipe["labels"]["classes"]) == classes
        found = audit(*sets)
        assert not found.errors and found.counts.sum() > 0
        assert f"{count} pairs" in said

    def test_dubai_colors_come_from_the_masks(self, shared_data: Path) -> None:
        recipe, said = init(shared_data / "dubai_aerial")
        assert {"#3c1098", "#8429f6", "#6ec1e4", "#fedd3a", "#e2a929"} <= set(recipe["labels"]["values"])
        assert (
            "colors that no mask holds, of Water (#50e3c2)" in said
            and recipe["labels"]["values"]["#9b9b9b"] == "ignore"
        )

    def test_drive_says_which_masks_it_did_not_take(self, shared_data: Path) -> None:
        _, said = init(shared_data / "drive")
        assert "masks could also be training/mask; name the folder in the recipe" in said
        recipe, _ = init(shared_data / "drive", classes=["background", "vessel"])
        assert recipe["data"]["mask_suffix"] == "_manual1" and recipe["labels"]["values"] == {
            0: "background",
            255: "vessel",
        }
        assert not audit(*opened(recipe)).errors

    def test_voc_lists_become_splits(self, shared_data: Path) -> None:
        assert [len(d) for d in opened(init(shared_data / "voc2012_sample")[0])] == [50, 32]


def test_files_that_cannot_be_read_are_told_and_left_to_the_audit(tmp_path: Path) -> None:
    two_folders(tmp_path, ids(0, 1))
    for path in (tmp_path / "masks/s0.png", tmp_path / "images/s1.png"):
        path.write_text("no image")
    recipe, said = init(tmp_path)
    assert "1 masks cannot be read, the first:" in said and "1 images cannot be read" in said
    assert [f.kind for f in audit(*opened(recipe)).errors] == ["unreadable"]
    for path in (tmp_path / "masks").glob("*.png"):
        path.write_text("no image")
    with pytest.raises(DataError, match=r"s0\.png: a text file"):
        init(tmp_path)


def test_more_names_than_values_are_refused_or_said(tmp_path: Path) -> None:
    """Two values are two classes, 0 and 1 as well as 0 and 255; of more ids those without a mask are named."""
    for place, values in (("ends", (0, 255)), ("bits", (0, 1)), ("ids", (0, 1, 3))):
        for number in range(3):
            mask = np.repeat(np.array(values, np.uint8), 20)[:, None].repeat(30, 1)
            for part, array in (
                ("images", np.random.default_rng(number).integers(0, 256, (*mask.shape, 3), np.uint8)),
                ("masks", mask),
            ):
                (tmp_path / place / part).mkdir(parents=True, exist_ok=True)
                Image.fromarray(array).save(tmp_path / place / part / f"{number}.png")
    for place in ("ends", "bits"):
        with pytest.raises(LabelError, match="3 classes given, but the masks hold two values; name two"):
            describe(tmp_path / place, classes=["a", "b", "c"])
        labels = describe(tmp_path / place, classes=["a", "b"]).labels
        assert labels is not None and labels.names == ("a", "b")
    found = describe(tmp_path / "ids", classes=["a", "b", "c", "d", "e"])
    assert found.labels is not None and found.labels.num_classes == 5
    assert "no mask holds c (2), e (4)" in found.said


def test_camvids_frames_keep_their_names_and_their_void(tmp_path: Path) -> None:
    columns = np.arange(48, dtype=np.uint8).repeat(36).reshape(48, 36).T // 4  # 0 to 11
    for split, start in (("train", "0001TP_006690"), ("val", "0016E5_07961")):
        put(tmp_path / split / f"{start}.png", np.zeros((36, 48, 3), np.uint8))
        put(tmp_path / f"{split}annot" / f"{start}.png", columns)
    recipe, _ = init(tmp_path)
    assert recipe["data"]["name"] == "camvid" and (recipe["data"]["train"], recipe["data"]["val"]) == ("train", "val")
    assert open_dataset("camvid", tmp_path, "val")[0].labels.numpy().max() == 255  # void is ignored, no class
    for split in ("train", "val"):  # the same folders with another's pictures are no CamVid
        for path in [*tmp_path.glob(f"{split}*/*.png")]:
            path.rename(path.with_name(f"mine_{split}.png"))
    recipe, _ = init(tmp_path)
    assert recipe["data"]["name"] == "folder" and len(recipe["labels"]["classes"]) == 12


def test_a_field_of_view_is_not_taken_for_the_masks(tmp_path: Path) -> None:
    """As in DRIVE, where both folders pair with every photograph, and the one called `mask` says where the camera saw."""
    y, x = np.mgrid[:40, :48]
    view = ((y - 20) ** 2 + (x - 24) ** 2 < 18**2) * np.uint8(255)
    lines = ids(0, 255)
    two_folders(tmp_path, lines, ("images", "manual"))
    two_folders(tmp_path, [view] * len(lines), ("images", "mask"))
    recipe, said = init(tmp_path)
    assert recipe["data"]["masks"] == "manual" and "masks could also be mask" in said
    for path in (tmp_path / "manual").glob("*.png"):
        path.unlink()
    recipe, _ = init(tmp_path)  # alone, it is what there is
    assert recipe["data"]["masks"] == "mask"
