"""Metrics against scikit-learn, torchmetrics, segmentation-models-pytorch, OpenCV, COCO's evaluator and official samples."""

import math
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch

from intarsia.metrics import (
    AveragePrecision,
    BoundaryIoU,
    Calibration,
    ConfusionMatrix,
    Objects,
    PanopticQuality,
    Scores,
    TopK,
    bootstrap,
    segments,
)

COUNT = 6


@pytest.fixture(params=[0, 1])
def pair(request: pytest.FixtureRequest) -> tuple[np.ndarray, np.ndarray]:
    """Predictions and labels; with parameter 1, class 4 is only predicted and class 5 occurs nowhere."""
    random = np.random.default_rng(7)
    labels = random.integers(0, COUNT, (2, 31, 37))
    if request.param:
        labels[labels >= 4] = 0
    predicted = np.where(
        random.random(labels.shape) < 0.6, labels, random.integers(0, 5 if request.param else COUNT, labels.shape)
    )
    labels[random.random(labels.shape) < 0.05] = 255
    return predicted, labels


@pytest.fixture
def scores(pair: tuple[np.ndarray, np.ndarray]) -> Scores:
    confusion = ConfusionMatrix(COUNT)
    confusion.update(*pair)
    return confusion.compute()


def test_scikit_learn(pair: tuple[np.ndarray, np.ndarray], scores: Scores) -> None:
    metrics = pytest.importorskip("sklearn.metrics", reason="scikit-learn is not installed")
    held = pair[1] != 255
    truth, called = pair[1][held], pair[0][held]
    classes = list(range(COUNT))
    assert np.array_equal(scores.matrix, metrics.confusion_matrix(truth, called, labels=classes))
    assert scores.accuracy == pytest.approx(metrics.accuracy_score(truth, called))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns of the classes that it has no truth for
        options = {"labels": classes, "average": None, "zero_division": np.nan}
        precision, recall, f1, support = metrics.precision_recall_fscore_support(truth, called, **options)
        jaccard = metrics.jaccard_score(truth, called, labels=classes, average=None, zero_division=0)
        mean_accuracy = metrics.balanced_accuracy_score(truth, called)
    np.testing.assert_allclose(scores.precision, precision)
    np.testing.assert_allclose(scores.recall, recall)
    np.testing.assert_allclose(scores.dice, f1)
    occurs = ~np.isnan(scores.iou)
    np.testing.assert_allclose(np.array(scores.iou)[occurs], jaccard[occurs])
    assert scores.miou == pytest.approx(jaccard[occurs].mean())
    assert scores.fw_iou == pytest.approx((jaccard * support).sum() / support.sum())
    assert scores.mean_accuracy == pytest.approx(mean_accuracy)
    assert scores.mean_dice == pytest.approx(np.nanmean(f1))
    assert scores.micro_f1 == pytest.approx(metrics.f1_score(truth, called, average="micro"))


def test_torchmetrics(pair: tuple[np.ndarray, np.ndarray], scores: Scores) -> None:
    theirs = pytest.importorskip("torchmetrics.functional.classification", reason="torchmetrics is not installed")
    predicted, labels = map(torch.from_numpy, pair)
    matrix = theirs.multiclass_confusion_matrix(predicted, labels, COUNT, ignore_index=255)
    assert np.array_equal(scores.matrix, matrix.numpy())
    jaccard = theirs.multiclass_jaccard_index(predicted, labels, COUNT, average="macro", ignore_index=255)
    assert scores.miou == pytest.approx(float(jaccard), abs=1e-6)


def test_segmentation_models_pytorch(pair: tuple[np.ndarray, np.ndarray], scores: Scores) -> None:
    theirs = pytest.importorskip(
        "segmentation_models_pytorch.metrics", reason="segmentation-models-pytorch is not installed"
    )
    predicted, labels = map(torch.from_numpy, pair)
    counts = theirs.get_stats(
        predicted, torch.where(labels == 255, -1, labels), mode="multiclass", num_classes=COUNT, ignore_index=-1
    )
    tp, fp, fn, _ = (part.sum(dim=0).numpy() for part in counts)
    assert np.array_equal(tp, scores.matrix.diagonal())
    assert np.array_equal(fp + tp, scores.matrix.sum(axis=0))
    assert np.array_equal(fn + tp, scores.matrix.sum(axis=1))
    micro = float(theirs.f1_score(*counts, reduction="micro"))
    assert scores.micro_f1 == pytest.approx(micro, abs=1e-6)


def test_scikit_learns_top_k(pair: tuple[np.ndarray, np.ndarray]) -> None:
    metrics = pytest.importorskip("sklearn.metrics", reason="scikit-learn is not installed")
    labels = pair[1]
    scores = torch.randn((2, COUNT, *labels.shape[1:]), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    metric = TopK(COUNT, k=(1, 2, 5))
    metric.update(scores, labels)
    held = labels != 255
    rows = scores.movedim(1, -1).numpy()[held]
    for k, share in metric.compute().accuracy.items():
        theirs = metrics.top_k_accuracy_score(labels[held], rows, k=k, labels=range(COUNT))
        assert share == pytest.approx(theirs, abs=1e-12)


def test_scikit_learns_brier_and_reliability_curve() -> None:
    theirs = pytest.importorskip("sklearn.metrics", reason="scikit-learn is not installed")
    curves = pytest.importorskip("sklearn.calibration", reason="scikit-learn is not installed")
    generator = torch.Generator().manual_seed(1)
    probabilities = (2 * torch.randn(500, 4, generator=generator, dtype=torch.float64)).softmax(dim=1)
    labels = torch.randint(0, 4, (500,), generator=generator)
    metric = Calibration(4, bins=10)
    metric.update(probabilities, labels)
    found = metric.compute()
    one_hot = np.eye(4)[labels.numpy()]
    assert found.brier == pytest.approx(((probabilities.numpy() - one_hot) ** 2).sum(axis=1).mean(), abs=1e-12)
    two = torch.stack([1 - probabilities[:, 0], probabilities[:, 0]], dim=1)
    half = Calibration(2)
    half.update(two, (labels == 0).long())
    assert half.compute().brier == pytest.approx(
        2 * theirs.brier_score_loss(labels == 0, probabilities[:, 0]), abs=1e-12
    )
    confidence, called = probabilities.max(dim=1)
    right, sure = curves.calibration_curve((called == labels).numpy(), confidence.numpy(), n_bins=10)
    held = [b for b in found.curve if b.pixels]
    assert [b.accuracy for b in held] == pytest.approx(right, abs=1e-12)
    assert [b.confidence for b in held] == pytest.approx(sure, abs=1e-12)


@pytest.mark.parametrize("norm", ["l1", "max"])
def test_torchmetrics_calibration(pair: tuple[np.ndarray, np.ndarray], norm: str) -> None:
    theirs = pytest.importorskip("torchmetrics.functional.classification", reason="torchmetrics is not installed")
    labels = torch.from_numpy(pair[1])
    generator = torch.Generator().manual_seed(2)
    probabilities = torch.randn(2, COUNT, *labels.shape[1:], generator=generator).double().softmax(dim=1)
    metric = Calibration(COUNT, bins=15)
    metric.update(probabilities, labels)
    expected = theirs.multiclass_calibration_error(probabilities, labels, COUNT, n_bins=15, norm=norm, ignore_index=255)
    assert metric.compute()[0 if norm == "l1" else 1] == pytest.approx(
        float(expected), abs=1e-6
    )  # theirs sums in float32


def test_torchmetrics_panoptic_quality() -> None:
    theirs = pytest.importorskip("torchmetrics.functional.detection", reason="torchmetrics is not installed")
    random, things, stuff = np.random.default_rng(3), {1, 2}, {0, 3}
    metric, pairs = PanopticQuality(4, things), []
    for _ in range(6):
        classes, numbers = (random.integers(0, 4, (4, 5)).repeat(4, 0).repeat(4, 1) for _ in range(2))
        called = np.roll(classes, random.integers(0, 3, 2), (0, 1))
        wrong = random.random(called.shape) < 0.05
        called[wrong] = random.integers(0, 4, wrong.sum())
        said = np.roll(numbers, 1, 1)
        classes[random.random(classes.shape) < 0.05] = 255
        metric.update(segments(called, said, things), segments(classes, numbers, things))
        pairs.append(tuple(torch.from_numpy(np.stack(maps, axis=-1)) for maps in ((called, said), (classes, numbers))))
    predicted, labels = (torch.stack([p[n] for p in pairs]) for n in range(2))
    classes = theirs.panoptic_quality(predicted, labels, things, stuff, return_per_class=True, return_sq_and_rq=True)
    found, places = metric.compute(), [1, 2, 0, 3]  # theirs: things first, then stuff
    rows = classes.reshape(-1, 3)
    for n, k in enumerate(places):
        assert (found.pq[k], found.sq[k], found.rq[k]) == pytest.approx(rows[n].tolist(), abs=1e-6)
    assert found.all.pq == pytest.approx(float(theirs.panoptic_quality(predicted, labels, things, stuff)), abs=1e-6)


def test_opencv_takes_the_same_boundaries() -> None:
    """The published way: pad with zeros, erode class by class, take the difference."""
    cv2 = pytest.importorskip("cv2", reason="opencv-python-headless is not installed")
    random = np.random.default_rng(0)
    labels = random.integers(0, 7, (9, 11)).repeat(12, 0).repeat(12, 1).astype(np.uint8)
    predicted = np.roll(labels, (3, 2), (0, 1))
    metric = BoundaryIoU(7)
    metric.update(predicted, labels)
    width = max(1, round(0.02 * math.hypot(*labels.shape)))

    def edge(mask: np.ndarray) -> np.ndarray:
        padded = cv2.copyMakeBorder(mask.astype(np.uint8), 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
        return mask & ~cv2.erode(padded, np.ones((3, 3), np.uint8), iterations=width)[1:-1, 1:-1].astype(bool)

    edges = [(edge(predicted == k), edge(labels == k)) for k in range(7)]
    assert metric.compute().iou == [(p & t).sum() / (p | t).sum() for p, t in edges]


@pytest.mark.parametrize("evaluator", ["pycocotools", "faster_coco_eval"])
def test_cocos_evaluator(evaluator: str, capsys: pytest.CaptureFixture[str]) -> None:
    """AP and AR of masks with crowds, to 1e-9."""
    if evaluator == "pycocotools":
        pytest.importorskip("pycocotools", reason="pycocotools is not installed")
        from pycocotools import mask as rle
        from pycocotools.coco import COCO
        from pycocotools.cocoeval import COCOeval
    else:
        pytest.importorskip("faster_coco_eval", reason="faster-coco-eval is not installed")
        from faster_coco_eval import COCO
        from faster_coco_eval import COCOeval_faster as COCOeval
        from faster_coco_eval.core import mask as rle
    random, metric = np.random.default_rng(5), AveragePrecision(3)
    truth, found = [], []

    def drawn(count: int, near: np.ndarray, kinds: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Rectangles anywhere; or, mostly, one of `near`, moved a little and of its class, mostly."""
        masks, called = np.zeros((count, 160, 160), bool), random.integers(0, 3, count)
        for n, mask in enumerate(masks):
            if len(near) and random.random() < 0.8:
                like = random.integers(len(near))
                mask[:] = np.roll(near[like], random.integers(-4, 5, 2), (0, 1))
                called[n] = kinds[like] if random.random() < 0.8 else called[n]
            else:
                (y, x), (h, w) = random.integers(0, 60, 2), random.integers(6, 140, 2)
                mask[y : y + h, x : x + w] = True
        return masks, called

    def encoded(mask: np.ndarray) -> dict:
        return rle.encode(np.asfortranarray(mask.astype(np.uint8)))

    for image in range(1, 16):
        real, kinds = drawn(random.integers(0, 8), np.zeros((0, 160, 160), bool), np.zeros(0, int))
        seen, called = drawn(random.integers(0, 12), real, kinds)
        crowd, scores = random.random(len(real)) < 0.15, random.permutation(len(seen)) / 16 + image * 1e-3
        metric.update(Objects(seen, called, scores), Objects(real, kinds, crowd=crowd))
        for mask, k, group in zip(real, kinds, crowd, strict=True):
            truth.append({"id": len(truth) + 1, "image_id": image, "category_id": int(k) + 1, "iscrowd": int(group),
                          "area": int(mask.sum()), "bbox": rle.toBbox(encoded(mask)).tolist(), "segmentation": encoded(mask)})  # fmt: skip
        for mask, k, score in zip(seen, called, scores, strict=True):
            found.append(
                {"image_id": image, "category_id": int(k) + 1, "score": float(score), "segmentation": encoded(mask)}
            )
    coco = COCO()
    coco.dataset = {"images": [{"id": n, "height": 160, "width": 160} for n in range(1, 16)], "annotations": truth,
                    "categories": [{"id": k, "name": str(k)} for k in (1, 2, 3)], "info": {}}  # fmt: skip
    coco.createIndex()
    run = COCOeval(coco, coco.loadRes(found), "segm")
    run.evaluate(), run.accumulate(), run.summarize()
    ours = metric.compute()
    assert list(ours[:12]) == pytest.approx(list(run.stats[:12]), abs=1e-9)
    assert 0.05 < ours.ap < 0.95


def test_ade20ks_own_sample_scores_one(shared_data: Path) -> None:
    """Its predictions are its annotations; 0 is "other" and not scored. Its own script prints 0.1000 and 100.00 %."""
    folder = shared_data / "ade20k_scene3" / "sampleData"
    from PIL import Image

    from intarsia.metrics import ImageCounts

    whole, images = ConfusionMatrix(150), ImageCounts(150)
    for path in sorted((folder / "annotations").glob("*.png")):
        with Image.open(path) as truth, Image.open(folder / "predictions" / path.name) as predicted:
            maps = [np.asarray(m, np.int64) for m in (predicted, truth)]
        own = ConfusionMatrix(150)
        own.update(*(np.where(m == 0, 255, m - 1) for m in maps))
        whole.merge(own)
        images.update(path.stem, own.matrix, own.ignored)
    scores = whole.compute()
    assert len(images) == 3 and scores.miou == scores.accuracy == scores.mean_dice == images.miou("monai") == 1.0
    present = sum(not math.isnan(iou) for iou in scores.iou)
    assert images.miou("csail") == pytest.approx(present / 150)
    assert f"{images.miou('csail'):.4f}" == "0.1000"
    assert bootstrap(images, resamples=20).mean == (1, 1, 1)
