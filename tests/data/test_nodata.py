"""Pixels that rasters declare to hold no data are ignored and said; numbers that are no ids are refused, not cut."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, TiffImagePlugin

import intarsia
from intarsia.data.files.codecs import read_labels, read_mask, stored_mask
from intarsia.data.files.tags import EMPTY, nodata_of
from intarsia.data.folders.nodata import settle
from intarsia.data.loader import Loader
from intarsia.data.pairs import Pair, Pairs, Raw
from intarsia.data.samples import as_sample
from intarsia.datasets import open as open_dataset
from intarsia.doctor import audit
from intarsia.errors import DataError, LabelError
from intarsia.labels import LabelSpace
from intarsia.structures import Sample
from intarsia.training.usual import init

SMALL = {
    "model": {"name": "unet", "encoder": "resnet18"},
    "train": {"steps": 2, "batch_size": 2, "workers": 0},
    "augment": {"crop": [32, 32]},
}


def raster(path: Path, array: np.ndarray, nodata: str | None) -> Path:
    """A TIFF with GDAL's tag."""
    path.parent.mkdir(parents=True, exist_ok=True)
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    if nodata is not None:
        tags[42113] = nodata
    Image.fromarray(array).save(path, tiffinfo=tags)
    return path


def scenes(root: Path, nodata: str | None, hole: int, dtype: type = np.uint8, count: int = 5) -> Path:
    """Masks of three classes with a frame of no data."""
    for n in range(count):
        rng = np.random.default_rng(n)
        mask = np.zeros((32, 40), dtype)
        mask[4 + n : 14 + n, 12:20], mask[20:30, 22 + n : 30 + n], mask[:, :4] = 1, 2, hole
        raster(root / f"masks/s{n}.tif", mask, nodata)
        Image.fromarray(rng.integers(0, 256, (32, 40, 3)).astype(np.uint8)).save(_made(root / f"images/s{n}.png"))
    return root


def _made(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


@pytest.mark.parametrize(("nodata", "hole", "dtype", "written"), [
    ("3", 3, np.uint8, 3),
    ("255", 255, np.uint8, 255),
    ("-1", -1, np.int32, -1),
    ("-9999", -9999, np.int32, -9999),
    ("-9999.0", -9999, np.float32, -9999),
    ("nan", np.nan, np.float32, EMPTY),
    ("-3.4028234663852886e+38", -3.4028234663852886e38, np.float32, EMPTY),
])  # fmt: skip
def test_no_data_is_ignored_and_said_by_every_verb(
    tmp_path: Path, nodata: str, hole: float, dtype: type, written: int, run_cli: object
) -> None:
    root = scenes(tmp_path / "d", nodata, hole, dtype)  # type: ignore[arg-type]
    recipe, text = init(root)
    assert recipe["labels"]["values"] == {0: "class_0", 1: "class_1", 2: "class_2", written: "ignore"}
    assert "5 of 5 masks declare a value for pixels without data" in text and "640 px, which are ignored" in text
    found = audit(root)
    assert not found.errors and found.names == ("class_0", "class_1", "class_2")
    assert found.ignored == pytest.approx(640 / (5 * 32 * 40))
    assert any(f.kind == "nodata" and f.severity == "note" and "640 px" in f.message for f in found.findings)
    space = LabelSpace.from_dict(recipe["labels"])
    data = open_dataset("folder", root, "all", space, images="images", masks="masks")
    assert (data[0].labels[:, :4] == 255).all() and (data[0].labels[:, 4:] < 3).all()
    again = audit(data)
    assert not again.errors and again.ignored == found.ignored and (again.counts == found.counts).all()


def test_names_alone_are_enough(tmp_path: Path) -> None:
    root = scenes(tmp_path, "3", 3)
    named = LabelSpace(("ground", "road", "roof"))
    data = open_dataset("folder", root, "all", named, images="images", masks="masks")
    assert (data[0].labels[:, :4] == 255).all() and "3 in 5" in data.inferred
    assert (read_labels(root / "masks/s0.tif", named)[:, :4] == 255).all()


def test_a_meaning_that_was_written_out_holds_and_is_said(tmp_path: Path) -> None:
    root = scenes(tmp_path, "3", 3)
    space = LabelSpace(("a", "b", "c", "d"), values={0: "a", 1: "b", 2: "c", 3: "d"})
    data = open_dataset("folder", root, "all", space, images="images", masks="masks")
    assert (data[0].labels[:, :4] == 3).all()
    (said,) = [f for f in audit(data).findings if f.kind == "nodata"]
    assert said.severity == "warning" and "read as 'd' all the same" in said.message and "`3: ignore`" in said.fix
    lacking = LabelSpace(("a", "b", "c"), values={0: "a", 1: "b", 2: "c"})  # 3 was given no meaning: the tag gives it
    data = open_dataset("folder", root, "all", lacking, images="images", masks="masks")
    assert (data[0].labels[:, :4] == 255).all() and not audit(data).errors
    assert audit(data).ignored == pytest.approx(0.1)


def test_a_background_of_no_data_stays_a_class() -> None:
    views = [Counter({0: 90, 1: 10}), Counter({0: 100})]
    kept = settle(views, [0, 0])
    assert kept.ignored == () and "read as a class like any other" in kept.said[0] and views[0] == {0: 90, 1: 10}
    views = [Counter({0: 90, 1: 5, 2: 5}), Counter({0: 100})]
    assert settle(views, [0, 0]).ignored == (0,) and views == [{1: 5, 2: 5}, {}]


def test_masks_that_contradict_each_other_are_an_error(tmp_path: Path) -> None:
    root = scenes(tmp_path, "3", 3)
    raster(root / "masks/s1.tif", np.full((32, 40), 3, np.uint8), None)
    with pytest.raises(LabelError, match="4 of 5 masks declare .* but 1 others hold 3 and do not declare it"):
        init(root)
    assert any("hold 3 and do not declare it" in f.message for f in audit(root).errors)


def test_below_zero_without_a_tag_is_ignored_and_the_recipe_takes_what_the_audit_advises(tmp_path: Path) -> None:
    root = scenes(tmp_path, None, -1, np.int32)
    recipe, text = init(root)
    assert recipe["labels"]["values"][-1] == "ignore" and "-1: below 0 there is no class, so 640 px are ignored" in text
    advice = [f.fix for f in audit(root).findings if "-1: ignore" in f.fix]
    assert advice and not audit(root).errors
    space = LabelSpace.from_dict(
        {**recipe["labels"], "values": {"0": "class_0", "1": "class_1", "2": "class_2", "-1": "ignore"}}
    )
    assert (space.encode(read_mask(root / "masks/s0.tif", space))[:, :4] == 255).all()


def test_images_that_carry_the_tag_are_counted_and_their_labels_stay(tmp_path: Path) -> None:
    for n in range(4):
        image = np.random.default_rng(n).integers(1, 256, (32, 32, 3)).astype(np.uint8)
        image[:, :5] = 0
        raster(tmp_path / f"images/s{n}.tif", image, "0" if n < 3 else None)
        mask = np.zeros((32, 32), np.uint8)
        mask[:16, : 8 + n] = 1
        Image.fromarray(mask).save(_made(tmp_path / f"masks/s{n}.png"))
    sentence = "3 of 4 images declare a value for pixels without data (0 in 3); they are read as they are"
    assert sentence in init(tmp_path)[1]
    found = audit(tmp_path)
    assert any(sentence in f.message for f in found.findings) and found.ignored == 0 and not found.errors


def test_no_data_in_color_masks_is_a_color(tmp_path: Path) -> None:
    mask = np.zeros((4, 4, 3), np.uint8)
    mask[1:], mask[2:] = (255, 0, 0), (0, 255, 0)
    space = LabelSpace(("red", "green"), values={"#ff0000": "red", "#00ff00": "green"})
    assert read_labels(raster(tmp_path / "x.tif", mask, "0"), space)[:, 0].tolist() == [255, 0, 1, 1]


def test_tags_that_say_nothing(tmp_path: Path) -> None:
    mask = np.zeros((4, 4), np.uint8)
    assert nodata_of(raster(tmp_path / "x.tif", mask, "none")) is None
    assert stored_mask(raster(tmp_path / "y.tif", mask, "-9999")).nodata == -9999
    assert read_mask(tmp_path / "y.tif", LabelSpace(("a",))).tolist() == mask.tolist()  # no pixel can hold it
    Image.fromarray(mask).save(tmp_path / "z.png")
    assert nodata_of(tmp_path / "z.png") is None and nodata_of(tmp_path / "missing.tif") is None


@pytest.mark.parametrize("name", ["geotiff-uint8-nodata-3", "geotiff-int-nodata"])
def test_reported_rasters_from_init_to_training(tmp_path: Path, name: str, shared_data: Path) -> None:
    root = shared_data / "reported" / name
    recipe, text = init(root)
    void = 3 if "uint8" in name else -1
    assert recipe["labels"]["values"][void] == "ignore" and "3,072 px" in text and "6 of 6 images declare" in text
    assert audit(root).ignored == pytest.approx(1 / 12) and not audit(root).errors
    recipe |= SMALL
    last = intarsia.train(recipe, f"train.cache_dir={tmp_path / 'cache'}", out=tmp_path / "run", quiet=True)
    assert last.is_file()


def test_reported_rasters_in_convert(tmp_path: Path, shared_data: Path, run_cli: object) -> None:
    root = shared_data / "reported" / "geotiff-uint8-nodata-3"
    code, _, err = run_cli("data", "convert", root, "--to", "masks", "--out", tmp_path / "out")  # type: ignore[operator]
    assert code == 0, err
    (written,) = (tmp_path / "out/masks").rglob("t0.png")
    mask = np.asarray(Image.open(written))
    truth = np.asarray(Image.open(root / "masks/t0.tif"))
    assert (mask == np.where(truth == 3, 255, truth)).all()


class Fractions:
    """A data set of somebody's own, whose labels are floating point."""

    labels = LabelSpace(("a", "b", "c", "d"))

    def __init__(self, values: list[float], dtype: torch.dtype = torch.float32) -> None:
        self.values, self.dtype = values, dtype

    def __len__(self) -> int:
        return 3

    def __getitem__(self, index: int) -> Sample:
        labels = torch.tensor(self.values, dtype=self.dtype).reshape(2, 2)
        return Sample(torch.full((3, 2, 2), 7 * index, dtype=torch.uint8), labels, f"scene_{index}")


@pytest.mark.parametrize("bad", [0.37, float("nan"), float("inf"), 3e9])
def test_fractions_are_refused_by_audit_and_training_and_never_cut(bad: float) -> None:
    data = Fractions([0, 1, bad, bad])
    sentence = rf"scene_0: the mask holds float32 numbers of which {bad:.6g} \(2 px\) are no ids".replace("+", r"\+")
    with pytest.raises(DataError, match=sentence):
        as_sample(data[0], 0)
    import re

    assert re.search(sentence, audit(data).errors[0].message)
    with pytest.raises(DataError, match=r"scene_\d: the mask holds float32 numbers"):
        next(Loader(data, batch_size=2).stream())


def test_whole_numbers_in_floating_point_are_ids() -> None:
    sample = as_sample(Fractions([0.0, 1.0, 3.0, 255.0])[0], 0)
    assert sample.labels.tolist() == [[0, 1], [3, 255]] and sample.labels.dtype == torch.uint8
    with pytest.raises(DataError, match="complex64"):
        as_sample(Fractions([0, 1, 2, 3], torch.complex64)[0], 0)


def test_fractions_of_a_hook_are_refused_too(tmp_path: Path) -> None:
    Image.fromarray(np.zeros((2, 2), np.uint8)).save(tmp_path / "x.png")
    pair = Pair("x", tmp_path / "x.png", tmp_path / "x.png")
    for classes, whole in ((np.array([[0, 0.5], [1, 1]]), False), (np.array([[0, 1.0], [1, 1]]), True)):
        data = Pairs([pair], Fractions.labels, name="d", split="all", decode=lambda _, made=classes: Raw(made))  # type: ignore[misc]
        if whole:
            assert data[0].labels.tolist() == [[0, 1], [1, 1]]
            continue
        with pytest.raises(DataError, match=r"x\.png: the mask holds float64 numbers of which 0\.5 \(1 px\)"):
            data[0]
        assert "0.5 (1 px)" in audit(data).errors[0].message


@pytest.mark.parametrize("suffix", [".npy", ".tif"])
def test_files_of_fractions_name_value_and_count(tmp_path: Path, suffix: str) -> None:
    array = np.array([[0, 0.37], [0.37, np.nan]], np.float32)
    path = tmp_path / f"x{suffix}"
    np.save(path, array) if suffix == ".npy" else Image.fromarray(array).save(path)
    with pytest.raises(DataError, match=rf"x\{suffix}: .* 0\.37 \(2 px\), nan \(1 px\) are no ids"):
        read_mask(path, LabelSpace(("a",)))
    np.save(tmp_path / "far.npy", np.array([[0, 2**40], [2**63, 1]], np.uint64))
    with pytest.raises(
        DataError, match=r"1099511627776 \(1 px\), 9223372036854775808 \(1 px\) are no ids, which end at 2,147,483,647"
    ):
        read_mask(tmp_path / "far.npy", LabelSpace(("a",)))
    np.save(tmp_path / "c.npy", np.zeros((2, 2), np.complex64))
    with pytest.raises(DataError, match="complex64"):
        read_mask(tmp_path / "c.npy", LabelSpace(("a",)))
    np.save(tmp_path / "wide.npy", np.array([[0, 70000]], np.int64))
    assert read_labels(tmp_path / "wide.npy", LabelSpace(("a", "b"), values={0: "a", 70000: "b"})).tolist() == [[0, 1]]
