"""VPQ and DVPQ against sets of pixels of each tube, and what windows and depth do."""

from collections import defaultdict

import numpy as np
import pytest

from intarsia.errors import LabelError
from intarsia.metrics import PanopticQuality, Segments, VideoPanopticQuality

THINGS = (2, 3)
Video = list[tuple[Segments, Segments, np.ndarray, np.ndarray]]


def frame(classes: np.ndarray, numbers: np.ndarray) -> Segments:
    """Segments of class maps (-1: void) and object numbers, whose ids mean the same in every frame."""
    ids = np.where(classes < 0, 0, classes * 100 + np.where(np.isin(classes, THINGS), numbers, 0) + 1)
    return Segments(ids, {int(s): (int(s) - 1) // 100 for s in np.unique(ids) if s})


def drawn(seed: int, length: int) -> Video:
    random, video = np.random.default_rng(seed), []
    kinds, numbers = random.integers(0, 4, (4, 5)), random.integers(0, 3, (4, 5))
    for _ in range(length):
        shift = random.integers(0, 2)
        classes, tracks = (np.roll(m, shift, 1).repeat(3, 0).repeat(3, 1) for m in (kinds, numbers))
        called = np.where(random.random(classes.shape) < 0.9, classes, random.integers(-1, 4, classes.shape))
        followed = np.where(random.random(classes.shape) < 0.9, tracks, random.integers(0, 3))
        truth = np.where(random.random(classes.shape) < 0.05, -1, classes)
        depth = random.uniform(2, 30, classes.shape)
        guess = depth * random.uniform(0.7, 1.4, classes.shape)
        depth[random.random(classes.shape) < 0.1] = 0
        video.append((frame(called, followed), frame(truth, tracks), guess, depth))
    return video


def by_sets(videos: dict[str, Video], window: int, tolerance: float | None) -> np.ndarray:
    """PQ of each class, from a set of pixels for each tube of each window."""
    iou, tp, fp, fn = (np.zeros(4) for _ in range(4))
    for video in videos.values():
        for start in range(len(video) - window + 1):
            ours: dict[int, set] = defaultdict(set)
            theirs: dict[int, set] = defaultdict(set)
            for n, (p, t, guess, depth) in enumerate(video[start : start + window]):
                for y, x in np.ndindex(depth.shape):
                    wrong = tolerance and depth[y, x] > 0 and abs(guess[y, x] - depth[y, x]) / depth[y, x] > tolerance
                    if not wrong:
                        ours[int(p.ids[y, x])].add((n, y, x))
                    theirs[int(t.ids[y, x])].add((n, y, x))
            void, matched = theirs.pop(0, set()), set()
            ours.pop(0, None)
            for number, pixels in theirs.items():
                k = (number - 1) // 100
                for other, own in ours.items():
                    if (other - 1) // 100 == k and (share := len(pixels & own) / len(pixels | own - void)) > 0.5:
                        iou[k] += share
                        tp[k] += 1
                        matched |= {("t", number), ("p", other)}
                fn[k] += ("t", number) not in matched
            for other, own in ours.items():
                fp[(other - 1) // 100] += ("p", other) not in matched and 2 * len(own & void) <= len(own)
    return iou / (tp + (fp + fn) / 2)


@pytest.mark.parametrize("tolerances", [(), (0.1, 0.3)])
def test_equals_sets_of_pixels(tolerances: tuple[float, ...]) -> None:
    videos = {"a": drawn(1, 4), "b": drawn(2, 3)}
    metric = VideoPanopticQuality(4, THINGS, windows=(1, 2, 3), tolerances=tolerances)
    for name, video in videos.items():
        for predicted, truth, guess, depth in video:
            metric.update(predicted, truth, name, guess, depth)
    scores = metric.compute()
    wanted = {(k, t): by_sets(videos, k, t) for k in (1, 2, 3) for t in tolerances or (None,)}
    for key, pq in wanted.items():
        assert scores.each[key].pq == pytest.approx(pq.tolist(), abs=1e-12), key
    assert scores.all == pytest.approx(np.mean([pq.mean() for pq in wanted.values()]), abs=1e-12)
    assert scores.things == pytest.approx(np.mean([pq[2:].mean() for pq in wanted.values()]), abs=1e-12)


def test_one_frame_is_panoptic_quality() -> None:
    metric, single = VideoPanopticQuality(4, THINGS, windows=(1,)), PanopticQuality(4, THINGS)
    for predicted, truth, *_ in drawn(3, 3):
        metric.update(predicted, truth)
        single.update(predicted, truth)
    assert metric.compute().all == single.compute().all.pq


def test_an_object_that_changes_its_number_is_lost_in_windows_alone() -> None:
    """Right in each frame; over two frames, half of the object's tube has the other number: no match."""
    first, second = (Segments(np.full((2, 4), n), {n: 2}) for n in (7, 8))
    metric = VideoPanopticQuality(4, THINGS, windows=(1, 2))
    metric.update(first, first)
    metric.update(second, first)
    scores = metric.compute()
    assert (scores.each[1, None].all.pq, scores.each[2, None].all.pq, scores.all) == (1.0, 0.0, 0.5)


def test_windows_end_with_their_video() -> None:
    metric = VideoPanopticQuality(4, THINGS, windows=(2,))
    for name in ("a", "b"):
        metric.update(*drawn(4, 1)[0][:2], sequence=name)
    assert np.isnan(metric.compute().all)


def test_what_is_refused() -> None:
    one, two = Segments(np.full((2, 2), 1), {1: 0}), Segments(np.full((2, 2), 1), {1: 2})
    metric = VideoPanopticQuality(4, THINGS, windows=(2,))
    metric.update(one, one)
    with pytest.raises(LabelError, match="segment 1 of the prediction is of class 0 in one frame and of 2 in another"):
        metric.update(two, one)
    with pytest.raises(LabelError, match="a frame has no depth"):
        VideoPanopticQuality(4, THINGS, tolerances=(0.1,)).update(one, one)
    with pytest.raises(LabelError, match="windows are"):
        VideoPanopticQuality(4, THINGS, windows=())
