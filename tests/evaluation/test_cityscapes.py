"""Objects in Cityscapes' files: what is read gives the metric's own numbers, and what is wrong is named."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from intarsia.errors import DataError
from intarsia.evaluation import score_cityscapes

NAME = "aachen_000000_000019"


@pytest.fixture
def street(tmp_path: Path) -> Path:
    """One image: a road, a car of 300 pixels, a group of persons, void; the car is found, and a person in the group."""
    ids = np.full((40, 60), 7, np.uint16)
    ids[5:20, 5:25], ids[25:35, 5:25], ids[:3] = 26000, 24, 4
    for folder in ("gt/aachen", "pred/aachen/masks"):
        (tmp_path / folder).mkdir(parents=True)
    Image.fromarray(ids).save(tmp_path / f"gt/aachen/{NAME}_gtFine_instanceIds.png")
    for n, place in enumerate((np.s_[5:20, 5:25], np.s_[26:34, 6:20], np.s_[22:30, 40:50])):
        mask = np.zeros((40, 60), np.uint8)
        mask[place] = 1 if n else 255
        Image.fromarray(mask).save(tmp_path / f"pred/aachen/masks/{n}.png")
    lines = ["masks/0.png 26 0.9", "masks/1.png 24 0.8", "masks/2.png 29 0.7", ""]  # the last: a caravan, not evaluated
    (tmp_path / f"pred/aachen/{NAME}_pred.txt").write_text("\n".join(lines))
    return tmp_path


def test_scores(street: Path) -> None:
    found = score_cityscapes(street / "pred", street / "gt")
    assert found.names == ("person", "rider", "car", "truck", "bus", "train", "motorcycle", "bicycle")
    assert found.to_dict()["classes"]["car"] == {"ap": 1.0, "ap50": 1.0}
    assert (found.scores.ap, found.images, found.detections) == (
        1.0,
        1,
        2,
    )  # no single person: no number, nothing wrong


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("masks/0.png 26", "line 1 is 'masks/0.png 26'; expected the path of a mask, a label id and a score"),
        ("masks/0.png 26 nan", "line 1 is"),
        ("../../../secret.png 26 0.9", "lies outside of"),
        ("/etc/secret.png 26 0.9", "lies outside of"),
        ("masks/9.png 26 0.9", "there is no such file"),
    ],
)
def test_lines_that_are_no_prediction(street: Path, line: str, says: str) -> None:
    (street / f"pred/aachen/{NAME}_pred.txt").write_text(line)
    with pytest.raises(DataError, match=says):
        score_cityscapes(street / "pred", street / "gt")


def test_files_that_are_missing(street: Path) -> None:
    with pytest.raises(DataError, match=r"holds no \*_gtFine_instanceIds.png"):
        score_cityscapes(street / "pred", street / "pred")
    (street / f"pred/aachen/{NAME}_b.txt").write_text("")
    with pytest.raises(DataError, match="holds 2 files"):
        score_cityscapes(street / "pred", street / "gt")
    for text in (street / "pred").rglob("*.txt"):
        text.unlink()
    with pytest.raises(DataError, match=f"holds no file {NAME}"):
        score_cityscapes(street / "pred", street / "gt")
