"""`--decide`: how an answer is made of the output, the same in `predict`, `evaluate` and `compare`."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from intarsia import models
from intarsia.checkpoint import Checkpoint, save
from intarsia.cli.views import decisions_of
from intarsia.errors import RecipeError
from intarsia.labels import LabelSpace


def test_values_are_yaml_and_later_ones_count() -> None:
    assert decisions_of(["threshold=0.3", "merge=true", "threshold=[0.2, 0.4]"]) == {
        "threshold": [0.2, 0.4],
        "merge": True,
    }
    assert decisions_of(None) == {}


@pytest.mark.parametrize("given", ["threshold", "=0.3", "threshold=", "threshold={"])
def test_what_is_no_key_and_value_is_a_sentence(given: str) -> None:
    with pytest.raises(RecipeError, match="write KEY=VALUE, such as threshold=0.3"):
        decisions_of([given])


@pytest.fixture(scope="module")
def binary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network with random weights whose probability of the second class is near one half everywhere."""
    torch.manual_seed(0)
    options = {"encoder": "resnet10t", "channels": 16}
    network = models.build("fpn", 2, **options)
    space = LabelSpace(("background", "thing"))
    stored = Checkpoint("fpn", options, space, 3, (0.5,) * 3, (0.25,) * 3, network.state_dict())
    return save(tmp_path_factory.mktemp("model") / "binary.safetensors", stored)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two pictures with masks of both classes."""
    dice = np.random.default_rng(0)
    for kind in ("images", "masks"):
        (tmp_path / "set" / kind).mkdir(parents=True)
    for name in ("a", "b"):
        Image.fromarray(dice.integers(0, 256, (64, 64, 3), dtype=np.uint8)).save(tmp_path / f"set/images/{name}.png")
        mask = np.zeros((64, 64), np.uint8)
        mask[:16] = 1
        Image.fromarray(mask).save(tmp_path / f"set/masks/{name}.png")
    return tmp_path / "set"


def test_each_verb_decides_as_it_is_asked(run_cli, binary: Path, folder: Path, tmp_path: Path) -> None:
    """At 0 all is the second class, whose IoU is then the quarter of the picture that it covers; at 1 it is found nowhere."""
    iou = {}
    for limit in (0, 1):
        code, out, err = run_cli("evaluate", binary, folder, "--decide", f"threshold={limit}", "--json")
        assert code == 0, err
        iou[limit] = json.loads(out)["iou"]["thing"]
        place = tmp_path / str(limit)
        code, _, err = run_cli("predict", binary, folder / "images", "--out", place, "--decide", f"threshold={limit}")
        assert code == 0, err
        with Image.open(place / "a.png") as found:
            assert set(np.unique(np.array(found))) == {1 - limit}
    assert iou == {0: 0.25, 1: 0.0}
    code, out, err = run_cli("compare", binary, binary, "--labels", folder, "--decide", "threshold=0", "--json")
    assert code == 0, err
    assert '"thing"' in out and "0.25" in out


def test_an_option_that_no_decision_takes_names_the_nearest(run_cli, binary: Path, folder: Path) -> None:
    code, _, err = run_cli("evaluate", binary, folder, "--decide", "treshold=0.5")
    assert code == 2
    assert "treshold" in err and "threshold" in err
