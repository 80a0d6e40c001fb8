"""One tally for each kind of answer: image by image in, a score out.

    tally = TALLIES[type(answer)](space, Wish())
    tally.update(sample, answer, output) -> the image's own score, higher is better
    tally.picture(sample, answer, own) -> what a report shows of it
    tally.compute() -> Score

Every score has `measure` and `standing`, the main number and what it is called; `sentence`, `brief` and `figures` for a
log; `tiles` and `tables` for people; `per_image`, `counts` and `trust`, from which intervals and comparisons follow; and
`to_dict()`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...structures import Depth, Labels, Objects, Planes, Segments, Tags
from .depth import DepthScore, DepthTally
from .labels import LabelScore, LabelTally
from .objects import ObjectScore, ObjectTally
from .planes import PlaneScore, PlaneTally
from .score import Score
from .segments import SegmentScore, SegmentTally
from .tags import TagScore, TagTally
from .tracks import TrackScore, TrackTally
from .wish import Wish

TALLIES: dict[type, Callable[..., Any]] = {
    Labels: LabelTally,
    Planes: PlaneTally,
    Segments: SegmentTally,
    Objects: ObjectTally,
    Depth: DepthTally,
    Tags: TagTally,
}

__all__ = [
    "TALLIES",
    "DepthScore",
    "DepthTally",
    "LabelScore",
    "LabelTally",
    "ObjectScore",
    "ObjectTally",
    "PlaneScore",
    "PlaneTally",
    "Score",
    "SegmentScore",
    "SegmentTally",
    "TagScore",
    "TagTally",
    "TrackScore",
    "TrackTally",
    "Wish",
]
