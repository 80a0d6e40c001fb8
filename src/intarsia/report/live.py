"""The page of a run, written anew while it trains: progress, curves, and the same validation images over time."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from PIL import Image

from .curves import charts
from .machine import machine, now, versions
from .pictures import png
from .template import clock, percent, render, written

EVERY = 15  # seconds after which a browser reads the page again
SIDE = 168  # pixels a picture of the strip is wide
COLUMNS = 8  # that the strip has at most


class Column(NamedTuple):
    """One moment of the run: a picture of each image."""

    title: str  # "step 400"
    uris: list[str]


def small(image: Image.Image) -> str:
    """A picture as the strip shows it: narrow, as a data URI."""
    wide = image.convert("RGB")
    return png(wide.resize((SIDE, max(1, round(wide.height * SIDE / wide.width))), Image.Resampling.BILINEAR))


def thinned(columns: Sequence[Column], most: int = COLUMNS) -> list[Column]:
    """At most so many columns: image and truth, the first moment, the last, and those between them about evenly."""
    head = [column for column in columns if not column.title.startswith("step")]
    moments, room = list(columns[len(head) :]), most - len(head)
    if len(moments) <= room:
        return list(columns)
    places = sorted({round(n * (len(moments) - 1) / (room - 1)) for n in range(room)})
    return [*head, *(moments[place] for place in places)]


def write_live(
    path: Path,
    *,
    name: str,
    share: float,
    step: int,
    seconds: float,
    running: bool,
    log: Path,
    best: tuple[str, float] | None = None,
    told: Sequence[str] = (),
    strip: Sequence[Column] = (),
    names: Sequence[str] = (),
    chosen: Sequence[tuple[str, Any, str]] = (),
) -> Path:
    """Write the page whole or not at all, so that a browser never reads half of it.

    Args:
        share: of the budget that is spent, 0..1.
        running: whether the browser is to read it again.
        log: the run's log.jsonl.
        best: what the best checkpoint was chosen by, and its number.
        told: sentences about the run.
        strip: the first column is image and truth; `names` are the images'.
        chosen: key, value and reason of what was chosen for the run.

    Raises: OSError when it cannot be written.
    """
    left = seconds * (1 - share) / share if share > 0 else 0.0
    state = (
        f"running, about {clock(left)} of training to go" if running and share else "running" if running else "ended"
    )
    tiles = [("of the budget", f"{100 * min(share, 1):.0f} %"), ("steps", step), ("training", clock(seconds))]
    tiles += [(f"best {best[0]}, %", percent(best[1]))] if best else []
    page = render(
        "live.html",
        title=name,
        share=min(share, 1.0),
        state=state,
        running=running,
        every=EVERY,
        tiles=tiles,
        charts=charts(log) if log.is_file() else [],
        told=list(told),
        strip=thinned(strip),
        names=list(names),
        chosen=[(key, _spelled(value), why) for key, value, why in chosen],
        command="",
        facts={"machine": machine(), "time": now()},
        versions=versions(),
    )
    return written(path, page)


def _spelled(value: Any) -> str:
    return ", ".join(f"{k} {v}" for k, v in value.items()) if isinstance(value, dict) else str(value)
