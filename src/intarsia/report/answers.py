"""The report of an answer that is no label map: objects, segments, several labels a pixel, depth, or tags."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from .answer_panels import PANELS, Key
from .curves import charts
from .figures import error_histogram, precision_recall
from .machine import machine, now, versions
from .template import render, written


class Words(NamedTuple):
    """What a report says of one kind of answer."""

    rule: str
    own: str  # what the score of a single image is called
    lower: bool = False  # whether less is better in the table of every image


WORDS: dict[str, Words] = {
    "planes": Words("IoU of each class by itself: a pixel may have several.", "mean IoU"),
    "segments": Words(
        "A predicted and a true segment of one class match where their IoU is above 1/2; PQ = SQ times RQ, the mean IoU of "
        "the matches times the F1 of finding them. Ignored pixels, and things that belong to no object, count for nothing.",
        "PQ",
    ),
    "tracks": Words(
        "STQ is the root of AQ times SQ: how much of each true track lies in predicted tracks, and how much of these lies in it, "
        "over all frames of a video; and the mean IoU of the classes. VPQ is PQ of windows of frames, in which an object has "
        "to keep its number. Where cameras overlap, each place counts once (wSTQ).",
        "PQ",
    ),
    "objects": Words(
        "By COCO's rules: AP is the mean over IoU 0.50, 0.55 ... 0.95 and over the classes that occur. Found, missed and "
        "false: at IoU 0.5, of the detections that score at least 0.5.",
        "F1",
    ),
    "depth": Words(
        "Means over images; pixels of unknown depth count for nothing. The delta of level n is the share of pixels within a "
        "factor 1.25^n.",
        "1 - AbsRel",
        lower=True,
    ),
    "tags": Words("Whole images, by the class or the classes of each.", "right"),
}


FIGURES = {"objects": precision_recall, "depth": error_histogram}


def write_answers(
    path: str | Path,
    *,
    score: Any,
    title: str,
    command: str = "",
    facts: Mapping[str, str] | None = None,
    log: str | Path | None = None,
) -> Path:
    """Write a report as one HTML file that needs nothing beside it.

    Args:
        score: of `evaluation.tallies`, of any answer but label maps.
        title: what was scored on what.
        command: what repeats it, as it is typed.
        facts: further lines of "how this was made".
        log: the run's log.jsonl, for the curves.

    Raises: OSError when the file cannot be written.
    """
    kind = score.to_dict()["answer"]
    words, space = WORDS[kind], score.space
    panels, key = PANELS[kind]
    ranked = sorted(score.per_image, key=lambda row: _rank(row[1], words.lower))
    page = render(
        "answers.html",
        score=score,
        title=title,
        rule=words.rule,
        own=words.own,
        colors=dict(zip(space.names, space.colors, strict=True)),
        figures=FIGURES[kind](score) if kind in FIGURES else [],
        charts=charts(Path(log)) if log else [],
        gallery=[
            (heading, [(p, panels(p, space)) for p in shown])
            for heading, shown in (("Worst", score.worst), ("Best", score.best))
            if shown
        ],
        key=_key(key, space),
        ranked=ranked,
        command=command,
        facts={**(facts or {}), "machine": machine(), "time": now()},
        versions=versions(),
    )
    return written(path, page)


def _rank(value: float, lower: bool) -> float:
    """The place of an image in the table: the worst first, those without a number last."""
    return math.inf if math.isnan(value) else -value if lower else value


def _key(key: Key, space: Any) -> list[tuple[str, Any]]:
    classes = list(zip(space.names, space.colors, strict=True)) if key.classes else []
    return [*classes, *key.more]
