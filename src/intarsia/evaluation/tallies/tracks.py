"""Panoptic answers of videos: STQ over sequences, or wSTQ where several cameras see a place; VPQ, DVPQ; and PQ of the frames."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...data.clips import form_of
from ...data.dataset import Shot
from ...errors import LabelError
from ...labels import LabelSpace
from ...labels.meetings import meetings
from ...metrics import TrackingQuality
from ...metrics.records import ImageSums
from ...metrics.significance import Bootstrap
from ...metrics.video import TrackingScores
from ...metrics.video_panoptic import TOLERANCES, VideoPanopticQuality, VideoPanopticScores
from ...report import Picture
from ...structures import Frame, Sample, Segments
from .. import truth as truths
from .segments import SegmentScore, SegmentTally
from .tables import Table, html, images_of, percent, plain, trust_of
from .wish import Wish


@dataclass(frozen=True, eq=False)
class TrackScore:
    """What a model that follows objects scored on videos.

    Args:
        tracks: STQ of all sequences and of each.
        frames: PQ of the frames by themselves.
        tubes: VPQ of short windows of frames.
        depth_tubes: DVPQ, where answers and truth know depth.
        weighted: whether pixels that several cameras see count less, as for wSTQ.
        space: the classes; those that are things are tracked.
        counts: sums of each frame and class, for intervals and comparisons of PQ.
        per_image: (name, PQ over the classes of that frame alone).
        sequences: sums of each video, by which two models are compared: neighboring frames are no two witnesses.
        seconds, source, worst, best, trust: as of `SegmentScore`.
    """

    tracks: TrackingScores
    frames: SegmentScore
    tubes: VideoPanopticScores
    depth_tubes: VideoPanopticScores | None
    weighted: bool
    space: LabelSpace
    counts: Any
    per_image: list[tuple[str, float]]
    sequences: ImageSums
    seconds: float = 0.0
    source: dict[str, str] = field(default_factory=dict)
    worst: tuple[Picture, ...] = ()
    best: tuple[Picture, ...] = ()
    trust: Bootstrap | None = None

    own = "pq"

    @property
    def measure(self) -> str:
        """What the main number is called."""
        return "wSTQ" if self.weighted else "STQ"

    @property
    def stq(self) -> float:
        """Segmentation and tracking quality, 0..1."""
        return self.tracks.stq

    @property
    def images(self) -> int:
        """How many frames were scored."""
        return len(self.per_image)

    @property
    def standing(self) -> float:
        """The number that the best checkpoint is chosen by: STQ; NaN where nothing is tracked."""
        return self.stq

    @property
    def brief(self) -> str:
        """The main number in percent, with its name; empty where there is none."""
        return "" if math.isnan(self.stq) else f"{self.measure} {100 * self.stq:.1f}"

    @property
    def sentence(self) -> str:
        """The result in one line of a log."""
        if math.isnan(self.stq):
            return "no object of the videos is tracked"
        numbers = {"AQ": self.tracks.aq, "SQ": self.tracks.sq, "PQ": self.frames.pq, "VPQ": self.tubes.all}
        if self.depth_tubes is not None:
            numbers["DVPQ"] = self.depth_tubes.all
        told = ", ".join(f"{name} {100 * value:.2f}" for name, value in numbers.items())
        return f"{self.measure} {100 * self.stq:.2f}, {told} ({self.seconds:.0f} s)"

    @property
    def figures(self) -> dict[str, Any]:
        """The few numbers that a log keeps of each validation, by name; None where there is no number."""
        numbers = {"stq": self.stq, "aq": self.tracks.aq, "sq": self.tracks.sq, "vpq": self.tubes.all}
        if self.depth_tubes is not None:
            numbers["dvpq"] = self.depth_tubes.all
        frames = {key: value for key, value in self.frames.figures.items() if key not in numbers}
        tree: dict[str, Any] = plain({**numbers, **frames})
        return tree

    @property
    def tiles(self) -> list[tuple[str, str]]:
        """The main numbers, each with its name."""
        parts = [
            (f"{self.measure}, %", percent(self.stq)),
            ("AQ, %", percent(self.tracks.aq)),
            ("SQ of tracking, %", percent(self.tracks.sq)),
            ("VPQ, %", percent(self.tubes.all)),
        ]
        if self.depth_tubes is not None:
            parts.append(("DVPQ, %", percent(self.depth_tubes.all)))
        return [*parts, *self._framed().tiles]

    @property
    def tables(self) -> list[Table]:
        """Each sequence, windows of frames, and what the frames score by themselves."""
        rows = [(name, *map(percent, scores)) for name, scores in self.tracks.sequences.items()]
        found = [Table("segmentation and tracking quality, in percent", ("sequence", self.measure, "AQ", "SQ"), rows)]
        for name, scores in (("VPQ", self.tubes), ("DVPQ", self.depth_tubes)):
            if scores is not None:
                lines = [
                    (_window(*key), *(percent(getattr(one, part).pq) for part in ("all", "things", "stuff")))
                    for key, one in scores.each.items()
                ]
                lines.append((f"mean ({name})", *map(percent, scores[:3])))
                found.append(Table(f"{name}, in percent", ("windows of", "all", "things", "stuff"), lines))
        return [*found, *self._framed().tables]

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON; None where there is no number."""
        scores = {key: plain(getattr(self.tracks, key)) for key in ("stq", "aq", "sq")}
        tubes = {name: plain(dict(zip(("all", "things", "stuff"), scores[:3], strict=True)))
                 for name, scores in (("vpq", self.tubes), ("dvpq", self.depth_tubes)) if scores is not None}  # fmt: skip
        sequences = {
            name: plain(dict(zip(("stq", "aq", "sq"), values, strict=True)))
            for name, values in self.tracks.sequences.items()
        }
        framed = self.frames.to_dict()
        kept = {key: framed[key] for key in ("all", "things", "stuff", "classes", "depth") if key in framed}
        iou = plain(dict(zip(self.space.names, self.tracks.iou, strict=True)))
        return {
            "answer": "tracks",
            "standing": plain(self.standing),
            "weighted": self.weighted,
            **scores,
            **tubes,
            "iou": iou,
            "sequences": sequences,
            "frames": kept,
            **trust_of(self),
            **images_of(self),
        }

    def _framed(self) -> SegmentScore:
        """The score of the frames by themselves, with the interval that was asked for."""
        return SegmentScore(
            self.frames.scores, self.space, self.counts, self.per_image, trust=self.trust, depth=self.frames.depth
        )

    def _repr_html_(self) -> str:
        return html(self)


class TrackTally:
    """Counts segments that keep their numbers, frame by frame; of each video only sums are kept."""

    def __init__(self, space: LabelSpace, wish: Wish) -> None:
        self.space, self.frames = space, SegmentTally(space, wish)
        self.things = truths.things(space)
        if not self.things:
            raise LabelError("no class is tracked; name the classes that have objects under labels.things")
        self.quality = TrackingQuality(space.num_classes, self.things, space.ignore_index)
        self.tubes: dict[str, VideoPanopticQuality] = {}  # of each camera
        self.depth_tubes: dict[str, VideoPanopticQuality] = {}
        self.kinds: dict[tuple[str, int], tuple[int, str]] = {}  # (video, object) -> its class, and where it was seen
        self.weighted = False

    def update(self, sample: Sample, answer: Segments, shot: Shot, weights: np.ndarray | None = None) -> float:
        """Count one frame.

        Args:
            answer: its numbers mean the same in all frames, and in all cameras, of a video.
            weights: [H, W] 1 / how many cameras see a pixel; None: 1.

        Returns: PQ of this frame.

        Raises: DataError and LabelError as `SegmentTally.update`; LabelError for a true object that changes its class.
        """
        own = self.frames.update(sample, answer)
        self._keep_class(sample, shot.video)
        labels = sample.labels.cpu().numpy().astype(np.int64)
        assert sample.objects is not None
        numbers = sample.objects.cpu().numpy().astype(np.int64)
        self.quality.update(
            self._frame(answer), Frame(labels, np.where(np.isin(labels, self.things), numbers, 0)), shot.video, weights
        )
        self.weighted |= weights is not None
        truth = self._tube(labels, numbers)
        count, found = self.space.num_classes, answer._replace(crowd=())
        metric = self.tubes.setdefault(shot.camera, VideoPanopticQuality(count, self.things))
        metric.update(found, truth, shot.video)
        if answer.depth is not None and sample.depth is not None:
            deep = self.depth_tubes.setdefault(
                shot.camera, VideoPanopticQuality(count, self.things, tolerances=TOLERANCES)
            )
            deep.update(found, truth, shot.video, answer.depth, sample.depth.cpu().numpy())
        return own

    def picture(self, sample: Sample, answer: Segments, own: float) -> Picture:
        """Keep a frame for the eye, without the frame before."""
        seen = sample.image[: form_of(len(sample.image))[0]]
        return self.frames.picture(sample._replace(image=seen), answer, own)

    def compute(self) -> TrackScore:
        """The scores of all videos together."""
        frames = self.frames.compute()
        tubes = _together(self.tubes)
        assert tubes is not None
        return TrackScore(
            self.quality.compute(), frames, tubes, _together(self.depth_tubes), self.weighted, self.space,
            frames.counts, frames.per_image, self._sequences(),
        )  # fmt: skip

    def _sequences(self) -> ImageSums:
        """The sums of each video."""
        count = self.space.num_classes
        found = ImageSums("weighted tracking" if self.weighted else "tracking", self.space.names)
        for name, (own, *_) in self.quality.compute().sequences.items():
            sums = self.quality.sums(name)
            found.update(name, sums, np.concatenate([sums[1:2], sums[2 + count : 2 + 2 * count].round()]), own)
        return found

    def _frame(self, answer: Segments) -> Frame:
        """Classes and tracks of an answer."""
        top = max([0, *answer.classes])
        kinds, tracks = np.full(top + 1, self.space.ignore_index, np.int64), np.zeros(top + 1, np.int64)
        for number, kind in answer.classes.items():
            kinds[number] = kind
            tracks[number] = number if kind in self.things else 0
        return Frame(kinds[answer.ids], tracks[answer.ids])

    def _tube(self, labels: np.ndarray, numbers: np.ndarray) -> Segments:
        """The truth of a frame, with numbers that all frames of its video share; things without a number are crowds."""
        count, thing = self.space.num_classes, np.isin(labels, self.things)
        ids = np.where(thing & (numbers > 0), numbers + count, labels + 1)
        ids[labels == self.space.ignore_index] = 0
        present, first = np.unique(ids, return_index=True)
        classes = {int(n): int(labels.ravel()[at]) for n, at in zip(present, first, strict=True) if n}
        return Segments(ids, classes, crowd=[n for n, kind in classes.items() if n <= count and kind in self.things])

    def _keep_class(self, sample: Sample, video: str) -> None:
        """See that each object is of the class that it was before.

        Raises: LabelError naming the object and both frames.
        """
        assert sample.objects is not None
        numbers, labels = sample.objects.cpu().numpy(), sample.labels.cpu().numpy()
        held = (numbers > 0) & np.isin(labels, self.things)
        pairs, _ = meetings(numbers[held], labels[held])
        for number, kind in pairs.tolist():
            was, where = self.kinds.setdefault((video, number), (kind, sample.name))
            if was != kind:
                raise LabelError(
                    f"{sample.name}: object {number} of the video {video!r} is a {self.space.names[kind]} and was a "
                    f"{self.space.names[was]} in {where}; a number means one object in all frames, so give one of them another"
                )


def _together(each: Mapping[str, VideoPanopticQuality]) -> VideoPanopticScores | None:
    """The scores of all cameras together; None where there are none."""
    first, *others = each.values() or [None]
    if first is None:
        return None
    for other in others:
        assert other is not None
        first.merge(other)
    return first.compute()


def _window(frames: int, tolerance: float | None) -> str:
    told = f"{frames} frame{'s' if frames > 1 else ''}"
    return told if tolerance is None else f"{told}, depth within {100 * tolerance:.0f} %"
