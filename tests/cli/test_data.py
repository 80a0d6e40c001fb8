"""`data audit` and `init`: a folder is looked at before anything trains."""

import json
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image


def test_a_sound_folder_is_sound(run_cli, recipe: Path) -> None:
    code, out, err = run_cli("data", "audit", recipe)
    assert (code, err) == (0, "")
    assert all(name in out for name in ("ground", "disk", "bar"))
    assert "0 errors" in out or "nothing wrong" in out


def test_the_audit_as_json(run_cli, recipe: Path) -> None:
    code, out, _ = run_cli("data", "audit", recipe, "--json")
    tree = json.loads(out)
    assert code == 0
    assert tree["channels"] == 3
    assert tree["images"] == {"train": 4, "val": 2}
    assert sum(entry["pixels"] for entry in tree["classes"].values()) == 4 * 48 * 64


def test_a_stray_value_is_an_error_with_file_count_and_cure(run_cli, recipe: Path, photos: Path) -> None:
    for path in (photos / "masks").iterdir():
        mask = np.asarray(Image.open(path)).copy()
        mask[:2, :5] = 37
        Image.fromarray(mask).save(path)
    text = recipe.read_text().replace("labels: {", "labels: {values: {0: ground, 1: disk, 2: bar}, ")
    recipe.write_text(text)
    code, out, _ = run_cli("data", "audit", recipe)
    assert code == 1
    flat = " ".join(out.split())
    assert "37" in flat
    assert "10" in flat  # pixels
    assert "scene_" in flat
    assert "labels.values" in flat
    assert json.loads(run_cli("data", "audit", recipe, "--json")[1])["findings"]


def test_a_mask_of_another_size(run_cli, recipe: Path, photos: Path) -> None:
    Image.fromarray(np.zeros((20, 30), np.uint8)).save(photos / "masks" / "scene_0.png")
    code, out, _ = run_cli("data", "audit", recipe)
    assert code == 1
    assert "scene_0" in out
    assert "30" in out


def test_unreadable_files(run_cli, recipe: Path, photos: Path) -> None:
    (photos / "images" / "scene_0.png").write_text("this is text")
    code, out, _ = run_cli("data", "audit", recipe)
    assert code == 1
    assert "scene_0.png" in out


def test_unmatched_names_are_shown(run_cli, recipe: Path, photos: Path) -> None:
    (photos / "masks" / "scene_0.png").rename(photos / "masks" / "scnee_0.png")
    code, out, _ = run_cli("data", "audit", recipe)
    assert "scene_0" in out
    assert "scnee_0" in out
    assert code in (0, 1)


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("no_such_place", "there is no folder, data set or recipe 'no_such_place'"),
        ("camvd", "did you mean 'camvid'?"),
        ("camvid", "root"),
        ("gone.yaml", "there is no recipe 'gone.yaml'"),
    ],
)
def test_a_source_that_is_none(run_cli, source: str, words: str) -> None:
    code, out, err = run_cli("data", "audit", source)
    assert (code, out) == (2, "")
    assert words in err


def test_a_folder_that_is_gone(run_cli, recipe: Path, tmp_path: Path) -> None:
    code, _, err = run_cli("data", "audit", recipe, "--root", tmp_path / "gone")
    assert code == 2
    assert f"{tmp_path / 'gone'}: there is no such folder" in err


def test_a_folder_without_pairs(run_cli, tmp_path: Path) -> None:
    for name in ("images", "masks"):
        (tmp_path / "empty" / name).mkdir(parents=True)
    code, _, err = run_cli("init", tmp_path / "empty", "--out", tmp_path / "r.yaml")
    assert code == 2
    assert str(tmp_path / "empty") in err
    assert not (tmp_path / "r.yaml").exists()


def test_init_writes_a_recipe_that_trains(run_cli, photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "mine.yaml"
    code, text, err = run_cli("init", photos, "--out", out, "--classes", "ground, disk,bar")
    assert (code, err) == (0, "")
    assert "bar" in text
    assert f"intarsia train {out}" in text
    written = yaml.safe_load(out.read_text())
    assert written["labels"]["classes"] == ["ground", "disk", "bar"]
    assert written["data"]["name"] == "folder"
    assert run_cli("data", "audit", out)[0] == 0
    changes = ["train.steps=1", "train.batch_size=2", "train.workers=0", "model.channels=8", "augment.crop=[32, 32]"]
    code, text, err = run_cli("train", out, *changes, "--out", tmp_path / "run")
    assert code == 0, err


def test_init_keeps_what_is_there(run_cli, photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "mine.yaml"
    out.write_text("precious")
    code, _, err = run_cli("init", photos, "--out", out, "--classes", "a,b,c")
    assert code == 2
    assert "is there already" in err
    assert out.read_text() == "precious"
    assert run_cli("init", photos, "--out", out, "--classes", "a,b,c", "--force")[0] == 0


def test_init_with_too_few_classes(run_cli, photos: Path, tmp_path: Path) -> None:
    code, _, err = run_cli("init", photos, "--out", tmp_path / "r.yaml", "--classes", "ground,disk")
    assert code == 2
    assert "2 classes" in err


def test_init_where_there_is_nothing(run_cli, tmp_path: Path) -> None:
    code, _, err = run_cli("init", tmp_path / "gone", "--out", tmp_path / "r.yaml")
    assert code == 2
    assert "gone" in err
