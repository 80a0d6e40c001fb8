"""A study in seconds: every network trained once, told apart honestly, and gone on with where it stopped."""

import json
import shutil
from pathlib import Path

import pytest

from intarsia.errors import DataError, IntarsiaError, ModelError, RecipeError, TrainingError
from intarsia.study import study
from intarsia.study.experiment import _recipe, _varied
from intarsia.training.recipe import load

SMALL = (
    "train.steps=2 train.batch_size=2 train.workers=0 train.cache=false data.count=4 data.size=48 model.channels=8"
).split()


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study of two networks with one seed each."""
    out = tmp_path_factory.mktemp("study") / "finished"
    found = study(["fpn"], ["resnet18", "mobilenetv2_100"], *SMALL, out=out)
    assert found.trained == 2
    return out


@pytest.fixture
def folder(finished: Path, tmp_path: Path) -> Path:
    """A copy of it, which a test may change."""
    return shutil.copytree(finished, tmp_path / "study")


def test_it_answers_on_one_page(folder: Path) -> None:
    tree = json.loads((folder / "study.json").read_text())
    assert {e["name"] for e in tree["entries"]} == {"fpn-resnet18", "fpn-mobilenetv2_100"}
    assert len(tree["pairs"]) == 1 and tree["budget"] == "2 steps"
    best, other = tree["entries"]
    assert best["miou"][0] >= other["miou"][0]
    assert all(
        e["parameters"] > 1e6 and e["gflops"] > 0 and e["speed"] > 0 and e["steps"] == [2] for e in (best, other)
    )
    page = (folder / "study.html").read_text()
    assert "Which differences are real" in page and tree["answer"] in page
    assert "http" not in page and "<script" not in page


def test_a_finished_run_is_not_trained_again(folder: Path) -> None:
    before = {p: p.stat().st_mtime_ns for p in folder.rglob("*.safetensors")}
    again = study(["fpn"], ["resnet18", "mobilenetv2_100"], *SMALL, out=folder)
    assert again.trained == 0
    assert before == {p: p.stat().st_mtime_ns for p in folder.rglob("*.safetensors")}


def test_a_run_that_was_stopped_is_gone_on_with(folder: Path) -> None:
    """Without its result a run is not finished: it resumes from its last checkpoint, here at the end of its budget."""
    home = folder / "fpn-resnet18-seed0"
    before = json.loads((home / "result.json").read_text())
    (home / "result.json").unlink()
    assert study(["fpn"], ["resnet18"], *SMALL, out=folder).trained == 1
    after = json.loads((home / "result.json").read_text())
    assert after["miou"] == before["miou"] and after["steps"] == 2


def test_one_more_seed_trains_only_what_is_missing(folder: Path) -> None:
    said: list[str] = []
    found = study(["fpn"], ["resnet18"], *SMALL, seeds=2, out=folder, say=said.append)
    assert found.trained == 1 and "finished before" in said[0]
    entry = found.entries[0]
    assert len(entry.runs) == 2 and entry.seeds.runs == 2
    assert not found.pairs and found.answer.startswith("fpn-resnet18 scores highest")


def test_another_recipe_in_the_same_folder_is_refused(folder: Path) -> None:
    with pytest.raises(TrainingError, match="holds a finished run of another recipe"):
        study(["fpn"], ["resnet18"], *SMALL, "optimizer.lr=1e-4", out=folder)


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ((["unett"], []), ModelError, "did you mean 'unet'"),
        (([], []), ModelError, "a study needs a network"),
        ((["enet"], ["resnet18"]), ModelError, "takes no encoder"),
        ((["fpn"], ["resnet18", "resnet18"]), ModelError, "listed twice"),
        ((["fpn"], [], "seed=3"), RecipeError, "what the study itself changes"),
        ((["fpn"], [], "data.val=null"), RecipeError, "compares on validation images"),
    ],
)
def test_what_cannot_be_studied_is_said_first(
    tmp_path: Path, arguments, error: type[IntarsiaError], words: str
) -> None:
    with pytest.raises(error, match=words):
        study(*arguments, out=tmp_path / "study")
    assert not (tmp_path / "study").exists()


def test_unknown_data_is_told_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="camvid"):
        study(["fpn"], [], data="camvidd", out=tmp_path)


def test_on_the_command_line(run_cli, folder: Path) -> None:
    code, out, err = run_cli(
        "study", "--model", "fpn", "--encoder", "resnet18,mobilenetv2_100", "--out", folder, *SMALL
    )
    assert code == 0, err
    assert "finished before" in out and "report:" in out and "images/s" in out


def test_a_study_spends_its_budget_where_the_recipe_would_stop_early() -> None:
    """`shapes/fpn_resnet10t` stops once it is good enough, which would make all networks look alike."""
    assert load("shapes/fpn_resnet10t").train.until is not None
    assert _recipe("shapes/fpn_resnet10t", None, "fpn", "resnet18", 5.0, 0, ()).train.until is None


def test_a_peers_variant_is_studied_by_its_name(tmp_path: Path) -> None:
    found = study(["smp_fpn"], ["resnet18"], *SMALL, out=tmp_path / "study")
    assert [entry.name for entry in found.entries] == ["smp_fpn-resnet18"] and found.trained == 1
    with pytest.raises(ModelError, match="did you mean 'smp_fpn'"):
        study(["smp_fpnn"], ["resnet18"], *SMALL, out=tmp_path / "other")


def test_a_key_is_varied() -> None:
    each = _varied("model.roi=pool,align_max", ["train.steps=2"])
    assert each == [("-pool", ["model.roi=pool"]), ("-align_max", ["model.roi=align_max"])]
    recipe = _recipe("shapes/maskrcnn", None, "maskrcnn", None, 1, 0, each[1][1])
    assert recipe.model is not None and recipe.model.options["roi"] == "align_max"


@pytest.mark.parametrize(
    ("vary", "words"),
    [
        ("model.roi=pool", "--vary model.roi=pool: name a key and two or more values of it, each once"),
        ("model.roi=pool,pool", "each once"),
        ("train.steps=2,3", "train.steps is varied and set for all runs at once; leave one of the two out"),
    ],
)
def test_a_key_that_cannot_be_varied_is_refused(vary: str, words: str) -> None:
    with pytest.raises(RecipeError, match=words):
        _varied(vary, ["train.steps=2"])
