"""Classes of whole images: accuracy and top-k of one class an image, F1 and mean AP of several."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...labels import LabelSpace
from ...metrics.image_tags import ImageTags, TagScores
from ...metrics.significance import Bootstrap
from ...report import Picture
from ...structures import Sample, Tags
from ..truth import image_of, needs
from .tables import Table, html, images_of, percent, plain, span, trust_of
from .wish import Wish, whole


@dataclass(frozen=True, eq=False)
class TagScore:
    """What a classifier of whole images scored on a data set.

    Args:
        scores: of all images together.
        space: the classes.
        counts: true classes, answers and probabilities of each image, for intervals and comparisons.
        per_image: (name, 1 for a right answer and 0 for a wrong one; of several classes an image, its F1).
        seconds, source, worst, best, trust: as of `PlaneScore`.
    """

    scores: TagScores
    space: LabelSpace
    counts: ImageTags
    per_image: list[tuple[str, float]]
    seconds: float = 0.0
    source: dict[str, str] = field(default_factory=dict)
    worst: tuple[Picture, ...] = ()
    best: tuple[Picture, ...] = ()
    trust: Bootstrap | None = None

    own = "score"

    @property
    def measure(self) -> str:
        """What the main number is called."""
        return self.counts.columns[-1].name

    @property
    def accuracy(self) -> float:
        """Share of images whose answer is exactly right, 0..1."""
        return self.scores.accuracy

    @property
    def images(self) -> int:
        """How many images were scored."""
        return len(self.per_image)

    @property
    def standing(self) -> float:
        """The number that the best checkpoint is chosen by: accuracy, or of several classes an image the mean AP."""
        return self.scores.ap if self.counts.several else self.accuracy

    @property
    def brief(self) -> str:
        """The main number in percent, with its name; empty where there is none."""
        return "" if math.isnan(self.standing) else f"{self.measure} {100 * self.standing:.1f}"

    @property
    def sentence(self) -> str:
        """The result in one line of a log."""
        found = self.scores
        if math.isnan(self.standing):
            return "no image of the data set has a class"
        if self.counts.several:
            return f"mAP {100 * found.ap:.2f}, F1 {100 * found.f1:.2f} ({self.seconds:.0f} s)"
        more = "".join(f", top-{k} {100 * value:.2f}" for k, value in found.topk.items() if k > 1)
        return f"accuracy {100 * found.accuracy:.2f}{more} ({self.seconds:.0f} s)"

    @property
    def figures(self) -> dict[str, Any]:
        """The few numbers that a log keeps of each validation, by name; None where there is no number."""
        found = self.scores
        several = {"map": found.ap, "f1": found.f1}
        tree: dict[str, Any] = plain(several if self.counts.several else {"accuracy": found.accuracy, "f1": found.f1})
        return tree

    @property
    def tiles(self) -> list[tuple[str, str]]:
        """The main numbers, each with its name."""
        found = self.scores
        first = [("mean AP, %", percent(found.ap))] if self.counts.several else []
        exact = "all classes right, %" if self.counts.several else "accuracy, %"
        return [
            *first,
            (exact, percent(found.accuracy)),
            *((f"top-{k}, %", percent(value)) for k, value in found.topk.items() if k > 1),
            ("mean F1, %", percent(found.f1)),
            ("micro F1, %", percent(found.micro_f1)),
            (f"interval of {'mean AP' if self.counts.several else 'accuracy'}, %", span(self.trust)),
        ]

    @property
    def tables(self) -> list[Table]:
        """Each class."""
        found, several = self.scores, self.counts.several
        columns = [found.precision, found.recall, found.f1_classes, *([found.ap_classes] if several else [])]
        rows = [
            (name, str(images), *map(percent, cells), span(self.trust, name))
            for name, images, *cells in zip(self.space.names, found.images, *columns, strict=True)
        ]
        ap, of = (("AP",), "AP") if several else ((), "recall")
        names = ("class", "images", "precision", "recall", "F1", *ap, f"interval of {of}")
        return [Table("each class, in percent", names, rows)]

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON; None where there is no number."""
        found = self.scores
        keys = ("precision", "recall", "f1_classes", "ap_classes", "images")
        columns = zip(*(getattr(found, key) for key in keys), strict=True)
        named = ("precision", "recall", "f1", "ap", "images")
        return {
            "answer": "tags",
            "standing": plain(self.standing),
            "accuracy": plain(found.accuracy),
            "topk": plain(found.topk),
            "mean_f1": plain(found.f1),
            "micro_f1": plain(found.micro_f1),
            "map": plain(found.ap),
            "classes": [
                {"name": name, **plain(dict(zip(named, row, strict=True)))}
                for name, row in zip(self.space.names, columns, strict=True)
            ],
            **trust_of(self),
            **images_of(self),
        }

    def _repr_html_(self) -> str:
        return html(self)


class TagTally:
    """Counts answers about whole images; of each image its classes and probabilities are kept."""

    def __init__(self, space: LabelSpace, wish: Wish) -> None:
        whole(wish, "the classes of whole images")
        self.space = space
        self.records = ImageTags(space.names, several=space.planes)
        self.per_image: list[tuple[str, float]] = []

    def update(self, sample: Sample, answer: Tags, output: Any = None) -> float:
        """Count one image.

        Returns: 1 for a right answer, 0 for a wrong one; of several classes an image, F1.

        Raises: DataError where the data set does not say the classes of its images; LabelError where their number does
            not fit.
        """
        needs(sample, sample.tags, "classes of whole images", "give one folder a class, or evaluate with another task")
        assert sample.tags is not None
        answered = np.zeros(self.space.num_classes, bool)
        answered[answer.classes.cpu().numpy()] = True
        own = self.records.update(
            sample.name, sample.tags.cpu().numpy().astype(bool), answered, answer.scores.float().cpu().numpy()
        )
        self.per_image.append((sample.name, own))
        return own

    def picture(self, sample: Sample, answer: Tags, own: float) -> Picture:
        """Keep an image for the eye."""
        assert sample.tags is not None
        true = Tags(sample.tags.nonzero()[:, 0], sample.tags.float())
        return Picture(
            sample.name, own, image_of(sample), true, Tags(answer.classes.cpu(), answer.scores.float().cpu())
        )

    def compute(self) -> TagScore:
        """The scores of all images together."""
        return TagScore(self.records.compute(), self.space, self.records, self.per_image)
