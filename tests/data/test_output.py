"""Files are written whole or not at all, with the umask's permissions, and never over somebody else's."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from intarsia.errors import DataError
from intarsia.output import RECORD, Output, renewed, replaced


@pytest.fixture
def umask():
    """Sets the umask, and sets it back."""
    before = os.umask(0o022)
    yield os.umask
    os.umask(before)


@pytest.mark.parametrize(("mask", "mode"), [(0o022, 0o644), (0o002, 0o664), (0o077, 0o600)])
def test_new_files_follow_the_umask_and_old_ones_keep_what_they_have(tmp_path, umask, mask, mode):
    umask(mask)
    for path in (tmp_path / "new.txt", tmp_path / "old.txt"):
        if path.name == "old.txt":
            path.write_text("old")
            path.chmod(0o640)
        with replaced(path) as made:
            os.close(os.open(made, os.O_WRONLY | os.O_CREAT, 0o600))  # as safetensors and tempfile make them
            made.write_text("text")
    assert (tmp_path / "new.txt").stat().st_mode & 0o777 == mode
    assert (tmp_path / "old.txt").stat().st_mode & 0o777 == 0o640
    assert sorted(os.listdir(tmp_path)) == ["new.txt", "old.txt"]


def test_a_link_stays_and_what_is_no_file_is_refused(tmp_path):
    (tmp_path / "real.txt").write_text("old")
    (tmp_path / "link.txt").symlink_to("real.txt")
    with replaced(tmp_path / "link.txt") as made:
        made.write_text("new")
    assert (tmp_path / "link.txt").is_symlink() and (tmp_path / "real.txt").read_text() == "new"
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="no ordinary file"), replaced(tmp_path / "pipe"):
        pass
    with pytest.raises(OSError, match="above") as error, replaced(tmp_path / "real.txt" / "above"):
        pass
    assert error.value.filename == str(tmp_path / "real.txt" / "above")


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_what_breaks_off_leaves_the_old_file_and_nothing_else(tmp_path, error):
    (tmp_path / "a.txt").write_text("old")

    def broken() -> None:
        with replaced(tmp_path / "a.txt") as made:
            made.write_text("half")
            raise error

    with pytest.raises(error):
        broken()
    assert os.listdir(tmp_path) == ["a.txt"] and (tmp_path / "a.txt").read_text() == "old"


KILLED = """
import os, signal, sys
from intarsia.output import Output
output = Output(sys.argv[1])
if sys.argv[2] == "writing":
    with output.file("a.txt") as path:
        path.write_text("half")
        os.kill(os.getpid(), signal.SIGKILL)
if sys.argv[2] == "naming":
    os.replace = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
    output.text("a.txt", "whole")
with output.growing("lines.jsonl") as file:
    file.write("one\\n")
    file.flush()
    os.kill(os.getpid(), signal.SIGKILL)
"""


def killed(folder: Path, moment: str) -> None:
    code = subprocess.run([sys.executable, "-c", KILLED, folder, moment], check=False).returncode
    assert code == -signal.SIGKILL


@pytest.mark.parametrize("moment", ["writing", "naming"])
def test_a_process_killed_twice_leaves_its_own_file_its_own(tmp_path, moment):
    Output(tmp_path).text("a.txt", "old")
    killed(tmp_path, moment)
    killed(tmp_path, moment)
    assert (tmp_path / "a.txt").read_text() == "old"
    assert len([name for name in os.listdir(tmp_path) if name.startswith(".intarsia-")]) == 1
    Output(tmp_path, ["a.txt"]).text("a.txt", "new")
    assert (tmp_path / "a.txt").read_text() == "new"
    assert sorted(os.listdir(tmp_path)) == [RECORD, "a.txt"]


def test_lines_of_a_killed_process_are_set_aside(tmp_path):
    for count in range(2):
        killed(tmp_path, "growing")
        with Output(tmp_path, ["lines.jsonl"]).growing("lines.jsonl") as file:
            file.write("two\n")
        assert (tmp_path / "lines.jsonl").read_text() == "two\n"
        aside = sorted(path.name for path in tmp_path.glob("lines-unfinished*"))
        assert aside == ["lines-unfinished.jsonl", "lines-unfinished1.jsonl"][: count + 1]
    assert (tmp_path / "lines-unfinished.jsonl").read_text() == "one\n"


def test_folders_of_living_processes_and_of_other_machines_stay_for_a_week(tmp_path):
    host = __import__("socket").gethostname()
    mine, theirs = tmp_path / f".intarsia-{host}-{os.getppid()}-0", tmp_path / ".intarsia-elsewhere-1-0"
    left = tmp_path / ".intarsia-elsewhere-1-1"
    for folder in (mine, theirs, left):
        folder.mkdir()
    os.utime(left, (0, time.time() - 8 * 24 * 3600))
    Output(tmp_path)
    assert mine.is_dir() and theirs.is_dir() and not left.exists()


def test_nobodys_file_is_written_over_and_ones_own_is(tmp_path):
    for _ in range(2):
        Output(tmp_path, ["a.txt", "deep/b c\n.txt"]).text("a.txt", "ours")
        Output(tmp_path).text("deep/b c\n.txt", "ours")
    (tmp_path / "theirs.txt").write_text("theirs")
    with pytest.raises(DataError, match=r"theirs\.txt is there already.*--overwrite"):
        Output(tmp_path, ["a.txt", "theirs.txt"])
    with pytest.raises(DataError, match=r"theirs\.txt is there already"):
        Output(tmp_path).text("theirs.txt", "ours")
    assert (tmp_path / "theirs.txt").read_text() == "theirs"
    (tmp_path / "a.txt").write_text("mend")  # of the same length, and corrected by hand
    with pytest.raises(DataError, match="changed since"):
        Output(tmp_path, ["a.txt"])
    Output(tmp_path, ["a.txt", "theirs.txt"], overwrite=True).text("a.txt", "ours again")
    assert (tmp_path / "a.txt").read_text() == "ours again"
    Output(tmp_path, ["a.txt"]).text("a.txt", "and again")


def test_growing_files_are_kept_as_far_as_they_came(tmp_path):
    def broken() -> None:
        with Output(tmp_path).growing("lines.jsonl") as file:
            file.write("one \udcff\n")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        broken()
    assert (tmp_path / "lines.jsonl").read_text() == "one \\udcff\n"
    with Output(tmp_path, ["lines.jsonl"]).growing("lines.jsonl"):
        pass
    assert sorted(os.listdir(tmp_path)) == [RECORD, "lines.jsonl"]
    (tmp_path / "lines.jsonl").write_text("theirs")
    with pytest.raises(DataError, match="changed since"):
        Output(tmp_path, ["lines.jsonl"])


def test_the_record_of_what_is_written_often_stays_short(tmp_path):
    output = Output(tmp_path)
    for _ in range(700):
        for name in ("a", "b"):
            output._note(name, "1.2", "-")
    (tmp_path / "a").write_text("x")
    with pytest.raises(DataError):
        Output(tmp_path, ["a"])
    assert len((tmp_path / RECORD).read_text().splitlines()) == 2


def test_a_folder_that_cannot_be_is_one_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="cannot be a folder for results"):
        Output(tmp_path / "file" / "out")


def test_a_folder_that_is_written_as_a_whole_may_be_written_again(tmp_path: Path) -> None:
    def write(text: str, kind: str = "copy") -> None:
        with renewed(tmp_path / "out", kind, "is not empty; name a new folder") as place:
            for name in (f"{text}.txt", "same.txt", "deep/er/a.txt"):
                (place / name).parent.mkdir(parents=True, exist_ok=True)
                (place / name).write_text(text)

    def held() -> dict[str, str]:
        paths = [p for p in (tmp_path / "out").rglob("*") if p.is_file() and p.name != RECORD]
        return {str(p.relative_to(tmp_path / "out")): p.read_text() for p in paths}

    write("one")
    write("two")
    assert held() == {"two.txt": "two", "same.txt": "two", "deep/er/a.txt": "two"}

    def broken() -> None:
        with renewed(tmp_path / "out", "copy", "x") as place:
            (place / "half.txt").write_text("half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        broken()
    assert held() == {"two.txt": "two", "same.txt": "two", "deep/er/a.txt": "two"}
    with pytest.raises(DataError, match="is not empty; name a new folder .another command has written into it"):
        write("three", "shards")
    (tmp_path / "out" / "mine.txt").write_text("mine")
    with pytest.raises(
        DataError, match="is not empty; name a new folder .mine.txt in it was not written by this program"
    ):
        write("three")
    (tmp_path / "out" / "mine.txt").unlink()
    (tmp_path / "out" / "same.txt").write_text("corrected")
    with pytest.raises(DataError, match=r"same.txt in it was changed since it was written"):
        write("three")
    assert held()["same.txt"] == "corrected" and sorted(p.name for p in tmp_path.iterdir()) == ["out"]
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="file: is taken"), renewed(tmp_path / "file", "copy", "is taken"):
        pass
