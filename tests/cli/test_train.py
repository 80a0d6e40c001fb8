"""`train`: a recipe in, a folder with a checkpoint out; and every mistake before anything is written."""

import json
from pathlib import Path

import pytest
import yaml


def test_a_run_leaves_everything_it_promises(run_cli, recipe: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    code, text, err = run_cli("train", recipe, "--out", out)
    assert code == 0, err
    assert "intarsia evaluate" in text
    assert {"last.safetensors", "best.safetensors", "recipe.yaml", "log.jsonl", "audit.json"} <= {
        p.name for p in out.iterdir()
    }
    lines = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines if line["kind"] == "train"] == [1, 2]
    assert lines[-1]["kind"] == "val"
    assert set(lines[-1]["iou"]) == {"ground", "disk", "bar"}
    assert yaml.safe_load((out / "recipe.yaml").read_text())["train"]["steps"] == 2


def test_json_is_one_document(run_cli, recipe: Path, tmp_path: Path) -> None:
    code, out, err = run_cli("train", recipe, "train.steps=1", "--out", tmp_path / "run", "--json")
    tree = json.loads(out)
    assert (code, err) == (0, "")
    assert Path(tree["checkpoint"]).is_file()
    assert 0 <= tree["val"]["miou"] <= 1


def test_a_run_is_not_written_over(run_cli, recipe: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    assert run_cli("train", recipe, "train.steps=1", "--out", out)[0] == 0
    before = (out / "last.safetensors").read_bytes()
    code, _, err = run_cli("train", recipe, "train.steps=1", "--out", out)
    assert code == 2
    assert "holds a run already; --resume goes on with it, or choose another --out" in err
    assert (out / "last.safetensors").read_bytes() == before


def test_resume_goes_on(run_cli, recipe: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    run_cli("train", recipe, "train.steps=1", "--out", out)
    code, _, err = run_cli("train", recipe, "train.steps=3", "--out", out, "--resume")
    assert code == 0, err
    assert "resumed at step 1" in err
    lines = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines if line["kind"] == "train"] == [1, 2, 3]


def test_fine_tuning_takes_the_weights_of_another_run(run_cli, recipe: Path, trained: Path, tmp_path: Path) -> None:
    """`shapes` knows five classes, the folder three: the trunk is taken, the classifier starts fresh."""
    code, _, err = run_cli("train", recipe, "train.steps=1", "--from", trained, "--out", tmp_path / "run")
    assert code == 0, err
    assert "started from" in err
    assert "tensors of the checkpoint; fresh: " in err


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (["train.stepz=1"], "train.stepz: unknown key; did you mean 'steps'?"),
        (["train.batch_size=lots"], "train.batch_size: input should be a valid integer"),
        (["model.name=fnp"], "model.name: there is no 'fnp'; did you mean 'fpn'?"),
        (["model.encoder=resnet19"], "resnet19"),
        (["model.bins=[1]"], "model.bins: fpn takes no such option"),
        (["data.images=pictures"], "pictures"),
        (["labels.classes=[ground, disk]"], "2 classes"),
        (["labels.classes=[a, b, c, d]", "labels.values={0: a}"], "labels.values"),
        (["train.precision=float16"], "train.precision=float16 needs a GPU"),
        (["loss.class_weights=[1, 2]"], "loss.class_weights lists 2 numbers for 3 classes"),
        (["train.steps=1", "train.batch_size=1", "augment.crop=[8, 8]"], "batch"),
        (["--resume=5"], "--resume"),
    ],
)
def test_mistakes_are_told_and_cost_nothing(
    run_cli, recipe: Path, tmp_path: Path, changes: list[str], words: str
) -> None:
    out = tmp_path / "run"
    code, text, err = run_cli("train", recipe, *changes, "--out", out)
    assert code == 2
    assert text == ""
    assert words in err
    assert "Traceback" not in err
    assert not list(out.glob("*.safetensors"))


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("gone.yaml", "there is no recipe"),
        ("campvid", "there is no recipe file and no packaged recipe 'campvid'; did you mean 'camvid'?"),
    ],
)
def test_a_recipe_that_is_none(run_cli, name: str, words: str) -> None:
    code, _, err = run_cli("train", name, "--out", "nowhere")
    assert code == 2
    assert words in err


def test_a_folder_given_as_a_recipe_trains(run_cli, photos: Path, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("intarsia.training.usual.timed", lambda here, model: here._replace(pace=1e6))
    small = ("model.encoder=resnet10t", "model.channels=8", "train.workers=0", "train.precision=float32")
    out = tmp_path / "run"
    code, text, err = run_cli("train", photos, "--budget", "1steps", *small, "--out", out)
    assert code == 0, err
    assert "objects are" in err and "intarsia evaluate" in text
    code, text, _ = run_cli("recipe", "show", out)
    assert code == 0 and yaml.safe_load(text)["train"]["steps"] == 1
    code, text, _ = run_cli("recipe", "show", photos, "--budget", "2h")
    assert code == 0 and "# augment.crop: objects are" in text and yaml.safe_load(text)["train"]["minutes"] == 120
    code, _, err = run_cli("train", photos, "--budget", "soon", "--out", out)
    assert code == 2 and "15m, 2h, 30ep or 500steps" in err


def test_data_that_is_gone(run_cli, recipe: Path, tmp_path: Path) -> None:
    code, _, err = run_cli("train", recipe, f"data.root={tmp_path / 'gone'}", "--out", tmp_path / "run")
    assert code == 2
    assert f"{tmp_path / 'gone'}: there is no such folder" in err


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        (lambda p: p.write_bytes(p.read_bytes()[:-100]), "scene_0"),
        (lambda p: p.write_text("no picture"), "scene_0"),
    ],
    ids=["truncated", "text"],
)
def test_broken_pictures_stop_training_before_it_starts(
    run_cli, recipe: Path, photos: Path, tmp_path: Path, harm, words: str
) -> None:
    harm(photos / "images" / "scene_0.png")
    code, _, err = run_cli("train", recipe, "--out", tmp_path / "run")
    assert code == 2
    assert words in err
    assert not list((tmp_path / "run").glob("*.safetensors"))
