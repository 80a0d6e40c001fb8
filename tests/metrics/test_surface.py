"""Surface distances against all pairs of points, and figures known by heart."""

import math

import numpy as np
import pytest
from scipy.ndimage import binary_erosion, generate_binary_structure
from scipy.spatial.distance import cdist

from intarsia.errors import LabelError
from intarsia.metrics import SurfaceDistances
from intarsia.metrics.surface import surface


def blobs(shape: tuple[int, ...], seed: int) -> np.ndarray:
    random = np.random.default_rng(seed)
    grid = np.indices(shape)
    labels = np.zeros(shape, int)
    for k in (1, 2):
        center = [random.integers(0, n) for n in shape]
        labels[sum((g - c) ** 2 for g, c in zip(grid, center, strict=True)) < random.integers(3, 20)] = k
    return labels


def by_pairs(
    called: np.ndarray, truth: np.ndarray, spacing: tuple[float, ...], percentile: float
) -> tuple[float, float]:
    cross = generate_binary_structure(truth.ndim, 1)
    a, b = (np.argwhere(m & ~binary_erosion(m, cross)) * spacing for m in (called, truth))
    pairs = cdist(a, b)
    there, back = pairs.min(axis=1), pairs.min(axis=0)
    largest = max(np.percentile(there, percentile), np.percentile(back, percentile))
    return largest, np.concatenate([there, back]).mean()


@pytest.mark.parametrize("spacing", [(1.0, 1.0), (0.5, 2.5), (3.0, 0.7, 0.7)])
@pytest.mark.parametrize("percentile", [95, 100])
def test_equals_the_distances_of_all_pairs(spacing: tuple[float, ...], percentile: float) -> None:
    shape = (17, 13) if len(spacing) == 2 else (6, 9, 8)
    metric = SurfaceDistances(3, spacing=spacing, percentile=percentile)
    expected: dict[int, list[tuple[float, float]]] = {0: [], 1: [], 2: []}
    for seed in range(6):
        labels, predicted = blobs(shape, seed), blobs(shape, seed + 50)
        metric.update(predicted, labels)
        for k in range(3):
            if (labels == k).any() and (predicted == k).any():
                expected[k].append(by_pairs(predicted == k, labels == k, spacing, percentile))
    found = metric.compute()
    for k, pairs in expected.items():
        assert found.images[k] == len(pairs) > 0
        assert found.hausdorff[k] == pytest.approx(np.mean([p[0] for p in pairs]), abs=1e-9)
        assert found.average[k] == pytest.approx(np.mean([p[1] for p in pairs]), abs=1e-9)


def test_squares_three_apart() -> None:
    labels = np.zeros((20, 20), int)
    labels[5:10, 5:10] = 1
    metric = SurfaceDistances(2, percentile=100)
    metric.update(np.roll(labels, 3, axis=1), labels)
    assert metric.compute().hausdorff[1] == 3.0
    metric = SurfaceDistances(2, spacing=(1.0, 0.2), percentile=100)
    metric.update(np.roll(labels, 3, axis=1), labels)
    assert metric.compute().hausdorff[1] == pytest.approx(0.6)


def test_a_class_in_one_map_alone_is_counted_and_not_averaged() -> None:
    one, none = np.ones((4, 4), int), np.zeros((4, 4), int)
    metric = SurfaceDistances(3)
    metric.update(np.stack([one, none, one]), np.stack([one, one, none]))
    found = metric.compute()
    assert (found.images, found.missed, found.invented) == ([0, 1, 0], [1, 1, 0], [1, 1, 0])
    assert found.hausdorff[1] == 0 and math.isnan(found.hausdorff[0]) and math.isnan(found.average[2])


def test_the_edge_of_the_image_is_a_surface() -> None:
    assert surface(np.ones((3, 4), bool)).tolist() == [[1, 1, 1, 1], [1, 0, 0, 1], [1, 1, 1, 1]]


def test_mistakes_are_named() -> None:
    with pytest.raises(LabelError, match=r"the prediction holds 5 \(4 px\)"):
        SurfaceDistances(3).update(np.full((2, 2), 5), np.zeros((2, 2), int))
    with pytest.raises(LabelError, match="spacing"):
        SurfaceDistances(3, spacing=(1.0, 0.0))
    with pytest.raises(LabelError, match="percentile"):
        SurfaceDistances(3, percentile=0)
    with pytest.raises(LabelError, match=r"\[D, H, W\]"):
        SurfaceDistances(3, spacing=(1, 1, 1)).update(np.zeros((2, 2), int), np.zeros((2, 2), int))
    with pytest.raises(LabelError, match="cannot merge: percentile"):
        SurfaceDistances(3).merge(SurfaceDistances(3, percentile=100))
