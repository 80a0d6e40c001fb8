"""STQ against its formula over sets of pixels, and what weights and crowds do."""

import math

import numpy as np
import pytest

from intarsia.errors import LabelError
from intarsia.metrics import Frame, TrackingQuality

THINGS = (1, 2)
Video = list[tuple[Frame, Frame, np.ndarray]]


def drawn(seed: int, frames: int = 3) -> Video:
    random, video = np.random.default_rng(seed), []
    kinds, tracks = random.integers(0, 4, (3, 4)), random.integers(0, 4, (3, 4))
    for _ in range(frames):
        classes, numbers = (np.roll(m, random.integers(0, 2), 1).repeat(3, 0).repeat(3, 1) for m in (kinds, tracks))
        called = np.where(random.random(classes.shape) < 0.85, classes, random.integers(0, 4, classes.shape))
        followed = np.where(random.random(classes.shape) < 0.8, numbers + 3, 1)
        classes = np.where(random.random(classes.shape) < 0.05, 255, classes)
        called = np.where(random.random(classes.shape) < 0.05, 255, called)
        video.append((Frame(called, followed), Frame(classes, numbers), random.choice([1, 0.5, 1 / 3], classes.shape)))
    return video


def by_sets(videos: dict[str, Video], weighted: bool) -> tuple[float, float, float]:
    """(STQ, AQ, SQ) with a dictionary entry for every pixel."""
    total, tubes = 0.0, 0
    inter, union = np.zeros(4), np.zeros(4)
    for video in videos.values():
        truth, found = {}, {}
        for n, (p, t, w) in enumerate(video):
            for y, x in np.ndindex(w.shape):
                pixel, weight = (n, y, x), float(w[y, x]) if weighted else 1.0
                k, called = int(t.classes[y, x]), int(p.classes[y, x])
                if k != 255:
                    inter[k] += weight * (k == called)
                    union[k] += weight
                    if called not in (k, 255):
                        union[called] += weight
                crowd = k in THINGS and t.tracks[y, x] == 0
                if k in THINGS and not crowd:
                    truth.setdefault((k, int(t.tracks[y, x])), {})[pixel] = weight
                if called in THINGS and not crowd:
                    found.setdefault((called, int(p.tracks[y, x])), {})[pixel] = weight
        tubes += len(truth)
        for own in truth.values():
            size = sum(own.values())
            for other in found.values():
                both = sum(w for pixel, w in own.items() if pixel in other)
                total += both * both / (size + sum(other.values()) - both) / size
    aq, sq = total / tubes, float(np.mean(inter[union > 0] / union[union > 0]))
    return math.sqrt(aq * sq), aq, sq


@pytest.mark.parametrize("weighted", [False, True])
def test_equals_sets_of_pixels(weighted: bool) -> None:
    videos = {"a": drawn(1), "b": drawn(2, 4)}
    metric, merged = TrackingQuality(4, THINGS), TrackingQuality(4, THINGS)
    for name, video in videos.items():
        for p, t, w in video:
            metric.update(p, t, name, w if weighted else None)
            part = TrackingQuality(4, THINGS)
            part.update(p, t, name, w if weighted else None)
            merged.merge(part)  # frame by frame, as from as many processes
    assert metric.compute()[:3] == pytest.approx(by_sets(videos, weighted), abs=1e-12)
    assert merged.compute()[:3] == pytest.approx(metric.compute()[:3], abs=1e-12)
    for name, video in videos.items():
        assert metric.compute().sequences[name] == pytest.approx(by_sets({name: video}, weighted), abs=1e-12)


def test_a_lost_identity_costs_association_alone() -> None:
    classes, tracks = np.ones((2, 4), int), np.ones((2, 4), int)
    metric = TrackingQuality(2, [1])
    for n in range(2):
        metric.update(Frame(classes, tracks + n), Frame(classes, tracks))
    found = metric.compute()
    assert (found.sq, found.aq) == (1.0, pytest.approx(2 * (1 / 2) * (1 / 2)))  # two halves, each with IoU 1/2
    assert found.stq == pytest.approx(math.sqrt(0.5))


def test_equal_weights_change_nothing() -> None:
    plain, half = TrackingQuality(4, THINGS), TrackingQuality(4, THINGS)
    for p, t, w in drawn(5):
        plain.update(p, t)
        half.update(p, t, weights=np.full(w.shape, 0.5))
    assert half.compute()[:3] == pytest.approx(plain.compute()[:3], abs=1e-12)


def test_mistakes_are_named() -> None:
    fine = Frame(np.zeros((1, 3), int), np.zeros((1, 3), int))
    with pytest.raises(LabelError, match=r"the prediction holds 9 \(3 px\)"):
        TrackingQuality(4, THINGS).update(Frame(fine.classes + 9, fine.tracks), fine)
    with pytest.raises(LabelError, match=r"the labels hold 9 \(3 px\)"):
        TrackingQuality(4, THINGS).update(fine, Frame(fine.classes + 9, fine.tracks))
    with pytest.raises(LabelError, match="one size"):
        TrackingQuality(4, THINGS).update(fine, fine, weights=np.ones((2, 2)))
    with pytest.raises(LabelError, match="0 \\(none\\) and above"):
        TrackingQuality(4, THINGS).update(Frame(fine.classes, fine.tracks - 1), fine)
    with pytest.raises(LabelError, match="cannot merge: things"):
        TrackingQuality(4, THINGS).merge(TrackingQuality(4, [1]))
    assert math.isnan(TrackingQuality(4, THINGS).compute().stq)
