"""The bar of a run: rich's in a terminal, a line that is written anew in a notebook, none where nobody watches.

In a notebook rich asks for ipywidgets, and warns in red where they are missing; IPython's own display needs none.
"""

from __future__ import annotations

import html
import time
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

EVERY = 0.2  # seconds between two states of a notebook's bar


class TerminalBar:
    """A bar at the lower edge of a terminal."""

    def __init__(self, console: Console) -> None:
        percent = TextColumn("{task.percentage:3.0f}%  {task.fields[told]}")
        self.progress = Progress(TextColumn("{task.description}"), BarColumn(), percent, console=console)
        self.task = self.progress.add_task("training", total=1.0, told="")

    def start(self) -> None:
        """Show it."""
        self.progress.start()

    def update(self, share: float, told: str) -> None:
        """Move it.

        Args:
            share: of the work that is done, 0..1.
            told: what stands beside it.
        """
        self.progress.update(self.task, completed=share, told=told)

    def stop(self) -> None:
        """Leave it as it is."""
        self.progress.stop()


class NotebookBar:
    """A bar below a notebook's cell."""

    def __init__(self) -> None:
        self.share, self.told, self.shown = 0.0, "", 0.0
        self.handle: Any = None

    def start(self) -> None:
        """Show it."""
        from IPython.display import display  # there: it runs in IPython

        self.handle = display(self, display_id=True)

    def update(self, share: float, told: str) -> None:
        """Move it, as `TerminalBar`."""
        self.share, self.told = share, told
        if self.handle is not None and time.monotonic() - self.shown >= EVERY:
            self.shown = time.monotonic()
            self.handle.update(self)

    def stop(self) -> None:
        """Show its last state."""
        if self.handle is not None:
            self.handle.update(self)

    def __repr__(self) -> str:
        return f"training {100 * self.share:3.0f}%  {self.told}"

    def _repr_html_(self) -> str:
        told = html.escape(f"{100 * self.share:.0f} %  {self.told}")
        return f'<div>training <progress value="{self.share:.4f}" max="1"></progress> {told}</div>'


def bar_on(console: Console) -> TerminalBar | NotebookBar | None:
    """The bar that fits a console; None for one that nobody watches."""
    if console.quiet:
        return None
    if console.is_jupyter:
        return NotebookBar()
    return TerminalBar(console) if console.is_terminal else None
