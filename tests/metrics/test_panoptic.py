"""Panoptic quality: the paper's rules one by one, against sets of pixels, and on COCO's own sample."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from intarsia.errors import LabelError
from intarsia.metrics import PanopticQuality, Segments, segments

THINGS = (1, 2)


def drawn(seed: int, shape: tuple[int, int] = (14, 18)) -> tuple[Segments, Segments]:
    """Blocks of segments of four classes, void and a crowd; the prediction is the truth with pieces moved."""
    random = np.random.default_rng(seed)
    ids = random.integers(0, 9, (4, 5)).repeat(4, 0).repeat(4, 1)[: shape[0], : shape[1]] * 3
    kinds = {int(s): int(random.integers(0, 4)) for s in np.unique(ids) if s}
    crowd = [s for s in kinds if kinds[s] in THINGS and random.random() < 0.3]
    moved = np.roll(ids, random.integers(0, 3, 2), (0, 1)) * 2
    wrong = random.random(shape) < 0.1
    moved[wrong] = random.choice(np.unique(moved), wrong.sum())
    called = {int(s): kinds[int(s) // 2] if random.random() < 0.9 else 3 for s in np.unique(moved) if s}
    return Segments(moved, called), Segments(ids, kinds, crowd)


def by_sets(predicted: Segments, labels: Segments, count: int) -> np.ndarray:
    """[4, K]: summed IoU, TP, FP, FN, from sets of pixels and the paper's text."""
    sets = [{s: set(np.flatnonzero(m.ids.ravel() == s).tolist()) for s in (0, *m.classes)} for m in (predicted, labels)]
    found, matched_p, matched_t = np.zeros((4, count)), set(), set()
    for t, k in labels.classes.items():
        for p, called in predicted.classes.items():
            if called == k and t not in labels.crowd:
                inside = sets[0][p] - sets[1][0]
                iou = len(inside & sets[1][t]) / len(inside | sets[1][t])
                if iou > 0.5:
                    found[:2, k] += iou, 1
                    matched_p.add(p), matched_t.add(t)
    for t, k in labels.classes.items():
        found[3, k] += t not in matched_t and t not in labels.crowd
    for p, k in predicted.classes.items():
        free = sets[1][0].union(*(sets[1][c] for c in labels.crowd if labels.classes[c] == k))
        found[2, k] += p not in matched_p and len(sets[0][p] & free) / len(sets[0][p]) <= 0.5
    return found


@pytest.mark.parametrize("kind", [np.uint8, np.int32, np.uint64], ids=lambda kind: kind.__name__)
def test_numbers_of_any_whole_type_count_alike(kind: type) -> None:
    one, other = PanopticQuality(4, THINGS), PanopticQuality(4, THINGS)
    found, truth = drawn(3)
    one.update(found, truth)
    other.update(found._replace(ids=found.ids.astype(kind)), truth._replace(ids=truth.ids.astype(np.int16)))
    np.testing.assert_array_equal(one.counts, other.counts)
    np.testing.assert_array_equal(one.overlap, other.overlap)


def test_equals_sets_of_pixels() -> None:
    metric, expected = PanopticQuality(4, THINGS), np.zeros((4, 4))
    for seed in range(25):
        pair = drawn(seed)
        metric.update(*pair)
        expected += by_sets(*pair, 4)
    np.testing.assert_allclose(metric.overlap, expected[0])
    np.testing.assert_array_equal(metric.counts, expected[1:])
    assert metric.counts.sum(axis=1).min() > 5
    found = metric.compute()
    iou, tp, fp, fn = expected
    assert found.pq == pytest.approx(iou / (tp + fp / 2 + fn / 2))
    assert found.all.pq == pytest.approx(np.mean(found.pq))
    assert found.things.pq == pytest.approx(np.mean(found.pq[1:3]))
    assert found.stuff.rq == pytest.approx((found.rq[0] + found.rq[3]) / 2)
    for pq, sq, rq in zip(found.pq, found.sq, found.rq, strict=True):
        assert pq == pytest.approx(sq * rq)


def test_a_worked_example() -> None:
    """A car found with IoU 0.6, one missed, one invented; road found with 0.8."""
    ids = np.array([[1] * 8 + [2] * 10 + [3] * 2])
    called = np.array([[5] * 10 + [4] * 8 + [6] * 2])
    metric = PanopticQuality(2, things=[1])
    metric.update(Segments(called, {4: 0, 5: 1, 6: 1}), Segments(ids, {1: 1, 2: 0, 3: 1}))
    found = metric.compute()
    assert found.sq == [0.8, pytest.approx((0.8 + 1) / 2)]
    missing = PanopticQuality(2, things=[1])
    missing.update(Segments(called, {4: 0, 5: 1, 6: 0}), Segments(ids, {1: 1, 2: 0, 3: 1}))
    assert (
        missing.compute().matched == [1, 1]
        and missing.compute().invented == [1, 0]
        and missing.compute().missed == [0, 1]
    )
    assert missing.compute().pq == pytest.approx([0.8 / 1.5, 0.8 / 1.5])


def test_one_half_is_no_match() -> None:
    metric = PanopticQuality(1, [])
    metric.update(Segments(np.array([[1, 1, 0, 0]]), {1: 0}), Segments(np.array([[1, 1, 1, 1]]), {1: 0}))
    assert (metric.compute().matched, metric.compute().invented, metric.compute().missed) == ([0], [1], [1])
    assert metric.compute().all == (0, 0, 0, 1)


def test_void_and_crowd_cost_nothing() -> None:
    ids = np.array([[0] * 6 + [1] * 4 + [2] * 5])
    called = np.array([[7] * 4 + [8] * 6 + [9] * 5])
    metric = PanopticQuality(2, things=[1])
    metric.update(Segments(called, {7: 0, 8: 1, 9: 1}), Segments(ids, {1: 1, 2: 1}, crowd=[2]))
    found = metric.compute()
    assert found.matched == [0, 1] and found.invented == [0, 0] and found.missed == [0, 0]
    assert found.pq[1] == 1.0 and math.isnan(found.pq[0])  # void leaves the union
    elsewhere = PanopticQuality(2, things=[1])  # a crowd of another class excuses nothing
    elsewhere.update(Segments(called, {7: 0, 8: 1, 9: 0}), Segments(ids, {1: 1, 2: 1}, crowd=[2]))
    assert elsewhere.compute().invented == [1, 0]


def test_segments_of_two_maps() -> None:
    kinds = np.array([[0, 0, 1, 1, 1, 255]])
    cut = segments(kinds, np.array([[5, 6, 1, 1, 2, 9]]), things=[1])
    assert cut.ids.tolist() == [[1, 1, 2, 2, 3, 0]]
    assert cut.classes == {1: 0, 2: 1, 3: 1}
    perfect = PanopticQuality(3, [1])
    perfect.update(cut, cut)
    assert perfect.compute().all == (1, 1, 1, 2)
    with pytest.raises(LabelError, match=r"classes hold -3 \(1 px below 0\)"):
        segments(np.array([[0, -3]]), np.array([[0, 0]]), [1])


def test_mistakes_are_named() -> None:
    ids = np.array([[1, 1, 2]])
    fine = Segments(ids, {1: 0, 2: 1})
    metric = PanopticQuality(2, [1])
    with pytest.raises(LabelError, match=r"the prediction holds segments that it does not list: 1 \(2 px\)"):
        metric.update(Segments(ids, {2: 1}), fine)
    with pytest.raises(LabelError, match="the truth lists segment 3, which has no pixels"):
        metric.update(fine, Segments(ids, {1: 0, 2: 1, 3: 1}))
    with pytest.raises(LabelError, match=r"segment 2 \(1 px\): its class is 7, outside 0..1"):
        metric.update(fine, Segments(ids, {1: 0, 2: 7}))
    with pytest.raises(LabelError, match="give both as"):
        metric.update(fine, Segments(ids.T, {1: 0, 2: 1}))
    with pytest.raises(LabelError, match="crowd names segment 9"):
        metric.update(fine, Segments(ids, {1: 0, 2: 1}, crowd=[9]))
    with pytest.raises(LabelError, match="things names class 2"):
        PanopticQuality(2, [2])
    assert metric.counts.sum() == 0


def test_cocos_own_sample_scores_one(shared_data: Path) -> None:
    """Its prediction is its truth; a crowd of it is no segment to be found."""
    folder = shared_data / "panopticapi_sample"
    kinds = json.loads((folder / "panoptic_coco_categories.json").read_text())
    number = {kind["id"]: n for n, kind in enumerate(kinds)}
    things = [number[kind["id"]] for kind in kinds if kind["isthing"]]
    metric, listed = PanopticQuality(len(kinds), things), 0
    for image in json.loads((folder / "sample_data" / "panoptic_examples.json").read_text())["annotations"]:
        with Image.open(folder / "sample_data" / "panoptic_examples" / image["file_name"]) as file:
            rgb = np.asarray(file, np.int64)
        ids = rgb[..., 0] + 256 * rgb[..., 1] + 65536 * rgb[..., 2]
        cut = {s["id"]: number[s["category_id"]] for s in image["segments_info"]}
        assert all((ids == s["id"]).sum() == s["area"] for s in image["segments_info"])
        crowd = [s["id"] for s in image["segments_info"] if s["iscrowd"]]
        listed += len(cut) - len(crowd)
        metric.update(Segments(ids, cut), Segments(ids, cut, crowd))
    found = metric.compute()
    assert found.all[:3] == found.things[:3] == found.stuff[:3] == (1, 1, 1)
    assert sum(found.matched) == listed > 10 and sum(found.invented) == sum(found.missed) == 0
