"""The lectures' example: background, rose, glass, die and teddy bear in a palette, and "unlabeled", which does not count."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from intarsia.data.files.codecs import write_labels
from intarsia.datasets.folder import folder
from intarsia.doctor import audit
from intarsia.errors import LabelError
from intarsia.labels import LabelSpace

NAMES = ("background", "rose", "glass", "die", "teddy bear")
COLORS = ((0, 0, 0), (220, 20, 60), (70, 130, 180), (250, 170, 30), (139, 90, 43))
UNLABELED = (224, 224, 192)


def scene() -> np.ndarray:
    """[40, 60] class numbers, and 5 along the outlines, which belong to nothing."""
    y, x = np.mgrid[:40, :60]
    made = np.zeros((40, 60), np.uint8)
    for number, (row, column) in enumerate(((12, 12), (12, 45), (30, 14), (30, 44)), 1):
        away = (y - row) ** 2 + (x - column) ** 2
        made[away < 90] = 5
        made[away < 60] = number
    return made


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two photos and their masks: palette PNGs whose sixth color is "unlabeled"."""
    for part in ("images", "masks"):
        (tmp_path / part).mkdir()
    palette = np.zeros((256, 3), np.uint8)
    palette[:6] = (*COLORS, UNLABELED)
    for number in range(2):
        noise = np.random.default_rng(number).integers(0, 256, (40, 60, 3), np.uint8)
        Image.fromarray(noise).save(tmp_path / "images" / f"{number}.png")
        mask = Image.fromarray(np.roll(scene(), number, axis=1))
        mask.putpalette(palette.ravel().tolist())
        mask.save(tmp_path / "masks" / f"{number}.png")
    return tmp_path


def spelled(color: tuple[int, int, int]) -> str:
    return "#{:02x}{:02x}{:02x}".format(*color)


@pytest.mark.parametrize("by", ["index", "color"])
def test_unlabeled_pixels_are_ignored_by_index_and_by_color(root: Path, by: str) -> None:
    """Both readings of one palette give the same labels; nothing but "unlabeled" is ignored, and the audit is content."""
    keys = range(6) if by == "index" else map(spelled, (*COLORS, UNLABELED))
    space = LabelSpace(NAMES, COLORS, dict(zip(keys, (*NAMES, "ignore"), strict=True)))
    data = folder(root, "all", labels=space)
    expected = scene()
    assert np.array_equal(data[0].labels.numpy(), np.where(expected == 5, 255, expected))
    found = audit(data)
    assert not found.errors and found.counts.tolist() == [2 * int((expected == k).sum()) for k in range(5)]
    assert found.ignored == pytest.approx((expected == 5).mean())
    assert space.rows()[-1][2] == "ignore"


def test_unlabeled_left_out_is_told_with_what_to_write(root: Path) -> None:
    """Without a meaning for the sixth value, no pixel is guessed: the message says what to add."""
    space = LabelSpace(NAMES, COLORS, dict(enumerate(NAMES)))
    with pytest.raises(LabelError, match=r"holds 5 \(\d+ px\), outside the 5 classes .* add `5: <class or ignore>`"):
        folder(root, "all", labels=space)[0]


def test_what_is_written_is_read_again_in_the_same_palette(root: Path, tmp_path: Path) -> None:
    space = LabelSpace(NAMES, COLORS)
    labels = np.where(scene() == 5, 255, scene())
    write_labels(tmp_path / "mask.png", labels, space)
    with Image.open(tmp_path / "mask.png") as image:
        assert image.mode == "P" and np.array_equal(np.asarray(image), labels)
        assert image.getpalette()[:15] == [value for color in COLORS for value in color]
