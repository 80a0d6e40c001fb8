"""What a folder is: photos are no masks, exports come first, and what `init` says the audit says too."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from intarsia import datasets
from intarsia.config import signature
from intarsia.data.folders.find import find
from intarsia.datasets.catalogue import DATASETS
from intarsia.datasets.listed import LISTED
from intarsia.doctor import audit, describe
from intarsia.errors import DataError, LabelError, NoPairs
from intarsia.training.usual import init

H, W = 48, 64


def scene(seed: int) -> np.ndarray:
    """A picture [H, W, 3] with the grain of a photo."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:H, :W]
    light = 90 + 60 * np.sin(x / 9 + seed) + 40 * np.cos(y / 7)
    return (light[..., None] + random.normal(0, 12, (H, W, 3))).clip(0, 255).astype(np.uint8)


def disk(seed: int) -> np.ndarray:
    """A mask [H, W] of 0 and 1."""
    y, x = np.mgrid[:H, :W]
    return ((y - 20) ** 2 + (x - 15 - 4 * seed) ** 2 < 150).astype(np.uint8)


def put(path: Path, array: np.ndarray, **options: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path, **options)
    return path


def test_gray_copies_of_the_photos_and_another_cameras_photos_are_no_masks(tmp_path: Path) -> None:
    for n in range(4):
        put(tmp_path / f"gray/images/s{n}.png", scene(n))
        put(tmp_path / f"gray/gray/s{n}.png", scene(n).mean(axis=2).astype(np.uint8))
        put(tmp_path / f"cameras/a/s{n}.png", scene(n))
        put(tmp_path / f"cameras/b/s{n}.png", scene(n + 9))
        smooth = np.repeat(np.repeat(scene(n)[::8, ::8], 8, 0), 8, 1)  # even areas, and still the picture's own gray
        put(tmp_path / f"even/images/s{n}.png", smooth)
        put(tmp_path / f"even/masks/s{n}.png", smooth.mean(axis=2).astype(np.uint8))
    for name in ("gray", "cameras", "even"):
        with pytest.raises(NoPairs, match="are photos, not masks"):
            find(tmp_path / name)
        for ask in (init, audit, describe):
            with pytest.raises(DataError, match="are photos, not masks"):
                ask(tmp_path / name)


def test_masks_are_found_beside_gray_copies_whatever_the_folders_are_called(tmp_path: Path) -> None:
    for n in range(4):
        put(tmp_path / f"x/s{n}.png", scene(n))
        put(tmp_path / f"masks/s{n}.png", scene(n).mean(axis=2).astype(np.uint8))  # the name alone is no evidence
        put(tmp_path / f"z/s{n}.png", disk(n))
    layout = find(tmp_path)
    assert (layout.images, layout.masks) in (("x", "z"), ("masks", "z"))


@pytest.mark.parametrize("quality", [40, 75, 95])
def test_masks_that_went_through_jpeg_or_smoothing_stay_masks(tmp_path: Path, quality: int) -> None:
    colors = np.array([[0, 0, 0], [200, 30, 60], [20, 90, 220]], np.uint8)
    for n in range(4):
        put(tmp_path / f"images/s{n}.png", scene(n))
        put(tmp_path / f"masks/s{n}.jpg", colors[disk(n) + disk(n + 2)], quality=quality)
    assert find(tmp_path).masks == "masks"
    with pytest.raises(LabelError, match=r"Run `intarsia data audit .* --fix DIR` for a clean copy"):
        init(tmp_path)
    assert "smeared" in {f.kind for f in audit(tmp_path).errors}


def test_init_refuses_what_needs_a_table_for_each_mask_as_the_audit_does(tmp_path: Path) -> None:
    """Ids that are one too high in one mask: 1 means two things, so no one label space reads all of them."""
    for n in range(8):
        put(tmp_path / f"images/s{n}.png", scene(n))
        mask = disk(n) + disk(n + 3)
        put(tmp_path / f"masks/s{n}.png", mask + 1 if n == 3 else mask)
    (tmp_path / "classes.txt").write_text("ground\nleaf\nbud\n")
    assert "off_by_one" in {f.kind for f in audit(tmp_path).errors}
    with pytest.raises(LabelError, match="seem to be one too high.*--fix DIR"):
        init(tmp_path)


def test_channels_in_files_and_who_drew_it(tmp_path: Path) -> None:
    for n in range(3):
        put(tmp_path / f"eyes/Image_0{n}L.jpg", scene(n))
        put(tmp_path / f"eyes/Image_0{n}L_1stHO.png", disk(n) * 255)
        put(tmp_path / f"eyes/Image_0{n}L_2ndHO.png", disk(n + 1) * 255)
        for channel in range(4):
            put(tmp_path / f"nn/imagesTr/c{n}_{channel:04d}.png", scene(n + channel)[..., 0])
        put(tmp_path / f"nn/labelsTr/c{n}.png", disk(n))
    (tmp_path / "nn/dataset.json").write_text('{"labels": {"0": "background", "1": "tumor"}}')  # its first version
    known = describe(tmp_path / "eyes")
    assert known.data["mask_suffix"] == "_1stHO" and known.count == 3
    cases = describe(tmp_path / "nn")
    assert cases.labels is not None and cases.labels.names == ("background", "tumor")
    whole = datasets.open("folder", tmp_path / "nn", "all", cases.labels, **cases.whole().options)
    assert all(np.array_equal(whole[2].image[c].numpy(), scene(2 + c)[..., 0]) for c in range(4))
    put(tmp_path / "nn/imagesTr/c1_0002.png", scene(0)[:20, :, 0])
    with pytest.raises(DataError, match=r"c1_0002\.png: has another size, or other numbers, than c1_0000\.png"):
        whole[1]


def test_images_of_four_inks_are_refused_as_training_refuses_them(tmp_path: Path) -> None:
    for n in range(4):
        put(tmp_path / f"images/s{n}.jpg", scene(n))
        put(tmp_path / f"masks/s{n}.png", disk(n))
    Image.open(tmp_path / "images/s2.jpg").convert("CMYK").save(tmp_path / "images/s2.jpg")
    assert "mode" in {f.kind for f in audit(tmp_path).errors}
    with pytest.raises(DataError, match=r"a picture in CMYK colors.*--fix DIR` writes such images as RGB"):
        init(tmp_path)


def test_transparent_images_among_others_are_read_with_their_alpha(tmp_path: Path) -> None:
    for n in range(4):
        put(tmp_path / f"images/s{n}.png", scene(n))
        put(tmp_path / f"masks/s{n}.png", disk(n))
    see_through = np.dstack([scene(2)[..., 0], np.full((H, W), 255, np.uint8)])
    see_through[:5, :5, 1] = 40
    put(tmp_path / "images/s2.png", see_through)
    known = describe(tmp_path).whole()
    assert known.data["channels"] == 4
    gray = {sample.name: sample for sample in known.open("all")}["s2"]
    assert np.array_equal(gray.image[3].numpy(), see_through[..., 1])
    assert all(np.array_equal(gray.image[c].numpy(), see_through[..., 0]) for c in range(3))


def test_a_folder_some_steps_deeper_is_found(tmp_path: Path) -> None:
    for n in range(4):
        put(tmp_path / f"unpacked/set/images/s{n}.png", scene(n))
        put(tmp_path / f"unpacked/set/masks/s{n}.png", disk(n))
    assert describe(tmp_path).data["masks"] == "unpacked/set/masks" and len(audit(tmp_path).names) == 2


def test_an_export_beside_masks_gives_the_class_names(tmp_path: Path) -> None:
    pictures = []
    for n in range(4):
        put(tmp_path / f"images/s{n}.png", scene(n))
        put(tmp_path / f"masks/s{n}.png", disk(n))
        pictures.append({"id": n, "file_name": f"s{n}.png", "height": H, "width": W})
    square = {"id": 1, "image_id": 0, "category_id": 7, "segmentation": [[2, 2, 9, 2, 9, 9]], "iscrowd": 0, "bbox": [2, 2, 7, 7], "area": 24}  # fmt: skip
    import json

    tree = {"images": pictures, "annotations": [square], "categories": [{"id": 7, "name": "leaf"}]}
    (tmp_path / "instances.json").write_text(json.dumps(tree))
    known = describe(tmp_path)
    assert known.kind == "folder" and known.labels is not None and known.labels.names == ("background", "leaf")
    assert "names from instances.json" in known.text()
    assert audit(tmp_path).names == ("background", "leaf")


def test_one_usual_recipe_is_what_every_verb_takes(tmp_path: Path) -> None:
    for n in range(4):
        put(tmp_path / f"images/s{n}.png", scene(n))
        put(tmp_path / f"masks/s{n}.png", disk(n))
    from intarsia.cli.source import augmentation_of
    from intarsia.study.experiment import _recipe
    from intarsia.training.recipe import load
    from intarsia.training.usual import usual

    tree = init(tmp_path)[0]
    assert tree == usual(describe(tmp_path))
    studied = _recipe(str(tmp_path), None, "fpn", "resnet18", 1.0, 0, ())
    assert studied.optimizer == load(tree).optimizer and studied.augment == load(tree).augment
    shown = load(tree).augment.model_dump(exclude={"sizes", "grow_from"})  # those are of whole batches
    assert augmentation_of(str(tmp_path), None) == shown


def test_what_is_listed_without_imports_is_what_the_data_sets_take() -> None:
    assert list(LISTED) == list(DATASETS)
    given = ("root", "split", "labels")
    for name, entry in DATASETS.items():
        assert LISTED[name].options == tuple(key for key in signature(entry.open)[0] if key not in given), name
