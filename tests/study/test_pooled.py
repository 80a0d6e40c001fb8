"""Seeds counted together, and networks told apart, where the measure is no mIoU."""

import numpy as np
import pytest

from intarsia.metrics import AveragePrecision, ImageCounts, over_seeds
from intarsia.metrics.image_matches import ImageMatches
from intarsia.metrics.image_tags import ImageTags
from intarsia.metrics.records import ImageSums
from intarsia.metrics.significance import Interval
from intarsia.structures import Objects
from intarsia.study.answer import Entry, Study, pairs, together


def depth(error: float, seed: int) -> ImageSums:
    random, sums = np.random.default_rng(seed), ImageSums("depth")
    for n in range(20):
        own = error * random.uniform(0.8, 1.2)
        sums.update(str(n), np.array([own] * 9 + [1.0]), np.array([100]), 1 - own)
    return sums


def entry(name: str, runs: tuple[float, ...]) -> Entry:
    mean = float(np.mean(runs))
    return Entry(name, name, None, Interval(mean, mean, mean), over_seeds(runs), runs, {}, 1, 1.0, 1.0, (1,))


def test_less_is_better_where_errors_are_measured() -> None:
    pooled = {name: together([depth(error, seed) for seed in (0, 1)]) for name, error in (("near", 0.1), ("far", 0.3))}
    assert len(pooled["near"]) == 20
    assert pooled["near"].measured(np.ones((1, 20)))[0, -1] == pytest.approx(0.1, abs=0.01)
    entries = [entry("near", (0.1, 0.11)), entry("far", (0.3, 0.29))]
    found = pairs(entries, pooled, "dataset")
    assert [(p.a, p.b, p.verdict) for p in found] == [("far", "near", "real")]
    assert found[0].says.startswith("near is better by 19.9 points") and found[0].value.value < 0
    study = Study(entries, found, 20, (8, 8), "1 steps", "x val", "dataset", 2, pooled["near"].columns[-1])
    assert (
        study.answer.startswith("near has the lowest AbsRel, 10.5")
        and "every difference from it is real" in study.answer
    )
    assert "miou" not in study.to_dict()["entries"][0] and study.to_dict()["measure"] == "AbsRel"


def test_detections_of_several_seeds_are_ranked_together() -> None:
    boxes = np.array([[0, 0, 10, 10], [20, 20, 30, 30]], float)
    runs = [Objects(boxes + shift, [0, 0], scores) for shift, scores in ((0, [0.9, 0.4]), (4, [0.8, 0.7]))]
    seeds, metric = [], AveragePrecision(1)
    for run in runs:
        seeds.append(ImageMatches(["a"], "box AP"))
        seeds[-1].update("x", run, Objects(boxes, [0, 0]))
        metric.update(run, Objects(boxes, [0, 0]))
    both = together(seeds)
    assert len(both) == 1 and both.detections == 4
    assert both.measured(np.ones((1, 1)))[0, -1] == pytest.approx(metric.compute().ap)


def test_pixels_and_tags() -> None:
    counts = [ImageCounts.of([[hit, 2]], [[4, 4]], [[4, 4]]) for hit in (1, 3)]
    assert together(counts).rows.tolist() == [[[4, 4], [8, 8], [8, 8]]]
    tags = [ImageTags(["a", "b"], several=False) for _ in range(2)]
    for n, one in enumerate(tags):
        one.update("x", np.array([True, False]), np.arange(2) == n, np.array([0.6, 0.4]))
    assert together(tags).compute().accuracy == 0.5 and together(tags[:1]) is tags[0]
