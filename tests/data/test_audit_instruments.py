"""The label doctor's instruments equal slow and plain ways to measure the same."""

import time

import numpy as np
import pytest
from PIL import Image
from planted import scene
from scipy import ndimage

from intarsia.data.doctor.likeness import BITS, fit, gray, pairs, thumbnail, turn
from intarsia.data.doctor.regions import gaps, regions, sizes, specks


@pytest.mark.parametrize("seed", range(5))
def test_regions_equal_those_of_every_value_labeled_on_its_own(seed: int) -> None:
    random = np.random.default_rng(seed)
    small = random.integers(0, 4, (12, 15)).astype(np.uint8)
    mask = np.kron(small, np.ones((5, 5), np.uint8))
    mask[random.integers(0, 60, 30), random.integers(0, 75, 30)] = 7
    found = regions(mask)
    assert found is not None
    wish = []
    for value in np.unique(mask):
        labeled, count = ndimage.label(mask == value, np.ones((3, 3)))
        for n, (rows, columns) in enumerate(ndimage.find_objects(labeled), 1):
            box = (rows.start, columns.start, rows.stop, columns.stop)
            wish.append((int(value), int((labeled == n).sum()), *box))
        assert count == (found.values == value).sum()
    rows = zip(found.values.tolist(), found.areas.tolist(), *found.boxes.T.tolist(), strict=True)
    assert sorted(rows) == sorted(wish)
    assert (found.values[found.where] == mask).all()
    assert sum(specks(found).values()) == sum(area < 5 for _, area, *_ in wish)
    assert sum(b.sum() for b in sizes(found).values()) == len(wish)


@pytest.mark.parametrize("width", [1, 2])
def test_a_gap_counts_when_closing_it_would_enclose_something(width: int) -> None:
    mask = np.zeros((64, 64), np.uint8)
    mask[10:50, 12:52] = 3
    mask[10 + width : 50 - width, 12 + width : 52 - width] = 0
    whole = regions(mask)
    assert whole is not None and gaps(whole) == []
    mask[10 : 10 + width, 30] = 0
    opened = regions(mask)
    assert opened is not None
    ((value, row, column),) = gaps(opened)
    assert value == 3 and 10 < row < 50 and 12 < column < 52
    mask[10 : 10 + width, 24:40] = 0  # a door, not a gap
    wide = regions(mask)
    assert wide is not None and gaps(wide) == []


def test_saved_again_a_picture_keeps_its_fingerprint(tmp_path) -> None:
    for seed in range(10):
        image, _ = scene(np.random.default_rng(seed), 120, 160)
        Image.fromarray(image).save(tmp_path / "a.jpg", quality=60)
        half = Image.fromarray(image).resize((80, 60), Image.Resampling.LANCZOS)
        thumb, own = thumbnail(gray(image))
        for other in (np.asarray(Image.open(tmp_path / "a.jpg")), np.asarray(half)):
            again, value = thumbnail(gray(other))
            assert (own ^ value).bit_count() <= BITS and np.abs(thumb.astype(int) - again).mean() < 1.6


def test_pairs_are_found_without_comparing_all() -> None:
    random = np.random.default_rng(0)
    prints = [int(n) for n in random.integers(0, 1 << 63, 20000)]
    thumbs = list(random.integers(0, 256, (20000, 16, 16)).astype(np.uint8))
    wish = set()
    for n in random.choice(10000, 50, replace=False).tolist():
        prints[n + 10000] = prints[n] ^ 1 << int(random.integers(63)) ^ 1 << int(random.integers(63))
        wish.add((n, n + 10000))
    started = time.process_time()
    found = {(a, b) for a, b, _, _ in pairs(prints, thumbs)}
    assert found == wish and time.process_time() - started < 10


@pytest.mark.parametrize("way", range(6))
def test_borders_fit_their_image_best_as_they_were_drawn(way: int) -> None:
    image, labels = scene(np.random.default_rng(way + 40), 96, 96)
    wrong = turn(labels, way)
    back = {0: 0, 1: 1, 2: 2, 3: 3, 4: 5, 5: 4}[way]
    assert int(np.argmax(fit(gray(image), wrong))) == back
