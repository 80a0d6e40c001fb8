"""Ready functions for `train(..., on_event=)`: what happens in a run, written where other programs look.

    intarsia.train(recipe, out="runs/a", on_event=csv_log("runs/a/steps.csv"))
    intarsia.train(recipe, out="runs/a", on_event=together(csv_log("a.csv"), tensorboard("runs/a/board"), my_own))

A logger of your own is any function of one event; `events.py` lists what it gets.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ..errors import extra
from .events import Event, Finished, Listener, Stepped, Validated
from .folder import writing

Write = Callable[[str, int, Mapping[str, float]], None]


def csv_log(path: str | Path, every: int = 10) -> Listener:
    """Make a function that writes a line of name, step, value for every number, into a CSV file.

    Args:
        path: the file; a resumed run adds to it.
        every: steps between two lines about the loss; the loss of a step is read from the device for its line.

    Raises: TrainingError, later, when the file cannot be written.
    """
    file = Path(path)

    def write(kind: str, step: int, numbers: Mapping[str, float]) -> None:
        with writing(file):
            file.parent.mkdir(parents=True, exist_ok=True)
            new = not file.exists()
            with file.open("a", newline="", encoding="utf-8") as lines:
                rows = csv.writer(lines)
                if new:
                    rows.writerow(("name", "step", "value"))
                rows.writerows((f"{kind}/{name}", step, repr(value)) for name, value in numbers.items())

    return _listener(write, every)


def tensorboard(folder: str | Path, every: int = 10) -> Listener:
    """Make a function that writes TensorBoard files; `train.tensorboard: true` does it in the run's own folder.

    Args:
        every: steps between two points of the loss.

    Raises: MissingExtra when TensorBoard is not installed.
    """
    extra("tensorboard", "track")
    from torch.utils.tensorboard import SummaryWriter

    board: Any = SummaryWriter(str(folder))

    def write(kind: str, step: int, numbers: Mapping[str, float]) -> None:
        with writing(Path(folder)):
            for name, value in numbers.items():
                board.add_scalar(f"{kind}/{name}", value, step)
            board.flush()

    return _listener(write, every)


def together(*listeners: Listener) -> Listener:
    """Make one function of several, which get each event in this order."""

    def listen(event: Event) -> None:
        for listener in listeners:
            listener(event)

    return listen


def _listener(write: Write, every: int) -> Listener:
    """A function of events that hands on the numbers of steps and validations."""

    def listen(event: Event) -> None:
        if isinstance(event, Stepped) and event.step % every == 0:
            terms = {f"terms/{name}": float(term) for name, term in event.terms.items()}
            write("train", event.step, {"loss": float(event.loss), "lr": event.lr, "seconds": event.seconds, **terms})
        if isinstance(event, Validated):
            write("val", event.step, dict(_numbers(event.score.figures)))
        if isinstance(event, Finished) and event.best is not None:
            write("run", event.step, {"best": event.best})

    return listen


def _numbers(figures: Mapping[str, Any], place: str = "") -> Iterator[tuple[str, float]]:
    """The numbers in a tree of figures, with their places: ("iou/road", 0.9)."""
    for name, value in figures.items():
        if isinstance(value, Mapping):
            yield from _numbers(value, f"{place}{name}/")
        elif isinstance(value, int | float) and not isinstance(value, bool):
            yield f"{place}{name}", float(value)
