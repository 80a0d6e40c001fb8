"""The road: one picture through every method, with scores, times and the sliding window, as one page."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from intarsia.checkpoint import Checkpoint, save
from intarsia.classical import METHODS, PREFIX
from intarsia.cli import main
from intarsia.errors import DataError
from intarsia.evaluation.road import Road, _smaller, _truth, road
from intarsia.labels import LabelSpace
from intarsia.models import build

Y, X = np.mgrid[:40, :52]
DISK = (Y - 19) ** 2 + (X - 25) ** 2 < 100


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    """A picture of a bright disk, and its mask of 0 and 255."""
    noise = np.random.default_rng(0).normal(0, 5, (40, 52))
    light = np.clip(np.where(DISK, 190, 70) + noise, 0, 255).astype(np.uint8)
    Image.fromarray(np.repeat(light[..., None], 3, axis=2)).save(tmp_path / "a.png")
    Image.fromarray(np.where(DISK, 255, 0).astype(np.uint8)).save(tmp_path / "true.png")
    return tmp_path / "a.png", tmp_path / "true.png"


def test_the_page_shows_every_method_with_score_and_time(
    pair: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    picture, truth = pair
    out = tmp_path / "page.html"
    torch.manual_seed(0)
    options = {"context": 15, "channels": 4, "hidden": 8}
    network = build("pixel_classifier", 3, **options)
    own = Checkpoint(
        "pixel_classifier", options, LabelSpace(("a", "b", "c")), 3, (0.5,) * 3, (0.2,) * 3, network.state_dict()
    )
    save(tmp_path / "net.safetensors", own)
    given = ["road", str(picture), "--truth", str(truth), "--model", "classical:slic:segments=30", "--out", str(out)]
    given += ["--model", str(tmp_path / "net.safetensors")]
    found: list[Road] = []
    monkeypatch.setattr(
        "intarsia.evaluation.road.road", lambda *args, **options: found.append(road(*args, **options)) or found[0]
    )
    assert main(given) == 0 and "times slower than its dense twin" in capsys.readouterr().out
    monkeypatch.setattr("intarsia.evaluation.road.road", lambda *args, **options: found[0])  # not all of it again
    assert main([*given, "--json"]) == 0
    tree = json.loads(capsys.readouterr().out)
    assert [row["name"] for row in tree["methods"]] == [
        *(PREFIX + name for name in METHODS), "classical:slic:segments=30", str(tmp_path / "net.safetensors"),
    ]  # fmt: skip
    scores = {row["name"]: row["miou"] for row in tree["methods"]}
    assert scores["classical:otsu"] > 0.95 and all(0 <= score <= 1 for score in scores.values() if score is not None)
    assert scores[str(tmp_path / "net.safetensors")] is None, "it tells three classes apart"
    assert tree["sliding"]["trained"] and tree["sliding"]["context"] == 15
    assert tree["sliding"]["factor"] > 3 and tree["sliding"]["unlike"] < 1e-4
    page = out.read_text(encoding="utf-8")
    for method in METHODS.values():
        assert method.title.replace("'", "&#39;") in page
    assert page.count("data:image/png;base64,") == len(METHODS) + 5, "each method, both models, picture, truth, window"
    assert not re.search(r"<script|https?://", page), "nothing from elsewhere"


def test_truths_that_do_not_fit_are_said_in_one_sentence(pair: tuple[Path, Path], tmp_path: Path) -> None:
    picture, truth = pair
    np.testing.assert_array_equal(_truth(truth, (40, 52)), DISK)
    Image.fromarray(np.where(DISK, 7, 3).astype(np.uint8)).save(truth)
    np.testing.assert_array_equal(_truth(truth, (40, 52)), DISK)  # the larger value is the foreground
    Image.fromarray((X % 3).astype(np.uint8)).save(truth)
    with pytest.raises(DataError, match="holds 3 values"):
        road(picture, truth, out=tmp_path / "b.html")
    Image.fromarray(np.dstack([DISK * 255, DISK * 0, DISK * 0]).astype(np.uint8)).save(truth)
    with pytest.raises(DataError, match="is a color image; road takes a mask of two values"):
        _truth(truth, (40, 52))
    Image.fromarray(np.full((40, 52), 9, np.uint8)).save(truth)
    with pytest.raises(DataError, match=r"holds 1 value \(9\)"):
        _truth(truth, (40, 52))
    Image.fromarray(np.zeros((4, 5), np.uint8)).save(truth)
    with pytest.raises(DataError, match="must be of one size"):
        road(picture, truth, out=tmp_path / "b.html")
    with pytest.raises(DataError, match="at least 32"):
        road(picture, side=5, out=tmp_path / "b.html")
    assert not (tmp_path / "b.html").exists()


def test_a_smaller_picture_keeps_its_bits_and_its_light() -> None:
    deep = np.repeat((1000 + 10 * X).astype(np.uint16)[..., None], 3, axis=2)
    fewer, _, note = _smaller(deep, None, 26)
    assert fewer.shape == (20, 26, 3) and fewer.dtype == np.uint16 and "from 52 x 40 to 26 x 20" in note
    np.testing.assert_array_equal(fewer[:, :, 0], np.repeat(1005 + 20 * np.arange(26)[None], 20, axis=0))
