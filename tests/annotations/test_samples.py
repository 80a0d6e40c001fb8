"""A data set of files becomes a project, and comes back from every format pixel for pixel."""

import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from intarsia.annotations.convert import convert, read
from intarsia.annotations.from_datasets import project
from intarsia.annotations.project import draw, draw_objects
from intarsia.data.files.codecs import decode_mask, read_image
from intarsia.data.pairs import Pair, Pairs, Raw
from intarsia.errors import DataError
from intarsia.labels import LabelSpace


def _decoded(objects: bool, item: Pair) -> Raw:
    assert item.mask is not None
    codes = decode_mask(item.mask)[0].astype(np.int64)
    return Raw(codes % 10 if objects else codes, codes // 10 if objects else None)


def _set(root: Path, labels: LabelSpace, masks: list[np.ndarray], split: str = "train", objects: bool = False) -> Pairs:
    items = []
    for n, mask in enumerate(masks):
        folder = root / split
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((*mask.shape, 3), 10 * n, np.uint8)).save(folder / f"{n}.jpg")
        Image.fromarray(mask.astype(np.uint8)).save(folder / f"{n}.png")
        items.append(Pair(str(n), folder / f"{n}.jpg", folder / f"{n}.png"))
    return Pairs(items, labels, name="mine", split=split, decode=partial(_decoded, objects))


RNG = np.random.default_rng(3)
COARSE = [RNG.integers(0, 3, (4, 5)).repeat(6, 0).repeat(7, 1) for _ in range(3)]


@pytest.mark.parametrize("tool", ["coco", "labelme", "supervisely", "cvat", "masks", "superannotate"])
def test_classes_come_back_from_every_format(tool: str, tmp_path: Path) -> None:
    labels = LabelSpace(("road", "car", "tree"))
    found = project([_set(tmp_path / "in", labels, COARSE)])
    assert found.classes == labels.names
    convert(found, tool, tmp_path / "out", uncovered="ignore")
    back = read(tmp_path / "out", tool)
    for picture, mask in zip(sorted(back, key=lambda p: p.name), COARSE, strict=True):
        drawn = draw(picture, back.classes)
        names = np.array(["", *back.classes])[drawn]
        assert (names == np.array(labels.names)[mask]).all()
        assert picture.image is not None and read_image(picture.image).shape[:2] == mask.shape


def test_background_is_not_drawn_and_ignored_pixels_are(tmp_path: Path) -> None:
    labels = LabelSpace(("background", "cat"), values={0: "background", 1: "cat", 2: "ignore"})
    found = project([_set(tmp_path, labels, COARSE)])
    assert found.classes == ("cat", "ignore")
    for picture, mask in zip(found, COARSE, strict=True):
        assert np.array_equal(draw(picture, found.classes), mask)


def test_objects_stay_apart_and_splits_too(tmp_path: Path) -> None:
    labels = LabelSpace(("background", "cat", "dog"))
    mask = np.zeros((8, 12), np.int64)
    mask[1:3, 1:3], mask[4:6, 1:4], mask[1:7, 6:11] = 11, 21, 32  # two cats and a dog
    sets = [_set(tmp_path, labels, [mask], split, objects=True) for split in ("train", "val")]
    found = project(sets)
    assert [picture.name for picture in found] == ["train/0", "val/0"]
    for picture in found:
        assert sorted((r.label, r.object) for r in picture.regions) == [("cat", "1"), ("cat", "2"), ("dog", "3")]
        assert np.array_equal(draw_objects(picture), mask // 10)


def test_what_cannot_be_converted_is_told(tmp_path: Path) -> None:
    one = _set(tmp_path, LabelSpace(("a", "b", "c")), COARSE)
    other = _set(tmp_path, LabelSpace(("a", "b", "d")), COARSE, "val")
    with pytest.raises(DataError, match=r"mine: val has other labels than train; convert one --split"):
        project([one, other])
    points = type("Points", (), {"name": "rooms", "split": "a", "labels": one.labels, "holds": "points"})()
    with pytest.raises(DataError, match="rooms: holds points, which no annotation tool takes"):
        project([points])


@pytest.mark.parametrize("deep", [False, True], ids=["rgb", "gray16"])
def test_images_that_are_put_together_are_written(tmp_path: Path, deep: bool) -> None:
    """A stack of slices, say: the tool gets the pixels that the network sees."""
    plain = _set(tmp_path / "in", LabelSpace(("a", "b", "c")), COARSE)

    def image(item: Pair) -> np.ndarray:
        whole = read_image(item.image)
        return whole[..., :1].astype(np.uint16) * 257 + 5 if deep else whole[..., ::-1] + np.arange(3, dtype=np.uint8)

    hooked = Pairs(plain.items, plain.labels, name="stack", split="train", image=image)
    convert(project([hooked]), "coco", tmp_path / "out", uncovered="ignore")
    back = {picture.name: picture for picture in read(tmp_path / "out")}
    for item in plain.items:
        seen = back[item.name].image
        assert seen is not None and np.array_equal(read_image(seen), image(item))


def test_the_verb_takes_a_folder_a_name_and_an_export(
    run_cli: Callable[..., tuple[int, str, str]], tmp_path: Path, shared_data: Path
) -> None:
    whole, camvid = shared_data / "camvid", tmp_path / "camvid"
    lines = (whole / "val.txt").read_text().splitlines()[::20]
    for folder in ("val", "valannot"):
        (camvid / folder).mkdir(parents=True)
        for line in lines:
            name = Path(line.split()[0]).name
            shutil.copy(whole / folder / name, camvid / folder / name)
    (camvid / "val.txt").write_text("\n".join(lines))
    code, out, err = run_cli(
        "data", "convert", "camvid", "--root", camvid, "--split", "val", "--to", "coco", "--out", tmp_path / "coco"
    )
    assert code == 0 and "6 pictures" in out, err
    code, out, err = run_cli(
        "data", "convert", tmp_path / "coco", "--to", "masks", "--out", tmp_path / "masks", "--uncovered", "ignore"
    )
    assert code == 0, err
    for path in sorted((camvid / "valannot").glob("*.png")):
        truth = decode_mask(path)[0]
        made = decode_mask(next((tmp_path / "masks").rglob(f"masks/**/{path.name}")))[0]
        assert np.array_equal(np.where(truth == 11, 255, truth), made)
    code, out, err = run_cli("data", "convert", tmp_path / "nothing", "--to", "coco", "--out", tmp_path / "x")
    assert code == 2 and "nothing" in err and not (tmp_path / "x").exists()


def test_values_that_are_ignored_are_said(tmp_path: Path) -> None:
    """A raster's nodata, or a void: what it covers is in no region, and the conversion says so."""
    labels = LabelSpace(("road", "car"), values={0: "road", 1: "car", 2: "ignore"})
    found = project([_set(tmp_path, labels, COARSE)])
    assert found.remarks == ("pixels of value 2 are ignored",)
    assert {region.label for picture in found for region in picture.regions} == {"road", "car"}
