"""Several labels a pixel: IoU and Dice of each plane, and their mean."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...labels import LabelSpace
from ...metrics import PROTOCOLS, ImageCounts
from ...metrics.protocols import overlap, quotient
from ...metrics.protocols import protocol as named
from ...metrics.significance import Bootstrap
from ...report import Picture
from ...structures import Planes, Sample
from ..truth import image_of, needs
from .tables import Table, html, images_of, percent, plain, span, trust_of
from .wish import Wish, labels_alone


@dataclass(frozen=True, eq=False)
class PlaneScore:
    """What a model of several labels a pixel scored on a data set.

    Args:
        counts: pixels of each image and class, right, in the truth and in the prediction.
        space: the classes.
        protocol: what absent classes and averaging mean, a name of `metrics.PROTOCOLS`.
        per_image: (name, mean IoU of that image's planes); NaN where all is ignored, or no plane has a pixel.
        seconds: wall-clock of reading, predicting and counting.
        source: what was scored, as far as it is known.
        worst, best: the images kept for the eye, each from its extreme end on.
        trust: intervals over images, where they were asked for.
        pixels: how many were counted, ignored ones not among them.
    """

    counts: ImageCounts
    space: LabelSpace
    protocol: str
    per_image: list[tuple[str, float]]
    seconds: float = 0.0
    source: dict[str, str] = field(default_factory=dict)
    worst: tuple[Picture, ...] = ()
    best: tuple[Picture, ...] = ()
    trust: Bootstrap | None = None
    pixels: int = 0

    own = "miou"
    measure = "mIoU"

    @property
    def miou(self) -> float:
        """Mean IoU of the planes, 0..1, under the protocol."""
        return self.counts.miou(self.protocol)

    @property
    def iou(self) -> dict[str, float]:
        """IoU of each plane by name, 0..1; NaN for one that occurs nowhere."""
        return self._by_class("iou")

    @property
    def dice(self) -> dict[str, float]:
        """Dice of each plane by name, 0..1."""
        return self._by_class("dice")

    @property
    def mean_dice(self) -> float:
        """Mean Dice of the planes, 0..1, under the protocol."""
        way = named(self.protocol)
        parts = way.parts(self.counts.hit, self.counts.truth, self.counts.predicted, "dice")
        return float(way.totals(parts.sum(axis=0), "dice")[1])

    @property
    def images(self) -> int:
        """How many images were scored."""
        return len(self.per_image)

    @property
    def standing(self) -> float:
        """The number that the best checkpoint is chosen by: the mean IoU, over the planes that occur where it is none."""
        return self.counts.miou() if math.isnan(self.miou) else self.miou

    @property
    def brief(self) -> str:
        """The main number in percent, with its name; empty where there is none."""
        return "" if math.isnan(self.standing) else f"mIoU {100 * self.standing:.1f}"

    @property
    def sentence(self) -> str:
        """The result in one line of a log."""
        if math.isnan(self.standing):
            return "no pixel of the data set has a label"
        return f"mIoU of planes {100 * self.standing:.2f}, Dice {100 * self.mean_dice:.2f} ({self.seconds:.0f} s)"

    @property
    def figures(self) -> dict[str, Any]:
        """The few numbers that a log keeps of each validation, by name; None where there is no number."""
        tree: dict[str, Any] = plain({"miou": self.miou, "dice": self.mean_dice, "iou": self.iou})
        return tree

    @property
    def tiles(self) -> list[tuple[str, str]]:
        """The main numbers, each with its name."""
        return [
            ("mean IoU of planes, %", percent(self.miou)),
            ("mean Dice, %", percent(self.mean_dice)),
            ("interval of the mean IoU, %", span(self.trust)),
        ]

    @property
    def tables(self) -> list[Table]:
        """Each plane."""
        hit, truth, predicted = self.counts.rows.sum(axis=0)
        precision, recall = quotient(hit, predicted), quotient(hit, truth)
        share = quotient(truth, self.pixels)
        rows = [
            (name, *map(percent, (iou, dice, p, r, part)), span(self.trust, name))
            for (name, iou), dice, p, r, part in zip(
                self.iou.items(), self.dice.values(), precision, recall, share, strict=True
            )
        ]
        return [
            Table(
                "planes, in percent", ("class", "IoU", "Dice", "precision", "recall", "share", "interval of IoU"), rows
            )
        ]

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON; None where there is no number."""
        return {
            "answer": "planes",
            "standing": plain(self.standing),
            "miou": plain(self.miou),
            "mean_dice": plain(self.mean_dice),
            "protocol": self.protocol,
            "protocol_means": PROTOCOLS[self.protocol].to_dict(),
            "iou": plain(self.iou),
            "dice": plain(self.dice),
            **trust_of(self),
            **images_of(self),
        }

    def _repr_html_(self) -> str:
        return html(self)

    def _by_class(self, ratio: str) -> dict[str, float]:
        hit, truth, predicted = self.counts.rows.sum(axis=0)
        values = overlap(hit, truth, predicted, ratio).tolist()
        return dict(zip(self.counts.classes, values, strict=True))


class PlaneTally:
    """Counts several labels a pixel, image by image."""

    def __init__(self, space: LabelSpace, wish: Wish) -> None:
        labels_alone(wish, "several labels a pixel")
        self.space, self.protocol = space, wish.protocol
        self.records = ImageCounts(space.num_classes, space.names)
        self.per_image: list[tuple[str, float]] = []
        self.pixels = 0

    def update(self, sample: Sample, answer: Planes, output: Any = None) -> float:
        """Count one image.

        Returns: the mean IoU of its planes.

        Raises: DataError where the data set has no planes.
        """
        needs(sample, sample.planes, "planes", "a model of several labels a pixel is scored on masks of one class each")
        assert sample.planes is not None
        held = (sample.labels != self.space.ignore_index).numpy()
        truth = sample.planes.numpy()[:, held]
        called = answer.planes.cpu().numpy()[:, held]
        hit, true, found = (part.sum(axis=1) for part in (truth & called, truth, called))
        self.records.append(sample.name, hit, true, found, int((~held).sum()))
        way = named("dataset")
        own = float(way.totals(way.parts(hit[None], true[None], found[None])[0])[1])
        self.per_image.append((sample.name, own))
        self.pixels += int(held.sum())
        return own

    def picture(self, sample: Sample, answer: Planes, own: float) -> Picture:
        """Keep an image for the eye."""
        assert sample.planes is not None
        ignored = np.array((sample.labels == self.space.ignore_index).numpy())
        truth = Planes(sample.planes.clone())
        return Picture(sample.name, own, image_of(sample), truth, Planes(answer.planes.cpu().clone()), ignored)

    def compute(self) -> PlaneScore:
        """The scores of all images together."""
        return PlaneScore(self.records, self.space, self.protocol, self.per_image, pixels=self.pixels)
