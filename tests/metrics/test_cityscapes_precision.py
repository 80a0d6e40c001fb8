"""Cityscapes' AP against its rules taken one prediction at a time, and what groups, void and small objects excuse."""

import math

import numpy as np
import pytest

from intarsia.errors import DataError, LabelError
from intarsia.metrics import CityscapesPrecision, Objects, Segments

SIZE = (24, 40)
VOID = 99


def disk(y: float, x: float, r: float) -> np.ndarray:
    rows, columns = np.ogrid[: SIZE[0], : SIZE[1]]
    return np.asarray((rows - y) ** 2 + (columns - x) ** 2 <= r * r)


def drawn(seed: int) -> tuple[Objects, Segments]:
    random = np.random.default_rng(seed)
    ids, classes, crowd, masks, kinds = np.zeros(SIZE, np.int32), {}, set(), [], []
    for n in range(1, 9):
        shape, k = disk(random.uniform(0, 24), random.uniform(0, 40), random.uniform(1, 8)), int(random.integers(0, 2))
        number = 10 * n + k
        ids[shape] = number
        classes[number] = k
        if random.random() < 0.2:
            crowd.add(number)
        for _ in range(random.integers(0, 3)):
            masks.append(np.roll(shape, tuple(random.integers(-2, 3, 2)), (0, 1)))
            kinds.append(k if random.random() < 0.9 else 1 - k)
    ids[disk(random.uniform(0, 24), random.uniform(0, 40), 6)] = VOID
    present = set(np.unique(ids).tolist())
    scores = random.integers(0, 6, len(kinds)) / 5  # many are equal
    kept = {s: k for s, k in classes.items() if s in present}
    return Objects(np.array(masks).reshape(-1, *SIZE), kinds, scores), Segments(ids, kept, crowd & present)


def by_rules(images: list[tuple[Objects, Segments]], k: int, need: float, small: int) -> float:
    """AP of a class at a threshold; the curve is walked from one score to the next."""
    ranked, missed, wanted = [], 0, 0
    for found, truth in images:
        mine = [(m, s) for m, c, s in zip(found.shapes, found.classes, found.scores, strict=True) if c == k and m.any()]
        real = [(truth.ids == s, s in truth.crowd) for s, c in truth.classes.items() if c == k]
        iou = [[(m & t).sum() / (m | t).sum() for t, _ in real] for m, _ in mine]
        for g, (t, group) in enumerate(real):
            if group or t.sum() < small:
                continue
            wanted += 1
            scores = sorted((mine[d][1] for d in range(len(mine)) if iou[d][g] > need), reverse=True)
            missed += not scores
            ranked += [(s, n == 0) for n, s in enumerate(scores)]
        for d, (m, score) in enumerate(mine):
            if not any(v > need for v in iou[d]):
                pixels = (m & (truth.ids == VOID)).sum()
                pixels += sum((m & t).sum() * (int(group) + int(t.sum() < small)) for t, group in real)
                if pixels / m.sum() <= need:
                    ranked.append((score, False))
    if not wanted:
        return math.nan
    right = sum(r for _, r in ranked)
    curve = []  # from low scores to high ones
    for level in sorted({s for s, _ in ranked}):
        kept = [r for s, r in ranked if s >= level]
        curve.append((sum(kept) / (right + missed), sum(kept) / len(kept)))
    curve.append((0.0, 1.0))
    recalls = [curve[0][0], *(r for r, _ in curve), 0.0]
    return sum(p * (recalls[n] - recalls[n + 2]) / 2 for n, (_, p) in enumerate(curve)) if ranked else 0.0


@pytest.mark.parametrize("small", [0, 20, 60])
def test_equals_the_rules(small: int) -> None:
    images = [drawn(n) for n in range(12)]
    metric, other = (CityscapesPrecision(3, min_region=small) for _ in range(2))
    for n, image in enumerate(images):
        (metric if n % 3 else other).update(*image, void=(VOID,))
    metric.merge(other)
    scores = metric.compute()
    wanted = np.array([[by_rules(images, k, need, small) for need in np.arange(0.5, 1, 0.05)] for k in range(3)])
    assert scores.classes == pytest.approx(wanted.mean(axis=1).tolist(), abs=1e-12, nan_ok=True)
    assert scores.classes50 == pytest.approx(wanted[:, 0].tolist(), abs=1e-12, nan_ok=True)
    assert scores.ap == pytest.approx(np.nanmean(wanted), abs=1e-12)
    assert math.isnan(scores.classes[2]) and 0 < scores.ap < scores.ap50 < 1


def test_a_perfect_prediction_is_one() -> None:
    ids = np.zeros(SIZE, np.int32)
    ids[2:8, 2:30], ids[12:20, 5:25] = 1000, 1001
    metric = CityscapesPrecision(1)
    metric.update(Objects([ids == 1000, ids == 1001], [0, 0], [0.9, 0.8]), Segments(ids, {1000: 0, 1001: 0}))
    assert metric.compute()[:2] == (1.0, 1.0)


def test_what_excuses() -> None:
    """A wrong prediction costs precision; within a group, a small object or void it does not."""
    ids = np.zeros(SIZE, np.int32)
    ids[2:22, 2:12], ids[2:22, 14:24], ids[2:4, 26:30], ids[10:20, 26:36] = 1000, 7, 1001, VOID
    truth = Segments(ids, {1000: 0, 7: 0, 1001: 0}, {7})
    places = {"group": np.s_[2:8, 14:20], "small": np.s_[2:4, 26:28], "void": np.s_[12:18, 27:33], "": np.s_[22:, 30:]}
    for what, place in places.items():
        extra = np.zeros(SIZE, bool)
        extra[place] = True
        metric = CityscapesPrecision(1, min_region=20)
        metric.update(Objects([ids == 1000, extra], [0, 0], [0.5, 0.9]), truth, void=(VOID,))
        assert metric.compute().ap == (1.0 if what else 0.5 * 0.5 + 0.0 * 0.5), what


def test_what_is_refused() -> None:
    ids = np.ones(SIZE, np.int32)
    with pytest.raises(LabelError, match=r"class 3 is outside the 2 classes \(0\.\.1\)"):
        CityscapesPrecision(2).update(Objects(np.ones((1, *SIZE), bool), [3], [1.0]), Segments(ids, {1: 0}))
    with pytest.raises(DataError, match=r"prediction 0 is \[2, 2\] and the truth \[24, 40\]"):
        CityscapesPrecision(2).update(Objects(np.ones((1, 2, 2), bool), [0], [1.0]), Segments(ids, {1: 0}))
    with pytest.raises(DataError, match="need a score each"):
        CityscapesPrecision(2).update(Objects(np.ones((1, *SIZE), bool), [0], [math.nan]), Segments(ids, {1: 0}))
