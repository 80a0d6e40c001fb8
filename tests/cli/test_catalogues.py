"""`models`, `recipe` and `data list`: what there is to choose from."""

import json
from pathlib import Path

import pytest
import yaml


def test_models_as_json(run_cli) -> None:
    code, out, _ = run_cli("models", "--json")
    found = {entry["name"]: entry for entry in json.loads(out)}
    assert code == 0
    assert {"fcn8s", "fcn16s", "fcn32s", "segnet", "unet", "pspnet", "fpn", "deeplabv3plus"} <= set(found)
    for entry in found.values():
        assert {"name", "title", "paper", "year", "idea", "deck_row", "parameters"} <= set(entry)
        assert entry["parameters"] > 1e6
    assert found["pspnet"]["paper"] == "arXiv:1612.01105"
    assert found["deeplabv3plus"]["deck_row"] == "B14"


def test_models_as_a_table(run_cli) -> None:
    code, out, _ = run_cli("models")
    assert code == 0
    assert all(word in out for word in ("pspnet", "2017", "arXiv:1612.01105", "134.4 M"))
    assert max(map(len, out.splitlines())) <= 100


def test_one_model_in_full(run_cli) -> None:
    code, out, _ = run_cli("models", "pspnet")
    assert code == 0
    assert "Pyramid Scene Parsing Network" in out  # the header of its file
    assert "Departures from the paper" in out
    assert "encoder" in out
    options = {o["key"]: o for o in json.loads(run_cli("models", "pspnet", "--json")[1])["options"]}
    assert options["model.pspnet.encoder"]["default"] == "resnet101"
    assert all(o["meaning"] for o in options.values())


def test_an_unknown_model(run_cli) -> None:
    code, out, err = run_cli("models", "pspnt")
    assert (code, out) == (2, "")
    assert err == "error: there is no architecture 'pspnt'; did you mean 'pspnet'?\n"


def test_the_table_of_the_readme_is_current(run_cli, root: Path) -> None:
    text = (root / "README.md").read_text(encoding="utf-8")
    _, _, rest = text.partition("<!-- models: written by `intarsia models --markdown`, and a test compares -->\n")
    table, _, _ = rest.partition("<!-- end of models -->")
    assert table.strip() == run_cli("models", "--markdown")[1].strip()


def test_recipes_are_listed(run_cli) -> None:
    found = json.loads(run_cli("recipe", "list", "--json")[1])
    assert {"shapes", "camvid"} <= {entry["short"] for entry in found}
    assert all("intarsia train" in entry["about"] for entry in found)
    assert "camvid" in run_cli("recipe", "list")[1]


def test_a_recipe_is_shown_and_copied(run_cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    shown = run_cli("recipe", "show", "shapes")[1]
    assert yaml.safe_load(shown) == json.loads(run_cli("recipe", "show", "shapes", "--json")[1])
    code, out, _ = run_cli("recipe", "copy", "shapes")
    copied = next(tmp_path.glob("*.yaml"))
    assert code == 0
    assert f"wrote {copied.name}" in out
    assert copied.read_text() == shown
    code, _, err = run_cli("recipe", "copy", "shapes")
    assert code == 2
    assert "is there already" in err


def test_an_unknown_recipe(run_cli) -> None:
    code, _, err = run_cli("recipe", "show", "campvid")
    assert code == 2
    assert "no packaged recipe 'campvid'; did you mean 'camvid'?" in err


def test_a_key_is_explained(run_cli) -> None:
    code, out, _ = run_cli("recipe", "explain", "train.minutes")
    assert code == 0
    assert "Budget in minutes" in out
    assert "float | None" in out
    told = json.loads(run_cli("recipe", "explain", "model.pspnet.encoder", "--json")[1])
    assert told["default"] == "resnet101"
    assert "fpn" in run_cli("recipe", "explain", "model")[1]


def test_all_keys_are_explained(run_cli) -> None:
    told = {entry["key"]: entry for entry in json.loads(run_cli("recipe", "explain", "--json")[1])["keys"]}
    assert {"train.steps", "augment.crop", "loss.class_weights", "evaluate.every", "seed"} <= set(told)
    out = run_cli("recipe", "explain")[1]
    assert all(key in out for key in told)


def test_an_unknown_key(run_cli) -> None:
    code, _, err = run_cli("recipe", "explain", "train.emma")
    assert (code, err) == (2, "error: train.emma: unknown key; did you mean 'ema'?\n")


def test_data_sets_are_listed(run_cli) -> None:
    found = {entry["name"]: entry for entry in json.loads(run_cli("data", "list", "--json")[1])}
    assert {"folder", "camvid", "voc", "shapes"} <= set(found)
    assert all(entry["about"] for entry in found.values())
    assert "classes" in found["camvid"]["options"]
    assert "camvid" in run_cli("data", "list")[1]
