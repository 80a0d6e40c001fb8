"""The page that sets two models side by side."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..labels import LabelSpace
from ..metrics import PROTOCOLS
from .answer_panels import KINDS, PANELS
from .machine import now, versions
from .pictures import Panel, Picture, panels
from .spans import spans
from .template import count, render, written


def write_versus(
    path: str | Path,
    *,
    verdict: Any,
    space: LabelSpace,
    shown: Sequence[tuple[Picture, Picture]] = (),
    command: str = "",
) -> Path:
    """Write a comparison as one HTML file that needs nothing beside it.

    Args:
        verdict: an `evaluation.Verdict`.
        shown: the images that changed most, as A and as B see them.

    Raises: OSError when the file cannot be written.
    """
    *each, last = verdict.rows()
    changes = [last, *each] if verdict.measure not in verdict.classes else [*each, last]
    rows = [
        (name, *(100 * x for x in change.value), change.real)
        for name, _, change, column in changes
        if column.unit == "%"
    ]
    says = f"{verdict.sentence}. Differences of each class with their intervals; to the right {verdict.names[1]} is better."
    times = count(verdict.resamples)
    page = render(
        "versus.html",
        verdict=verdict,
        protocol=PROTOCOLS.get(verdict.protocol),
        chart=spans(rows, "points", says, zero=True),
        changes=changes,
        colors={"all classes": None, **dict(zip(space.names, space.colors, strict=True))},
        seen=list(zip(space.names, space.colors, strict=True)),
        shown=[(a, b, _views(a, b, space)) for a, b in shown],
        command=command,
        facts={
            "interval": f"percentile bootstrap of the difference: the same {verdict.unit}s are drawn for both, {times} times",
            "p": f"permutation test: how often swapping the two {verdict.unit} by {verdict.unit} gives as large a "
            f"difference, {times} times",
            "what it does not say": "whether training again would give the same: both are taken as they are; seeds are "
            "compared by a study. And "
            + (
                "videos are taken to be independent of each other"
                if verdict.unit == "video"
                else "images are taken to be independent: frames of one video are not, and with them intervals and p are "
                "too small"
            ),
            "time": now(),
        },
        versions=versions(),
    )
    return written(path, page)


def _views(a: Picture, b: Picture, space: LabelSpace) -> list[Panel]:
    """Image, truth, then prediction and errors of A and of B."""
    if not isinstance(a.truth, np.ndarray):
        draw = PANELS[KINDS[type(a.truth)]][0]
        views = [draw(picture, space) for picture in (a, b)]
        return [*views[0], *views[1][2:]] if len(views[0]) > 1 else [*views[0], *views[1]]
    one, other = panels(a, space), panels(b, space)
    return [one[0], one[2], one[3], one[1], other[2], other[3]]
