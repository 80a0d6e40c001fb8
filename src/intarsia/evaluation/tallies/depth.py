"""Depth maps: AbsRel, SqRel, RMSE, RMSE log, log10, SILog and the shares within 1.25, 1.25^2 and 1.25^3."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...errors import IntarsiaError
from ...labels import LabelSpace
from ...metrics import DepthErrors
from ...metrics.depth import DepthScores
from ...metrics.records import DEPTH, ImageSums
from ...metrics.significance import Bootstrap
from ...report import Picture
from ...structures import Depth, Sample
from ..truth import image_of, needs
from .tables import Table, html, images_of, number, percent, plain, span, trust_of
from .wish import Wish, whole

STEP, BINS = 0.02, 26  # of the histogram of relative errors


@dataclass(frozen=True, eq=False)
class DepthScore:
    """What a model of depth scored on a data set.

    Args:
        scores: the mean of each image's errors.
        counts: errors of each image, for intervals and comparisons.
        per_image: (name, AbsRel of that image); NaN where no pixel has a known depth.
        space: the classes of the data, of which depth asks nothing.
        seconds, source, worst, best, trust: as of `PlaneScore`.
        histogram: pixels of all images by their relative error, in bins of `STEP`, and all larger ones in the last.
    """

    scores: DepthScores
    counts: ImageSums
    per_image: list[tuple[str, float]]
    space: LabelSpace
    seconds: float = 0.0
    source: dict[str, str] = field(default_factory=dict)
    worst: tuple[Picture, ...] = ()
    best: tuple[Picture, ...] = ()
    trust: Bootstrap | None = None
    histogram: tuple[int, ...] = ()

    own = "abs_rel"
    measure = "AbsRel"

    @property
    def abs_rel(self) -> float:
        """Mean relative error of the depth, mean |p - t| / t; 0 is perfect."""
        return self.scores.abs_rel

    @property
    def images(self) -> int:
        """How many images were scored."""
        return len(self.per_image)

    @property
    def standing(self) -> float:
        """The number that the best checkpoint is chosen by: 1 - AbsRel, at least 0; NaN where no depth is known."""
        return math.nan if math.isnan(self.abs_rel) else max(0.0, 1 - self.abs_rel)

    @property
    def brief(self) -> str:
        """The main number with its name; empty where there is none."""
        return "" if math.isnan(self.abs_rel) else f"AbsRel {self.abs_rel:.3f}"

    @property
    def sentence(self) -> str:
        """The result in one line of a log."""
        if math.isnan(self.abs_rel):
            return "no pixel of the data set has a known depth"
        found = self.scores
        return (
            f"AbsRel {found.abs_rel:.4f}, RMSE {found.rmse:.3f} m, within a factor 1.25 "
            f"{100 * found.delta1:.2f} % ({self.seconds:.0f} s)"
        )

    @property
    def figures(self) -> dict[str, Any]:
        """The few numbers that a log keeps of each validation, by name; None where there is no number."""
        found = self.scores
        numbers = {"standing": self.standing, "abs_rel": found.abs_rel, "rmse": found.rmse, "delta1": found.delta1}
        tree: dict[str, Any] = plain(numbers)
        return tree

    @property
    def tiles(self) -> list[tuple[str, str]]:
        """The main numbers, each with its name."""
        found = self.scores
        return [
            ("AbsRel", number(found.abs_rel)),
            ("RMSE, m", number(found.rmse)),
            ("RMSE log", number(found.rmse_log)),
            ("SILog", number(found.silog)),
            ("within a factor 1.25, %", percent(found.delta1)),
            ("interval of AbsRel", span(self.trust, scale=1)),
        ]

    @property
    def tables(self) -> list[Table]:
        """Each error with its interval."""
        rows = [
            (
                column.name,
                number(value, "m" if column.unit == "m" else ""),
                span(self.trust, column.name, scale=1),
                "less" if column.lower else "more",
            )
            for column, value in zip(DEPTH, self.scores[:9], strict=True)
        ]
        return [Table("errors, the mean over images", ("error", "mean", "interval", "better is"), rows)]

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON; None where there is no number."""
        return {
            "answer": "depth",
            "standing": plain(self.standing),
            **plain(self.scores),
            **trust_of(self),
            **images_of(self),
        }

    def _repr_html_(self) -> str:
        return html(self)


class DepthTally:
    """Measures errors of depth, image by image; of each image ten numbers are kept."""

    def __init__(self, space: LabelSpace, wish: Wish) -> None:
        whole(wish, "depth")
        self.space = space
        self.errors = DepthErrors()
        self.records = ImageSums("depth")
        self.per_image: list[tuple[str, float]] = []
        self.histogram = np.zeros(BINS, np.int64)

    def update(self, sample: Sample, answer: Depth, output: Any = None) -> float:
        """Count one image; pixels of unknown depth do not count.

        Returns: 1 - AbsRel of the image, at least 0; NaN where no depth is known.

        Raises: DataError where the data set has no depth, or the prediction of a pixel that counts is no depth above 0.
        """
        needs(sample, sample.depth, "depth", "depth is scored on data that measures it, such as nyu_depth")
        assert sample.depth is not None
        try:
            found = self.errors.update(answer.meters, sample.depth)
        except IntarsiaError as error:
            raise type(error)(f"{sample.name}: {error}") from error
        self.histogram += _spread(answer.meters.cpu().numpy(), sample.depth.cpu().numpy())
        own = math.nan if found is None else max(0.0, 1 - found.abs_rel)
        row = np.zeros(10) if found is None else np.array([*found[:9], 1.0])
        self.records.update(sample.name, row, np.array([0 if found is None else found.pixels]), own)
        self.per_image.append((sample.name, math.nan if found is None else found.abs_rel))
        return own

    def picture(self, sample: Sample, answer: Depth, own: float) -> Picture:
        """Keep an image for the eye."""
        assert sample.depth is not None
        true, found = Depth(sample.depth.cpu().clone()), Depth(answer.meters.cpu().clone())
        return Picture(sample.name, own, image_of(sample), true, found)

    def compute(self) -> DepthScore:
        """The scores of all images together."""
        return DepthScore(
            self.errors.compute(), self.records, self.per_image, self.space, histogram=tuple(self.histogram.tolist())
        )


def _spread(meters: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """[BINS] pixels of known depth by their relative error."""
    known = np.isfinite(truth) & (truth > 0)
    error = np.abs(meters[known] - truth[known]) / truth[known]
    return np.bincount(np.minimum(error / STEP, BINS - 1).astype(np.int64), minlength=BINS)
