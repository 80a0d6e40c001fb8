"""Videos are scored by STQ, with numbers that a tracker keeps; of five cameras by wSTQ, with numbers that they share."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from intarsia.data.dataset import Shot
from intarsia.datasets.shapes import shapes
from intarsia.errors import DataError, LabelError
from intarsia.evaluation import evaluate, judge, score
from intarsia.evaluation.comparison import _counts, _shown, _Side
from intarsia.evaluation.tallies import TrackScore, TrackTally, Wish
from intarsia.inference import Predictor
from intarsia.losses.centers import targets_of
from intarsia.losses.moving import ways_back
from intarsia.metrics.stored import load
from intarsia.report import write_versus
from intarsia.structures import PanopticLogits, Sample, Segments

VIDEO = shapes(split="val", size=40, count=2, frames=3, previous="centers")
FIVE = shapes(split="val", size=40, count=1, frames=2, cameras=5, previous=True)


class Knowing:
    """An engine that knows each frame of a data set; `lost` pixels are added to where it says that objects were."""

    def __init__(self, dataset: Any, lost: float = 0.0) -> None:
        samples = [dataset[n] for n in range(len(dataset))]
        self.truth = {sample.image[:3].contiguous().numpy().tobytes(): sample for sample in samples}
        self.lost, self.classes = lost, dataset.labels.num_classes

    def __call__(self, image: Tensor) -> PanopticLogits:
        sample = self.truth[image[0, :3].contiguous().numpy().tobytes()]
        heat, offsets, _ = targets_of(sample.objects, 1.0)
        motion, known = ways_back(sample.objects, sample.previous)
        motion = torch.where(known, motion, offsets) + self.lost
        semantic = 9.0 * torch.nn.functional.one_hot(sample.labels.long(), self.classes).permute(2, 0, 1).float()
        parts = (semantic, heat[None], offsets)
        return PanopticLogits(*(part[None] for part in parts), depth=sample.depth[None, None], motion=motion[None])


def predictor(dataset: Any, lost: float = 0.0, channels: int = 7) -> Predictor:
    decide = {"kernel": 1, "threshold": 0.99, "stuff_area": 1}
    return Predictor(Knowing(dataset, lost), dataset.labels, task="panoptic", in_channels=channels, decide=decide)


def test_whoever_knows_every_frame_and_keeps_numbers_scores_nearly_one(tmp_path: Path) -> None:
    found, forgetful = evaluate(predictor(VIDEO), VIDEO, out=tmp_path), score(predictor(VIDEO, lost=90.0), VIDEO)
    kept = json.loads((tmp_path / "scores.json").read_text())
    assert kept["stq"] == found.to_dict()["stq"] and "STQ" in (tmp_path / "report.html").read_text()
    assert isinstance(found, TrackScore) and isinstance(forgetful, TrackScore)
    assert found.tracks.sq == pytest.approx(1) and found.stq > 0.97 and found.standing == found.stq
    assert forgetful.tracks.sq == pytest.approx(1)  # classes are right, and each object is new in every frame
    assert forgetful.tracks.aq < 0.5 and forgetful.frames.pq == pytest.approx(found.frames.pq)
    assert found.tubes.all > 0.95 and found.depth_tubes.all == pytest.approx(found.tubes.all)
    assert set(found.tracks.sequences) == {"val_00000", "val_00001"} and found.images == 6
    assert found.measure == "STQ" and "STQ" in found.sentence and "DVPQ" in found.sentence and found.worst
    tree = found.to_dict()
    assert (
        tree["answer"] == "tracks" and tree["stq"] == found.stq and set(tree["sequences"]) == {"val_00000", "val_00001"}
    )
    assert found.tables[0].rows[0][0] == "val_00000" and found.figures["stq"] == found.stq
    assert "<table>" in found._repr_html_()


def test_two_models_are_compared_by_whole_videos(tmp_path: Path) -> None:
    """Neighboring frames are no two witnesses: STQ of videos is what is drawn and swapped, not PQ of their frames."""
    sides = [_Side(tmp_path, predictor(VIDEO, lost)) for lost in (90.0, 0.0)]
    counts = [_counts(side, VIDEO, VIDEO.labels, False) for side in sides]
    found = score(predictor(VIDEO), VIDEO)
    np.testing.assert_allclose(counts[1].measured(np.ones((1, 2)))[0], [*found.tracks.iou, found.stq])
    drawn = counts[1].measured(np.array([[2.0, 0]]))[0, -1]
    assert drawn == pytest.approx(found.tracks.sequences["val_00000"][0]), "one video, drawn twice, scores as it does"
    verdict = judge(*counts, names=("forgetful", "knowing"), resamples=200)
    assert verdict.measure == "STQ" and verdict.score[1] == pytest.approx(found.stq)
    assert len(verdict.images) == 2 and "no difference can be told apart with 2 videos" in verdict.sentence
    assert _shown(verdict, sides, VIDEO, VIDEO.labels, False) == []
    page = write_versus(tmp_path / "compare.html", verdict=verdict, space=VIDEO.labels).read_text()
    assert "Every video" in page and "val_00000" in page
    counts[0].save(tmp_path / "images.safetensors")
    np.testing.assert_array_equal(load(tmp_path / "images.safetensors").rows, counts[0].rows)
    with pytest.raises(DataError, match="one of the two was scored by STQ and the other by PQ"):
        judge(counts[0], found.counts)


def test_pairs_of_frames_do_as_well() -> None:
    pairs = shapes(split="val", size=40, count=1, frames=3, previous="frame")
    assert score(predictor(pairs, channels=6), pairs).stq > 0.97


def test_five_cameras_share_numbers_and_places_count_once() -> None:
    found = score(predictor(FIVE, channels=3), FIVE)
    assert found.measure == "wSTQ" and found.stq > 0.9

    class Blind:
        labels, shots, name = FIVE.labels, FIVE.shots, "drives"

        def __len__(self) -> int:
            return len(FIVE)

        def __getitem__(self, index: int) -> Sample:
            return FIVE[index]

    with pytest.raises(
        DataError, match="drives: the camera 'side_left' is not calibrated: nobody knows which of its pixels"
    ):
        score(predictor(FIVE, channels=3), Blind())
    lacking = torch.utils.data.Subset(FIVE, [0, 1, 2, 3, 5, 6, 7, 8, 9])
    with pytest.raises(DataError, match="the camera 'side_right' took no picture at this time"):
        score(predictor(FIVE, channels=3), lacking)


def tally_of(frames: list[tuple[Sample, Segments, str, Any]]) -> Any:
    tally = TrackTally(VIDEO.labels, Wish())
    for sample, answer, camera, weights in frames:
        tally.update(sample, answer, Shot("drive", camera), weights)
    return tally.compute()


def cut(sample: Sample, columns: slice) -> Sample:
    return Sample(sample.image[..., columns], sample.labels[:, columns], "part", sample.objects[:, columns])


def answered(sample: Sample, seed: int) -> Segments:
    """An answer with errors: two objects have one number, a third of the rows is called floor."""
    numbers = sample.objects.numpy().astype(np.int64)
    ids = np.where(numbers > 0, np.where(numbers == 2, 1, numbers) + 5, 1)
    ids[: 12 + seed] = 1
    labels = sample.labels.numpy()
    return Segments(ids, {int(n): int(np.bincount(labels[ids == n]).argmax()) for n in np.unique(ids)})


def part(answer: Segments, columns: slice) -> Segments:
    ids = answer.ids[:, columns]
    return Segments(ids, {n: kind for n, kind in answer.classes.items() if (ids == n).any()})


def test_weights_of_one_change_nothing_and_a_strip_that_two_cameras_see_counts_once() -> None:
    frames = [(VIDEO[n], answered(VIDEO[n], n)) for n in range(3)]
    plain = tally_of([(sample, answer, "", None) for sample, answer in frames])
    ones = tally_of([(sample, answer, "", np.ones((40, 40))) for sample, answer in frames])
    assert ones.tracks[:3] == plain.tracks[:3] and 0.1 < plain.stq < 0.95 and ones.weighted
    twice, both = slice(15, 25), np.ones((40, 40))
    both[:, twice] = 0.5
    doubled = [
        one
        for sample, answer in frames
        for one in (
            (sample, answer, "wide", both),
            (cut(sample, twice), part(answer, twice), "narrow", np.full((40, 10), 0.5)),
        )
    ]
    found = tally_of(doubled)
    assert found.tracks[:3] == pytest.approx(plain.tracks[:3], abs=1e-12)
    counted = tally_of([(sample, answer, camera, None) for sample, answer, camera, _ in doubled])
    assert abs(counted.stq - plain.stq) > 1e-4  # without weights it would count twice


def test_an_object_that_changes_its_class_is_refused() -> None:
    first, second = VIDEO[0], VIDEO[1]
    changed = second.labels.clone()
    number = int(second.objects.max())
    changed[second.objects == number] = 1 + int(changed[second.objects == number][0]) % 4
    tally = TrackTally(VIDEO.labels, Wish())
    tally.update(first, answered(first, 0), Shot("val_00000"))
    with pytest.raises(
        LabelError,
        match=rf"val_00000/0001: object {number} of the video 'val_00000' is a \w+ and was a \w+ in val_00000/0000",
    ):
        tally.update(second._replace(labels=changed), answered(second, 0), Shot("val_00000"))
