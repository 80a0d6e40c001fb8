"""Panoptic answers: PQ, SQ and RQ over all classes, things and stuff, and of each class."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...errors import IntarsiaError
from ...labels import LabelSpace
from ...metrics import PanopticQuality
from ...metrics.panoptic import PanopticScores
from ...metrics.records import ImageSums
from ...metrics.significance import Bootstrap
from ...report import Picture
from ...structures import Sample, Segments
from .. import truth as truths
from .depth_aware import DepthAware, DepthAwareScores
from .tables import Table, html, images_of, percent, plain, span, trust_of
from .wish import Wish, whole


@dataclass(frozen=True, eq=False)
class SegmentScore:
    """What a panoptic model scored on a data set.

    Args:
        scores: of all images together.
        space: the classes; those that are things are scored by object.
        counts: sums of each image and class, for intervals and comparisons.
        per_image: (name, PQ over the classes of that image alone); NaN where nothing is to be found and nothing was.
        seconds, source, worst, best, trust: as of `PlaneScore`.
        depth: of answers that know depth, on data that measures it; else None.
    """

    scores: PanopticScores
    space: LabelSpace
    counts: ImageSums
    per_image: list[tuple[str, float]]
    seconds: float = 0.0
    source: dict[str, str] = field(default_factory=dict)
    worst: tuple[Picture, ...] = ()
    best: tuple[Picture, ...] = ()
    trust: Bootstrap | None = None
    depth: DepthAwareScores | None = None

    own = "pq"
    measure = "PQ"

    @property
    def pq(self) -> float:
        """Panoptic quality over all classes that occur, 0..1."""
        return self.scores.all.pq

    @property
    def images(self) -> int:
        """How many images were scored."""
        return len(self.per_image)

    @property
    def standing(self) -> float:
        """The number that the best checkpoint is chosen by: PQ; NaN where no class occurs."""
        return self.pq

    @property
    def brief(self) -> str:
        """The main number in percent, with its name; empty where there is none."""
        return "" if math.isnan(self.pq) else f"PQ {100 * self.pq:.1f}"

    @property
    def sentence(self) -> str:
        """The result in one line of a log."""
        if math.isnan(self.pq):
            return "no segment of the data set has a label"
        parts = [
            f"{name} {100 * part.pq:.2f}"
            for name, part in (("things", self.scores.things), ("stuff", self.scores.stuff))
            if not math.isnan(part.pq)
        ]
        if self.depth is not None:
            parts.append(f"DPQ {100 * self.depth.dpq:.2f}, AbsRel {self.depth.errors.abs_rel:.4f}")
        return f"PQ {100 * self.pq:.2f}, {', '.join(parts)} ({self.seconds:.0f} s)"

    @property
    def figures(self) -> dict[str, Any]:
        """The few numbers that a log keeps of each validation, by name; None where there is no number."""
        found = self.scores
        numbers = {"pq": found.all.pq, "sq": found.all.sq, "rq": found.all.rq}
        if self.depth is not None:
            numbers |= {"dpq": self.depth.dpq, "abs_rel": self.depth.errors.abs_rel}
        tree: dict[str, Any] = plain({**numbers, "pq_things": found.things.pq, "pq_stuff": found.stuff.pq})
        return tree

    @property
    def tiles(self) -> list[tuple[str, str]]:
        """The main numbers, each with its name."""
        found = self.scores
        return [
            ("PQ, %", percent(found.all.pq)),
            ("SQ, %", percent(found.all.sq)),
            ("RQ, %", percent(found.all.rq)),
            ("PQ of things, %", percent(found.things.pq)),
            ("PQ of stuff, %", percent(found.stuff.pq)),
            ("interval of PQ, %", span(self.trust)),
            *([] if self.depth is None else [("DPQ, %", percent(self.depth.dpq))]),
        ]

    @property
    def tables(self) -> list[Table]:
        """All classes, things and stuff; and each class."""
        found = self.scores
        parts = [(name, getattr(found, name)) for name in ("all", "things", "stuff")]
        means = [(name, *map(percent, part[:3]), str(part.classes)) for name, part in parts if part.classes]
        columns = zip(found.pq, found.sq, found.rq, found.matched, found.invented, found.missed, strict=True)
        rows = [
            (
                name,
                "thing" if name in self.space.things else "stuff",
                *map(percent, (pq, sq, rq)),
                *map(str, counts),
                span(self.trust, name),
            )
            for name, (pq, sq, rq, *counts) in zip(self.space.names, columns, strict=True)
        ]
        names = ("class", "kind", "PQ", "SQ", "RQ", "matched", "false", "missed", "interval of PQ")
        return [
            Table("panoptic quality, in percent", ("over", "PQ", "SQ", "RQ", "classes"), means),
            Table("each class, in percent; segments matched, false and missed", names, rows),
            *([] if self.depth is None else self.depth.tables),
        ]

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON; None where there is no number."""
        found = self.scores
        keys = ("pq", "sq", "rq", "matched", "invented", "missed")
        columns = zip(*(getattr(found, key) for key in keys), strict=True)
        classes = [
            {"name": name, "thing": name in self.space.things, **plain(dict(zip(keys, row, strict=True)))}
            for name, row in zip(self.space.names, columns, strict=True)
        ]
        return {
            "answer": "segments",
            "standing": plain(self.standing),
            **{part: plain(getattr(found, part)) for part in ("all", "things", "stuff")},
            "classes": classes,
            **({} if self.depth is None else {"depth": self.depth.to_dict()}),
            **trust_of(self),
            **images_of(self),
        }

    def _repr_html_(self) -> str:
        return html(self)


class SegmentTally:
    """Counts segments, image by image; of each image four numbers a class are kept."""

    def __init__(self, space: LabelSpace, wish: Wish) -> None:
        whole(wish, "segments")
        self.space = space
        self.things = truths.things(space)
        self.quality = PanopticQuality(space.num_classes, self.things)
        self.records = ImageSums("panoptic", space.names)
        self.per_image: list[tuple[str, float]] = []
        self.depth = DepthAware(space.num_classes, self.things)

    def update(self, sample: Sample, answer: Segments, output: Any = None) -> float:
        """Count one image.

        Returns: PQ over the classes of this image.

        Raises: DataError where classes are things and the data set tells no objects apart; LabelError for segments that
            do not fit, naming the image.
        """
        true = truths.true_segments(sample, self.space)
        own = PanopticQuality(self.space.num_classes, self.things)
        try:
            own.update(answer._replace(crowd=()), true)
            self.depth.update(sample, answer, true)
        except IntarsiaError as error:
            raise type(error)(f"{sample.name}: {error}") from error
        self.quality.merge(own)
        pq = own.compute().all.pq
        row = np.concatenate([own.overlap, *own.counts])
        self.records.update(sample.name, row, own.counts[0] + own.counts[2], pq)
        self.per_image.append((sample.name, pq))
        return pq

    def picture(self, sample: Sample, answer: Segments, own: float) -> Picture:
        """Keep an image for the eye."""
        return Picture(sample.name, own, truths.image_of(sample), truths.true_segments(sample, self.space), answer)

    def compute(self) -> SegmentScore:
        """The scores of all images together."""
        depth = self.depth.compute()
        return SegmentScore(self.quality.compute(), self.space, self.records, self.per_image, depth=depth)
