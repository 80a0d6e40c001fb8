"""What the documents say is so: code blocks run, commands exist, links lead somewhere."""

import re
import runpy
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

DOCUMENTS = (
    "README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs/README.md", "docs/networks.md", "docs/metrics.md",
    "docs/operators.md", "docs/data.md", "docs/doctor.md", "docs/training.md", "docs/trust.md", "docs/large.md", "docs/speed.md",
    "docs/cluster.md",
)  # fmt: skip
SMALL = ", ".join(f'"{c}"' for c in "train.steps=1 train.batch_size=2 train.workers=0 train.cache=false".split())


def _blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def test_the_python_of_the_readme_runs(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    """In order, in one namespace; only the budgets are cut."""
    monkeypatch.chdir(tmp_path)
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (50, 70, 3), np.uint8)).save("photo.png")
    blocks = _blocks((root / "README.md").read_text(encoding="utf-8"), "python")
    assert len(blocks) >= 3
    code, cut = re.subn(r'"train\.minutes=[\d.]+"', SMALL, "\n".join(blocks))
    assert cut == 2
    code = code.replace('"shapes", "train', '"shapes", "data.count=4", "model.channels=8", "train', 1)
    names: dict[str, object] = {}
    exec(compile(code, "README.md", "exec"), names)
    with Image.open("labels.png") as labels:
        assert labels.size == (70, 50)
    assert Path("overlay.png").is_file()
    assert Path("runs/shapes/report/report.html").is_file()
    assert names["logits"].shape == (1, 19, 97, 161)  # type: ignore[attr-defined]
    assert "background" in capsys.readouterr().out


def test_the_first_example_is_ten_lines(root: Path) -> None:
    block = _blocks((root / "README.md").read_text(encoding="utf-8"), "python")[0]
    assert len([line for line in block.splitlines() if line.strip()]) <= 10


def test_commands_of_the_documents_exist(root: Path, run_cli) -> None:
    """Every `intarsia VERB --option` that a document names is one."""
    found = set()
    for name in DOCUMENTS:
        for line in re.findall(r"(?:`|\$ )(intarsia [^`\n]*)", (root / name).read_text(encoding="utf-8")):
            words = line.split("#")[0].split()[1:]
            verb = words[:2] if words and words[0] in ("data", "recipe", "runs") else words[:1]
            found.add((*verb, *(w for w in words if w.startswith("--"))))
    assert len(found) >= 8
    options: dict[tuple[str, ...], set[str]] = {}
    for verb in found:
        if verb and not verb[0].startswith("--"):
            words = tuple(word for word in verb if not word.startswith("--"))
            options.setdefault(words, set()).update(verb[len(words) :])
    for words, named in options.items():  # each verb is asked once
        code, out, err = run_cli(*words, "--help")
        assert code == 0, f"{words}: {err}"
        assert not [option for option in named if option not in out], words


def test_targets_of_make_exist(root: Path) -> None:
    makefile = (root / "Makefile").read_text()
    for name in DOCUMENTS:
        for target in re.findall(r"(?:\$ |`)make ([a-z-]+)", (root / name).read_text(encoding="utf-8")):
            assert re.search(rf"^{target}:", makefile, re.MULTILINE), f"{name}: make {target}"


@pytest.mark.parametrize("name", DOCUMENTS)
def test_links_lead_somewhere(root: Path, name: str) -> None:
    links = re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", (root / name).read_text(encoding="utf-8"))
    wrong = [link for link in links if not link.startswith("http") and not ((root / name).parent / link).exists()]
    assert not wrong


def test_the_plan_in_the_documents_is_the_plan_of_the_tests(root: Path) -> None:
    floors = runpy.run_path(str(root / "tests" / "house" / "test_floors.py"))["FLOOR"]
    rows = re.findall(r"^\| (\d) \| (.*) \|$", (root / "ARCHITECTURE.md").read_text(encoding="utf-8"), re.MULTILINE)
    told = {room.strip("` "): int(floor) for floor, rooms in rows for room in rooms.split(",")}
    assert len(told) >= 17
    assert told == {room: floor for room, floor in floors.items() if room in told}


def test_example_own_data(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    example = runpy.run_path(str(root / "examples" / "own_data.py"))
    assert example["main"](steps=60) > 0.8
    assert Path("runs/stripes/last.safetensors").is_file()


def test_example_score_masks(root: Path, tmp_path: Path, capsys) -> None:
    for name in ("truth", "predicted"):
        (tmp_path / name).mkdir()
    Image.fromarray(np.array([[0, 0, 1, 255]], np.uint8)).save(tmp_path / "truth" / "a.png")
    Image.fromarray(np.array([[0, 1, 1, 1]], np.uint8)).save(tmp_path / "predicted" / "a.png")
    main = runpy.run_path(str(root / "examples" / "score_masks.py"))["main"]
    assert main(str(tmp_path / "truth"), str(tmp_path / "predicted"), 2) == pytest.approx(0.5)
    assert "25.0% of the pixels ignored" in capsys.readouterr().out


def test_every_example_is_run_here(root: Path) -> None:
    named = set(re.findall(r'"examples" / "(\w+\.py)"', Path(__file__).read_text()))
    assert {path.name for path in (root / "examples").glob("*.py")} == named


@pytest.mark.skipif(shutil.which("make") is None, reason="needs make")
def test_make_says_what_it_can(root: Path) -> None:
    import subprocess

    out = subprocess.run(["make", "-C", str(root), "help"], capture_output=True, text=True, check=True).stdout
    assert "make demo" in out
    assert "make test" in out
