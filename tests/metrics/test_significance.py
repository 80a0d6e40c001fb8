"""Intervals that cover, tests that keep their level, and arithmetic that an explicit loop repeats."""

import math

import numpy as np
import pytest

from intarsia.errors import DataError
from intarsia.metrics import PROTOCOLS, ImageCounts, bootstrap, compare, over_seeds
from intarsia.metrics import significance as room


def drawn(images: int, count: int, seed: int, skill: float = 0.7, noise: int = 0) -> ImageCounts:
    """Random counts; the truth depends on the seed alone, what is right on skill and noise too."""
    random = np.random.default_rng(seed)
    truth = random.integers(1, 200, (images, count)) * (random.random((images, count)) < 0.7)
    random = np.random.default_rng((seed, noise))
    hit = random.binomial(truth, np.clip(skill + 0.2 * random.standard_normal((images, 1)), 0.02, 0.98))
    predicted = hit + random.integers(0, 60, (images, count))
    return ImageCounts.of(hit, truth, predicted)


@pytest.mark.parametrize("name", PROTOCOLS)
def test_equals_scoring_the_drawn_images(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each resample is what the images it drew would score, were they the data set."""
    counts = drawn(9, 4, 1)
    weights = np.concatenate(list(room._chunks(room._draws, 9, 50, 7)))
    assert (weights.sum(axis=1) == 9).all()
    rows = [counts.take(np.repeat(np.arange(9), w.astype(int))).miou(name) for w in weights]
    found = bootstrap(counts, name, resamples=50, seed=7)
    if name == "torchvision" and any(map(math.isnan, rows)):
        rows = [row for row in rows if not math.isnan(row)]
    assert found.mean.value == pytest.approx(counts.miou(name), nan_ok=True)
    assert found.mean[1:] == pytest.approx(np.percentile(rows, [2.5, 97.5]), abs=1e-12)
    monkeypatch.setattr(room, "_CHUNK", 9 * 7)  # other chunks, the same draws
    assert bootstrap(counts, name, resamples=50, seed=7) == found


def test_classes_have_intervals_by_name() -> None:
    counts = drawn(30, 3, 2)
    found = bootstrap(counts)
    assert list(found.classes) == ["0", "1", "2"]
    for k, span in enumerate(found.classes.values()):
        assert span.low < span.value < span.high
        assert span.value == pytest.approx(
            counts.hit[:, k].sum() / (counts.truth[:, k] + counts.predicted[:, k] - counts.hit[:, k]).sum()
        )
    assert (found.images, found.resamples, found.seed, found.protocol) == (30, 1000, 0, "dataset")
    assert bootstrap(counts) == found != bootstrap(counts, seed=1)


def test_a_class_that_occurs_nowhere_has_no_interval() -> None:
    zeros = np.array([[5, 0], [7, 0], [1, 0]])
    span = bootstrap(ImageCounts.of(zeros, zeros + np.array([1, 0]), zeros)).classes["1"]
    assert all(map(math.isnan, span))


@pytest.mark.slow
def test_the_interval_covers() -> None:
    """Of many data sets drawn from one population, about 95 % of the intervals hold the population's score."""
    population = drawn(20_000, 3, 5)
    truth = population.miou()
    random, held = np.random.default_rng(0), 0
    for n in range(200):
        low, high = bootstrap(population.take(random.integers(0, 20_000, 100)), resamples=300, seed=n).mean[1:]
        held += low <= truth <= high
    assert 0.89 <= held / 200 <= 0.99


def test_the_better_model_is_told_apart_and_an_equal_one_is_not() -> None:
    a, better, equal = drawn(200, 4, 3, 0.6), drawn(200, 4, 3, 0.75, 1), drawn(200, 4, 3, 0.6, 2)
    found = compare(a, better)
    assert found.mean.value.low > 0 and found.mean.p < 0.01
    assert found.mean.value.value == pytest.approx(better.miou() - a.miou())
    assert found.mean.needed is not None and found.mean.needed < 200
    assert set(found.classes) == {"0", "1", "2", "3"}
    same = compare(a, equal)
    assert same.mean.value.low < 0 < same.mean.value.high and same.mean.p > 0.05
    assert same.mean.needed is not None and same.mean.needed > 200
    nothing = compare(a, a)
    assert nothing.mean.value == (0, 0, 0) and nothing.mean.p == 1 and nothing.mean.needed is None


def test_signs_turn_with_the_order() -> None:
    a, b = drawn(40, 3, 3, 0.6), drawn(40, 3, 3, 0.7, 1)
    there, back = compare(a, b).mean, compare(b, a).mean
    assert there.value.value == -back.value.value
    assert there.value.low == pytest.approx(-back.value.high)
    assert there.p == pytest.approx(back.p, abs=0.02) and there.needed == back.needed


@pytest.mark.parametrize("name", ["dataset", "monai", "micro"])
def test_the_permutation_test_equals_swapping_the_images(name: str) -> None:
    a, b = drawn(7, 3, 4, 0.6), drawn(7, 3, 4, 0.66, 1)
    flips = np.concatenate(list(room._chunks(room._flips, 7, 60, 1))).astype(bool)
    seen = abs(b.miou(name) - a.miou(name))
    extreme = 0
    for flip in flips:
        rows = [np.where(flip[:, None, None], second.rows, first.rows) for first, second in ((a, b), (b, a))]
        swapped = [ImageCounts.of(*np.moveaxis(r, 1, 0)).miou(name) for r in rows]
        extreme += abs(swapped[1] - swapped[0]) >= seen - 1e-12
    assert compare(a, b, name, resamples=60, seed=0).mean.p == pytest.approx((1 + extreme) / 61)


def test_images_needed_follow_from_the_standard_error() -> None:
    assert room._needed(100, 0.01, 0.0196) == 100
    assert room._needed(100, 0.02, 0.0196) == 400
    assert room._needed(100, 0.0123, 0.0045) == 2900  # 2870.2..., rounded up to two digits
    assert room._needed(3, 1e-9, 0.5) == 1
    assert room._needed(100, 0.01, 0.0) is None


def test_images_are_paired_by_name() -> None:
    a, b = drawn(12, 3, 3, 0.6), drawn(12, 3, 3, 0.7, 1)
    assert compare(a, b.take(np.random.default_rng(0).permutation(12))).mean == compare(a, b).mean


def test_mistakes_are_named() -> None:
    a = drawn(5, 3, 0)
    with pytest.raises(DataError, match="not scored on the same images: 5 and 4, such as '00004'"):
        compare(a, a.take(range(4)))
    with pytest.raises(DataError, match="00000: the two were scored against different labels"):
        compare(a, drawn(5, 3, 1))
    with pytest.raises(DataError, match="not have the same classes"):
        compare(a, drawn(5, 4, 0))
    with pytest.raises(DataError, match="no images"):
        bootstrap(ImageCounts(3))
    with pytest.raises(DataError, match="1 resamples"):
        bootstrap(a, resamples=1)
    with pytest.raises(DataError, match="level is 95"):
        bootstrap(a, level=95)


def test_seeds_by_student() -> None:
    """Student's t for 4 degrees of freedom is 2.776."""
    found = over_seeds([0.70, 0.72, 0.71, 0.69, 0.73])
    assert found.mean == pytest.approx(0.71) and found.deviation == pytest.approx(0.0158114, abs=1e-7)
    assert found.high - found.mean == pytest.approx(2.7764451 * 0.0158114 / 5**0.5, abs=1e-6)
    assert found.runs == 5
    assert math.isnan(over_seeds([0.7]).low)
    with pytest.raises(DataError, match="no runs"):
        over_seeds([])
