"""`intarsia predict` on a picture beyond memory: it is taken by itself, says how far it is, and refuses in one sentence."""

import json
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image

from intarsia import limits, models
from intarsia.checkpoint import Checkpoint, save
from intarsia.labels import LabelSpace


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    network = models.build("fpn", 2, encoder="resnet10t", channels=16)
    space = LabelSpace(("background", "thing"))
    options = {"encoder": "resnet10t", "channels": 16}
    stored = Checkpoint("fpn", options, space, 3, (0.5,) * 3, (0.25,) * 3, network.state_dict())
    return save(tmp_path_factory.mktemp("model") / "binary.safetensors", stored)


@pytest.fixture
def slide(tmp_path: Path) -> Path:
    noise = np.random.default_rng(0).integers(0, 256, (20, 15, 3), dtype=np.uint8)
    pixels = np.array(Image.fromarray(noise).resize((300, 400), Image.Resampling.BICUBIC))
    tifffile.imwrite(tmp_path / "slide.tif", pixels, photometric="rgb", tile=(64, 64), compression="deflate")
    return tmp_path / "slide.tif"


def test_a_large_picture_is_taken_by_itself(
    run_cli, model: Path, slide: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = ("--window", 128, "--json")
    code, _, _ = run_cli("predict", model, slide, "--out", tmp_path / "whole", *options)
    assert code == 0
    monkeypatch.setattr("intarsia.data.regions.source.PIXELS", 100_000)  # as if memory were small
    monkeypatch.setattr(limits, "PIXELS", 100_000)
    more = ("--skip-blank", "0..0=thing", "--polygons", "geojson,svg", "--measure", "--spacing", "0.5", "--min-size", 9)
    code, told, shown = run_cli("predict", model, slide, "--out", tmp_path / "rows", *more, *options)
    assert code == 0 and "slide: 100%" in shown
    (line,) = json.loads(told)["predictions"]
    assert np.array_equal(tifffile.imread(line["labels"]), np.asarray(Image.open(tmp_path / "whole" / "slide.png")))
    assert line["blank"] == 0 and line["regions"]["unit"] == "um" and Path(line["polygons"]["svg"]).is_file()
    assert (tmp_path / "rows" / "measures" / "slide.csv").read_text().startswith("image,class,region,pixels,area")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--level", 1), "level 1 was asked for, and it has one level (300 x 400); leave --level out"),
        (("--skip-blank", "white"), "skip-blank is 'white'; give the values that blank tiles lie in, LOW..HIGH"),
        (("--form", "png"), "a large label map is written in no form 'png'; choose from 'tif', 'zarr'"),
        (("--window", "whole"), "is predicted in windows, and window is 'whole'; give --window auto"),
        (("--spacing", "fine", "--measure"), "--spacing is 'fine'; give micrometers a pixel, such as 0.25"),
        (("--as", "voc"), "voc does not know class 'thing'"),
    ],
    ids=["level", "blank", "form", "window", "spacing", "server"],
)
def test_what_is_wrong_is_one_sentence(run_cli, model: Path, slide: Path, tmp_path: Path, options, words: str) -> None:
    code, _, shown = run_cli("predict", model, slide, "--out", tmp_path / "out", "--large", *options)
    assert code == 2 and words in " ".join(shown.split())
    assert not (tmp_path / "out" / "slide.tif").exists()


def test_a_tiff_that_is_cut_short_does_not_stop_the_others(run_cli, model: Path, slide: Path, tmp_path: Path) -> None:
    torn = tmp_path / "torn.tif"
    torn.write_bytes(slide.read_bytes()[: slide.stat().st_size * 3 // 4])
    code, _, shown = run_cli("predict", model, torn, slide, "--out", tmp_path / "out", "--large", "--window", 256)
    assert code == 2 and "torn.tif: the TIFF" in shown and "copy it again from its source" in shown
    assert "1 of 2 pictures could not be read" in shown and (tmp_path / "out" / "slide.tif").is_file()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (
            ("--level", 1),
            "level is of pictures that are predicted tile row by tile row, and none of these is; add --large",
        ),
        (("--skip-blank", "0..9"), "skip-blank is of pictures"),
        (("--form", "zarr"), "form is of pictures"),
        (("--spacing", "0.5"), "spacing is of measure, which is not asked for; add --measure, or leave it out"),
        (("--simplify", 2), "simplify is of polygons, which are not asked for; add --polygons, or leave it out"),
    ],
)
def test_an_option_that_would_do_nothing_is_refused(
    run_cli, model: Path, slide: Path, tmp_path: Path, options, words
) -> None:
    code, _, shown = run_cli("predict", model, slide, "--out", tmp_path / "out", *options)
    assert code == 2 and words in " ".join(shown.split())
