"""Sentences that several rooms say alike."""

from pathlib import Path

import pytest

from intarsia.errors import not_a_folder, reason


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("imgaes", "imgaes: there is no such folder; did you mean 'images'?"),
        ("x", "x: there is no such folder; choose from 'images', 'masks'"),
        ("masks/train/x", "x: there is no such folder; of its path, {}/masks is the last that is there"),
        ("a.png", "a.png: is a file, not a folder; name a folder"),
        ("masks/x", "x: there is no such folder; look at what {}/masks holds"),
    ],
)
def test_a_folder_that_is_none_says_where_to_look(tmp_path: Path, path: str, told: str) -> None:
    for folder in ("images", "masks"):
        (tmp_path / folder).mkdir()
    (tmp_path / "a.png").touch()
    assert not_a_folder(tmp_path / path).endswith(told.format(tmp_path))
    assert not_a_folder(tmp_path / path).startswith(f"{tmp_path / path}: ")


def test_what_a_library_says_is_one_line() -> None:
    assert reason(ValueError("no such key\nTraceback")) == "no such key"
    assert reason(KeyError()) == "KeyError"
    assert reason(OSError("a" * 500), most=5) == "aaaaa"
