"""No verb writes over somebody else's file, and no name out of a stranger's file moves the cursor."""

import json
import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from intarsia.characters import HIDDEN, in_json, printable
from intarsia.checkpoint.resolve import aloud
from intarsia.errors import LabelError
from intarsia.labels import LabelSpace

BAD = "a\x1b[2J\x07\x9b31m\u202egpj\u2066\x7f"
SPELLED = r"a\x1b[2J\x07\x9b31m\u202egpj\u2066\x7f"


def picture(path: Path, height: int = 12, width: int = 16) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(height)
    Image.fromarray(random.integers(0, 255, (height, width, 3), np.uint8)).save(path)
    return path


def content(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()
    }


def test_predict_into_the_folder_of_the_pictures_keeps_their_masks(run_cli: Any, trained: Path, tmp_path: Path) -> None:
    for name in ("x", "y"):
        picture(tmp_path / f"{name}.jpg")
    mask = np.full((12, 16), 3, np.uint8)
    Image.fromarray(mask).save(tmp_path / "x.png")
    before = content(tmp_path)
    command = ["predict", trained, tmp_path / "*.jpg", "--out", tmp_path]
    code, _, err = run_cli(*command)
    assert code == 2 and f"{tmp_path / 'x.png'} is there already" in err and "--overwrite" in err
    assert err.count("\n") == 1 and content(tmp_path) == before
    assert run_cli(*command, "--overwrite")[0] == 0
    assert (np.asarray(Image.open(tmp_path / "x.png")).shape, (tmp_path / "y.png").is_file()) == ((12, 16), True)
    assert (tmp_path / "x.jpg").read_bytes() == before["x.jpg"]


def test_predict_again_writes_over_its_own_results_and_spares_corrected_ones(
    run_cli: Any, trained: Path, tmp_path: Path
) -> None:
    photo, out = picture(tmp_path / "in" / "a.png"), tmp_path / "out"
    command = ["predict", trained, photo, "--out", out, "--uncertainty", "entropy"]
    assert run_cli(*command)[0] == 0
    first = content(out)
    assert set(first) == {"a.png", "overlays/a.png", "predictions.jsonl", "uncertainty/a.npy", "uncertainty/a.png",
                          ".written-by-intarsia"}  # fmt: skip
    code, _, err = run_cli(*command)
    assert code == 0, err
    assert {k: v for k, v in content(out).items() if k != ".written-by-intarsia"} == {
        k: v for k, v in first.items() if k != ".written-by-intarsia"
    }
    for name in ("a.png", "overlays/a.png", "predictions.jsonl", "uncertainty/a.npy", "uncertainty/a.png"):
        kept = (out / name).read_bytes()
        (out / name).write_bytes(kept[:-1] + b"!")  # corrected by hand
        code, _, err = run_cli(*command)
        assert code == 2 and f"{out / name} is there already" in err
        assert (out / name).read_bytes() == kept[:-1] + b"!"
        assert run_cli(*command, "--overwrite")[0] == 0


WRITES: dict[str, tuple[list[Any], str]] = {
    "evaluate": (["evaluate", "RUN", "--out", "HERE"], "report.html"),
    "compare": (["compare", "RUN", "RUN", "--out", "HERE"], "compare.html"),
    "score": (["score", "MAPS", "MAPS", "--out", "HERE"], "scores.json"),
    "score's counts": (["score", "MAPS", "MAPS", "--out", "HERE"], "images.safetensors"),
    "init": (["init", "PHOTOS", "--out", "HERE/recipe.yaml"], "recipe.yaml"),
    "recipe copy": (["recipe", "copy", "shapes", "HERE/mine.yaml"], "mine.yaml"),
    "lab": (["lab", "pool", "--out", "HERE/pool.svg"], "pool.svg"),
    "data show": (
        ["data", "show", "PHOTOS", "--out", "HERE/samples.png", "--count", "1", "--times", "0"],
        "samples.png",
    ),
    "audit": (["data", "audit", "PHOTOS", "--out", "HERE/audit.html"], "audit.html"),
}


@pytest.mark.parametrize("verb", WRITES)
def test_every_verb_that_writes(run_cli: Any, trained: Path, photos: Path, tmp_path: Path, verb: str) -> None:
    command, name = WRITES[verb]
    here, maps = tmp_path / "here", tmp_path / "maps"
    maps.mkdir()
    Image.fromarray(np.arange(4, dtype=np.uint8).reshape(2, 2)).save(maps / "a.png")
    places = {"RUN": trained, "HERE": here, "PHOTOS": photos, "MAPS": maps}
    words = [str(places[w.split("/")[0]] / w.partition("/")[2]) if w.split("/")[0] in places else w for w in command]
    here.mkdir()
    (here / name).write_text("mine")
    code, _, err = run_cli(*words)
    assert code == 2 and f"{here / name} is there already" in err and err.count("\n") == 1, err
    assert content(here) == {name: b"mine"}
    assert run_cli(*words, "--overwrite")[0] in (0, 1)
    assert (here / name).read_bytes() != b"mine"
    assert run_cli(*words)[0] in (0, 1)  # its own: the same command again
    assert not [path for path in here.iterdir() if path.name.startswith(".intarsia-")]


def test_results_follow_the_umask(run_cli: Any, trained: Path, tmp_path: Path) -> None:
    photo, before = picture(tmp_path / "in" / "a.png"), os.umask(0o027)
    try:
        assert run_cli("predict", trained, photo, "--out", tmp_path / "out")[0] == 0
        assert run_cli("evaluate", trained, "--out", tmp_path / "report")[0] == 0
    finally:
        os.umask(before)
    files = [path for folder in ("out", "report") for path in (tmp_path / folder).rglob("*") if path.is_file()]
    assert len(files) == 8 and {oct(path.stat().st_mode & 0o777) for path in files} == {"0o640"}


def test_what_is_spelled_and_what_is_left_alone() -> None:
    assert printable(BAD) == SPELLED and not HIDDEN.search(SPELLED)
    assert (
        printable("a\tb\nc \u8f66 \u0645\u0631\u062d\u0628\u0627 \U0001f697 \u200d")
        == "a\tb\nc \u8f66 \u0645\u0631\u062d\u0628\u0627 \U0001f697 \u200d"
    )
    strange = [BAD, "\udcff", "\U000e0041", "\ufeff", "\x85", "\u2028"]
    text = in_json(json.dumps(strange, ensure_ascii=False))
    assert json.loads(text) == strange and text.isascii()


@pytest.mark.parametrize(
    "letter", ["\x1b", "\x00", "\n", "\t", "\x7f", "\x9b", "\u202e", "\u2067", "\u200f", "\u2028", "\udc80"]
)
def test_a_label_space_refuses_what_is_not_shown(letter: str) -> None:
    with pytest.raises(LabelError, match="not shown") as error:
        LabelSpace(("sky", f"ro{letter}ad"))
    assert not HIDDEN.search(str(error.value)) and "\n" not in str(error.value)


@pytest.mark.parametrize("name", ["\x1b[2J\x07", "\u202egpj", "\x9b31m", "\udcff"], ids=ascii)
def test_names_of_files_do_not_reach_the_terminal(run_cli: Any, trained: Path, tmp_path: Path, name: str) -> None:
    folder = tmp_path / "in"
    photo = picture(folder / f"{name}.png")
    (folder / f"{name}b.png").write_text("no picture")
    for more in ([], ["--json"]):
        code, out, err = run_cli("predict", trained, folder, "--out", tmp_path / "out", *more)
        assert code == 2
        assert not HIDDEN.search(out + err), ascii(out + err)
    tree = json.loads(out)
    assert [line["image"] for line in tree["predictions"]] == [str(photo), str(folder / f"{name}b.png")]
    lines = (tmp_path / "out" / "predictions.jsonl").read_text(encoding="utf-8").splitlines()
    assert json.loads(lines[0])["image"] == str(photo)
    for arguments in (["predict", trained, f"{name}?"], ["evaluate", name], ["data", "audit", name], [name], ["init", name],
                      ["recipe", "show", name], ["train", name], ["lab", name], ["models", name]):  # fmt: skip
        code, out, err = run_cli(*arguments, *(["--out", tmp_path / "x"] if arguments[0] == "predict" else []))
        assert code == 2 and not HIDDEN.search(out + err), ascii(out + err)


def test_on_a_terminal_only_our_own_styles_arrive(tmp_path: Path) -> None:
    """Through a pseudo terminal: rich's escapes are there, the file's are not."""
    code = """
import sys
from intarsia.cli.terminal import console, refuse, table
console().print(table("t", ("class",), [(sys.argv[1],)]))
console().print("bold " + sys.argv[1], style="bold", markup=False)
refuse(sys.argv[1], False)
"""
    leader, follower = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "80"}
    environment.pop("NO_COLOR", None)
    done = subprocess.Popen([sys.executable, "-c", code, BAD], stdout=follower, stderr=follower, env=environment)
    assert done.wait(timeout=120) == 0
    os.close(follower)
    text = os.read(leader, 100_000).decode()
    os.close(leader)
    assert (
        "\x1b[1m" in text
        and "\x1b[2J" not in text
        and "\u202e" not in text
        and "\x9b" not in text
        and "\x07" not in text
    )
    assert text.replace("\x1b[1;31m", "").count(r"\x1b[2J") == 3, ascii(text)


def test_recipes_of_strangers_are_shown_spelled(run_cli: Any, tmp_path: Path) -> None:
    path = tmp_path / "r.yaml"
    path.write_text("# hello \u202e there\ntrain: {steps: 1}\n", encoding="utf-8")
    code, out, _ = run_cli("recipe", "show", path)
    assert code == 0 and r"hello \u202e there" in out and not HIDDEN.search(out)


def test_pages_spell_them_as_well(tmp_path: Path) -> None:
    from intarsia import report
    from intarsia.metrics import Scores

    path = report.write(
        tmp_path / "r.html", scores=Scores(np.eye(2, dtype=int)), space=LabelSpace(("a", "<b>")), title=f"<i>{BAD}"
    )
    text = path.read_text(encoding="utf-8")
    assert f"&lt;i&gt;{SPELLED}" in text and not HIDDEN.search(text) and "<i>" not in text


@pytest.mark.parametrize(
    "error", [MemoryError(), MemoryError("Unable to allocate 9 GiB"), RuntimeError("not enough memory: you tried\nx")]
)
def test_too_little_memory_is_a_sentence(run_cli: Any, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def starved(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("intarsia.training.usual.init", starved)
    code, _, err = run_cli("init", ".")
    assert code == 2 and "there is not enough memory for this" in err and err.count("\n") == 1


def test_names_out_of_a_file_take_one_line_of_a_table_and_order_nothing(run_cli, tmp_path: Path) -> None:
    box = {"bbox": [1, 1, 5, 5], "segmentation": [[1, 1, 6, 1, 6, 6]], "image_id": 1, "category_id": 1}
    truth = {
        "images": [{"id": 1, "height": 9, "width": 9}],
        "categories": [{"id": 1, "name": f"cat\n0 findings\t{BAD}"}],
        "annotations": [{**box, "id": 1, "area": 12, "iscrowd": 0}],
    }
    (tmp_path / "truth.json").write_text(json.dumps(truth), encoding="utf-8")
    (tmp_path / "found.json").write_text(json.dumps([{**box, "score": 0.5}]), encoding="utf-8")
    code, out, err = run_cli("score", tmp_path / "found.json", tmp_path / "truth.json")
    assert code == 0 and not HIDDEN.search(out + err)
    assert r"cat\n0 findings\ta\x1b[2J" in out


def test_what_is_said_of_a_model_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    aloud(f"{BAD}\nerror: x")
    assert capsys.readouterr().err == f"{SPELLED}\\nerror: x\n"
