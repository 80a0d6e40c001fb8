"""The record of a run: log.jsonl for programs, TensorBoard where it is asked for, a progress bar for people.

Everything for people goes to standard error, so that standard output stays free for `--json`.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, TextIO

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from torch import Tensor

from ..characters import one_line
from ..data.dataset import notes_of
from ..errors import extra
from ..evaluation import Score
from .bar import bar_on
from .defaults import Chosen
from .folder import write_whole, writing
from .material import Material


class Log:
    """Writes and shows what happens in a run.

    Args:
        out: the run's folder.
        since: the step to continue from; lines of later steps, written by a run that was killed, are taken out.
        validated: the step of the last validation that counts; those of later ones are taken out.
        quiet: show nothing.
        writes: False for the other processes of a run, whose lines are the first one's.
        tensorboard: write its files as well.

    Raises: MissingExtra when TensorBoard is asked for and not installed; TrainingError when a file cannot be written,
        now or later.
    """

    def __init__(
        self,
        out: Path,
        since: int = 0,
        validated: int = 0,
        quiet: bool = False,
        tensorboard: bool = False,
        writes: bool = True,
    ) -> None:
        self.path = out / "log.jsonl"
        self.file = self._opened(since, validated) if writes else None
        self.console = Console(stderr=True, quiet=quiet, highlight=False)
        self.board = _tensorboard(out) if tensorboard else None
        self.shown, self.miou, self.bar = 0.0, "", bar_on(self.console)
        self.marks: list[tuple[float, float]] = []  # (share, seconds) of the first two lines: the pace between them

    def __enter__(self) -> Log:
        if self.bar:
            self.bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.bar:
            self.bar.stop()
        with suppress(OSError):  # a full disk has been told of when it was written to
            if self.board:
                self.board.close()
            if self.file:
                self.file.close()

    def say(self, text: str) -> None:
        """One line for the person who waits."""
        self.console.print(one_line(text), markup=False, soft_wrap=True)

    def write(self, kind: str, **entry: Any) -> None:
        """One line of log.jsonl, and the same numbers to TensorBoard."""
        if self.file is None:
            return
        with writing(self.path):
            self.file.write(json.dumps({"kind": kind, **entry}) + "\n")
        if self.board:
            with writing(self.path.parent / "tensorboard"):
                for key, value in entry.items():
                    if isinstance(value, float):
                        self.board.add_scalar(f"{kind}/{key}", value, entry["step"])

    def explain(self, chosen: Sequence[Chosen]) -> None:
        """Show what was chosen because nobody did, and why, in a table."""
        if not chosen:
            return
        table = Table(
            box=None, padding=(0, 2, 0, 0), title="chosen for these data and this machine", title_justify="left"
        )
        for name in ("key", "value", "why"):
            table.add_column(name)
        for key, value, why in chosen:
            told = ", ".join(f"{k} {v}" for k, v in value.items()) if isinstance(value, Mapping) else str(value)
            table.add_row(*(escape(one_line(text)) for text in (key, told, why)))
        self.console.print(table)
        self.say(
            "`intarsia recipe show` and this run's folder print the whole recipe; KEY=VALUE after the folder changes a key"
        )

    def introduce(self, material: Material, batches: int, remarks: Sequence[str]) -> None:
        """What a person should know before the first step."""
        for raw, number, name in material.labels.rows():
            self.say(f"  {raw:>12} -> {number:>3}  {name}")
        if inferred := notes_of(material.train).inferred:
            self.say(inferred)
        if material.audit is None:
            self.say("the label doctor was switched off (train.audit=false)")
        else:
            if material.remembered:
                self.say("no file has changed since the label doctor looked at them")
            if material.quick:
                self.say(
                    f"the label doctor looked at values, sizes, unreadable files and exact copies only{material.quick}; "
                    "train.audit=full looks at everything"
                )
            for finding in material.audit.warnings:
                self.say(f"{finding.severity}: {finding.message}")
        val = f"{len(material.val)} to validate on" if material.val is not None else "none to validate on"
        self.say(f"{len(material.train)} samples to train on, {val}; {batches} batches an epoch")
        for remark in remarks:
            self.say(remark)

    def trained(
        self,
        step: int,
        epoch: float,
        seconds: float,
        losses: Sequence[float],
        terms: Mapping[str, Tensor | float],
        lr: float,
        rate: float,
    ) -> None:
        """A line about the batches since the last line: the mean of their losses, and the last one's terms."""
        self.write(
            "train",
            step=step,
            epoch=epoch,
            seconds=seconds,
            loss=sum(losses) / len(losses),
            terms={name: float(term) for name, term in terms.items()},
            lr=lr,
            images_per_second=rate,
        )

    def progress(self, share: float, step: int, losses: Sequence[float], rate: float, seconds: float) -> None:
        """Move the bar, or, where there is no terminal, print a line every half minute; first say how long it will take."""
        if len(self.marks) < 2 and share < 1:
            self.marks.append((share, seconds))
            if len(self.marks) == 2 and (pace := _pace(*self.marks)):
                self.say(f"about {_clock(pace * (1 - share))} of training to go at the pace of the first steps")
        loss = sum(losses) / len(losses)
        left = seconds * (1 - share) / share if share > 0 else 0.0
        told = f"step {step}  loss {loss:.3f}  {rate:.1f} images/s  {_clock(left)} left{self.miou}"
        if self.bar:
            self.bar.update(share, told)
        elif time.monotonic() - self.shown >= 30 or share >= 1:
            self.shown = time.monotonic()
            self.say(f"{100 * share:3.0f}%  {told}")

    def validated(
        self, step: int, epoch: float, seconds: float, score: Score | None, advice: Sequence[str] = ()
    ) -> None:
        """A validation's numbers and what they say besides; None where there is no validation set."""
        if score is None:
            return
        known: dict[str, Any] = {"took": score.seconds, "brief": score.brief, **score.figures}
        known |= {"advice": list(advice)} if advice else {}
        self.write("val", step=step, epoch=epoch, seconds=seconds, **known)
        if score.brief:
            self.miou = f"  val {score.brief}"
        self.say(f"step {step}: {'val ' if score.brief else ''}{score.sentence}")
        for line in advice:
            self.say(line)

    def note(self, kind: str, run: Any, text: str, **more: Any) -> None:
        """Say a sentence, and keep it as a line of log.jsonl."""
        self.say(text)
        self.write(kind, step=run.step, told=text, **more)

    def profile(self, run: Any) -> None:
        """Show where a step's time went, where that was measured, and write it into the run's folder."""
        if not run.watch.on or self.file is None:
            return
        run.watch.read(run.loader.spent)
        rows = run.watch.rows(run.seconds)
        table = Table(box=None, padding=(0, 2, 0, 0))
        for name in ("part", "ms a step", "share", "what it is"):
            table.add_column(name, justify="right" if name in ("ms a step", "share") else "left")
        for part, each, share, told in rows:
            table.add_row(part, f"{each:.1f}", f"{100 * share:.0f} %", told)
        self.console.print(table)
        self.say(
            "reading and augmenting happen beside the network, in train.workers processes; waiting is what they are late by"
        )
        tree = {part: {"ms": round(each, 3), "share": round(share, 4)} for part, each, share, _ in rows}
        write_whole(self.path.parent / "profile.json", json.dumps({"steps": run.watch.steps, "parts": tree}, indent=1))

    def _opened(self, since: int, validated: int) -> TextIO:
        """The file to write on, which keeps its lines up to a step."""
        last = {"val": validated}
        kept = [line for line in self._lines() if line.get("step", 0) <= last.get(line["kind"], since)] if since else []
        write_whole(self.path, "".join(json.dumps(line) + "\n" for line in kept))
        with writing(self.path):
            return self.path.open("a", encoding="utf-8", buffering=1)

    def _lines(self) -> list[dict[str, Any]]:
        if not self.path.exists():
            return []
        lines = []
        for line in self.path.read_text(encoding="utf-8").splitlines():
            try:
                lines.append(json.loads(line))
            except json.JSONDecodeError:  # the last line of a run that was killed while it wrote
                break
        return lines


def _tensorboard(out: Path) -> Any:
    extra("tensorboard", "track")
    from torch.utils.tensorboard import SummaryWriter

    return SummaryWriter(str(out / "tensorboard"))


def _pace(one: tuple[float, float], other: tuple[float, float]) -> float:
    """Seconds that the whole budget takes at the pace between two marks of (share, seconds); 0 where nothing moved.

    What came before the first mark, the start of the workers, does not count.
    """
    share, seconds = other[0] - one[0], other[1] - one[1]
    return seconds / share if share > 0 else 0.0


def _clock(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"
