"""What a checkpoint says of its data is opened where its user has named it, and nowhere else."""

import contextlib
import dataclasses
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import intarsia
from intarsia.checkpoint import load, save
from intarsia.data import origin
from intarsia.errors import DataError, IntarsiaError


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    top = tmp_path_factory.mktemp("set")
    rng = np.random.default_rng(0)
    for split in ("train", "val"):
        for what, shape, high in (("images", (32, 32, 3), 256), ("masks", (32, 32), 2)):
            (top / what / split).mkdir(parents=True)
            for n in range(2):
                pixels = rng.integers(0, high, shape, np.uint8)
                Image.fromarray(pixels).save(top / what / split / f"{n}.png")
    return top


RECIPE: dict[str, Any] = {
    "model": {"name": "fpn", "encoder": "resnet18", "channels": 8},
    "labels": {"classes": ["a", "b"]},
    "optimizer": {"name": "sgd", "lr": 0.01},
    "train": {"steps": 1, "batch_size": 2, "workers": 0, "precision": "float32", "audit": False},
}


@pytest.fixture(scope="module")
def run(pairs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("run")
    data = {"name": "folder", "root": str(pairs), "images": "images/{split}", "masks": "masks/{split}"}
    intarsia.train({**RECIPE, "data": data}, out=out, quiet=True)
    return out


class Counting(BaseHTTPRequestHandler):
    asked: list[str]

    def do_GET(self) -> None:
        self.asked.append(self.path)
        self.send_error(404)

    def log_message(self, *given: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[tuple[str, list[str]]]:
    asked: list[str] = []
    handler = type("Handler", (Counting,), {"asked": asked})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as made:
        threading.Thread(target=made.serve_forever, args=(0.02,), daemon=True).start()
        yield f"http://127.0.0.1:{made.server_port}", asked
        made.shutdown()


def strange(run: Path, path: Path, **data: Any) -> Path:
    """The run's checkpoint with another `data` section: a stranger's."""
    stored = load(run)
    recipe = {**stored.recipe, "data": {**stored.recipe["data"], **data}}
    return save(path, dataclasses.replace(stored, recipe=recipe))


def test_ones_own_run_is_evaluated_without_naming_its_data_again(run: Path, tmp_path: Path) -> None:
    assert intarsia.evaluate(run).images == 2
    elsewhere = save(tmp_path / "copy.safetensors", load(run))
    assert intarsia.evaluate(elsewhere, split="train").images == 2


def test_on_another_machine_the_place_is_named(run: Path, pairs: Path, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "other home"))
    with pytest.raises(DataError, match=r"trained on folder in .*name it with --root") as error:
        intarsia.evaluate(run)
    assert str(pairs) in str(error.value)
    assert intarsia.evaluate(run, root=pairs).images == 2
    assert intarsia.evaluate(run, "folder", root=pairs).images == 2
    assert intarsia.evaluate(run, pairs).images == 2


@pytest.mark.parametrize("verb", ["evaluate", "calibrate", "compare"])
def test_no_address_of_a_checkpoint_is_asked(run: Path, tmp_path: Path, server: Any, run_cli: Any, verb: str) -> None:
    address, asked = server
    path = tmp_path / "a.safetensors"
    stored = load(run)
    data = {"name": "shards", "root": address, "train": "train", "val": "val"}
    save(path, dataclasses.replace(stored, recipe={**stored.recipe, "data": data}))
    others = [run] if verb == "compare" else []
    code, _, err = run_cli(verb, path, *others)
    assert code == 2 and "--root" in err and address in err and err.count("\n") == 1
    assert asked == []
    code, _, err = run_cli(verb, path, *others, "--root", address)  # now its user has named it
    assert code == 2 and "Not Found" in err
    assert asked == ["/index.json"]


@pytest.mark.parametrize(
    "data",
    [
        {"images": "../../{split}"},
        {"masks": "/etc/{split}"},
        {"masks": "C:/secret"},
        {"masks": "~/secret"},
        {"images": "http://127.0.0.1/x"},
        {"val": "../val"},
    ],
    ids=str,
)
def test_options_that_leave_the_root_are_the_strangers_too(run: Path, pairs: Path, tmp_path: Path, data: Any) -> None:
    path = strange(run, tmp_path / "a.safetensors", **data)
    with pytest.raises(DataError, match="which it names itself"):
        intarsia.evaluate(path, root=pairs)


def test_a_folder_as_name_is_not_opened(run: Path, pairs: Path, tmp_path: Path) -> None:
    path = strange(run, tmp_path / "a.safetensors", name=str(pairs), root=None)
    with pytest.raises(IntarsiaError):
        intarsia.evaluate(path)


@pytest.mark.parametrize(
    "data",
    ["text", 5, [], [1], {"name": 5}, {"name": "folder", "root": 5}, {"name": "folder", "root": {}, "val": 7},
     {"name": "folder", "images": 9}, {"name": "shapes", "size": 10**9}, {"name": "shapes", "count": "many"},
     {"name": "shapes", "val": ["x"]}, {"name": "\x1b"}, {"name": "folder", "holdout": {"a": []}}],
    ids=str,
)  # fmt: skip
def test_descriptions_of_every_wrong_kind(run: Path, pairs: Path, tmp_path: Path, data: Any) -> None:
    stored = load(run)
    path = save(tmp_path / "a.safetensors", dataclasses.replace(stored, recipe={**stored.recipe, "data": data}))
    with pytest.raises(IntarsiaError):
        intarsia.evaluate(path)
    with contextlib.suppress(IntarsiaError):  # with the place named it may work; a traceback it must not be
        intarsia.evaluate(path, root=pairs)


def test_the_same_section_from_another_folder_is_another_place(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    section = {"name": "folder", "root": "set", "train": "train", "val": "val"}
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path / "one")
    origin.note(section)
    assert origin.own(section, None) == section
    monkeypatch.chdir(tmp_path / "two")
    with pytest.raises(DataError, match="--root"):
        origin.own(section, None)
    assert origin.own(section, "here")["root"] == "here"
    assert origin.own(None, None) == {}
