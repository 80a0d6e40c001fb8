"""What real folders and real disks do: each is one clear sentence with exit code 2, and nothing is lost."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image


def _change_masks(photos: Path, change) -> None:
    for path in (photos / "masks").iterdir():
        Image.fromarray(change(np.array(Image.open(path)))).save(path)


def _values(recipe: Path, values: str) -> None:
    recipe.write_text(recipe.read_text().replace("labels: {", f"labels: {{values: {values}, "))


def test_a_mask_with_id_37_of_three_classes(run_cli, recipe: Path, photos: Path, tmp_path: Path) -> None:
    def plant(mask: np.ndarray) -> np.ndarray:
        mask[0, :7] = 37
        return mask

    _change_masks(photos, plant)
    code, _, err = run_cli("train", recipe, "--out", tmp_path / "run")
    assert code == 2
    assert "37" in err
    assert "3 classes" in err
    _values(recipe, "{0: ground, 1: disk, 2: bar}")
    code, _, err = run_cli("train", recipe, "--out", tmp_path / "run")
    flat = " ".join(err.split())
    assert code == 2
    assert "37" in flat
    assert "7 px" in flat
    assert "labels.values" in flat
    _values(recipe, "{0: ground, 1: disk, 2: bar, 37: ignore}")  # the cure that the sentence names
    recipe.write_text(recipe.read_text().replace("values: {0: ground, 1: disk, 2: bar}, ", ""))
    assert run_cli("train", recipe, "train.steps=1", "--out", tmp_path / "run")[0] == 0


def test_a_color_mask_with_an_unknown_color(run_cli, recipe: Path, photos: Path, tmp_path: Path) -> None:
    colors = np.array([[10, 10, 10], [200, 0, 0], [0, 0, 201]], np.uint8)
    _change_masks(photos, lambda mask: colors[mask])
    _values(recipe, '{"#0a0a0a": ground, "#c80000": disk, "#0000c8": bar}')
    code, _, err = run_cli("train", recipe, "--out", tmp_path / "run")
    assert code == 2
    assert "#0000c9" in err
    assert "likely 'bar'" in err


def test_class_255_of_300_does_not_vanish(run_cli, recipe: Path, photos: Path, tmp_path: Path) -> None:
    wide = np.array([0, 255, 299], np.uint16)
    _change_masks(photos, lambda mask: wide[mask])
    names = ", ".join(f"c{n}" for n in range(300))
    recipe.write_text(recipe.read_text().replace("[ground, disk, bar]", f"[{names}]"))
    code, out, err = run_cli("data", "audit", recipe, "--json")
    assert code == 0, err
    classes = json.loads(out)["classes"]
    assert classes["c255"]["pixels"] > 0
    assert json.loads(out)["ignored"] == 0
    assert run_cli("train", recipe, "train.steps=1", "--out", tmp_path / "run")[0] == 0
    code, _, err = run_cli("predict", tmp_path / "run", photos / "images" / "scene_0.png", "--out", tmp_path / "out")
    assert code == 0, err
    with Image.open(tmp_path / "out" / "scene_0.png") as labels:
        assert labels.mode.startswith("I")


@pytest.mark.skipif(sys.platform == "win32", reason="RLIMIT_FSIZE is POSIX")
def test_no_space_left_keeps_the_checkpoint_that_is_there(run_cli, recipe: Path, tmp_path: Path) -> None:
    import resource

    out = tmp_path / "run"
    assert run_cli("train", recipe, "train.steps=1", "--out", out)[0] == 0
    before = (out / "last.safetensors").read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, limits[1]))  # the lower of the two can be taken back
    try:
        code, said, err = run_cli("train", recipe, "train.steps=2", "--out", out, "--resume", "--json")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert code == 2, err
    assert "Traceback" not in err
    assert "safetensors" in json.loads(said)["error"]
    assert (out / "last.safetensors").read_bytes() == before
    assert {p.suffix for p in out.iterdir()} <= {".safetensors", ".yaml", ".jsonl", ".json", ".html"}  # no leavings
