"""Panoptic answers that know depth: PQ of the pixels whose depth is right, and the errors of the depth itself.

Siyuan Qiao, Yukun Zhu, Hartwig Adam, Alan Yuille, Liang-Chieh Chen. "ViP-DeepLab." CVPR 2021. arXiv:2012.05258

DPQ is the paper's DVPQ with windows of one frame: PQ after predicted pixels whose depth is wrong by more than 10, 25 or
50 % became void, the mean over the three.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from ...metrics import DepthErrors
from ...metrics.depth import DepthScores
from ...metrics.video_panoptic import TOLERANCES, VideoPanopticQuality, VideoPanopticScores
from ...structures import Sample, Segments
from .tables import Table, number, percent, plain


class DepthAwareScores(NamedTuple):
    """Scores of the images whose depth is known, in the answer and in the truth."""

    quality: VideoPanopticScores  # of windows of one frame
    errors: DepthScores

    @property
    def dpq(self) -> float:
        """Depth-aware panoptic quality, 0..1."""
        return self.quality.all

    @property
    def tables(self) -> list[Table]:
        """DPQ by tolerance, and the errors of depth."""
        rows = [
            (f"depth within {100 * tolerance:.0f} %", *(percent(getattr(one, part).pq) for part in ("all", "things", "stuff")))
            for (_, tolerance), one in self.quality.each.items()
            if tolerance is not None
        ]  # fmt: skip
        rows.append(("mean (DPQ)", *map(percent, self.quality[:3])))
        errors = [("AbsRel", number(self.errors.abs_rel)), ("RMSE", number(self.errors.rmse, "m"))]
        errors.append(("within a factor 1.25, %", percent(self.errors.delta1)))
        return [
            Table("panoptic quality of pixels whose depth is right, in percent", ("over", "all", "things", "stuff"), rows),
            Table("errors of depth, the mean over images", ("error", "mean"), errors),
        ]  # fmt: skip

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON; None where there is no number."""
        tolerances = {f"{tolerance:g}": one.all.pq for (_, tolerance), one in self.quality.each.items()}
        parts = {"dpq": self.quality.all, "things": self.quality.things, "stuff": self.quality.stuff}
        return {**plain(parts), "tolerances": plain(tolerances), "errors": plain(self.errors)}


class DepthAware:
    """Counts the images of panoptic answers whose depth is known."""

    def __init__(self, num_classes: int, things: tuple[int, ...]) -> None:
        self.quality = VideoPanopticQuality(num_classes, things, windows=(1,), tolerances=TOLERANCES)
        self.errors = DepthErrors()

    def update(self, sample: Sample, answer: Segments, true: Segments) -> None:
        """Count one image, where answer and truth know its depth.

        Raises: LabelError for another size; DataError where the prediction of a pixel that counts is no depth above 0.
        """
        if answer.depth is None or sample.depth is None:
            return
        depth = sample.depth.cpu().numpy()
        if self.errors.update(answer.depth, depth) is not None:
            self.quality.update(answer._replace(crowd=()), true, sample.name, answer.depth, depth)

    def compute(self) -> DepthAwareScores | None:
        """The scores so far; None where no image knows its depth."""
        return DepthAwareScores(self.quality.compute(), self.errors.compute()) if self.errors.images else None
