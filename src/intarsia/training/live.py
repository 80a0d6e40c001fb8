"""A run's page while it trains: `run.html` in its folder, which a browser tab follows."""

from __future__ import annotations

import json
import time
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Any

from ..output import replaced
from ..report.live import Column, small, write_live
from .material import sample_of
from .run import Run

NAME = "run.html"
STRIP = "strip.json"  # the pictures of earlier validations, for a run that goes on
IMAGES = 3  # of the validation set, evenly spread
EVERY = 20.0  # seconds between two pages where nothing was validated
LARGEST = 4_000_000  # pixels of an image that the strip shows


class Live:
    """Writes the page of a run.

    Args:
        on: whether it does; what cannot be written is left out, for a page must not end a run.
    """

    def __init__(self, run: Run, on: bool = True) -> None:
        self.run, self.on = run, on and run.fabric.is_global_zero
        self.written = 0.0
        self.told: list[str] = []
        self.measure = "score"  # what the validation's main number is called
        self.names: list[str] = []
        self.columns: list[Column] = []
        if self.on and run.step:
            with suppress(OSError, ValueError, KeyError, TypeError):
                tree = json.loads((run.out / STRIP).read_text(encoding="utf-8"))
                self.names = tree["names"]
                self.columns = [Column(c["title"], c["uris"]) for c in tree["columns"] if c["step"] <= run.step]

    def validated(self) -> None:
        """Add what the network answers now on the same few images, and write the page."""
        if not self.on:
            return
        with suppress(Exception):  # they were scored a moment ago; a page is not worth a run
            self._picture()
        self.write()

    def write(self, running: bool = True, at_once: bool = True) -> None:
        """Write the page.

        Args:
            at_once: else only where the last one is some seconds old.
        """
        if not self.on or (not at_once and time.monotonic() - self.written < EVERY):
            return
        self.written = time.monotonic()
        run = self.run
        with suppress(OSError):
            write_live(
                run.out / NAME,
                name=run.out.resolve().name,
                share=min(run.progress, 1.0),
                step=run.step,
                seconds=run.seconds,
                running=running,
                log=run.out / "log.jsonl",
                best=(self.measure, run.best) if run.best >= 0 else None,
                told=self.told,
                strip=self.columns,
                names=self.names,
                chosen=run.chosen,
            )

    def _picture(self) -> None:
        """A column of the strip."""
        run = self.run
        val = run.material.val
        if val is None or not len(val) or (self.columns and self.columns[-1].title == f"step {run.step}"):
            return
        count = min(IMAGES, len(val))
        samples = [sample_of(val, round(n * (len(val) - 1) / max(count - 1, 1))) for n in range(count)]
        samples = [sample for sample in samples if sample.labels.numel() <= LARGEST]
        if not samples:
            return
        if not self.columns:
            self.names = [sample.name for sample in samples]
            self.columns = [Column("image", [small(_image(sample)) for sample in samples])]
            if truths := [truth for sample in samples if (truth := _truth(sample, run)) is not None]:
                self.columns.append(Column("truth", [small(truth) for truth in truths]))
        with run.ema.applied() if run.ema else nullcontext():
            found = [small(run.predictor(sample.image).colorize()) for sample in samples]
        run.frozen.train()
        self.columns.append(Column(f"step {run.step}", found))
        self._keep(run.out / STRIP)

    def _keep(self, path: Path) -> None:
        steps = [int(c.title.split()[-1]) if c.title.startswith("step") else 0 for c in self.columns]
        kept = [{"step": step, **column._asdict()} for step, column in zip(steps, self.columns, strict=True)]
        with replaced(path) as fresh:
            fresh.write_text(json.dumps({"names": self.names, "columns": kept}), encoding="utf-8")


def _image(sample: Any) -> Any:
    from ..draw import viewable

    return viewable(sample.image.permute(1, 2, 0).numpy())


def _truth(sample: Any, run: Run) -> Any:
    """The true classes in their colors; None where the truth is no map of classes."""
    from ..draw import colorize

    if sample.planes is not None or sample.tags is not None or sample.depth is not None:
        return None
    return colorize(sample.labels.numpy(), run.material.labels)
