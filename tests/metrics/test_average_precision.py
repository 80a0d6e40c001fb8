"""Average precision: worked curves, COCO's rules one by one, and a second implementation as loops."""

import math

import numpy as np
import pytest

from intarsia.errors import DataError, LabelError
from intarsia.metrics import AveragePrecision, Objects, box_iou


def box(x: float, y: float = 0, size: float = 40) -> list[float]:
    return [x, y, x + size, y + size]


def scored(predicted: list[Objects], labels: list[Objects], count: int = 1) -> AveragePrecision:
    metric = AveragePrecision(count)
    for p, t in zip(predicted, labels, strict=True):
        metric.update(p, t)
    return metric


def test_a_worked_curve() -> None:
    """Right, wrong, right of two objects: precision 1 up to recall 1/2, then 2/3."""
    found = Objects(np.array([box(0), box(500), box(100)]), [0, 0, 0], [0.9, 0.8, 0.7])
    scores = scored([found], [Objects(np.array([box(0), box(100)]), [0, 0])]).compute()
    assert scores.ap50 == pytest.approx((51 + 50 * 2 / 3) / 101)
    assert scores.ap == pytest.approx(scores.ap50)
    assert (scores.ar1, scores.ar100) == (0.5, 1.0)
    assert scores.ap_medium == pytest.approx(scores.ap50) and math.isnan(scores.ap_small)


def test_thresholds() -> None:
    """An overlap of 0.72 is right at 0.50, 0.55, 0.60, 0.65, 0.70."""
    masks = np.zeros((2, 100, 100), bool)
    masks[0, :, :100], masks[1, :, :72] = True, True
    scores = scored([Objects(masks[1:], [0], [1.0])], [Objects(masks[:1], [0])]).compute()
    assert (scores.ap50, scores.ap75, scores.ap) == (1.0, 0.0, pytest.approx(0.5))


def test_a_crowd_excuses_and_is_not_missed() -> None:
    crowd = Objects(np.array([box(0), [200, 0, 400, 200]]), [0, 0], crowd=[False, True])
    found = Objects(np.array([box(210), box(300), box(0)]), [0, 0, 0], [0.9, 0.8, 0.7])
    assert scored([found], [crowd]).compute().ap == 1.0
    alone = scored([Objects(np.zeros((0, 4)), [], [])], [crowd]).compute()
    assert alone.ap == 0.0 and scored([found], [crowd]).wanted[0, 0] == 1


def test_a_second_detection_of_one_object_is_wrong() -> None:
    twice = Objects(np.array([box(0), box(1), box(100)]), [0, 0, 0], [0.9, 0.8, 0.7])
    assert scored([twice], [Objects(np.array([box(0), box(100)]), [0, 0])]).compute().ap50 < 1


def test_classes_without_truth_do_not_count() -> None:
    found = Objects(np.array([box(0), box(0)]), [0, 2], [0.9, 0.9])
    scores = scored([found], [Objects(np.array([box(0)]), [0])], count=3).compute()
    assert scores.ap == scores.classes[0] == 1.0 and math.isnan(scores.classes[1]) and math.isnan(scores.classes[2])


def reference(
    predicted: list[Objects], labels: list[Objects], k: int, threshold: float, low: float, high: float
) -> float:
    """AP of one class at one threshold and size, by explicit loops."""
    rows, wanted = [], 0
    for n, (p, t) in enumerate(zip(predicted, labels, strict=True)):
        truth = [i for i in range(len(t.classes)) if t.classes[i] == k]
        area = lambda shape: float(shape.sum()) if shape.ndim == 2 else float((shape[2:] - shape[:2]).prod())  # noqa: E731
        out = {i: bool(t.crowd[i]) or not low <= area(t.shapes[i]) <= high for i in truth}
        wanted += sum(not out[i] for i in truth)
        truth.sort(key=lambda i: out[i])
        mine = sorted((i for i in range(len(p.classes)) if p.classes[i] == k), key=lambda i: -p.scores[i])[:100]
        taken = set()
        for d in mine:
            best, chosen = min(threshold, 1 - 1e-10), None
            for g in truth:
                if g in taken and not t.crowd[g]:
                    continue
                if chosen is not None and not out[chosen] and out[g]:
                    break
                a, b = p.shapes[d], t.shapes[g]
                if a.ndim == 2:
                    both, whole = (a & b).sum(), (a | b).sum()
                else:
                    sides = np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2])
                    both = float(sides.clip(0).prod())
                    whole = area(a) + area(b) - both
                iou = both / (area(a) if t.crowd[g] else whole)
                if iou >= best:
                    best, chosen = iou, g
            if chosen is not None:
                taken.add(chosen)
            excused = out[chosen] if chosen is not None else not low <= area(p.shapes[d]) <= high
            rows.append((-p.scores[d], n, chosen is not None and not excused, excused))
    rows.sort(key=lambda row: row[:2])
    if not wanted:
        return math.nan
    points, tp, fp = [], 0, 0
    for _, _, right, excused in rows:
        tp, fp = tp + right, fp + (not right and not excused)
        points.append((tp / wanted, tp / max(tp + fp, 1e-30)))
    return sum(max((p for r, p in points if r >= q), default=0.0) for q in np.linspace(0, 1, 101)) / 101


def drawn(seed: int, masks: bool) -> tuple[Objects, Objects]:
    random = np.random.default_rng(seed)

    def some(count: int, near: np.ndarray | None = None) -> np.ndarray:
        boxes = np.concatenate([random.integers(0, 150, (count, 2)), random.integers(8, 130, (count, 2))], axis=1)
        boxes[:, 2:] += boxes[:, :2]
        if near is not None and len(near):
            copied = random.random(count) < 0.7
            boxes[copied] = near[random.integers(0, len(near), copied.sum())] + random.integers(
                -4, 5, (copied.sum(), 4)
            )
        return boxes.astype(float)

    truth = some(random.integers(0, 9))
    found = some(random.integers(0, 14), truth)
    shapes = []
    for boxes in (found, truth):
        drawing = np.zeros((len(boxes), 290, 290), bool)
        for m, (x0, y0, x1, y1) in zip(drawing, boxes.astype(int), strict=True):
            m[max(0, y0) : y1, max(0, x0) : x1] = True
        shapes.append(drawing if masks else boxes)
    kinds = random.integers(0, 2, len(truth)), random.integers(0, 2, len(found))
    scores = random.permutation(len(found)) / 20 + seed * 1e-4
    return Objects(shapes[0], kinds[1], scores), Objects(shapes[1], kinds[0], crowd=random.random(len(truth)) < 0.2)


@pytest.mark.parametrize("masks", [False, True])
def test_equals_loops(masks: bool) -> None:
    predicted, labels = map(list, zip(*(drawn(seed, masks) for seed in range(12)), strict=True))
    found = scored(predicted, labels, 2).compute()
    steps = np.linspace(0.5, 0.95, 10)
    for name, (low, high) in {
        "ap": (0, 1e10),
        "ap_small": (0, 1024),
        "ap_medium": (1024, 9216),
        "ap_large": (9216, 1e10),
    }.items():
        rows = [reference(predicted, labels, k, t, low, high) for k in range(2) for t in steps]
        assert getattr(found, name) == pytest.approx(np.nanmean(rows), abs=1e-9)
    assert found.ap75 == pytest.approx(np.mean([reference(predicted, labels, k, 0.75, 0, 1e10) for k in range(2)]))
    assert 0.05 < found.ap < 0.95


def test_parts_are_the_whole() -> None:
    pairs = [drawn(seed, False) for seed in range(10)]
    whole, merged = AveragePrecision(2), AveragePrecision(2)
    for pair in pairs:
        whole.update(*pair)
    for pair in pairs[::-1]:
        part = AveragePrecision(2)
        part.update(*pair)
        merged.merge(part)
    assert merged.compute()[:-1] == pytest.approx(whole.compute()[:-1], nan_ok=True)
    assert merged.compute().classes == pytest.approx(whole.compute().classes)


def test_box_iou() -> None:
    assert box_iou(np.array([[0, 0, 2, 2]]), np.array([[1, 1, 3, 3], [0, 0, 2, 2], [5, 5, 6, 6]])).tolist() == [
        [1 / 7, 1, 0]
    ]


def test_mistakes_are_named() -> None:
    metric, truth = AveragePrecision(2), Objects(np.array([box(0)]), [0])
    with pytest.raises(LabelError, match=r"detections have classes outside the 2 classes \(0..1\): 5 \(1 objects\)"):
        metric.update(Objects(np.array([box(0)]), [5], [0.5]), truth)
    with pytest.raises(DataError, match="need a score each"):
        metric.update(truth, truth)
    with pytest.raises(DataError, match="2 classes for shapes"):
        metric.update(Objects(np.array([box(0)]), [0, 1], [0.5, 0.5]), truth)
    with pytest.raises(DataError, match="different kinds or sizes"):
        metric.update(Objects(np.ones((1, 4, 4), bool), [0], [0.5]), truth)
    with pytest.raises(LabelError, match="cannot merge"):
        metric.merge(AveragePrecision(3))
