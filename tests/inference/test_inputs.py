"""Files, folders and patterns, and a sentence for each way in which they can be wrong."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from intarsia.errors import DataError
from intarsia.inference import expand, result_names


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name in (
        "b.png",
        "a.JPG",
        ".hidden.png",
        "day1/c.jpg",
        "day1/d.tif",
        "day2/e.png",
        "docs/read.txt",
        "[odd].png",
    ):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        if path.suffix == ".txt":
            path.write_text("words")
        else:
            Image.fromarray(np.zeros((2, 2), np.uint8)).save(path)
    (tmp_path / "notes.txt").write_text("words")
    return tmp_path


def names(paths: list[Path], tree: Path) -> list[str]:
    return [str(p.relative_to(tree)) for p in paths]


@pytest.mark.parametrize(
    ("inputs", "expected"),
    [
        (["."], ["[odd].png", "a.JPG", "b.png"]),
        (["b.png", "a.JPG"], ["b.png", "a.JPG"]),
        (["b.png", "."], ["b.png", "[odd].png", "a.JPG"]),
        (["day*/*.jpg", "day2"], ["day1/c.jpg", "day2/e.png"]),
        (["day*/*"], ["day1/c.jpg", "day1/d.tif", "day2/e.png"]),
        (["**/*.png"], ["[odd].png", "b.png", "day2/e.png"]),
        (["[odd].png"], ["[odd].png"]),
        (["notes.txt"], ["notes.txt"]),  # named in full: reading it tells what it is
    ],
)
def test_inputs_become_files(tree, inputs, expected):
    assert names(expand([tree / text for text in inputs]), tree) == expected


def test_one_input_needs_no_list(tree):
    assert expand(tree / "b.png") == expand(str(tree / "b.png")) == [tree / "b.png"]


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        (["c.png"], ("there is no picture", "c.png")),
        (["bb.png"], ("did you mean 'b.png'?",)),
        (["nowhere/b.png"], ("there is no picture",)),
        (["docs"], ("docs", "holds no pictures", ".png")),
        (["empty"], ("empty", "holds no pictures")),
        (["*.gif"], ("nothing matches", "*.gif")),
        (["*.txt"], ("none of the 1 matches", "is a picture")),
        ([], ("no pictures given",)),
    ],
)
def test_inputs_that_stand_for_nothing(tree, inputs, words):
    (tree / "empty").mkdir()
    with pytest.raises(DataError) as error:
        expand([tree / text for text in inputs])
    assert all(word in str(error.value) for word in words), error.value


def test_a_folder_of_folders_says_how_to_go_deeper(tree):
    for path in tree.glob("*.*"):
        path.unlink()
    with pytest.raises(DataError, match=r"3 lie deeper: write '.*\*\*/\*'"):
        expand(tree)


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        (["d/a.jpg", "elsewhere/b.png"], ["a", "b"]),
        (["d/a.jpg", "d/day/a.jpg", "d/b.jpg"], ["a", "day/a", "b"]),
        (["d/a.jpg", "d/a.png", "d/A.tif"], ["a", "a-2", "A-3"]),
        (["d/a.jpg", "d/overlays/a.jpg"], ["a", "overlays-2/a"]),
        (["one/a.jpg", "./two/../one/b.jpg", "two/B.jpg"], ["one/a", "one/b", "two/B"]),
    ],
)
def test_results_have_names_of_their_own_on_any_disk(paths, names):
    assert result_names([Path(path) for path in paths]) == names


def test_a_list_of_paths_stands_for_its_files(tree):
    (tree / "list.txt").write_text("# two\nb.png\n\ndeep/../b.png\n".replace("deep/../", ""))
    assert expand(f"@{tree}/list.txt") == [tree / "b.png"]
    (tree / "list.txt").write_text("b.png\nnone.png\nhere/nor there.png\n")
    with pytest.raises(
        DataError, match=r"list.txt: 2 of its 3 files are missing: .*none.png, .*nor there.png; correct the"
    ):
        expand(f"@{tree}/list.txt")
    (tree / "list.txt").write_text("# nothing\n")
    with pytest.raises(DataError, match="the list names no pictures; write one path a line"):
        expand(f"@{tree}/list.txt")
