"""Everything a report says, gathered for the template."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..characters import printable
from ..labels import LabelSpace
from ..metrics import PROTOCOLS, Scores
from ..metrics.scores import of_names
from ..metrics.significance import Bootstrap
from ..output import replaced
from .curves import charts
from .machine import machine, now, versions
from .pictures import Picture, example, panels
from .reliability import reliability, risk

LARGEST_MATRIX = 40  # classes up to which the confusion matrix is printed whole
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
    page = template("page.html").render(
        title=title,
        scores=scores,
        protocol=PROTOCOLS[scores.protocol],
        tiles=_tiles(scores),
        classes=_classes(scores, space),
        colors=space.colors,
        cells=_cells(scores) if len(space.names) <= LARGEST_MATRIX else None,
        confusions=_confusions(scores, space),
        labels=[(values, number, name, _color_of(name, space)) for values, number, name in space.rows()],
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
        facts={**(facts or {}), "machine": machine(), "time": now()},
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


def _color_of(name: str, space: LabelSpace) -> tuple[int, int, int] | None:
    return space.colors[space.names.index(name)] if name in space.names else None


def percent(value: float, digits: int = 1) -> str:
    """0..1 as percent, or a dash where there is no number."""
    return "–" if value is None or math.isnan(value) else f"{100 * value:.{digits}f}"


def hexed(color: tuple[int, int, int]) -> str:
    """A color as CSS writes it."""
    return "#{:02x}{:02x}{:02x}".format(*color)


def ink(share: float) -> str:
    """The class of a heat map's cell: the shade its share has, in eleven steps."""
    return f"s{min(10, math.ceil(10 * share - 1e-9)) if share > 0 else 0}"


def clock(seconds: float) -> str:
    """Seconds for people."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def template(name: str) -> Any:
    """A page of this folder, with the filters that all of them use."""
    import jinja2

    loader = jinja2.FileSystemLoader(Path(__file__).parent)
    environment = jinja2.Environment(
        loader=loader,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
        finalize=lambda value: printable(value) if type(value) is str else value,  # names that turn a line around
    )
    environment.filters.update(
        percent=percent,
        points=points,
        ink=ink,
        clock=clock,
        hexed=hexed,
        count=lambda n: f"{n:,}".replace(",", "\u202f"),
    )
    return environment.get_template(name)


def points(value: float | None) -> str:
    """A difference of 0..1 in points with its sign, or a dash where there is none."""
    if value is None or math.isnan(value):
        return "–"
    rounded = round(100 * value, 1)
    return f"{rounded:+.1f}".replace("-", "−") if rounded else "0.0"


def written(path: str | Path, text: str) -> Path:
    """Write a page whole or not at all.

    Raises: OSError that names the file.
    """
    with replaced(path) as made:
        made.write_text(text, encoding="utf-8")
    return Path(path)
