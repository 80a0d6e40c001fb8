"""One label a pixel: the confusion matrix, scores under a named protocol, other measures, and where the errors are."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from torch import Tensor

from ...errors import IntarsiaError, RecipeError
from ...labels import LabelSpace
from ...metrics import PROTOCOLS, ConfusionMatrix, ImageCounts, Scores
from ...metrics.protocols import protocol as named
from ...metrics.scores import of_names
from ...metrics.significance import Bootstrap
from ...report import Picture
from ...structures import Labels, PanopticLogits, Sample, SemanticLogits
from ..anatomy import Anatomist, Anatomy
from ..measures import MEASURES, chosen, told
from ..truth import image_of
from .tables import Table, html, percent
from .wish import Wish


@dataclass(frozen=True, eq=False)
class LabelScore:
    """What a model scored on a data set.

    Args:
        scores: of all images together, per-class ones by name.
        space: the classes.
        per_image: (name, mIoU over the classes of that image alone) in the data set's order; NaN where all is ignored.
        seconds: wall-clock of reading, predicting and counting.
        source: what was scored, as far as it is known: "model", "data", "split" and "root", which "pairs" these are, and how
            the "values" of masks were read.
        worst, best: the images kept for the eye, each from its extreme end on.
        baseline: the mIoU of a classifier that sees single pixels' colors only; None when it was not asked for.
        counts: of each image and class, for other protocols, intervals and comparisons (`intarsia.metrics`).
        measures: what else was measured, by its name in `evaluation.MEASURES`.
        anatomy: where the errors are; None when it was not asked for.
        trust: intervals over images, where they were asked for.
    """

    scores: Scores
    space: LabelSpace
    per_image: list[tuple[str, float]]
    seconds: float
    source: dict[str, str] = field(default_factory=dict)
    worst: tuple[Picture, ...] = ()
    best: tuple[Picture, ...] = ()
    baseline: float | None = None
    counts: ImageCounts | None = None
    measures: dict[str, Any] = field(default_factory=dict)
    anatomy: Anatomy | None = None
    trust: Bootstrap | None = None

    own = "miou"
    measure = "mIoU"

    @property
    def miou(self) -> float:
        """Mean IoU, 0..1, under the protocol."""
        return self.scores.miou

    @property
    def iou(self) -> dict[str, float]:
        """IoU of each class by name, 0..1; NaN for a class that does not occur."""
        return (
            dict(zip(self.space.names, self.scores.iou.values(), strict=True))
            if isinstance(self.scores.iou, dict)
            else {}
        )

    def under(self, protocol: str) -> Scores:
        """The same counts under another protocol of `metrics.PROTOCOLS`.

        Raises: RecipeError for an unknown one, or when it needs the counts of each image and they were not kept.
        """
        old = self.scores
        return Scores(old.matrix, old.ignored_pixels, protocol, old.names, self.counts)

    @property
    def by_protocol(self) -> dict[str, float]:
        """The mIoU under every protocol, by name."""
        return {
            name: self.under(name).miou
            for name, way in PROTOCOLS.items()
            if self.counts is not None or not way.needs_images
        }

    @property
    def images(self) -> int:
        """How many images were scored."""
        return len(self.per_image)

    @property
    def standing(self) -> float:
        """The number that the best checkpoint is chosen by, higher is better; NaN where no pixel has a label.

        It is the mIoU under the protocol, and where that is no number, because a class occurs neither in the truth nor in
        the prediction, the mean over the classes that do (protocol "dataset"). Under the protocols that can be no number
        ("torchvision") the two means agree wherever both are numbers, so that validations stay comparable.
        """
        return self.under("dataset").miou if math.isnan(self.miou) else self.miou

    @property
    def brief(self) -> str:
        """The main number in percent, with its name; empty where there is none."""
        if math.isnan(self.standing):
            return ""
        return f"{100 * self.standing:.1f}" if math.isnan(self.miou) else f"mIoU {100 * self.miou:.1f}"

    @property
    def sentence(self) -> str:
        """The result in one line of a log."""
        rest = f"accuracy {100 * self.scores.accuracy:.2f} ({self.seconds:.0f} s)"
        if not math.isnan(self.miou):
            return f"mIoU {100 * self.miou:.2f}, {rest}"
        if math.isnan(self.standing):
            return "no pixel of the validation set has a label"
        absent = ", ".join(name for name, iou in self.iou.items() if math.isnan(iou))
        return (
            f"mIoU is no number under protocol {self.scores.protocol!r} (nowhere: {absent}); the best is "
            f"chosen by the mean over the classes that occur, {100 * self.standing:.2f}; {rest}"
        )

    @property
    def figures(self) -> dict[str, Any]:
        """The few numbers that a log keeps of each validation, by name; None where there is no number."""
        tree = self.scores.to_dict()
        kept = {key: tree[key] for key in ("miou", "accuracy", "iou")}
        if not math.isnan(self.miou):
            return kept
        return {"standing": None if math.isnan(self.standing) else self.standing, **kept}

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON: the scores, and what they were taken on; None where there is no number."""
        held = [value for _, value in self.per_image if not math.isnan(value)]
        return {
            **self.scores.to_dict(),
            "protocol_means": named(self.scores.protocol).to_dict(),
            "miou_by_protocol": {name: None if math.isnan(v) else v for name, v in self.by_protocol.items()},
            **({"measures": {name: told(found) for name, found in self.measures.items()}} if self.measures else {}),
            **({"errors": self.anatomy.to_dict()} if self.anatomy else {}),
            "images": self.images,
            "seconds": round(self.seconds, 3),
            "images_per_second": round(self.images / self.seconds, 3) if self.seconds else None,
            "mean_image_miou": sum(held) / len(held) if held else None,
            "per_image": [
                {"name": name, "miou": None if math.isnan(value) else value} for name, value in self.per_image
            ],
            "baseline_miou": self.baseline,
            **self.source,
        }

    @property
    def tiles(self) -> list[tuple[str, str]]:
        """The main numbers, each with its name."""
        found = self.scores
        return [
            ("mean IoU, %", percent(found.miou)),
            ("pixel accuracy, %", percent(found.accuracy)),
            ("mean Dice, %", percent(found.mean_dice)),
        ]

    @property
    def tables(self) -> list[Table]:
        """Each class."""
        columns = ("iou", "dice", "precision", "recall")
        values = [of_names(self.scores[key], self.space.names).values() for key in columns]
        rows = [(name, *map(percent, cells)) for name, *cells in zip(self.space.names, *values, strict=True)]
        return [Table("classes, in percent", ("class", "IoU", "Dice", "precision", "recall"), rows)]

    def _repr_html_(self) -> str:
        return html(self)


class LabelTally:
    """Counts label maps, image by image."""

    def __init__(self, space: LabelSpace, wish: Wish) -> None:
        self.space, self.wish = space, wish
        self.confusion = ConfusionMatrix(space.num_classes, space.ignore_index)
        self.records = ImageCounts(space.num_classes, space.names)
        self.measures = chosen(wish.metrics, space, wish.surface)
        self.anatomist = Anatomist(space) if wish.full else None
        self.per_image: list[tuple[str, float]] = []

    def update(self, sample: Sample, answer: Labels, output: Any = None) -> float:
        """Count one image.

        Args:
            output: of this image alone, [1, ...]; measures of probabilities look at it.

        Returns: the mean IoU over the classes of this image.

        Raises: LabelError that names the image.
        """
        predicted = answer.classes
        own = counted(self.space, sample, predicted)
        self.confusion.merge(own)
        self.records.update(sample.name, own.matrix, own.ignored)
        miou = own.compute().miou
        self.per_image.append((sample.name, miou))
        if self.anatomist is not None:
            self.anatomist.update(sample.labels, predicted, self._probabilities(output, "full=True"), own.matrix)
        for name, metric in self.measures.items():
            looks_at = MEASURES[name].looks_at
            if looks_at == "labels":
                metric.update(predicted, sample.labels)
            elif looks_at == "objects":
                metric.update(predicted, sample.labels, sample.objects)
            elif looks_at == "logits" and self.space.head_size > 1:
                metric.update(_logits(output, f"metric {name!r}").float().cpu(), sample.labels[None])
            else:
                metric.update(self._probabilities(output, f"metric {name!r}"), sample.labels[None])
        return miou

    def _probabilities(self, output: Any, what: str) -> Tensor:
        logits = _logits(output, what).float()
        return self.space.probabilities(logits / self.wish.temperature).cpu()

    def picture(self, sample: Sample, answer: Labels, own: float) -> Picture:
        """Keep an image for the eye; copies, since a view would keep the whole batch in memory."""
        return Picture(sample.name, own, image_of(sample), _array(sample.labels), _array(answer.classes))

    def compute(self) -> LabelScore:
        """The scores of all images together."""
        anatomy = None
        if self.anatomist is not None:
            again = self.wish.again
            assert again is not None
            values = [value for _, value in self.per_image]
            anatomy = self.anatomist.compute(self.wish.samples, lambda sample: again(sample).classes, values)
        return LabelScore(
            self.confusion.compute(self.wish.protocol, self.space.names, self.records),
            self.space,
            self.per_image,
            0.0,
            counts=self.records,
            measures={name: metric.compute() for name, metric in self.measures.items()},
            anatomy=anatomy,
        )


def counted(space: LabelSpace, sample: Sample, predicted: Tensor) -> ConfusionMatrix:
    """The confusion matrix of one image.

    Raises: LabelError that names the image.
    """
    own = ConfusionMatrix(space.num_classes, space.ignore_index)
    try:
        own.update(predicted, sample.labels)
    except IntarsiaError as error:
        raise type(error)(f"{sample.name}: {error}") from error
    return own


def _logits(output: Any, what: str) -> Tensor:
    """The logits [1, K, H, W] of an output that has a map of them.

    Raises: RecipeError for another.
    """
    if isinstance(output, SemanticLogits):
        return output.logits
    if isinstance(output, PanopticLogits):
        return output.semantic
    raise RecipeError(
        f"{what} looks at a score of each pixel and class, and the network returns {type(output).__name__}; leave it out"
    )


def _array(tensor: Tensor) -> np.ndarray:
    return np.array(tensor.cpu().numpy(), order="C")
