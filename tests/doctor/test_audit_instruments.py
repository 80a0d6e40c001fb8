"""The label doctor's instruments equal slow and plain ways to measure the same."""

import numpy as np
import pytest
from PIL import Image
from planted import scene
from scipy import ndimage

from intarsia.doctor.exam.fingerprints import TURNS, fit, gray, thumbnail, turn
from intarsia.doctor.exam.regions import between, blended, gaps, regions, sizes, specks, steps
from intarsia.doctor.findings.near_duplicates import BITS, pairs


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
        dark, mirrored = (image * 0.7).astype(np.uint8), image[:, ::-1]
        for other in (np.asarray(Image.open(tmp_path / "a.jpg")), np.asarray(half), dark, mirrored, image[::-1, ::-1]):
            again, codes = thumbnail(gray(other))
            assert np.bitwise_count(own[0] ^ codes).min() <= BITS
            (found,) = pairs([own, codes], [thumb, again])
            assert np.corrcoef(thumb.ravel(), turn(again, found.way).ravel())[0, 1] > 0.96
        stranger, _ = scene(np.random.default_rng(seed + 100), 120, 160)
        again, codes = thumbnail(gray(stranger))
        assert pairs([own, codes], [thumb, again]) == []


def test_pairs_are_found_among_many() -> None:
    random = np.random.default_rng(0)
    held = [scene(np.random.default_rng(n), 64, 64)[0] for n in range(60)]
    wish = {}
    for n in range(0, 60, 3):
        wish[n, 60 + n // 3] = way = int(random.integers(4))
        light = (turn(held[n], way) * random.uniform(0.7, 1.0) + random.uniform(0, 20)).clip(0, 255)
        held.append(light.astype(np.uint8))
    thumbs, prints = zip(*(thumbnail(gray(image)) for image in held), strict=True)
    assert {(f.one, f.two): f.way for f in pairs(prints, thumbs)} == wish
    many = list(random.integers(0, 1 << 63, (20000, 4)).astype(np.uint64))
    many[12345] = many[678]
    tiles = [thumbs[n % 60] for n in range(20000)]
    tiles[12345] = tiles[678]
    assert [(f.one, f.two) for f in pairs(many, tiles)] == [(678, 12345)]


def test_a_crop_is_found_whichever_of_the_two_comes_first() -> None:
    whole = [scene(np.random.default_rng(n), 128, 160)[0] for n in range(16)]
    part = whole[3][6:-6, 8:-8]  # a twentieth less at each side
    for held, wish in ((([*whole, part]), (3, 16)), (([part, *whole]), (4, 0))):
        thumbs, prints = zip(*(thumbnail(gray(image)) for image in held), strict=True)
        (found,) = pairs(prints, thumbs)
        assert sorted((found.one, found.two)) == sorted(wish) and found.way >= TURNS
        assert found.two == wish[0]  # the second is the larger one, which must be cropped to be the first


def test_twins_by_the_thousand_stay_few() -> None:
    """A still camera's frames: each keeps some of its twins, and every one is told."""
    held = [scene(np.random.default_rng(n), 64, 64)[0] for n in range(20)]
    thumbs, prints = (list(part) for part in zip(*(thumbnail(gray(image)) for image in held), strict=True))
    found = pairs(prints + prints[:1] * 3000, thumbs + thumbs[:1] * 3000)
    assert len(found) < 33 * 3020 and {n for f in found for n in (f.one, f.two)} == {0, *range(20, 3020)}


def test_ids_between_ids_show_smoothing() -> None:
    for seed in range(6):
        mask = scene(np.random.default_rng(seed), 96, 128)[1] * np.uint8(4)
        assert between(mask).sum() <= 0.05 * steps(mask)
        smooth = (
            Image.fromarray(mask)
            .resize((90, 70), Image.Resampling.BILINEAR)
            .resize((128, 96), Image.Resampling.BILINEAR)
        )
        assert between(np.asarray(smooth)).sum() > 0.3 * steps(np.asarray(smooth))


@pytest.mark.parametrize("way", range(6))
def test_borders_fit_their_image_best_as_they_were_drawn(way: int) -> None:
    image, labels = scene(np.random.default_rng(way + 40), 96, 96)
    wrong = turn(labels, way)
    back = {0: 0, 1: 1, 2: 2, 3: 3, 4: 5, 5: 4}[way]
    assert int(np.argmax(fit(gray(image), wrong))) == back


def test_a_ring_around_a_thing_is_no_smoothing() -> None:
    """A crescent of 1 between 0 and 2 along a third of the borders is drawn; of all borders it is smoothed."""
    y, x = np.mgrid[:96, :96]
    far = np.hypot(y - 48, x - 48)
    mask = np.where(far < 24, 2, 0).astype(np.uint8)
    mask[(far >= 24) & (far < 25) & (y < 38)] = 1
    assert between(mask).sum() > 0.3 * steps(mask) and blended(mask) == {}
    smooth = Image.fromarray(np.where(mask == 1, 0, mask).astype(np.uint8)).resize((70, 70), Image.Resampling.BILINEAR)
    assert set(blended(np.asarray(smooth.resize((96, 96), Image.Resampling.BILINEAR)))) == {1}
