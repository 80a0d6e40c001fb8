"""The contents of a report, gathered for the template."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..labels import LabelSpace
from ..metrics import PROTOCOLS, Scores
from ..metrics.scores import of_names
from ..metrics.significance import Bootstrap
from .curves import charts
from .machine import machine, now, versions
from .pictures import Picture, example, panels
from .reliability import reliability, risk
from .template import LARGEST_MATRIX, label_rows, render, written

CONFUSIONS = 8


def write(
    path: str | Path,
    *,
    scores: Scores,
    space: LabelSpace,
    title: str,
    command: str = "",
    facts: Mapping[str, str] | None = None,
    images: Sequence[tuple[str, float]] = (),
    seconds: float | None = None,
    worst: Sequence[Picture] = (),
    best: Sequence[Picture] = (),
    log: str | Path | None = None,
    baseline: float | None = None,
    trust: Bootstrap | None = None,
    anatomy: Any = None,
) -> Path:
    """Write a report as one HTML file that needs nothing beside it.

    Args:
        path: the file to write; an older one is replaced at once or not at all.
        title: what was scored on what.
        command: what repeats it, as it is typed.
        facts: further lines of "how this was made".
        images: (name, mIoU) of each image.
        seconds: wall-clock of the evaluation.
        worst, best: images to show, the most extreme first.
        log: the run's log.jsonl, for the curves.
        baseline: mIoU 0..1 of a classifier that sees single pixels' colors only.
        trust: the intervals of `metrics.bootstrap`.
        anatomy: where the errors are, an `evaluation.Anatomy`.

    Raises: OSError when the file cannot be written.
    """
    classes = _classes(scores, space)
    page = render(
        "page.html",
        title=title,
        scores=scores,
        protocol=PROTOCOLS[scores.protocol],
        tiles=_tiles(scores),
        classes=classes,
        seen=[(line.name, line.color) for line in classes if not math.isnan(line.iou)],
        cells=_cells(scores) if len(space.names) <= LARGEST_MATRIX else None,
        confusions=_confusions(scores, space),
        labels=label_rows(space),
        images=images,
        histogram=_histogram([value for _, value in images if not math.isnan(value)]),
        seconds=seconds,
        gallery=[
            (heading, [(p, panels(p, space)) for p in shown])
            for heading, shown in (("Worst", worst), ("Best", best))
            if shown
        ],
        charts=charts(Path(log)) if log else [],
        baseline=baseline,
        trust=trust,
        spans=trust.classes if trust else {},
        anatomy=anatomy,
        reliability=reliability(anatomy.calibration.curve) if anatomy else "",
        risk=risk(anatomy.risk) if anatomy else "",
        examples=[(c, example(c.picture, c.actual, c.called, space)) for c in anatomy.confusions] if anatomy else [],
        command=command,
        facts={**(facts or {}), "machine": machine(), "time": now(), "protocol": scores.protocol},
        versions=versions(),
    )
    return written(path, page)


class Line(NamedTuple):
    """A class in the table of classes; scores 0..1, NaN where there is none."""

    name: str
    color: tuple[int, int, int]
    iou: float
    dice: float
    precision: float
    recall: float
    share: float


def _tiles(scores: Scores) -> list[tuple[str, float]]:
    return [
        ("mean IoU", scores.miou),
        ("pixel accuracy", scores.accuracy),
        ("mean accuracy", scores.mean_accuracy),
        ("frequency-weighted IoU", scores.fw_iou),
        ("mean Dice = macro F1", scores.mean_dice),
        ("pixels ignored", scores.ignored),
    ]


def _classes(scores: Scores, space: LabelSpace) -> list[Line]:
    columns = [of_names(scores[key], space.names).values() for key in ("iou", "dice", "precision", "recall", "share")]
    return [
        Line(name, color, *numbers) for name, color, *numbers in zip(space.names, space.colors, *columns, strict=True)
    ]


def _cells(scores: Scores) -> list[list[tuple[int, float]]]:
    """(pixels, share of the true class) of every cell."""
    totals = scores.matrix.sum(axis=1, keepdims=True)
    shares = np.divide(scores.matrix, totals, out=np.zeros(scores.matrix.shape), where=totals > 0)
    return [
        list(zip(row, share, strict=True)) for row, share in zip(scores.matrix.tolist(), shares.tolist(), strict=True)
    ]


def _confusions(scores: Scores, space: LabelSpace) -> list[tuple[str, str, float, int]]:
    """(true class, what it was called, share of the true class, pixels), most pixels first."""
    wrong = scores.matrix.copy()
    np.fill_diagonal(wrong, 0)
    order = np.argsort(-wrong, axis=None, kind="stable")[:CONFUSIONS]
    places = [divmod(int(n), len(wrong)) for n in order]
    totals = scores.matrix.sum(axis=1)
    return [
        (space.names[t], space.names[p], wrong[t, p] / totals[t], int(wrong[t, p])) for t, p in places if wrong[t, p]
    ]


def _histogram(values: list[float]) -> list[int]:
    """How many images have an mIoU of 0-5 %, 5-10 %, ..., 95-100 %."""
    return np.histogram(values, bins=20, range=(0, 1))[0].tolist() if len(values) > 1 else []
