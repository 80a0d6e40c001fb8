"""J and F of objects in videos against the rules of DAVIS, written down once more in plain loops."""

import itertools
import math

import numpy as np
import pytest
from scipy.ndimage import binary_dilation

from intarsia.errors import LabelError
from intarsia.metrics import VideoObjectQuality

SIZE = (30, 40)


def video(seed: int, count: int, frames: int = 9, void: bool = True) -> list[tuple[np.ndarray, np.ndarray]]:
    """(predicted, true) numbers of objects: squares that wander, and predictions that lag behind more and more."""
    random, found = np.random.default_rng(seed), []
    places, speeds = random.integers(0, 20, (count, 2)), random.integers(0, 3, (count, 2))
    for t in range(frames):
        true, called = np.zeros(SIZE, np.int64), np.zeros(SIZE, np.int64)
        for n in range(count):
            side = 6 + 2 * n
            for ids, lag in ((true, 0), (called, t // 2)):
                y, x = places[n] + speeds[n] * t - lag
                if t != 4 or n:  # the first object is hidden once
                    ids[max(y, 0) : max(y + side, 0), max(x, 0) : max(x + side, 0)] = n + 1
        if t == 0:
            true[0, :count] = np.arange(1, count + 1)
        called[random.random(SIZE) < 0.01] = 0
        if void:
            true[-2:] = 255
        found.append((called, true))
    return found


def contour(mask: np.ndarray) -> np.ndarray:
    height, width = mask.shape
    found = np.zeros_like(mask)
    for y, x in itertools.product(range(height), range(width)):
        after = {(min(y + dy, height - 1), min(x + dx, width - 1)) for dy, dx in ((0, 1), (1, 0), (1, 1))}
        found[y, x] = any(mask[p] != mask[y, x] for p in after)
    return found


def region_and_contour(called: np.ndarray, true: np.ndarray) -> tuple[float, float]:
    either = (called | true).sum()
    j = (called & true).sum() / either if either else 1.0
    reach = math.ceil(0.008 * math.hypot(*SIZE))
    disk = np.hypot(*np.mgrid[-reach : reach + 1, -reach : reach + 1]) <= reach
    a, b = contour(called), contour(true)
    if not a.any() or not b.any():
        return j, float(a.any() == b.any())
    precision, recall = (a & binary_dilation(b, disk)).sum() / a.sum(), (b & binary_dilation(a, disk)).sum() / b.sum()
    return j, 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def statistics(values: list[float]) -> tuple[float, float, float]:
    bounds = [round(1 + (len(values) - 1) * n / 4 + 1e-10) - 1 for n in range(5)]
    first, last = values[bounds[0] : bounds[1] + 1], values[bounds[3] : bounds[4] + 1]
    return float(np.mean(values)), sum(v > 0.5 for v in values) / len(values), float(np.mean(first) - np.mean(last))


def test_given_objects_by_the_rules() -> None:
    metric, other = VideoObjectQuality(), VideoObjectQuality()
    wanted = []
    for seed, count in enumerate((1, 3, 2)):
        frames = video(seed, count)
        for called, true in frames:
            (other if seed == 1 else metric).update(called, true, f"video {seed}")
        for n in range(1, count + 1):
            values = [region_and_contour(c == n, t == n) for c, t in frames[1:-1]]
            wanted.append([x for column in zip(*values, strict=True) for x in statistics(list(column))])
    metric.merge(other)
    found = metric.compute()
    order = [("video 0", 1), *(("video 1", n) for n in (1, 2, 3)), *(("video 2", n) for n in (1, 2))]
    for key, row in zip(order, wanted, strict=True):
        assert found.objects[key][1:] == pytest.approx(row, abs=1e-12)
    assert found.all[1:] == pytest.approx(np.mean(wanted, axis=0).tolist(), abs=1e-12)
    assert found.all.jf == pytest.approx((found.all.j_mean + found.all.f_mean) / 2) and found.all.j_decay > 0.1


def test_matched_objects_by_the_rules() -> None:
    """Numbers are exchanged and one object is cut in two; the best assignment of all is found by trying them."""
    frames = [(np.choose(c, [0, 3, 1, 4]), t) for c, t in video(5, 3)]
    for called, _ in frames:
        called[:, 20:][called[:, 20:] == 1] = 2
    metric = VideoObjectQuality(task="unsupervised")
    for called, true in frames:
        metric.update(called, true)
    table = np.array(
        [
            [
                [region_and_contour((c == p) & (t != 255), t == g) for c, t in frames]
                for g in (1, 2, 3)
            ]
            for p in (1, 2, 3, 4)
        ]
    )  # fmt: skip
    best = max(itertools.permutations(range(4), 3), key=lambda way: sum(table[p, g].mean() for g, p in enumerate(way)))
    found = metric.compute()
    for g, p in enumerate(best):
        j, f = table[p, g].T.tolist()
        assert found.objects["", g + 1][1:] == pytest.approx([*statistics(j), *statistics(f)], abs=1e-12)


def test_a_perfect_prediction() -> None:
    frames = video(3, 2, void=False)
    for task in ("semi-supervised", "unsupervised"):
        metric = VideoObjectQuality(task=task)  # type: ignore[arg-type]
        for _, true in frames:
            metric.update(true, true)
        assert metric.compute().all == (1, 1, 1, 0, 1, 1, 0)
    assert math.isnan(VideoObjectQuality().compute().all.jf)


def test_what_is_refused() -> None:
    one, two, none = np.eye(4, dtype=int), 2 * np.eye(4, dtype=int), np.zeros((4, 4), int)
    metric = VideoObjectQuality()
    with pytest.raises(LabelError, match="the first frame of sequence 'a' has no object"):
        metric.update(none, none, "a")
    metric.update(None, one, "a")
    with pytest.raises(LabelError, match="frame 1 of sequence 'a' has object 2, but the first frame only 1"):
        metric.update(one, two, "a")
    with pytest.raises(LabelError, match="has object 2, of at most 1"):
        metric.update(two, one, "a")
    with pytest.raises(LabelError, match=r"\[3, 3\] and true ones \[4, 4\]"):
        metric.update(np.eye(3, dtype=int), one, "a")
    with pytest.raises(LabelError, match="whole numbers"):
        metric.update(one / 2, one, "a")
    with pytest.raises(LabelError, match="sequence 'a' is in both"):
        metric.merge(metric)
    with pytest.raises(LabelError, match="task is 'x'"):
        VideoObjectQuality(task="x")  # type: ignore[arg-type]
    metric.update(None, one, "a")
    metric.update(None, one, "a")
    with pytest.raises(LabelError, match="a frame of sequence 'a' has no prediction"):
        metric.compute()
