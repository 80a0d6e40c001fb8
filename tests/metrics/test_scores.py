"""Ratios: deck 4's worked example to the digit, and what happens where there is nothing to divide."""

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from intarsia.errors import LabelError, RecipeError
from intarsia.metrics import PROTOCOLS, ConfusionMatrix, Scores

DECK = Scores(np.array([[1, 1], [1, 13]]), names=("A", "background"))


def test_deck_4s_worked_example() -> None:
    truth = np.ones((4, 4), int)
    truth[0, 0] = truth[0, 1] = 0
    predicted = np.ones((4, 4), int)
    predicted[0, 0] = predicted[1, 0] = 0
    confusion = ConfusionMatrix(2)
    confusion.update(predicted, truth)
    assert confusion.matrix.tolist() == [[1, 1], [1, 13]]
    scores = confusion.compute(names=("A", "background"))
    assert scores.iou == {"A": 1 / 3, "background": 13 / 15}
    assert scores.dice["A"] == scores.precision["A"] == scores.recall["A"] == scores.cosine["A"] == 0.5
    assert scores.miou == pytest.approx(0.600, abs=1e-12)
    assert scores.accuracy == scores.micro_f1 == 0.875
    assert scores.precision["background"] == scores.recall["background"] == scores.dice["background"] == 13 / 14
    assert scores.mean_dice == pytest.approx((0.5 + 13 / 14) / 2)
    assert round(100 * scores.mean_dice, 1) == 71.4
    assert scores.mean_accuracy == pytest.approx((0.5 + 13 / 14) / 2)
    assert scores.fw_iou == pytest.approx((2 * (1 / 3) + 14 * (13 / 15)) / 16)
    assert scores.ignored == 0.0


def test_absent_classes_are_nan_and_leave_the_means_alone() -> None:
    """Class 2 is predicted but absent from the truth, class 3 is nowhere."""
    scores = Scores(np.array([[6, 0, 2, 0], [1, 3, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]]), 3)
    assert scores.iou[2] == scores.precision[2] == 0.0
    assert math.isnan(scores.recall[2])
    assert all(math.isnan(scores[key][3]) for key in ("iou", "dice", "precision", "recall", "cosine"))
    assert scores.miou == pytest.approx((6 / 9 + 3 / 4 + 0) / 3)
    assert scores.mean_accuracy == pytest.approx((6 / 8 + 3 / 4) / 2)
    assert scores.macro_precision == pytest.approx((6 / 7 + 1 + 0) / 3)
    assert scores.macro_recall == pytest.approx((6 / 8 + 3 / 4) / 2)
    assert scores.ignored == 3 / 15


def test_json_has_null_where_there_is_no_number() -> None:
    tree = json.loads(json.dumps(Scores(np.array([[3, 0], [0, 0]]), names=("a", "b")).to_dict(), allow_nan=False))
    assert tree["iou"] == {"a": 1.0, "b": None}
    assert tree["miou"] == 1.0
    assert (tree["protocol"], tree["pixels"], tree["ignored_pixels"], tree["ignored"]) == ("dataset", 3, 0, 0.0)
    assert tree["confusion"] == [[3, 0], [0, 0]]


def test_nothing_counted_gives_no_numbers_and_no_warnings() -> None:
    scores = ConfusionMatrix(3).compute()
    assert (
        math.isnan(scores.miou)
        and math.isnan(scores.accuracy)
        and math.isnan(scores.fw_iou)
        and math.isnan(scores.ignored)
    )
    assert scores.to_dict()["miou"] is None


def test_scores_by_name_or_by_number() -> None:
    assert DECK["miou"] == DECK.miou
    assert Scores(DECK.matrix).iou == list(DECK.iou.values())  # type: ignore[union-attr]
    with pytest.raises(KeyError, match="did you mean 'miou'"):
        DECK["mIoUs"]


def test_compute_is_a_snapshot() -> None:
    confusion = ConfusionMatrix(2)
    confusion.update(np.zeros(4, int), np.zeros(4, int))
    before = confusion.compute()
    confusion.update(np.ones(4, int), np.zeros(4, int))
    assert before.accuracy == 1.0
    assert confusion.compute().accuracy == 0.5


def test_mistakes_are_named() -> None:
    with pytest.raises(RecipeError, match="no protocol 'datasets'; did you mean 'dataset'"):
        ConfusionMatrix(2).compute("datasets")
    with pytest.raises(LabelError, match="3 class names for a confusion matrix of 2 classes"):
        ConfusionMatrix(2).compute(names=("a", "b", "c"))
    with pytest.raises(LabelError, match="square, this one is 2 x 3"):
        Scores(np.zeros((2, 3)))


def test_every_protocol_says_what_it_means() -> None:
    for name, protocol in PROTOCOLS.items():
        assert protocol.name == name
        assert all(word in protocol.says for word in ("ignored", "class", "mean"))


@settings(max_examples=80, deadline=None)
@given(arrays(np.int64, st.integers(1, 6).map(lambda k: (k, k)), elements=st.integers(0, 50)))
def test_identities_hold(matrix: np.ndarray) -> None:
    scores = Scores(matrix)
    for iou, dice, precision, recall, cosine in zip(
        scores.iou, scores.dice, scores.precision, scores.recall, scores.cosine, strict=True
    ):
        if not math.isnan(iou):
            assert dice == pytest.approx(2 * iou / (1 + iou))
        if not math.isnan(precision) and not math.isnan(recall):
            assert cosine == pytest.approx(math.sqrt(precision * recall))
            if precision + recall:
                assert dice == pytest.approx(2 * precision * recall / (precision + recall))
            assert iou <= dice <= cosine + 1e-12
    if matrix.sum():
        assert scores.micro_f1 == pytest.approx(scores.accuracy)
        assert sum(scores.share) == pytest.approx(1)
        order = np.random.default_rng(0).permutation(len(matrix))
        shuffled = Scores(matrix[np.ix_(order, order)])
        assert shuffled.miou == pytest.approx(scores.miou)
        assert shuffled.fw_iou == pytest.approx(scores.fw_iou)
