"""Surface distances against all pairs of points, and figures known by heart."""

import math

import numpy as np
import pytest
from scipy.ndimage import binary_erosion, generate_binary_structure
from scipy.spatial.distance import cdist

from intarsia.errors import LabelError
from intarsia.metrics import SurfaceDistances
from intarsia.metrics.surface import Rule, surface


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
    with pytest.raises(LabelError, match="tolerance"):
        SurfaceDistances(3, tolerance=-1)
    with pytest.raises(LabelError, match="rule is 'medpie'; did you mean 'medpy'"):
        SurfaceDistances(3, rule="medpie")  # type: ignore[arg-type]
    with pytest.raises(LabelError, match="give 2 sizes"):
        SurfaceDistances(3).update(np.zeros((2, 2), int), np.zeros((2, 2), int), (1, 1, 1))


# whose numbers


def directed(called: np.ndarray, truth: np.ndarray, spacing: tuple[float, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Distances prediction -> truth and truth -> prediction, by all pairs of surface pixels."""
    cross = generate_binary_structure(truth.ndim, 1)
    a, b = (np.argwhere(m & ~binary_erosion(m, cross)) * spacing for m in (called, truth))
    pairs = cdist(a, b)
    return pairs.min(axis=1), pairs.min(axis=0)


@pytest.mark.parametrize("spacing", [(1.0, 1.0), (0.5, 2.5), (3.0, 0.7, 0.7)])
@pytest.mark.parametrize("rule", ["monai", "medpy"])
def test_one_sided_distances_surface_dice_and_volume(spacing: tuple[float, ...], rule: Rule) -> None:
    shape = (17, 13) if len(spacing) == 2 else (6, 9, 8)
    for seed in range(8):
        truth, called = (blobs(shape, seed + n) == 1 for n in (0, 40))
        metric = SurfaceDistances(2, spacing=spacing, tolerance=1.5, rule=rule)
        metric.update(called.astype(int), truth.astype(int))
        found = metric.compute()
        there, back = directed(called, truth, spacing)
        pooled = np.concatenate([there, back])
        larger = max(np.percentile(there, 95), np.percentile(back, 95))
        assert found.to_truth[1] == pytest.approx(there.mean(), abs=1e-9)
        assert found.to_prediction[1] == pytest.approx(back.mean(), abs=1e-9)
        assert found.surface_dice[1] == pytest.approx((pooled <= 1.5).mean(), abs=1e-12)
        assert found.ravd[1] == pytest.approx((called.sum() - truth.sum()) / truth.sum(), abs=1e-12)
        hausdorff = np.percentile(pooled, 95) if rule == "medpy" else larger
        assert (found.hausdorff[1], found.average[1]) == pytest.approx((hausdorff, pooled.mean()), abs=1e-9)


def contour(mask: np.ndarray, spacing: tuple[float, ...]) -> list[tuple[tuple[float, float], float]]:
    """(corner, length) of each element: between the middles of the sides that join an inner and an outer pixel."""
    rows, columns = mask.shape
    inside = lambda y, x: 0 <= y < rows and 0 <= x < columns and bool(mask[y, x])  # noqa: E731
    found = []
    for y in range(rows + 1):
        for x in range(columns + 1):
            ring = [(y - 1, x - 1), (y - 1, x), (y, x), (y, x - 1)]  # the four pixels around a corner, in turn
            kinds = [inside(*p) for p in ring]
            middles = [
                ((ring[n][0] + ring[n - 1][0]) / 2 * spacing[0], (ring[n][1] + ring[n - 1][1]) / 2 * spacing[1])
                for n in range(4)
                if kinds[n] != kinds[n - 1]
            ]
            if middles:  # two, or four around pixels that touch at a corner: either way of joining them is as long
                length = sum(math.dist(*middles[n : n + 2]) for n in range(0, len(middles), 2))
                found.append(((y * spacing[0], x * spacing[1]), length))
    return found


@pytest.mark.parametrize("spacing", [(1.0, 1.0), (0.5, 2.5)])
def test_elements_of_the_contour_are_weighted(spacing: tuple[float, ...]) -> None:
    for seed in range(8):
        random = np.random.default_rng(seed)
        truth, called = (blobs((15, 13), seed + n) == 1 for n in (0, 40))
        truth, called = truth ^ (random.random(truth.shape) < 0.03), called ^ (random.random(truth.shape) < 0.03)
        metric = SurfaceDistances(2, spacing=spacing, tolerance=1.5, rule="deepmind")
        metric.update(called.astype(int), truth.astype(int))
        found = metric.compute()
        (a, wa), (b, wb) = (map(np.array, zip(*contour(m, spacing), strict=True)) for m in (called, truth))
        pairs = cdist(a, b)
        there, back = pairs.min(axis=1), pairs.min(axis=0)
        within = wa[there <= 1.5].sum() + wb[back <= 1.5].sum()
        assert found.surface_dice[1] == pytest.approx(within / (wa.sum() + wb.sum()), abs=1e-9)
        assert found.to_truth[1] == pytest.approx(there @ wa / wa.sum(), abs=1e-9)
        assert found.to_prediction[1] == pytest.approx(back @ wb / wb.sum(), abs=1e-9)
        least = [min(d for d in x if w[x <= d].sum() >= 0.95 * w.sum() - 1e-12) for x, w in ((there, wa), (back, wb))]
        assert found.hausdorff[1] == pytest.approx(max(least), abs=1e-9)


def test_the_three_rules_differ_on_one_picture() -> None:
    """A 10 x 10 square with a strip of 2 x 6 that only the prediction has."""
    truth = np.zeros((24, 24), int)
    truth[8:18, 8:18] = 1
    called = truth.copy()
    called[12:14, 18:24] = 1
    found = {}
    for rule in ("monai", "medpy", "deepmind"):
        metric = SurfaceDistances(2, rule=rule)  # type: ignore[arg-type]
        metric.update(called, truth)
        found[rule] = metric.compute().hausdorff[1]
    assert found == {"monai": 5.0, "medpy": 4.0, "deepmind": 5.0}


def test_a_missed_and_an_invented_class_have_no_surface_dice() -> None:
    one, none = np.ones((4, 4), int), np.zeros((4, 4), int)
    metric = SurfaceDistances(2, None)
    metric.update(np.stack([one, none, one]), np.stack([one, one, none]))
    found = metric.compute()
    assert found.surface_dice[1] == pytest.approx(1 / 3) and found.ravd[1] == -0.5
    assert (found.images[1], found.missed[1], found.invented[1]) == (1, 1, 1)


def test_volumes_may_have_a_spacing_each() -> None:
    truth, called = blobs((6, 9, 8), 0), blobs((6, 9, 8), 40)
    metric, other = SurfaceDistances(3, spacing=(1, 1, 1)), SurfaceDistances(3, spacing=(3, 0.5, 0.5))
    metric.update(called, truth, (3, 0.5, 0.5))
    other.update(called, truth)
    assert metric.compute() == other.compute()
