"""The built-in scenes: frozen to the pixel, and not to be told apart by color."""

import hashlib
import time

import numpy as np
import pytest

from intarsia.datasets import open as open_dataset
from intarsia.datasets.shapes import NAMES, VERSION, draw, shapes
from intarsia.errors import DataError
from intarsia.evaluation.baseline import pixel_baseline
from intarsia.labels import LabelSpace
from intarsia.structures import Sample

FROZEN = {
    ("train", 0, 96): "0cc556f2350ca731",
    ("train", 1999, 96): "eb9a35e7d1319e89",
    ("val", 0, 96): "e9b710bd4a01c26a",
    ("val", 99, 96): "914fecc27ddaa475",
    ("train", 3, 64): "3533b800351bf6c5",
    ("val", 5, 129): "221366e7e3d795a2",
}


def fingerprint(split: str, index: int, size: int) -> str:
    image, classes = draw(split, index, size)
    return hashlib.sha256(image.tobytes() + classes.tobytes()).hexdigest()[:16]


@pytest.mark.parametrize(("split", "index", "size"), FROZEN)
def test_the_drawings_are_frozen(split: str, index: int, size: int) -> None:
    assert VERSION == 1, "a new version needs new fingerprints"
    assert fingerprint(split, index, size) == FROZEN[split, index, size]


def test_a_sample_is_raw_integers_and_the_same_every_time() -> None:
    val = shapes(split="val")
    one, again = val[7], shapes(split="val", count=8)[7]
    assert (
        isinstance(one, Sample)
        and one.image.shape == (3, 96, 96)
        and one.labels.shape == (96, 96)
        and one.name == "val_00007"
    )
    assert (one.image == again.image).all() and (one.labels == again.labels).all()
    assert (val[0].image != shapes(split="train")[0].image).any()
    assert len(shapes()) > len(val) == 100 and sum(1 for _ in shapes(count=5)) == 5
    assert draw("train", 0, 64)[0].shape == (64, 64, 3)


def test_every_class_occurs_often_and_borders_are_ignored_thinly() -> None:
    counts = sum(np.bincount(draw("train", n)[1].ravel(), minlength=256) for n in range(100))
    share = counts / counts.sum()
    assert (
        (share[: len(NAMES)] > 0.04).all()
        and 0.02 < share[255] < 0.12
        and share[: len(NAMES)].sum() + share[255] == pytest.approx(1)
    )


def test_ignored_pixels_are_those_at_a_change_of_label() -> None:
    _, classes = draw("val", 3)
    sure = classes != 255
    for axis in (0, 1):
        one, other = np.moveaxis(classes, axis, 0)[:-1], np.moveaxis(classes, axis, 0)[1:]
        both = np.moveaxis(sure, axis, 0)[:-1] & np.moveaxis(sure, axis, 0)[1:]
        assert (one[both] == other[both]).all()  # no two classes touch without an ignored pixel between them


def test_single_pixels_do_not_tell_the_classes() -> None:
    baseline = pixel_baseline(shapes(count=300), shapes(split="val"), len(NAMES))
    assert 0.05 < baseline <= 0.45


def test_the_baseline_does_find_what_color_tells() -> None:
    """The control: where color gives the class away, the classifier of single pixels is perfect."""

    class Painted:
        def __len__(self) -> int:
            return 4

        def __getitem__(self, index: int) -> Sample:
            sample = shapes(split="val")[index]
            return sample._replace(image=(sample.labels.clamp(max=4) * 50).expand(3, -1, -1))

    assert pixel_baseline(Painted(), Painted(), len(NAMES)) == 1.0


def test_drawing_takes_little_time() -> None:
    draw("train", 0)
    assert min(_timed(n) for n in range(50)) < 0.002


def _timed(index: int) -> float:
    started = time.process_time()
    draw("train", index)
    return time.process_time() - started


def test_what_shapes_does_not_take() -> None:
    with pytest.raises(DataError, match="no split 'tst'.*'train', 'val'"):
        shapes(split="tst")
    with pytest.raises(DataError, match="too small"):
        shapes(size=16)
    with pytest.raises(DataError, match="no data set"):
        shapes(count=0)
    with pytest.raises(DataError, match="draws background, disk, square, triangle, ring, and no other classes"):
        shapes(labels=LabelSpace(("a", "b")))
    with pytest.raises(DataError, match="shapes takes no option 'sise'; did you mean 'size'"):
        open_dataset("shapes", None, "train", sise=64)
    with pytest.raises(IndexError):
        shapes(count=3)[3]
    assert len(open_dataset("shapes", None, "val", size=64, count=7)) == 7
