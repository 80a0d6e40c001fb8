"""Two models of any answer on the same images: the same verdict as their scores, and one that can be told from none."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from intarsia.errors import DataError
from intarsia.evaluation import compare, evaluate, judge, score
from intarsia.evaluation.comparison import _shown, _Side
from intarsia.inference import Predictor
from intarsia.metrics import bootstrap
from intarsia.metrics.stored import load
from intarsia.postprocess import DECISIONS
from intarsia.report import write_versus
from intarsia.structures import MaskQueries

from .worlds import PLANES, SPACE, World, instances, meters, panoptic, queries, several, whole

KINDS: dict[str, tuple[Any, str, Any]] = {
    "planes": (several, "semantic", PLANES),
    "objects": (queries, "instance", SPACE),
    "segments": (queries, "panoptic", SPACE),
    "depth": (lambda by=0: meters(1 + 0.05 * by), "depth", SPACE),
    "tags": (lambda by=0: whole(2 * by), "classification", SPACE),
}


@pytest.fixture(autouse=True)
def decisions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(DECISIONS, ("instance", MaskQueries), instances)
    monkeypatch.setitem(DECISIONS, ("panoptic", MaskQueries), panoptic)


def predictor(kind: str, by: int) -> Predictor:
    make, task, space = KINDS[kind]
    return Predictor(make(by), space, task=task)


def data(kind: str) -> World:
    return World(count=12, planes=kind == "planes")


@pytest.mark.parametrize("kind", KINDS)
def test_the_verdict_is_that_of_the_scores(kind: str, tmp_path: Path) -> None:
    good, bad = (score(predictor(kind, by), data(kind)) for by in (0, 3))
    found = judge(bad.counts, good.counts, names=("bad", "good"), resamples=200)
    values = [bootstrap(one.counts, resamples=2).mean.value for one in (bad, good)]
    assert found.score == pytest.approx(values) and found.measure == good.measure
    assert found.mean.value.value == pytest.approx(values[1] - values[0])
    assert found.mean.value.low <= found.mean.value.value <= found.mean.value.high
    if kind != "tags":  # a few pictures that are all right or all wrong tell less
        assert found.better == "good" and found.sentence.startswith("good is better by ")
    sides = [_Side(tmp_path, predictor(kind, by)) for by in (3, 0)]
    shown = _shown(found, sides, data(kind), good.space, False)
    page = write_versus(tmp_path / "compare.html", verdict=found, space=good.space, shown=shown).read_text()
    assert found.measure in page or found.measure == "mIoU"
    assert page.count("data:image/png;base64") >= 2 * len(shown) > 0
    assert found.to_dict()["score"] == pytest.approx(values)


@pytest.mark.parametrize("kind", KINDS)
def test_a_model_equals_itself(kind: str) -> None:
    one, two = (score(predictor(kind, 2), data(kind)).counts for _ in range(2))
    found = judge(one, two, resamples=50)
    assert found.alike and found.better is None
    assert found.sentence == "A and B score exactly the same on 12 images"


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_evaluated_is_compared_from_its_files(kind: str, tmp_path: Path) -> None:
    scores = [evaluate(predictor(kind, by), data(kind), out=tmp_path / str(by)) for by in (3, 0)]
    read = load(tmp_path / "3" / "images.safetensors")
    ones = np.ones((1, 12))
    if kind != "planes":
        np.testing.assert_array_equal(read.measured(ones), scores[0].counts.measured(ones))
    assert read.names == scores[0].counts.names
    found = compare(tmp_path / "3", tmp_path / "0", resamples=50)
    assert found.score == pytest.approx([bootstrap(one.counts, resamples=2).mean.value for one in scores])
    assert found.source == {}


def test_two_measures_are_never_compared() -> None:
    one, two = (score(predictor(kind, 0), data(kind)).counts for kind in ("objects", "segments"))
    with pytest.raises(DataError, match="one of the two was scored by mask AP and the other by PQ"):
        judge(one, two)
    other = score(predictor("objects", 0), World(count=12, seed=1)).counts
    with pytest.raises(DataError, match="w0: the two were scored against different labels"):
        judge(one, other)


@pytest.mark.parametrize("kind", ["objects", "segments", "depth", "planes"])
def test_intervals_hold_the_score_and_drawn_images_count_as_often_as_drawn(kind: str) -> None:
    found = score(predictor(kind, 2), data(kind)).counts
    trust = bootstrap(found, resamples=300)
    assert trust.mean.low < trust.mean.value < trust.mean.high and trust.images == 12
    if kind in ("segments", "depth"):  # ratios of sums, so that a draw is the images it holds
        order = [0, 0, 3, 5, 5, 5]
        weights = np.bincount(order, minlength=12)[None].astype(float)
        np.testing.assert_allclose(found.measured(weights)[0], found.take(order).measured(np.ones((1, 6)))[0])
