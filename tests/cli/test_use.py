"""`evaluate`, `predict` and `demo` on a checkpoint that knows everything and has learned nothing."""

import json
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

SHAPES = {"background", "disk", "square", "triangle", "ring"}


def _picture(path: Path, height: int = 37, width: int = 53) -> Path:
    random = np.random.default_rng(len(path.name))
    Image.fromarray(random.integers(0, 255, (height, width, 3), np.uint8)).save(path)
    return path


def test_evaluate_as_json(run_cli, trained: Path) -> None:
    code, out, err = run_cli("evaluate", trained, "--json")
    tree = json.loads(out)
    assert code == 0, err
    assert set(tree["iou"]) == SHAPES
    assert 0 <= tree["miou"] <= 1
    assert tree["protocol"] == "dataset"
    assert tree["images"] == 4


def test_evaluate_for_people_and_its_report(run_cli, trained: Path, tmp_path: Path) -> None:
    code, out, err = run_cli("evaluate", trained / "last.safetensors", "shapes", "--out", tmp_path / "report")
    assert code == 0, err
    assert all(name in out for name in SHAPES)
    assert "mIoU" in out
    assert "protocol 'dataset'" in out
    assert max(map(len, out.splitlines())) <= 100 or str(tmp_path) in out
    page = (tmp_path / "report" / "report.html").read_text(encoding="utf-8")
    assert "intarsia evaluate" in page  # the exact command
    assert "http" not in page.replace("http://www.w3.org", "")  # nothing beside the file is needed


def test_evaluate_shows_every_protocol_and_more_metrics(run_cli, trained: Path, tmp_path: Path) -> None:
    code, out, err = run_cli(
        "evaluate", trained, "--protocol", "all", "--metrics", "boundary, calibration,topk,trimap", "--out", tmp_path
    )
    assert code == 0, err
    for word in ("mmsegmentation", "detectron2", "paddleseg", "monai", "micro", "torchvision", "csail"):
        assert word in out
    for words in (
        "boundary: IoU of the boundaries",
        "accuracy@5 100.0",
        "trimap: IoU within 5 pixels of the boundaries of the truth; in percent",
        "brier 0.",
    ):
        assert words in out
    assert max(map(len, out.splitlines())) <= 100 or str(tmp_path) in out
    stored = json.loads((tmp_path / "scores.json").read_text())
    assert len(stored["miou_by_protocol"]) == 8 and stored["measures"].keys() == {
        "boundary",
        "calibration",
        "topk",
        "trimap",
    }
    assert (tmp_path / "images.safetensors").is_file()


def test_evaluate_on_a_recipe_of_other_data(run_cli, recipe: Path, tmp_path: Path) -> None:
    assert run_cli("train", recipe, "train.steps=1", "--out", tmp_path / "run")[0] == 0
    code, out, err = run_cli("evaluate", tmp_path / "run", recipe, "--split", "train", "--json")
    assert code == 0, err
    assert json.loads(out)["images"] == 4


def test_evaluate_refuses_data_of_other_classes(run_cli, trained: Path, recipe: Path) -> None:
    code, _, err = run_cli("evaluate", trained, recipe)
    assert code == 2
    assert "class" in err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["gone.safetensors"], "gone.safetensors"),
        (["{run}", "--split", "vla"], "did you mean 'val'?"),
        (["{run}", "no_such_data"], "no_such_data"),
        (["{run}", "--protocol", "datset"], "did you mean 'dataset'?"),
        (["{run}", "--metrics", "boundry"], "did you mean 'boundary'?"),
        (["{run}", "camvid"], "root"),
    ],
)
def test_evaluate_told_wrong(run_cli, trained: Path, arguments: list[str], words: str) -> None:
    code, out, err = run_cli("evaluate", *[a.replace("{run}", str(trained)) for a in arguments], "--json")
    assert code == 2
    assert words in err
    assert words in json.loads(out)["error"]


def test_predict_writes_what_it_promises(run_cli, trained: Path, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    _picture(folder / "a.png")
    _picture(folder / "b.jpg", 64, 40)
    single = _picture(tmp_path / "c.png", 20, 90)
    out = tmp_path / "out"
    code, text, err = run_cli("predict", trained, folder, single, "--out", out)
    assert code == 0, err
    assert "3 pictures" in text
    for name, size in (("a", (53, 37)), ("b", (40, 64)), ("c", (90, 20))):
        with Image.open(out / f"{name}.png") as labels:
            assert (labels.size, labels.mode) == (size, "P")
            assert np.asarray(labels).max() < 5
        with Image.open(out / "overlays" / f"{name}.png") as overlay:
            assert overlay.size >= size
    lines = [json.loads(line) for line in (out / "predictions.jsonl").read_text().splitlines()]
    assert [Path(line["image"]).name for line in lines] == ["a.png", "b.jpg", "c.png"]
    assert [(line["height"], line["width"]) for line in lines] == [(37, 53), (64, 40), (20, 90)]
    for line in lines:
        assert set(line["shares"]) == SHAPES
        assert sum(line["shares"].values()) == pytest.approx(1)


def test_predict_takes_patterns(run_cli, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("x1.png", "x2.png", "y.png"):
        _picture(tmp_path / name)
    code, out, err = run_cli("predict", trained, "x*.png", "--out", "out", "--json")
    assert code == 0, err
    tree = json.loads(out)
    assert [line["image"] for line in tree["predictions"]] == ["x1.png", "x2.png"]
    assert (tree["images"], tree["failed"]) == (2, 0)


def test_pictures_of_one_name_keep_their_folders(run_cli, trained: Path, tmp_path: Path) -> None:
    for number, name in enumerate(("one", "two")):
        (tmp_path / name).mkdir()
        _picture(tmp_path / name / "same.png", 20 + number)
    _picture(tmp_path / "two" / "SAME.jpg", 30)
    out = tmp_path / "out"
    code, _, err = run_cli("predict", trained, tmp_path / "one", tmp_path / "two", "--out", out)
    assert code == 0, err
    lines = [json.loads(line) for line in (out / "predictions.jsonl").read_text().splitlines()]
    found = {Path(line["labels"]).relative_to(out).as_posix(): line["height"] for line in lines}
    assert found == {"one/same.png": 20, "two/SAME.png": 30, "two/same-2.png": 21}
    for name, height in found.items():
        with Image.open(out / name) as labels:
            assert labels.height == height
        assert (out / "overlays" / name).is_file()


def test_a_picture_is_never_written_over_by_its_own_labels(run_cli, trained: Path, tmp_path: Path) -> None:
    picture = _picture(tmp_path / "a.png")
    before = picture.read_bytes()
    code, _, err = run_cli("predict", trained, picture, "--out", tmp_path)
    assert code == 2
    assert "would be written over it; choose another folder with --out" in err
    assert picture.read_bytes() == before
    assert not (tmp_path / "overlays").exists()


def test_one_bad_picture_does_not_stop_the_others(run_cli, trained: Path, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    _picture(folder / "a.png")
    (folder / "b.png").write_text("a text file named .png")
    _picture(folder / "c.jpg")
    whole = (folder / "c.jpg").read_bytes()
    (folder / "d.jpg").write_bytes(whole[: len(whole) // 2])
    _picture(folder / "e.png")
    code, text, err = run_cli("predict", trained, folder, "--out", tmp_path / "out", "--json")
    tree = json.loads(text)
    assert code == 2
    assert (tree["images"], tree["failed"]) == (3, 2)
    assert "b.png" in tree["error"]
    assert "d.jpg" in err
    assert "2 of 5 pictures could not be read; the others are in" in err
    assert sorted(p.name for p in (tmp_path / "out").glob("*.png")) == ["a.png", "c.png", "e.png"]


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        (["gone.jpg"], "there is no picture, folder or pattern 'gone.jpg'"),
        (["*.nothing"], "nothing matches the pattern '*.nothing'"),
        (["{empty}"], "holds no pictures ("),
    ],
)
def test_predict_told_wrong(run_cli, trained: Path, tmp_path: Path, inputs: list[str], words: str) -> None:
    (tmp_path / "empty").mkdir()
    inputs = [text.replace("{empty}", str(tmp_path / "empty")) for text in inputs]
    code, _, err = run_cli("predict", trained, *inputs, "--out", tmp_path / "out")
    assert code == 2
    assert words in err
    assert not (tmp_path / "out").exists()


class Harm:
    """What a stranger's pickle would do when it is loaded."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple:
        return Path.touch, (self.path,)


@pytest.mark.parametrize("verb", ["evaluate", "predict"])
@pytest.mark.parametrize("kind", ["truncated", "pickle", "text", "empty folder"])
def test_checkpoints_that_are_none(run_cli, trained: Path, tmp_path: Path, verb: str, kind: str) -> None:
    path, picture = tmp_path / "model.safetensors", _picture(tmp_path / "a.png")
    if kind == "truncated":
        shutil.copy(trained / "last.safetensors", path)
        path.write_bytes(path.read_bytes()[:5000])
    elif kind == "pickle":
        path = tmp_path / "model.pth"
        path.write_bytes(pickle.dumps(Harm(tmp_path / "harmed")))
    elif kind == "text":
        path.write_text("no checkpoint")
    else:
        path = tmp_path / "run"
        path.mkdir()
    rest = [picture, "--out", tmp_path / "out"] if verb == "predict" else []
    code, _, err = run_cli(verb, path, *rest)
    assert code == 2
    assert path.name in err
    assert err.count("\n") == 1
    assert not (tmp_path / "harmed").exists()
    assert not (tmp_path / "out").exists()


def test_the_demo_from_nothing_to_a_report(run_cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("intarsia.cli.demo.GOAL", 0.0)
    changes = "train.steps=1 train.batch_size=2 train.workers=0 train.cache=false data.count=4 data.size=48 model.channels=8".split()
    code, out, err = run_cli("demo", *changes)
    assert code == 0, err
    assert "4/4  done in " in out and "missed" not in out + err
    report = tmp_path / "demo" / "report" / "report.html"
    assert report.is_file()
    assert report.as_uri() in out
    assert len(list((tmp_path / "demo" / "predictions" / "overlays").glob("*.png"))) == 4
    code, out, _ = run_cli("demo", *changes, "--json")  # a second one does not touch the first
    tree = json.loads(out)
    assert code == 0
    assert tree["report"] == str(tmp_path / "demo-2" / "report" / "report.html")
    assert set(tree["iou"]) == SHAPES
    assert tree["reached"] is True


def test_the_demo_that_misses_its_goal_says_so(run_cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One step teaches nothing: exit code 1 and a sentence with the number reached, as text and as JSON."""
    monkeypatch.chdir(tmp_path)
    changes = "train.steps=1 train.batch_size=2 train.workers=0 train.cache=false data.count=4 data.size=48 model.channels=8".split()
    code, out, err = run_cli("demo", *changes)
    assert code == 1
    assert "done" not in out
    missed = next(line for line in err.splitlines() if line.startswith("missed: "))
    assert "after 1 steps" in missed and "at least 90" in missed and "train.steps=1" in missed
    score = json.loads((tmp_path / "demo" / "report" / "scores.json").read_text())
    assert f"mIoU {100 * score['miou']:.1f} " in missed
    code, out, err = run_cli("demo", *changes, "--json")
    tree = json.loads(out)
    assert code == 1
    assert tree["reached"] is False and tree["goal"] == 0.9 and tree["miou"] < 0.9


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_the_demo_reaches_its_goal(run_cli, tmp_path: Path) -> None:
    """The recipe as it is, in a number of steps that no clock decides."""
    code, out, err = run_cli("demo", "--out", tmp_path / "demo", "--json")
    assert code == 0, err
    assert json.loads(out)["miou"] >= 0.9


def test_where_no_picture_could_be_read_there_are_no_others(run_cli, trained: Path, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_text("a text file named .png")
    code, _, err = run_cli("predict", trained, tmp_path / "a.png", "--out", tmp_path / "out")
    assert code == 2 and "1 of 1 pictures could not be read" in err and "the others" not in err
