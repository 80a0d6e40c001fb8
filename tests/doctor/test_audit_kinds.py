"""Kinds of data sets that the doctor must neither misread nor suspect: rasters of maps, numbered objects, odd names and voids."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from planted import folder, images, load, masks, of, save

from intarsia.data.files.codecs import decode_mask, read_image
from intarsia.doctor.diagnose import diagnose
from intarsia.doctor.diagnosis import Diagnosis
from intarsia.doctor.finding import Finding
from intarsia.doctor.mend import mend
from intarsia.errors import DataError, LabelError
from intarsia.training.usual import init

Random = np.random.Generator


@pytest.fixture
def random() -> Random:
    return np.random.default_rng(8)


@pytest.fixture
def root(tmp_path: Path, random: Random) -> Path:
    return folder(tmp_path / "set", random)


def kinds(found: Diagnosis, severity: str) -> dict[str, Finding]:
    return {f.kind: f for f in found.audit.findings if f.severity == severity}


def rewritten(root: Path, table: dict[int, int], kind: type = np.uint8) -> None:
    for path in masks(root):
        save(path, np.vectorize(lambda v: table.get(v, v), otypes=[kind])(load(path)))


def raster(path: Path, array: np.ndarray) -> None:
    """A map as GDAL writes it: the raster, and then a copy of half its size."""
    tifffile = pytest.importorskip("tifffile")
    with tifffile.TiffWriter(path) as file:
        file.write(array, tile=(16, 16))
        file.write(np.ascontiguousarray(array[::2, ::2]), tile=(16, 16), subfiletype=1)


@pytest.mark.parametrize("channels", [3, 4])
def test_a_tiff_with_a_smaller_copy_of_itself_is_one_picture(tmp_path: Path, random: Random, channels: int) -> None:
    array = random.integers(0, 65535 if channels == 4 else 255, (48, 64, channels)).astype(
        np.uint16 if channels == 4 else np.uint8
    )
    raster(tmp_path / "map.tif", array)
    assert np.array_equal(read_image(tmp_path / "map.tif"), array)
    ids = random.integers(0, 5, (48, 64)).astype(np.uint8)
    raster(tmp_path / "ids.tif", ids)
    assert np.array_equal(decode_mask(tmp_path / "ids.tif")[0], ids)
    pages = [Image.fromarray(ids), Image.fromarray(ids)]
    pages[0].save(tmp_path / "two.tif", save_all=True, append_images=pages[1:])
    with pytest.raises(DataError, match="holds 2 pages"):
        decode_mask(tmp_path / "two.tif")


@pytest.mark.parametrize(("low", "high", "kind"), [(0, 4, "uint8"), (0, 300, "uint16"), (-1, 3, "int32")])
def test_whole_numbers_with_a_point_are_ids(tmp_path: Path, random: Random, low: int, high: int, kind: str) -> None:
    drawn = random.integers(low, high, (9, 11))
    drawn[0, :2] = low, high
    Image.fromarray(drawn.astype(np.float32)).save(tmp_path / "ids.tif")
    found = decode_mask(tmp_path / "ids.tif")[0]
    assert np.array_equal(found, drawn) and str(found.dtype) == kind


def objects(root: Path, random: Random, most: int, start: int) -> None:
    """Squares in a row, numbered from 1 in each mask, or from one to the next mask on."""
    before = 1
    for path in masks(root):
        mask = np.zeros(load(path).shape, np.uint16)
        count = int(random.integers(3, most))
        for n in range(count):
            mask[8 * (n // 12) : 8 * (n // 12) + 5, 8 * (n % 12) : 8 * (n % 12) + 5] = n + before
        before += start * count
        save(path, mask)


def test_numbers_of_objects_are_told_as_such_and_not_as_strays(root: Path, random: Random) -> None:
    objects(root, random, 80, 0)
    found = diagnose(root)
    assert "look like numbers of objects" in kinds(found, "warning")["objects"].message
    assert not found.audit.errors


def test_a_jpeg_among_numbers_of_objects_is_left_out(root: Path, random: Random) -> None:
    objects(root, random, 80, 0)
    hit = masks(root)[2]
    Image.fromarray(load(hit).astype(np.uint8)).save(hit, "JPEG", quality=80)
    assert str(hit) in kinds(diagnose(root), "error")["smeared"].places


def test_numbers_that_go_on_from_mask_to_mask_make_no_classes(root: Path, random: Random) -> None:
    objects(root, random, 60, 1)
    for look in (diagnose, init):
        with pytest.raises(LabelError, match="numbers of objects.*labels.values"):
            look(root)


def test_three_hundred_classes_are_classes(root: Path, random: Random) -> None:
    for n, path in enumerate(masks(root)):
        mask = load(path).astype(np.uint16)
        save(
            path,
            mask + np.uint16(40 * (n % 9)) + random.permutation(40).astype(np.uint16)[np.arange(mask.shape[1]) // 3],
        )
    assert len(np.unique([v for p in masks(root) for v in np.unique(load(p))])) > 256
    assert not diagnose(root).audit.errors
    assert "objects" not in kinds(diagnose(root), "warning")


def test_grays_spread_to_255_are_classes_and_a_lonely_255_is_not(root: Path) -> None:
    rewritten(root, {1: 85, 2: 170, 3: 255})
    assert diagnose(root).labels.names == ("class_0", "class_85", "class_170", "class_255")
    rewritten(root, {85: 1, 170: 2})
    assert diagnose(root).labels.names == ("class_0", "class_1", "class_2")


def test_65535_is_what_255_is_in_files_of_8_bits(root: Path) -> None:
    rewritten(root, {3: 65535}, np.uint16)
    assert diagnose(root).labels.names == ("class_0", "class_1", "class_2")


def test_minus_one_is_ignored_and_init_says_so(root: Path) -> None:
    for path in masks(root):
        np.save(path.with_suffix(".npy"), load(path).astype(np.int64) - 1)
        path.unlink()
    tree, said = init(root)
    assert "-1: below 0 there is no class, so" in said and "px are ignored" in said
    assert tree["labels"]["values"] == {0: "class_0", 1: "class_1", 2: "class_2", -1: "ignore"}


@pytest.mark.parametrize("line", ["unlabeled", "ignore", "Void"])
def test_an_id_whose_name_says_so_is_ignored(root: Path, line: str) -> None:
    (root / "classes.txt").write_text(f"{line}\na\nb\nc\n")
    found = diagnose(root)
    assert found.labels.names == ("a", "b", "c")
    assert (
        "classes.txt" in kinds(found, "note")["meaning"].message
        and "and ignored" in kinds(found, "note")["meaning"].message
    )
    assert found.labels.encode(np.array([[0, 1, 3]])).tolist() == [[255, 0, 2]]


def test_a_background_named_none_stays_a_class(root: Path) -> None:
    (root / "classes.txt").write_text("none\na\nb\nc\n")
    assert diagnose(root).labels.names == ("none", "a", "b", "c")


def test_the_first_line_of_labelme_is_no_class(root: Path) -> None:
    (root / "labels.txt").write_text("__ignore__\n_background_\na\nb\nc\n")
    assert diagnose(root).labels.names == ("background", "a", "b", "c")


def test_names_that_say_image_and_mask_in_one_folder(root: Path, tmp_path: Path) -> None:
    for n, path in enumerate(masks(root)):
        save(tmp_path / f"flat/{n}_mask.png", load(path))
        save(tmp_path / f"flat/{n}_sat.jpg", load(of(path)))
    found = diagnose(tmp_path / "flat")
    assert [len(w.cases) for w in found.splits] == [18]
    assert not found.audit.errors and "unmatched" not in kinds(found, "warning")


def test_splits_with_a_letter_for_each_side(root: Path) -> None:
    for side, letter in (("images", "A"), ("masks", "B")):
        for split, short in (("train", "train"), ("val", "test")):
            (root / side / split).rename(root / f"{short}{letter}")
    assert {w.name: len(w.cases) for w in diagnose(root).splits} == {"train": 12, "test": 6}


def test_dots_in_every_mask_are_no_slips_of_a_brush(root: Path, random: Random) -> None:
    for path in masks(root):
        mask = np.zeros(load(path).shape, np.uint8)
        for y, x in zip(random.integers(0, 34, 14) * 2, random.integers(0, 24, 14) * 4, strict=True):
            mask[y, x] = 255
        save(path, mask)
    assert "specks" in kinds(diagnose(root), "note")


def test_a_full_mask_among_empty_ones_comes_first(root: Path) -> None:
    paths = masks(root, "train")
    for path in masks(root):
        save(path, np.zeros(load(path).shape, np.uint8))
    save(paths[-1], np.full(load(paths[-1]).shape, 255, np.uint8))
    for some in (paths[0], masks(root, "val")[0]):
        square = load(some)
        square[10:30, 10:40] = 255
        save(some, square)
    told = kinds(diagnose(root), "warning")["constant"]
    assert told.places[0] == str(paths[-1])


def test_a_copy_whose_stray_pixels_are_ignored_is_no_mixture(root: Path, tmp_path: Path) -> None:
    for path in masks(root):
        save(path, (load(path) == 1).astype(np.uint8) * np.uint8(255))
    odd = masks(root, "train")[3]
    mask = np.zeros(load(odd).shape, np.uint8)
    mask[4:8, 4:8] = 100
    save(odd, mask)
    mend(diagnose(root), tmp_path / "out")
    assert not diagnose(tmp_path / "out").audit.errors
    assert len(images(tmp_path / "out")) == 18
