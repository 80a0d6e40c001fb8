"""Categories and instance-weighted IoU, by Cityscapes' definition."""

import math

import numpy as np
import pytest

from intarsia.errors import LabelError
from intarsia.metrics import ConfusionMatrix, InstanceIoU, by_category
from intarsia.metrics.categories import CITYSCAPES_SIZES

GROUPS = {"flat": (0,), "vehicle": (1, 3), "human": (2,)}


def drawn(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    labels = random.integers(0, 4, (4, 6)).repeat(4, 0).repeat(4, 1)
    predicted = np.where(random.random(labels.shape) < 0.7, labels, random.integers(0, 4, labels.shape))
    instances = random.integers(0, 4, (8, 8)).repeat(2, 0).repeat(3, 1)
    labels[random.random(labels.shape) < 0.05] = 255
    return predicted, labels, instances


def test_confusing_classes_of_a_category_is_no_mistake() -> None:
    confusion = ConfusionMatrix(4)
    confusion.update(np.array([0, 1, 1, 3, 2]), np.array([0, 1, 3, 1, 1]))
    scores = by_category(confusion, GROUPS)
    assert scores.matrix.tolist() == [[1, 0, 0], [0, 3, 1], [0, 0, 0]]
    assert scores.iou == {"flat": 1.0, "vehicle": 0.75, "human": 0.0}
    assert confusion.compute().iou[3] == 0.0
    assert by_category(confusion.compute(), GROUPS).miou == scores.miou


@pytest.mark.parametrize("sizes", [None, {1: 12.0, 2: 30.0, 3: 7.0}])
def test_equals_the_definition(sizes: dict[int, float] | None) -> None:
    metric = InstanceIoU(4, (1, 2, 3), categories=GROUPS, sizes=sizes)
    pairs = [drawn(seed) for seed in range(3)]
    for pair in pairs:
        metric.update(*pair)
    found = metric.compute()
    masks = []  # (class, predictions within the instance)
    for predicted, labels, instances in pairs:
        for k in (1, 2, 3):
            for n in range(1, 4):
                if (inside := (labels == k) & (instances == n)).any():
                    masks.append((k, predicted[inside]))
    mean = sizes or {k: np.mean([len(p) for kind, p in masks if kind == k]) for k in (1, 2, 3)}

    def iiou(classes: tuple[int, ...]) -> float:
        own = [(kind, p) for kind, p in masks if kind in classes]
        tp = sum(np.isin(p, classes).sum() * mean[kind] / len(p) for kind, p in own)
        fn = sum((~np.isin(p, classes)).sum() * mean[kind] / len(p) for kind, p in own)
        fp = sum((np.isin(p, classes) & ~np.isin(t, classes) & (t != 255)).sum() for p, t, _ in pairs)
        return tp / (tp + fp + fn)

    for k in (1, 2, 3):
        assert found.iiou[k] == pytest.approx(iiou((k,)))
    assert found.categories == {"vehicle": pytest.approx(iiou((1, 3))), "human": pytest.approx(iiou((2,)))}
    assert found.mean == pytest.approx(np.mean([iiou((k,)) for k in (1, 2, 3)]))


def test_a_small_instance_weighs_as_much_as_a_large_one() -> None:
    labels = np.ones((1, 100), int)
    instances = np.array([[1] * 90 + [2] * 10])
    predicted = np.where(instances == 1, 1, 0)
    metric = InstanceIoU(2, (1,))
    metric.update(predicted, labels, instances)
    assert metric.compute().iiou == {1: 0.5}
    assert metric.confusion.compute().iou[1] == 0.9
    assert math.isnan(InstanceIoU(2, (1,)).compute().mean)


def test_parts_are_the_whole() -> None:
    whole, merged = InstanceIoU(4, (1, 3), categories=GROUPS), InstanceIoU(4, (1, 3), categories=GROUPS)
    for seed in range(4):
        whole.update(*drawn(seed))
        part = InstanceIoU(4, (1, 3), categories=GROUPS)
        part.update(*drawn(3 - seed))
        merged.merge(part)
    np.testing.assert_allclose(merged.sums, whole.sums)
    assert (merged.confusion.matrix == whole.confusion.matrix).all()


def test_mistakes_are_named() -> None:
    with pytest.raises(LabelError, match="categories share out the 4 classes, each to one; look at class 3"):
        by_category(ConfusionMatrix(4), {"a": (0, 1, 2)})
    with pytest.raises(LabelError, match="look at class 1"):
        by_category(ConfusionMatrix(2), {"a": (0, 1), "b": (1,)})
    with pytest.raises(LabelError, match="instances names"):
        InstanceIoU(4, (4,))
    with pytest.raises(LabelError, match="no mean size of class 2"):
        InstanceIoU(4, (1, 2), sizes={1: 3.0})
    with pytest.raises(LabelError, match=r"instances \[2, 2\] for labels \[2, 3\]"):
        InstanceIoU(4, (1,)).update(np.zeros((2, 3), int), np.zeros((2, 3), int), np.zeros((2, 2), int))


def test_the_benchmarks_sizes_are_those_of_eight_classes() -> None:
    assert len(CITYSCAPES_SIZES) == 8 and round(CITYSCAPES_SIZES["car"]) == 12794
