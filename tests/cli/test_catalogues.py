"""`models`, `recipe` and `data list`: what there is to choose from."""

import json
import re
from pathlib import Path

import pytest
import yaml

from intarsia.checkpoint import VARIANTS


def test_models_as_json(run_cli) -> None:
    code, out, _ = run_cli("models", "--json")
    found = {entry["name"]: entry for entry in json.loads(out)}
    assert code == 0
    assert {"fcn8s", "fcn16s", "fcn32s", "segnet", "unet", "pspnet", "fpn", "deeplabv3plus"} <= set(found)
    for entry in found.values():
        assert {"name", "title", "paper", "year", "idea", "family", "parameters"} <= set(entry)
        assert not {"deck_row", "build", "smallest"} & set(entry), "what is for those who keep the table stays there"
        assert entry["parameters"] > 1e5
    assert found["pspnet"]["paper"] == "arXiv:1612.01105"


@pytest.mark.parametrize("columns", [80, 100, 120])
def test_models_as_a_table(run_cli, monkeypatch: pytest.MonkeyPatch, columns: int) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    code, out, _ = run_cli("models")
    lines = out.splitlines()
    assert code == 0
    assert max(map(len, lines)) <= columns
    assert all(word in out for word in ("pspnet", "2017", "134.4 M", "context: look at a pixel's surroundings"))
    row = next(n for n, line in enumerate(lines) if line.startswith("fcn16s "))
    assert all(word in lines[row] for word in ("2015", "134.4 M", "221.7", "arXiv:1411.4038"))
    assert "FCN-32s with one skip" in lines[row if columns == 120 else row + 1]
    assert lines[0].split() == ["name", "year", "params", "GFLOPs", "paper", *(["idea"] if columns == 120 else [])]
    assert lines[0].index("paper") == lines[row].index("arXiv"), "the columns of all families stand below each other"


def names(out: str) -> list[str]:
    return [entry["name"] for entry in json.loads(out)]


def test_filters(run_cli) -> None:
    every = json.loads(run_cli("models", "--json")[1])
    context = [e["name"] for e in every if e["family"] == "context"]
    assert names(run_cli("models", "--family", "context", "--json")[1]) == context
    years = {e["name"]: e["year"] for e in every}
    found = names(run_cli("models", "--since", 2016, "--until", 2018, "--json")[1])
    assert set(found) == {name for name, year in years.items() if 2016 <= year <= 2018}
    small = json.loads(run_cli("models", "--max-parameters", "31.1M", "--json")[1])
    assert {"unet", "segnet"} <= {e["name"] for e in small}
    assert all(e["parameters"] <= 31_100_000 for e in small)
    assert "pspnet" in run_cli("models", "--family", "context", "--until", 2017)[1]
    assert "unet" not in run_cli("models", "--family", "context")[1]
    code, out, _ = run_cli("models", "--max-parameters", "1k")
    assert (code, out) == (0, "No architecture is all of that; leave a filter out.\n")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("--family contxt", "there is no family 'contxt'; did you mean 'context'?"),
        ("--since 2018 --until 2016", "no year is both since 2018 and until 2016; give the earlier one to --since"),
        ("--max-parameters lots", "--max-parameters is 'lots'; write a number, such as 10M, 800k or 3000000"),
        ("pspnet --until 2018", "--until filters the list; leave it out to see 'pspnet'"),
    ],
)
def test_a_filter_that_makes_no_sense(run_cli, line: str, words: str) -> None:
    code, out, err = run_cli("models", *line.split())
    assert (code, out, err) == (2, "", f"error: {words}\n")


@pytest.mark.parametrize(("text", "number"), [("10M", 10**7), ("2.5 m", 2_500_000), ("800k", 800_000), ("12", 12)])
def test_sizes_are_read(text: str, number: int) -> None:
    from intarsia.cli.models import count

    assert count(text) == number


def test_one_model_in_full(run_cli) -> None:
    code, out, _ = run_cli("models", "pspnet")
    flat = " ".join(out.split())
    assert code == 0
    assert "Pyramid Scene Parsing Network" in out  # the header of its file
    assert "Departures from the paper" in out
    for words in (
        "https://arxiv.org/abs/1612.01105",
        "65,708,501 in evaluation with num_classes=21",
        "2,365,205 parameters more, in training only",
        "523.7 for one image of 512x512; a multiply-add counts two",
        "any dilatable one works; of timm's families one each is",
        "convnext_tiny",
        "mIoU: V 85.4",
        "intarsia summary pspnet",
    ):
        assert words in flat, words
    assert "row B8" not in flat and "ledger" not in flat, "the lectures' ledger is for those who keep it"
    options = {o["key"]: o for o in json.loads(run_cli("models", "pspnet", "--json")[1])["options"]}
    assert options["model.pspnet.encoder"]["default"] == "resnet101s"
    assert all(o["meaning"] for o in options.values())


def test_a_choice_of_few_encoders_is_listed(run_cli) -> None:
    assert json.loads(run_cli("models", "fcn32s", "--json")[1])["encoders"] == ["vgg16", "alexnet"]
    assert json.loads(run_cli("models", "segnet", "--json")[1])["encoders"] == []
    assert "encoders" not in run_cli("models", "segnet")[1].split("Options")[0].split("family")[1]


def test_the_encoders_that_are_named_are_pyramids() -> None:
    from intarsia.cli.models import ENCODERS
    from intarsia.encoders import levels_of

    assert all({2, 3, 4, 5} <= set(levels_of(name)) for name in ENCODERS)


def test_measured_scores_stand_in_their_file(root: Path) -> None:
    """A score of ours in the catalogue is one that a command wrote."""
    from intarsia.models.catalogue import ARCHITECTURES

    measured = {name: entry.measured for name, entry in ARCHITECTURES.items() if entry.measured}
    for name, text in measured.items():
        score, file = re.search(r" (\d+\.\d)\b", text), re.search(r"benchmarks/results/\w+\.jsonl", text)
        assert score and file, name
        lines = [json.loads(line) for line in (root / file[0]).read_text().splitlines()]
        latest = {line["seed"]: line["miou"] for line in lines if line["system"] == "intarsia"}
        assert float(score[1]) == round(sum(latest.values()) / len(latest), 1), name


def test_markdown_is_compact(run_cli) -> None:
    from intarsia.models.catalogue import ARCHITECTURES

    out = run_cli("models", "--markdown")[1]
    rows = [line for line in out.splitlines() if line.startswith("| `")]
    assert sorted(line.split("`")[1] for line in rows) == sorted(ARCHITECTURES)
    assert "| `pspnet` | 2017 | [1612.01105](https://arxiv.org/abs/1612.01105) | 65.7 M | 523.7 |" in out
    assert all(line.count(" | ") == 5 for line in rows)
    assert out.count("| name | year |") == len({entry.family for entry in ARCHITECTURES.values()})


def test_every_variant_says_what_it_is_a_variant_of(run_cli) -> None:
    for name, variant in VARIANTS.items():
        code, out, err = run_cli("models", name, "--json")
        assert code == 0, err
        tree = json.loads(out)
        assert (
            (tree["variant_of"], tree["peer"]) == (variant.model, variant.peer) and tree["header"] and tree["options"]
        )
    code, out, _ = run_cli("models", "smp_pspnet")
    assert code == 0 and out.startswith("PSPNet as segmentation-models-pytorch has it")
    assert "variant of  pspnet" in out and "level" in out
    assert "did you mean 'smp_pspnet'" in run_cli("models", "smp_pspnt")[2]


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
    assert run_cli("recipe", "copy", "shapes")[0] == 0  # the copy is as it was written
    copied.write_text(f"{shown}# mine\n")
    code, _, err = run_cli("recipe", "copy", "shapes")
    assert code == 2
    assert "is there already" in err
    assert copied.read_text().endswith("# mine\n")


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
    assert told["default"] == "resnet101s"
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


def test_rows_that_are_read_as_text_are_those_of_the_tables() -> None:
    from intarsia.cli.architectures import SHOWN, rows
    from intarsia.models.catalogue import ARCHITECTURES

    assert [row["name"] for row in rows()] == list(ARCHITECTURES)
    for row in rows():
        entry = ARCHITECTURES[row["name"]]
        assert row == {"name": row["name"], "family": entry.family, **{key: getattr(entry, key) for key in SHOWN}}
