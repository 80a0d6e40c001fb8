"""Cross-validation: every picture is answered once, by a network that has not seen it."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from torch import nn

from intarsia.checkpoint import load
from intarsia.cli import main
from intarsia.errors import RecipeError, TrainingError
from intarsia.study import folds
from intarsia.study.folds import parts_of


def recipe() -> dict[str, Any]:
    return {
        "data": {"name": "shapes", "size": 32, "count": 4},
        "train": {"steps": 1, "batch_size": 2, "workers": 0, "audit": False, "precision": "float32", "page": False},
        "evaluate": {"every": 1},
    }


def test_parts_share_no_picture_and_leave_none_out() -> None:
    parts = parts_of(11, 4, seed=3)
    assert sorted(n for part in parts for n in part) == list(range(11)) and {len(p) for p in parts} == {2, 3}
    assert parts == parts_of(11, 4, seed=3) != parts_of(11, 4, seed=4)


def test_every_picture_is_answered_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def net() -> nn.Module:
        return nn.Conv2d(3, classes, 1)

    import intarsia

    sets = [intarsia.datasets.open("shapes", None, split, size=32, count=4) for split in ("train", "val")]
    classes = sets[0].labels.num_classes
    found = folds(recipe(), count=2, out=tmp_path, model=net)
    total = sum(map(len, sets))
    assert found.images == total and found.trained == 2 and len(found.values) == 2
    assert found.mean.mean == pytest.approx(np.mean(found.values))
    assert len(list((tmp_path / "out-of-fold").glob("*.png"))) == total
    parts = [json.loads((tmp_path / f"fold-{n}" / "folds.json").read_text())["part"] for n in (1, 2)]
    assert sorted(parts[0] + parts[1]) == list(range(total))
    # the answer to a picture is that of the network which was trained without it
    which = 0 if 0 in parts[0] else 1
    model = net()
    model.load_state_dict(load(tmp_path / f"fold-{which + 1}").weights)
    predictor = intarsia.Predictor.load(tmp_path / f"fold-{which + 1}" / "last.safetensors", model=model)
    name = sets[0][0].name.replace("/", "_")
    written = np.asarray(Image.open(tmp_path / "out-of-fold" / f"{name}.png"))
    assert (written == predictor(sets[0][0].image).labels).all()
    again = folds(recipe(), count=2, out=tmp_path, model=net)
    assert again.trained == 0 and again.values == found.values
    with pytest.raises(TrainingError, match="holds a finished fold of another recipe"):
        folds(recipe(), "seed=1", count=2, out=tmp_path, model=net)


def test_what_cannot_be_divided_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(RecipeError, match="1 folds of"):
        folds(recipe(), count=1, out=tmp_path)
    with pytest.raises(RecipeError, match="it names no data set"):
        folds({"train": {"steps": 1}}, count=2, out=tmp_path)
    assert main(["study", "shapes", "--folds", "3", "--model", "unet"]) == 2
    assert main(["study", "shapes"]) == 2
    told = capsys.readouterr().err
    assert "--folds trains the recipe's own network" in told and "cross-validate a recipe with --folds" in told
