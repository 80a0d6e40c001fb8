"""The door itself: help, usage errors, exit codes, where text and JSON go."""

import json
import os
import signal
import subprocess
import sys

import pytest

import intarsia
from intarsia import cli
from intarsia.cli.terminal import duration, percent, plain
from intarsia.errors import IntarsiaError

VERBS = [
    "demo",
    "init",
    "train",
    "evaluate",
    "predict",
    "models",
    "summary",
    "benchmark",
    "data",
    "data audit",
    "data list",
]
VERBS += ["recipe", "recipe list", "recipe show", "recipe copy", "recipe explain"]


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_explains_itself(run_cli, verb: str) -> None:
    code, out, err = run_cli(*verb.split(), "--help")
    assert code == 0
    assert f"Usage: intarsia {verb}" in out
    assert err == ""
    assert max(map(len, out.splitlines())) <= 100


@pytest.mark.parametrize("verb", [v for v in VERBS if v not in ("data", "recipe")])
def test_every_verb_takes_json(run_cli, verb: str) -> None:
    assert "--json" in run_cli(*verb.split(), "--help")[1]


def test_nothing_given_shows_the_verbs(run_cli) -> None:
    code, out, _ = run_cli()
    assert code == 0
    assert all(verb in out for verb in ("demo", "init", "train", "evaluate", "predict", "models", "data", "recipe"))


@pytest.mark.parametrize("group", ["data", "recipe"])
def test_a_group_without_a_verb_shows_its_verbs(run_cli, group: str) -> None:
    code, out, err = run_cli(group)
    assert (code, err) == (0, "")
    assert f"Usage: intarsia {group}" in out


def test_version(run_cli) -> None:
    assert run_cli("--version") == (0, f"intarsia {intarsia.__version__}\n", "")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("trian", "no such command 'trian'. Did you mean 'train'; see `intarsia --help`"),
        ("train", "missing argument 'RECIPE'; see `intarsia train --help`"),
        ("evaluate", "missing argument 'MODEL'"),
        ("predict model", "missing argument 'INPUT'"),
        ("predict model a.png", "missing option '--out'"),
        ("predict model a.png --outt b", "no such option: --outt"),
        ("evaluate model --batch-size 0", "should be greater than or equal to 1; see `intarsia evaluate --help`"),
        ("evaluate model --batch-size many", "invalid value for '--batch-size': input should be a valid integer"),
        ("data audti x", "no such command 'audti'. Did you mean 'audit'"),
    ],
)
def test_usage_errors_are_one_sentence_and_exit_2(run_cli, line: str, words: str) -> None:
    code, out, err = run_cli(*line.split())
    assert code == 2
    assert out == ""
    assert err.startswith("error: ")
    assert words.lower() in err.lower()
    assert err.count("\n") == 1


def test_errors_go_to_both_sides_under_json(run_cli) -> None:
    code, out, err = run_cli("train", "no_such_recipe", "--json", "--out", "x")
    assert code == 2
    assert json.loads(out)["error"] in err
    assert "no_such_recipe" in err


def _failing(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    import intarsia.training.packaged

    monkeypatch.setattr(intarsia.training.packaged, "names", fail)


def test_an_error_of_ours_is_a_sentence(run_cli, monkeypatch: pytest.MonkeyPatch) -> None:
    _failing(monkeypatch, IntarsiaError("the cup [red]is[/red] empty; fill it"))
    assert run_cli("recipe", "list") == (2, "", "error: the cup [red]is[/red] empty; fill it\n")


def test_an_error_of_the_file_system_is_a_sentence(run_cli, monkeypatch: pytest.MonkeyPatch) -> None:
    _failing(monkeypatch, PermissionError(13, "Permission denied", "runs/a"))
    assert run_cli("recipe", "list") == (2, "", "error: runs/a: permission denied\n")


def test_a_bug_keeps_its_traceback(run_cli, monkeypatch: pytest.MonkeyPatch) -> None:
    _failing(monkeypatch, KeyError("a bug"))
    with pytest.raises(KeyError, match="a bug"):
        run_cli("recipe", "list")


def test_interrupted_is_130(run_cli, monkeypatch: pytest.MonkeyPatch) -> None:
    _failing(monkeypatch, KeyboardInterrupt())
    assert run_cli("recipe", "list") == (130, "", "interrupted\n")


def test_warnings_are_one_line(run_cli, monkeypatch: pytest.MonkeyPatch) -> None:
    import warnings

    import intarsia.training.packaged

    def warn() -> list[str]:
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            warnings.showwarning = cli._warn
            warnings.warn("the floor is wet")
        return []

    monkeypatch.setattr(intarsia.training.packaged, "names", warn)
    code, _, err = run_cli("recipe", "list")
    assert (code, err) == (0, "warning: the floor is wet\n")


def test_plain_data_for_json() -> None:
    import numpy as np

    tree = {"a": float("nan"), "b": np.float32(0.5), "c": np.arange(2), 3: ("x", None, True), "d": float("inf")}
    assert plain(tree) == {"a": None, "b": 0.5, "c": [0, 1], "3": ["x", None, True], "d": None}
    with pytest.raises(TypeError, match="object cannot be written as JSON"):
        plain({"a": object()})


def test_numbers_for_people() -> None:
    assert [percent(x) for x in (0.6123, None, float("nan"), 1.0)] == ["61.2", "-", "-", "100.0"]
    assert [duration(x) for x in (8.6, 200, 7500)] == ["9 s", "3 min 20 s", "2 h 05 min"]


@pytest.mark.parametrize("code", ["import intarsia", "import intarsia.cli as c; c.main(['--help'])"])
def test_the_door_opens_fast(code: str) -> None:
    """Nothing that takes long to import is imported before a verb needs it."""
    slow = "torch numpy scipy PIL torchvision timm lightning yaml pydantic jinja2 safetensors huggingface_hub".split()
    look = f"import sys\n{code}\nprint([m for m in {slow} if m in sys.modules], file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", look], check=True, capture_output=True, text=True)
    assert done.stderr.strip() == "[]"


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_a_broken_pipe_is_silent() -> None:
    """`intarsia recipe explain | head -1` must not end in a traceback."""
    done = subprocess.run(
        f"{sys.executable} -m intarsia recipe explain train.ema | head -1",
        shell=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert "Traceback" not in done.stderr
    assert signal.SIGPIPE
