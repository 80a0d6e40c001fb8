"""Every kind of answer: a perfect model scores 1, worked numbers, the metrics' own numbers, and nothing large is kept."""

import gc
import json
import math
import pickle
import weakref
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from intarsia.cli.evaluate import show_tables
from intarsia.errors import DataError, IntarsiaError, LabelError, ModelError, RecipeError
from intarsia.evaluation import TALLIES, evaluate, score
from intarsia.evaluation.tallies import ObjectTally, PlaneTally, SegmentTally, TagTally, Wish
from intarsia.evaluation.truth import true_objects, true_segments
from intarsia.inference import Predictor
from intarsia.labels import LabelSpace
from intarsia.metrics import AveragePrecision, DepthErrors, PanopticQuality, segments
from intarsia.postprocess import DECISIONS
from intarsia.structures import Answer, MaskQueries, Objects, Planes, Sample, Segments, Tags

from .worlds import PLANES, SPACE, World, instances, meters, panoptic, pixels, queries, several, whole

RIGHT: dict[str, tuple[Any, str, LabelSpace]] = {
    "labels": (pixels, "semantic", SPACE),
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


def predictor(kind: str, by: int = 0) -> Predictor:
    make, task, space = RIGHT[kind]
    return Predictor(make(by), space, task=task)


def world(kind: str, **options: Any) -> World:
    return World(planes=kind == "planes", **options)


def test_every_answer_has_its_tally() -> None:
    assert set(TALLIES) == set(Answer.__args__)


@pytest.mark.parametrize("kind", RIGHT)
def test_a_perfect_model_scores_one(kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = evaluate(predictor(kind), world(kind), out=tmp_path)
    assert found.standing == pytest.approx(1)
    assert found.images == len(found.per_image) == 6 and found.seconds > 0
    assert found.brief and found.sentence.endswith(" s)") and found.figures
    stored = json.loads((tmp_path / "scores.json").read_text())
    assert stored["images"] == 6 and len(stored["per_image"]) == 6
    page = (tmp_path / "report.html").read_text()
    assert "<script" not in page and found.per_image[0][0] in page
    assert "<table>" in found._repr_html_()
    show_tables(found)
    told = capsys.readouterr().out
    assert "6 images in" in told and all(name in told for name, value in found.tiles if value != "-")


@pytest.mark.parametrize("kind", RIGHT)
def test_a_worse_model_scores_less_and_the_page_shows_its_images(kind: str, tmp_path: Path) -> None:
    good, bad = (score(predictor(kind, by), world(kind), keep=2) for by in (0, 3))
    assert bad.standing < good.standing
    assert 1 <= len(bad.worst) <= 2 and bad.worst[0].score <= bad.best[0].score
    evaluate(predictor(kind, 3), world(kind), out=tmp_path)
    assert (tmp_path / "report.html").read_text().count("data:image/png;base64") >= 4


@pytest.mark.parametrize("kind", RIGHT)
def test_batches_and_parts_count_alike(kind: str) -> None:
    one, four = (score(predictor(kind, 2), world(kind), batch_size=size) for size in (1, 4))
    assert one.figures == four.figures
    assert one.per_image == four.per_image


def test_objects_equal_the_metric_and_crowds_cost_nothing() -> None:
    data = World(crowd=True)
    found = score(predictor("objects", 2), data)
    masks, boxes = AveragePrecision(3), AveragePrecision(3)
    for n in range(len(data)):
        sample = data[n]
        true = true_objects(sample, SPACE)
        assert true.crowd is not None and list(true.crowd) == [False] * (len(true.classes) - 1) + [True]
        answer = instances(queries(2)(sample.image[None]), SPACE)[0]
        masks.update(answer, true)
        around = [[m.box[1].start, m.box[0].start, m.box[1].stop, m.box[0].stop] for m in true.shapes]
        areas = [m.inside.sum() for m in true.shapes]
        own = [torch.tensor([x.min(), y.min(), x.max() + 1, y.max() + 1]) for y, x in map(_where, answer.shapes)]
        boxes.update(
            answer._replace(shapes=torch.stack(own)), true._replace(shapes=np.array(around, float), areas=areas)
        )
    assert repr(found.masks) == repr(masks.compute()) and repr(found.boxes) == repr(boxes.compute())
    assert 0 < found.ap < found.ap50 <= 1


def _where(mask: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    y, x = mask.nonzero(as_tuple=True)
    return y, x


def test_objects_equal_the_official_evaluator() -> None:
    coco, evaluator = pytest.importorskip("pycocotools.coco"), pytest.importorskip("pycocotools.cocoeval")
    from pycocotools.mask import encode

    data, annotations, results = World(count=5), [], []
    for n in range(len(data)):
        true = true_objects(data[n], SPACE)
        full = np.zeros((len(true.classes), 48, 64), np.uint8)
        for m, shape in enumerate(true.shapes):
            full[m][shape.box] = shape.inside
            kind = {"id": len(annotations) + 1, "image_id": n, "category_id": int(true.classes[m]), "iscrowd": 0}
            rle = encode(np.asfortranarray(full[m]))
            annotations.append({**kind, "segmentation": rle, "area": int(full[m].sum()), "bbox": [0, 0, 1, 1]})
        answer = instances(queries(2)(data[n].image[None]), SPACE)[0]
        for mask, kind, own in zip(answer.shapes, answer.classes, answer.scores, strict=True):
            rle = encode(np.asfortranarray(mask.numpy().astype(np.uint8)))
            results.append({"image_id": n, "category_id": int(kind), "score": float(own), "segmentation": rle})
    truth = coco.COCO()
    truth.dataset = {
        "info": {},
        "images": [{"id": n, "height": 48, "width": 64} for n in range(len(data))],
        "categories": [{"id": k} for k in range(3)],
        "annotations": annotations,
    }
    truth.createIndex()
    official = evaluator.COCOeval(truth, truth.loadRes(results), "segm")
    official.evaluate()
    official.accumulate()
    official.summarize()
    found = score(predictor("objects", 2), data).masks
    ours = np.array([found.ap, found.ap50, found.ap75, found.ap_small, found.ap_medium, found.ap_large])
    np.testing.assert_allclose(np.nan_to_num(ours, nan=-1), official.stats[:6], atol=1e-9)


def test_segments_equal_the_metric_and_a_brute_force() -> None:
    data = World()
    found = score(predictor("segments", 2), data)
    metric = PanopticQuality(3, (1, 2))
    sums: dict[int, list[float]] = {k: [0, 0, 0, 0] for k in range(3)}
    for n in range(len(data)):
        sample = data[n]
        answer = panoptic(queries(2)(sample.image[None]), SPACE)[0]
        true = segments(sample.labels, sample.objects, (1, 2), 255)
        metric.update(answer, true)
        taken = set()
        for t, k in true.classes.items():
            overlaps = []
            for p, kind in answer.classes.items():
                a, b = true.ids == t, answer.ids == p
                void = ((true.ids == 0) & b).sum()
                overlaps.append(((a & b).sum() / ((a | b).sum() - void) if kind == k else 0.0, p))
            best = max(overlaps)
            if best[0] > 0.5:
                taken.add(best[1])
                sums[k][0] += best[0]
                sums[k][1] += 1
            else:
                sums[k][3] += 1
        for p, k in answer.classes.items():
            sums[k][2] += p not in taken and 2 * ((true.ids == 0) & (answer.ids == p)).sum() <= (answer.ids == p).sum()
    by_hand = [iou / (tp + (fp + fn) / 2) for iou, tp, fp, fn in sums.values()]
    np.testing.assert_allclose(found.scores.pq, by_hand)
    official = metric.compute()
    assert (found.scores.matched, found.scores.invented, found.scores.missed) == official[-3:]
    assert found.scores.sq == pytest.approx(official.sq) and found.scores.all == pytest.approx(official.all)
    assert found.pq == pytest.approx(np.mean(by_hand))


def test_segments_of_a_sample() -> None:
    labels = torch.tensor([[0, 1, 1, 1], [0, 1, 2, 255]], dtype=torch.uint8)
    objects = torch.tensor([[0, 4, 0, 4], [9, 0, 3, 3]], dtype=torch.int32)
    sample = Sample(torch.zeros(3, 2, 4, dtype=torch.uint8), labels, "s", objects=objects)
    found = true_segments(sample, SPACE)
    kinds = {found.ids[y, x]: found.classes[found.ids[y, x]] for y, x in ((0, 0), (0, 1), (0, 2), (1, 2))}
    assert list(kinds.values()) == [0, 1, 1, 2] and found.ids[1, 3] == 0
    assert found.ids[0, 1] == found.ids[0, 3] != found.ids[0, 2] == found.ids[1, 1]  # the object, and what is in none
    assert list(found.crowd) == [found.ids[0, 2]]
    assert found.ids[0, 0] == found.ids[1, 0]  # stuff is one segment, whatever its numbers


def test_classes_of_objects_win_over_the_labels_and_masks_may_overlap() -> None:
    labels = torch.zeros(2, 4, dtype=torch.uint8)
    masks = torch.tensor([[[1, 1, 1, 1], [1, 1, 1, 1]], [[0, 1, 1, 0], [0, 0, 0, 0]]], dtype=torch.bool)
    sample = Sample(torch.zeros(3, 2, 4, dtype=torch.uint8), labels, "s", masks=masks, classes=torch.tensor([1, 2]))
    found = true_segments(sample, SPACE)
    assert sorted(found.classes.values()) == [1, 2] and not found.crowd
    assert found.classes[int(found.ids[0, 1])] == 2 and (found.ids == found.ids[0, 1]).sum() == 2
    assert [mask.inside.sum() for mask in true_objects(sample, SPACE).shapes] == [8, 2]


def test_depth_equals_the_metric_and_unknown_pixels_count_nowhere() -> None:
    data = World()
    found = score(predictor("depth", 2), data)
    metric = DepthErrors()
    for n in range(len(data)):
        metric.update(data[n].image[2].float() / 10 * 1.1, data[n].depth)
    assert found.scores == pytest.approx(metric.compute())
    assert found.abs_rel == pytest.approx(0.1, abs=1e-4) and found.standing == pytest.approx(0.9, abs=1e-4)
    assert found.scores.pixels == 6 * (48 - 2) * 64 == sum(found.histogram)
    assert found.scores.delta1 == 1


def test_planes_by_hand() -> None:
    tally = PlaneTally(PLANES, Wish())
    planes = torch.tensor([[[1, 1, 0, 0]], [[0, 1, 1, 0]], [[0, 0, 0, 0]]], dtype=torch.bool)
    answer = torch.tensor([[[1, 0, 0, 1]], [[0, 1, 1, 1]], [[0, 0, 0, 1]]], dtype=torch.bool)
    sample = Sample(torch.zeros(3, 1, 4, dtype=torch.uint8), torch.tensor([[0, 0, 0, 255]]).byte(), "s", planes=planes)
    assert tally.update(sample, Planes(answer)) == pytest.approx((1 / 2 + 1) / 2)
    found = tally.compute()
    assert found.iou == pytest.approx({"ground": 0.5, "disk": 1, "box": math.nan}, nan_ok=True)
    assert found.dice["ground"] == pytest.approx(2 / 3) and found.mean_dice == pytest.approx(5 / 6)
    assert found.counts.ignored.tolist() == [1] and found.pixels == 3


def test_tags_by_hand() -> None:
    tally = TagTally(SPACE, Wish())
    image, labels = torch.zeros(3, 1, 1, dtype=torch.uint8), torch.zeros(1, 1, dtype=torch.uint8)
    for n, (true, scores) in enumerate([(0, [0.6, 0.3, 0.1]), (0, [0.3, 0.6, 0.1]), (1, [0.1, 0.8, 0.1])]):
        sample = Sample(image, labels, str(n), tags=torch.arange(3) == true)
        tally.update(sample, Tags(torch.tensor(scores).argmax()[None], torch.tensor(scores)))
    found = tally.compute()
    assert found.accuracy == pytest.approx(2 / 3) and found.scores.recall[:2] == [0.5, 1]
    assert found.scores.precision[:2] == [1, 0.5] and math.isnan(found.scores.recall[2])
    two = Sample(image, labels, "x", tags=torch.tensor([True, True, False]))
    with pytest.raises(LabelError, match="x: has 2 classes, where each image has one"):
        tally.update(two, Tags(torch.tensor([0]), torch.ones(3)))


def test_several_tags_equal_scikit_learn() -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    random = np.random.default_rng(0)
    true, scores = random.random((40, 3)) < 0.4, random.random((40, 3)).round(1).astype(np.float32)
    tally = TagTally(PLANES, Wish())
    image, labels = torch.zeros(3, 1, 1, dtype=torch.uint8), torch.zeros(1, 1, dtype=torch.uint8)
    for n in range(40):
        sample = Sample(image, labels, str(n), tags=torch.from_numpy(true[n]))
        own = torch.from_numpy(scores[n])
        tally.update(sample, Tags((own > 0.5).nonzero()[:, 0], own))
    found = tally.compute().scores
    called = scores > 0.5
    assert found.ap == pytest.approx(metrics.average_precision_score(true, scores, average="macro"))
    assert found.f1 == pytest.approx(metrics.f1_score(true, called, average="macro"))
    assert found.micro_f1 == pytest.approx(metrics.f1_score(true, called, average="micro"))
    assert found.accuracy == pytest.approx(metrics.accuracy_score(true, called))


@pytest.mark.parametrize("kind", ["objects", "segments", "planes", "depth"])
def test_no_picture_and_no_mask_survives_its_update(kind: str) -> None:
    data, model = world(kind), predictor(kind)
    first = data[0]
    output = model.output(first.image[None])
    answer = model.answers(output)[0]
    tally = TALLIES[type(answer)](model.labels, Wish())
    tally.update(first, answer, output)
    large = [weakref.ref(part) for part in (*first, *output, *answer) if isinstance(part, torch.Tensor | np.ndarray)]
    del first, answer, output
    gc.collect()
    assert large and all(ref() is None for ref in large)
    before = len(pickle.dumps(vars(tally)))
    for n in range(1, 33):
        sample = data[n % len(data)]._replace(name=f"{n:03d}")
        output = model.output(sample.image[None])
        tally.update(sample, model.answers(output)[0], output)
    grown = (len(pickle.dumps(vars(tally))) - before) / 32
    assert grown < 2500  # bytes an image, of pictures with 3072 pixels and five objects


@pytest.mark.parametrize(
    ("kind", "lacks", "says"),
    [
        (
            "objects",
            {"objects": None},
            "w0: the data set has no objects; objects are scored on data that tells them apart",
        ),
        ("segments", {"objects": None}, "w0: the data set has no objects; 'disk' is a thing"),
        ("depth", {"depth": None}, "w0: the data set has no depth; depth is scored on data that measures it"),
        ("planes", {"planes": None}, "w0: the data set has no planes; a model of several labels a pixel"),
        ("tags", {"tags": None}, "w0: the data set has no classes of whole images; give one folder a class"),
    ],
)
def test_data_without_the_truth_is_refused_in_one_sentence(kind: str, lacks: dict[str, Any], says: str) -> None:
    data = world(kind)
    bare = [data[n]._replace(**lacks) for n in range(2)]
    with pytest.raises(DataError, match=says) as told:
        score(predictor(kind), bare)
    assert "\n" not in str(told.value)


def test_other_wishes_are_refused_in_one_sentence() -> None:
    for options, says in (
        ({"metrics": ["boundary"]}, "metric 'boundary' looks at label maps, and the model answers with objects"),
        ({"full": True}, r"full=True \(--full\) looks at label maps, and the model answers with objects"),
        ({"protocol": "monai"}, "protocol 'monai' says how an mIoU is taken, and the model answers with objects"),
    ):
        with pytest.raises(RecipeError, match=says):
            score(predictor("objects"), World(), **options)
    with pytest.raises(LabelError, match="the data set has several labels a pixel .* and the model has one"):
        score(predictor("objects"), World(planes=True))
    other = World()
    other.labels = LabelSpace(("ground", "circle", "box"))
    with pytest.raises(LabelError, match="class 1 is 'disk' in the model and 'circle' in the data"):
        score(predictor("segments"), other)
    with pytest.raises(ModelError, match="the task 'depth' cannot be answered by a network that returns MaskQueries"):
        evaluate(predictor("objects"), World(), task="depth")


def test_the_task_can_be_chosen() -> None:
    model = predictor("objects")
    found = evaluate(model, World(), task="panoptic")
    assert found.measure == "PQ" and found.pq == pytest.approx(1) and model.task == "instance"


def test_nothing_to_score_is_said() -> None:
    data = World()
    empty = [data[n]._replace(objects=torch.zeros(48, 64, dtype=torch.int32)) for n in range(2)]
    with pytest.raises(DataError, match="there is nothing to score in 2 images: the data set has no object to find"):
        evaluate(predictor("objects"), empty)
    dark = [data[n]._replace(depth=torch.full((48, 64), math.nan)) for n in range(2)]
    with pytest.raises(DataError, match="no pixel of the data set has a known depth"):
        evaluate(predictor("depth"), dark)


def test_an_image_without_objects_scores_with_the_others() -> None:
    data = World()
    bare = data[0]._replace(objects=torch.zeros(48, 64, dtype=torch.int32), labels=torch.zeros(48, 64).byte())
    tally = ObjectTally(SPACE, Wish())
    none = Objects(np.zeros((0, 48, 64), bool), np.zeros(0, int), np.zeros(0))
    assert math.isnan(tally.update(bare, none))
    false = Objects(np.ones((1, 48, 64), bool), np.array([1]), np.array([0.9]))
    assert tally.update(bare, false) == 0
    assert tally.update(data[1], instances(queries()(data[1].image[None]), SPACE)[0]) == 1
    found = tally.compute()
    assert (found.false, found.missed) == (1, 0) and found.found >= 4


def test_segments_that_do_not_fit_name_their_image() -> None:
    tally = SegmentTally(SPACE, Wish())
    with pytest.raises(IntarsiaError, match="w0: the prediction lists segment 5, which has no pixels"):
        tally.update(World()[0], Segments(np.ones((48, 64), np.int64), {1: 0, 5: 1}))


def test_segments_that_know_depth_are_scored_by_it_as_well() -> None:
    """Half of the picture is 20 % too far: void within 10 %, right within 25 and 50; DPQ (1/2 + 1 + 1) / 3, AbsRel 0.1."""
    space = LabelSpace(("sky", "car"), things=("car",))
    labels = torch.tensor([[0] * 4 + [1] * 4] * 4, dtype=torch.uint8)
    sample = Sample(torch.zeros(3, 4, 8, dtype=torch.uint8), labels, "a", labels.int(), torch.full((4, 8), 10.0))
    ids = labels.numpy().astype(np.int64) + 1
    far = np.where(ids == 2, 12.0, 10.0).astype(np.float32)
    tally = SegmentTally(space, Wish())
    tally.update(sample, Segments(ids, {1: 0, 2: 1}, depth=far))
    tally.update(sample._replace(name="b", depth=None), Segments(ids, {1: 0, 2: 1}, depth=far))
    found = tally.compute()
    assert found.pq == 1 and found.depth.dpq == pytest.approx(5 / 6) and found.depth.errors.images == 1
    assert found.depth.errors.abs_rel == pytest.approx(0.1) and found.figures["dpq"] == pytest.approx(5 / 6)
    assert found.to_dict()["depth"]["tolerances"] == {"0.1": 0.5, "0.25": 1.0, "0.5": 1.0}
    assert "DPQ 83.33, AbsRel 0.1000" in found.sentence and ("DPQ, %", "83.3") in found.tiles
    assert ("mean (DPQ)", "83.3", "66.7", "100.0") in found.tables[2].rows
    plain = SegmentTally(space, Wish())
    plain.update(sample, Segments(ids, {1: 0, 2: 1}))
    assert plain.compute().depth is None and "depth" not in plain.compute().to_dict()
