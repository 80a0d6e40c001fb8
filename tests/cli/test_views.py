"""The same options in predict, evaluate and compare: windows, views, several models."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from intarsia import models
from intarsia.checkpoint import Checkpoint, save
from intarsia.inference import Predictor
from intarsia.labels import LabelSpace

NAMES = ("background", "disk", "square", "triangle", "ring")


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """Two small networks with random weights; the recipe of the second asks for windows and flips."""
    folder, made = tmp_path_factory.mktemp("models"), []
    for name, wish in (("a", {}), ("b", {"predict": {"window": 32, "flip": True}})):
        torch.manual_seed(len(made))
        network = models.build("fpn", 5, encoder="resnet10t", channels=16)
        options = {"encoder": "resnet10t", "channels": 16}
        data = {"data": {"name": "shapes", "count": 4, "size": 48, "train": "train", "val": "val"}, **wish}
        stored = Checkpoint(
            "fpn", options, LabelSpace(NAMES), 3, (0.5,) * 3, (0.25,) * 3, network.state_dict(), recipe=data
        )
        made.append(str(save(folder / f"{name}.safetensors", stored)))
    return made[0], made[1]


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    noise = np.random.default_rng(0).integers(0, 256, (90, 120, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "photo.png")
    return tmp_path / "photo.png"


def test_predict_takes_windows_and_views_and_says_so(run_cli, runs, photo, tmp_path) -> None:
    code, out, err = run_cli(
        "predict", runs[0], str(photo), "--out", str(tmp_path / "out"), "--window", "64", "--overlap", "0.5", "--flip"
    )
    assert code == 0, err
    line = json.loads((tmp_path / "out" / "predictions.jsonl").read_text())
    assert line["note"] == "predicted in 6 windows of 64x64 pixels that overlap by at least 50 %"
    assert line["note"] in err
    with Image.open(tmp_path / "out" / "photo.png") as labels:
        found = np.array(labels)
    wanted = Predictor.load(runs[0], settings={"window": 64, "overlap": 0.5, "flip": True})(photo)
    assert np.array_equal(found, wanted.labels)


def test_predict_averages_several_models(run_cli, runs, photo, tmp_path) -> None:
    code, _, err = run_cli("predict", ",".join(runs), str(photo), "--out", str(tmp_path / "out"))
    assert code == 0, err
    with Image.open(tmp_path / "out" / "photo.png") as labels:
        assert np.array_equal(np.array(labels), Predictor.load(list(runs))(photo).labels)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--overlap", "1"), "predict: overlap: input should be less than 1, but 1.0 was given"),
        (("--scales", "1,zero"), "--scales is '1,zero'; give factors above 0, such as 0.75,1,1.25"),
        (("--scales", "0"), "predict: scales: give factors above 0"),
        (("--window", "tiny"), "predict: window: give the side of windows in pixels, such as 512, or auto, or whole"),
    ],
)
def test_what_makes_no_windows_or_views_is_one_sentence(run_cli, runs, photo, tmp_path, options, sentence) -> None:
    code, _, err = run_cli("predict", runs[0], str(photo), "--out", str(tmp_path / "out"), *options)
    assert code == 2 and sentence in err and len(err.strip().splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_evaluate_uses_the_recipe_and_the_options_and_says_so_with_the_score(run_cli, runs) -> None:
    source = ("shapes", "--json")
    scores = {}
    for name, options in {
        "plain": (runs[0],),
        "recipe": (runs[1],),
        "without": (runs[1], "--window", "whole", "--no-flip"),
        "both": (",".join(runs),),
    }.items():
        code, out, err = run_cli("evaluate", *options, *source)
        assert code == 0, err
        scores[name] = json.loads(out)
    assert scores["recipe"]["predicted"] == (
        "windows of 32x32 pixels that overlap by 25 % (gaussian); mean of 2 views (mirrored)"
    )
    assert scores["both"]["predicted"] == "mean of 2 models"
    assert "predicted" not in scores["plain"] and "predicted" not in scores["without"]
    assert scores["recipe"]["miou"] != scores["without"]["miou"]


def test_compare_says_how_each_side_predicts(run_cli, runs) -> None:
    code, out, err = run_cli("compare", *runs, "--json")
    assert code == 0, err
    predicted = json.loads(out)["predicted"]
    assert predicted.startswith("a: one pass over each picture; b: windows of 32x32 pixels")
    code, out, err = run_cli("compare", runs[0], ",".join(runs), "--flip", "--window", "whole", "--json")
    assert code == 0, err
    assert "mean of 2 views (mirrored); mean of 2 models" in json.loads(out)["predicted"]
