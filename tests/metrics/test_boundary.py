"""One pass over the label map equals eroding one class after the other, to the pixel."""

import math

import numpy as np
import pytest
from scipy.ndimage import binary_dilation, binary_erosion, distance_transform_edt

from intarsia.errors import LabelError
from intarsia.metrics import BoundaryF, BoundaryIoU, ConfusionMatrix, TrimapIoU
from intarsia.metrics.boundary import boundary

SIZES = ((1, 1), (1, 9), (7, 1), (5, 4), (13, 17), (40, 31))


def scene(shape: tuple[int, int], seed: int, count: int = 5) -> np.ndarray:
    """A map of blocks and specks, with ignored pixels."""
    random = np.random.default_rng(seed)
    small = random.integers(0, count, (shape[0] // 6 + 1, shape[1] // 6 + 1))
    labels = small.repeat(6, 0).repeat(6, 1)[: shape[0], : shape[1]].copy()
    specks = random.random(shape) < 0.03
    labels[specks] = random.integers(0, count, int(specks.sum()))
    labels[random.random(shape) < 0.03] = 255
    return labels


def eroded(mask: np.ndarray, width: int) -> np.ndarray:
    """The inner boundary of one mask as the paper's code takes it: zeros around it, then 3 x 3 erosions."""
    padded = np.pad(mask, 1)
    for _ in range(width):
        padded = binary_erosion(padded, np.ones((3, 3)), border_value=1)
    return mask & ~padded[1:-1, 1:-1]


def one_by_one(predicted: np.ndarray, labels: np.ndarray, count: int, ratio: float) -> list[float]:
    """Boundary IoU, class after class."""
    width = max(1, round(ratio * math.hypot(*labels.shape)))
    held, found = labels != 255, []
    for k in range(count):
        p, t = eroded((predicted == k) & held, width), eroded((labels == k) & held, width)
        found.append((p & t).sum() / (p | t).sum() if (p | t).any() else math.nan)
    return found


@pytest.mark.parametrize("ratio", [0.001, 0.02, 0.1, 0.9])
@pytest.mark.parametrize("shape", SIZES)
def test_equals_eroding_one_class_after_the_other(shape: tuple[int, int], ratio: float) -> None:
    for seed in range(4):
        labels, predicted = scene(shape, seed), scene(shape, seed + 100)
        predicted[predicted == 255] = 0
        metric = BoundaryIoU(6, dilation_ratio=ratio)
        metric.update(predicted, labels)
        assert metric.compute().iou == pytest.approx(one_by_one(predicted, labels, 6, ratio), abs=0, nan_ok=True)


@pytest.mark.parametrize("width", [1, 2, 3, 5, 8, 50])
def test_is_near_another_class_by_definition(width: int) -> None:
    for shape in SIZES:
        labels = scene(shape, width)
        near = boundary(labels, width, border=False)
        for y in range(shape[0]):
            for x in range(shape[1]):
                square = labels[max(0, y - width) : y + width + 1, max(0, x - width) : x + width + 1]
                assert near[y, x] == (len(np.unique(square)) > 1)


def test_the_image_border_is_a_boundary() -> None:
    metric = BoundaryIoU(2, dilation_ratio=0.1)
    metric.update(np.zeros((30, 40), int), np.zeros((30, 40), int))
    matrix = metric.counts.matrix
    assert matrix[0, 0] == 30 * 40 - 20 * 30  # 5 pixels wide
    assert metric.compute().mean == 1.0


def test_a_shifted_object_scores_less_than_its_area_says() -> None:
    labels = np.zeros((200, 200), int)
    labels[50:150, 50:150] = 1
    predicted = np.roll(labels, 5, axis=1)
    plain, edges = ConfusionMatrix(2), BoundaryIoU(2)
    plain.update(predicted, labels)
    edges.update(predicted, labels)
    assert plain.compute().iou[1] > 0.9 > 0.5 > edges.compute().iou[1]


def test_trimap_counts_a_band_on_both_sides() -> None:
    labels = np.zeros((20, 30), int)
    labels[:, 15:] = 1
    predicted = labels.copy()
    predicted[0, 12], predicted[5, 17], predicted[9, 2] = 1, 0, 1  # the last one is far from the boundary
    metric = TrimapIoU(2, width=3)
    metric.update(predicted, labels)
    scores = metric.compute()
    assert scores.matrix.tolist() == [[59, 1], [1, 59]]
    assert scores.ignored_pixels == 600 - 120
    everything = TrimapIoU(2, width=40)
    everything.update(predicted, labels)
    assert everything.compute().pixels == 600


def davis(called: np.ndarray, truth: np.ndarray, reach: int) -> float:
    """F of two masks with dilated outlines, by the paper's text: disks around boundary pixels."""

    def bmap(mask: np.ndarray) -> np.ndarray:
        found = np.zeros_like(mask)
        for y, x in np.ndindex(mask.shape):
            around = [(y, x + 1), (y + 1, x), (y + 1, x + 1)]
            if y + 1 == mask.shape[0]:
                around = [(y, x + 1)]
            if x + 1 == mask.shape[1]:
                around = [(y + 1, x)] if y + 1 < mask.shape[0] else []
            found[y, x] = any(mask[y, x] != mask[a] for a in around)
        return found

    y, x = np.ogrid[-reach : reach + 1, -reach : reach + 1]
    disk = y * y + x * x <= reach * reach
    ours, theirs = bmap(called), bmap(truth)
    if not ours.any() or not theirs.any():
        return float(ours.any() == theirs.any())
    precision = (ours & binary_dilation(theirs, disk)).sum() / ours.sum()
    recall = (theirs & binary_dilation(ours, disk)).sum() / theirs.sum()
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


@pytest.mark.parametrize("shape", SIZES)
@pytest.mark.parametrize("tolerance", [0.008, 0.05, 2])
def test_boundary_f_equals_dilated_outlines(shape: tuple[int, int], tolerance: float) -> None:
    labels, predicted = scene(shape, 1), scene(shape, 9)
    predicted[predicted == 255] = 0
    metric = BoundaryF(5, tolerance=tolerance)
    metric.update(predicted, labels)
    reach = int(tolerance if tolerance >= 1 else math.ceil(tolerance * math.hypot(*shape)))
    held = labels != 255
    for k, f in enumerate(metric.compute().f):
        p, t = (predicted == k) & held, (labels == k) & held
        expected = davis(p, t, reach) if (p | t).any() else math.nan
        assert f == pytest.approx(expected, nan_ok=True)


def test_boundary_f_is_a_mean_over_images() -> None:
    a, b = np.zeros((8, 8), int), np.zeros((8, 8), int)
    a[2:6, 2:6] = 1
    metric = BoundaryF(3)
    metric.update(np.stack([a, b]), np.stack([a, a]))
    found = metric.compute()
    assert found.f[1] == 0.5 and math.isnan(found.f[2]) and found.mean == 0.5
    assert found.recall[1] == 0.5 and found.precision[1] == 1.0  # nothing called, nothing called wrongly


def test_distance_transforms_measure_what_disks_do() -> None:
    marks = np.zeros((15, 15), bool)
    marks[7, 7] = True
    y, x = np.ogrid[-7:8, -7:8]
    assert ((distance_transform_edt(~marks) <= 5) == (y * y + x * x <= 25)).all()


def test_mistakes_are_named() -> None:
    for make in (BoundaryIoU, TrimapIoU, BoundaryF):
        with pytest.raises(LabelError, match=r"the labels hold 7 \(2 px\), outside the 3 classes"):
            make(3).update(np.zeros((2, 2), int), np.array([[7, 7], [0, 255]]))
        with pytest.raises(LabelError, match=r"the prediction holds -1 \(1 px\)"):
            make(3).update(np.array([[-1, 0]]), np.zeros((1, 2), int))
        with pytest.raises(LabelError, match="give both as"):
            make(3).update(np.zeros(4, int), np.zeros(4, int))
        with pytest.raises(LabelError, match="cannot merge: num_classes is 3 here and 4 there"):
            make(3).merge(make(4))
    with pytest.raises(LabelError, match="dilation_ratio"):
        BoundaryIoU(3, dilation_ratio=0)
    with pytest.raises(LabelError, match="cannot merge: width"):
        TrimapIoU(3, width=2).merge(TrimapIoU(3, width=3))
