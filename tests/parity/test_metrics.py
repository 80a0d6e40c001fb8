"""Counts and ratios against scikit-learn, torchmetrics and segmentation-models-pytorch."""

import warnings

import numpy as np
import pytest
import torch

from intarsia.metrics import ConfusionMatrix, Scores

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
    np.testing.assert_allclose(scores.f1, f1)
    occurs = ~np.isnan(scores.iou)
    np.testing.assert_allclose(np.array(scores.iou)[occurs], jaccard[occurs])
    assert scores.miou == pytest.approx(jaccard[occurs].mean())
    assert scores.fw_iou == pytest.approx((jaccard * support).sum() / support.sum())
    assert scores.mean_accuracy == pytest.approx(mean_accuracy)
    assert scores.macro_f1 == pytest.approx(np.nanmean(f1))
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
