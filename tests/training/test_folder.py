"""A run's folder: one run at a time, nothing half written, and a sentence for every place that cannot be one."""

import json
import os
import resource
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import intarsia
from intarsia.errors import IntarsiaError, TrainingError
from intarsia.training.lock import NAME, _here, locked


class Squares:
    """A bright square on the dark."""

    labels = intarsia.LabelSpace(("dark", "bright"))

    def __len__(self) -> int:
        return 6

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor, str]:
        labels = torch.zeros(16, 16, dtype=torch.uint8)
        labels[index : index + 8, 3:9] = 1
        return (labels * 200).repeat(3, 1, 1) + 20, labels, str(index)


def start(out: Path, steps: int = 2, **more: Any) -> Path:
    torch.manual_seed(0)
    train = {"steps": steps, "batch_size": 2, "workers": 0, "log_every": 1, "precision": "float32"}
    return intarsia.train(
        {"train": {**train, **more.pop("train", {})}},
        model=nn.Conv2d(3, 2, 1),
        data=Squares(),
        out=out,
        quiet=True,
        **more,
    )


def lock_of(out: Path, **changes: Any) -> Path:
    out.mkdir(exist_ok=True)
    (out / NAME).write_text(json.dumps({**_here(os.getpid()), **changes}))
    return out


def test_a_second_run_in_a_folder_is_refused_while_the_first_goes_on(tmp_path: Path) -> None:
    class Second(Squares):
        """A data set that starts another run in the same folder while it is read."""

        told = ""

        def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor, str]:
            if not self.told:
                Second.told = "started"
                with pytest.raises(TrainingError) as error:
                    start(tmp_path, steps=9)
                Second.told = str(error.value)
            return super().__getitem__(index)

    train = {"steps": 2, "batch_size": 2, "workers": 0, "log_every": 1, "precision": "float32"}
    last = intarsia.train({"train": train}, model=nn.Conv2d(3, 2, 1), data=Second(), out=tmp_path, quiet=True)
    words = f"is being written by another run (process {os.getpid()} on {socket.gethostname()}, since 20"
    assert words in Second.told and "choose another --out" in Second.told and f"remove {tmp_path / NAME}" in Second.told
    assert intarsia.checkpoint.load(last).notes["step"] == 2
    assert not (tmp_path / NAME).exists()


def test_two_processes_at_once(tmp_path: Path) -> None:
    """Of many that start at the same moment exactly one holds the folder."""
    script = (
        "import sys, time; from pathlib import Path; from intarsia.training.lock import locked\n"
        "from intarsia.errors import TrainingError\n"
        "while not Path(sys.argv[2]).exists(): time.sleep(0.001)\n"
        "try:\n    with locked(Path(sys.argv[1])): print('held', flush=True); sys.stdin.read()\n"
        "except TrainingError: print('refused', flush=True)\n"
    )
    out, go = tmp_path / "run", tmp_path / "go"
    lock_of(out, process=2**22 + 1)  # one that is gone
    command = [sys.executable, "-c", script, str(out), str(go)]
    many = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    go.touch()
    told = sorted(process.stdout.readline().strip() for process in many)  # type: ignore[union-attr]
    for process in many:
        process.communicate()
    assert told == ["held", "refused", "refused"]
    assert not (out / NAME).exists()


@pytest.mark.skipif(
    not Path("/proc/self/stat").exists(), reason="the system tells when a process started through /proc"
)
@pytest.mark.parametrize("gone", [
    {"process": 2**22 + 1},  # no such process
    {"started": "1"},  # its number was given to another one
    {"boot": "another"},  # the machine was started again
])  # fmt: skip
def test_a_lock_whose_process_is_gone_is_taken_over(tmp_path: Path, gone: dict[str, Any]) -> None:
    start(lock_of(tmp_path / "run", **gone))
    assert not (tmp_path / "run" / NAME).exists()


def test_a_lock_that_was_half_written_is_taken_over(tmp_path: Path) -> None:
    (tmp_path / NAME).write_text('{"host": "a')
    with locked(tmp_path):
        assert json.loads((tmp_path / NAME).read_text())["process"] == os.getpid()


@pytest.mark.parametrize(
    "other, words", [({"host": "node7"}, "another machine"), ({"space": "pid:[1]"}, "another container")]
)
def test_a_lock_of_elsewhere_is_refused_with_the_way_to_remove_it(
    tmp_path: Path, other: dict[str, Any], words: str
) -> None:
    out = lock_of(tmp_path / "run", process=2**22 + 1, **other)
    with pytest.raises(TrainingError, match=f"a run of {words}.*if it has ended, remove .*{NAME}"):
        start(out)
    (out / NAME).unlink()
    assert start(out).is_file()


def test_a_run_that_fails_gives_its_folder_back(tmp_path: Path) -> None:
    with pytest.raises(IntarsiaError):
        start(tmp_path / "a" / "b", train={"freeze": ["nowhere"]})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("below", ["", "run", "run/deep"])
def test_a_file_is_no_folder(tmp_path: Path, below: str) -> None:
    (tmp_path / "notes.txt").write_text("notes")
    with pytest.raises(TrainingError, match=r"notes\.txt is a file.*choose another --out"):
        start(tmp_path / "notes.txt" / below)
    assert (tmp_path / "notes.txt").read_text() == "notes"


def test_a_link_to_nothing(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "gone")
    with pytest.raises(TrainingError, match="link is a link to nothing"):
        start(tmp_path / "link")


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """A disk that is full: no file grows beyond `size` bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize(
    "size, place", [(0, "run"), (250, r"recipe\.yaml"), (1500, r"audit\.json|last\.safetensors|log\.jsonl")]
)
def test_a_full_disk_at_the_start(tmp_path: Path, size: int, place: str) -> None:
    with files_of_at_most(size), pytest.raises(IntarsiaError, match=rf"({place}).*written.*free some space"):
        start(tmp_path / "run", steps=30)
    start(tmp_path / "run", steps=2)


def test_a_full_disk_on_the_way_leaves_the_last_checkpoint(tmp_path: Path) -> None:
    start(tmp_path, steps=40)
    before, log = (tmp_path / "last.safetensors").read_bytes(), (tmp_path / "log.jsonl").read_text()
    with (
        files_of_at_most(len(log) // 2),
        pytest.raises(IntarsiaError, match=r"log\.jsonl: cannot be written.*--resume"),
    ):
        start(tmp_path, steps=60, resume=True)
    assert (tmp_path / "last.safetensors").read_bytes() == before
    assert (tmp_path / "log.jsonl").read_text() == log
    with files_of_at_most(len(log) + 200), pytest.raises(IntarsiaError, match=r"written.*--resume|written.*untouched"):
        start(tmp_path, steps=60, resume=True)
    assert intarsia.checkpoint.load(start(tmp_path, steps=60, resume=True)).notes["step"] == 60
