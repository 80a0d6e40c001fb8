"""A command may be repeated on what it wrote itself; what a person added or corrected stays. Names stay in their line."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from intarsia.doctor import audit
from intarsia.errors import DataError

Run = Callable[..., tuple[int, str, str]]


def folder(root: Path, names: list[str]) -> Path:
    dice = np.random.default_rng(0)
    for number, name in enumerate(names):
        for place in ("images", "masks"):
            (root / place).mkdir(parents=True, exist_ok=True)
        Image.fromarray(dice.integers(0, 255, (24, 24, 3), np.uint8)).save(root / "images" / f"{name}.png")
        Image.fromarray((np.indices((24, 24)).sum(0) > 10 + number).astype(np.uint8)).save(
            root / "masks" / f"{name}.png"
        )
    return root


@pytest.mark.parametrize("verb", ["convert", "audit", "shard"])
def test_the_same_command_twice(verb: str, tmp_path: Path, run_cli: Run) -> None:
    source, out = folder(tmp_path / "in", ["a", "b", "c"]), tmp_path / "out"
    command = {
        "convert": ("data", "convert", source, "--to", "masks", "--out", out),
        "audit": ("data", "audit", source, "--fix", out),
        "shard": ("data", "shard", source, "--out", out),
    }[verb]
    assert run_cli(*command)[0] == 0
    first = {p.relative_to(out): p.read_bytes() for p in out.rglob("*") if p.is_file() and p.name[0] != "."}
    code, _, err = run_cli(*command)
    assert code == 0, err
    again = {p.relative_to(out): p.read_bytes() for p in out.rglob("*") if p.is_file() and p.name[0] != "."}
    assert again.keys() == first.keys() and (verb == "shard" or again == first)
    (out / "mine.txt").write_text("mine")
    code, _, err = run_cli(*command)
    assert code == 2 and "mine.txt in it was not written by this program" in " ".join(err.split())
    assert (out / "mine.txt").read_text() == "mine" and again.keys() <= {p.relative_to(out) for p in out.rglob("*")}


def test_what_is_converted_is_not_written_over(tmp_path: Path, run_cli: Run) -> None:
    source, out = folder(tmp_path / "in", ["a", "b"]), tmp_path / "out"
    assert run_cli("data", "convert", source, "--to", "coco", "--out", out)[0] == 0
    before = {p: p.read_bytes() for p in out.rglob("*") if p.is_file()}
    code, _, err = run_cli("data", "convert", out, "--to", "coco", "--out", out)
    assert code == 2 and "holds the images that are converted; name another folder" in " ".join(err.split())
    assert {p: p.read_bytes() for p in out.rglob("*") if p.is_file()} == before


def test_line_feeds_of_file_names_stay_in_their_line(tmp_path: Path, run_cli: Run) -> None:
    odd = "a\nERROR: all is lost\x1b[31m"
    source = folder(tmp_path / "in", ["b", odd, "c"])
    (source / "images" / f"{odd}.png").write_bytes(b"no picture")
    for command in (
        ("data", "audit", source), ("init", source, "--out", tmp_path / "r.yaml"), ("data", "convert", source, "--to", "coco", "--out", tmp_path / "o"),
        ("data", "audit", source, "--json"),
    ):  # fmt: skip
        _, out, err = run_cli(*command)
        assert not [line for line in (out + err).splitlines() if line.startswith("ERROR")], command
        assert "\x1b" not in out + err
    assert all("\n" not in text for f in audit(source).findings for text in (f.message, f.fix, *f.places))
    code, out, _ = run_cli("data", "audit", source, "--json")
    assert "a\\\\nERROR" in str(json.loads(out)["findings"])
    error = DataError("a\nb: is odd", "  a list", "  of lines")
    assert str(error) == "a\\nb: is odd\n  a list\n  of lines"
