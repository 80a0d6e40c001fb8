"""Ctrl-C and SIGTERM as a polite question, answered within seconds.

The loop looks between two steps whether somebody asked. Where the process may wait for long and nothing is half done
(while files are looked at, batches read, a validation set scored) the answer is an exception, at once.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class Stopped(KeyboardInterrupt):
    """Somebody asked to stop while there was nothing that had to be finished first."""


class Asked:
    """Whether somebody asked to stop. A second question is not waited for: it does what it did before."""

    def __init__(self) -> None:
        self.yes = self.eager = False
        self.before: dict[int, Any] = {}
        self.children: Any = None  # what torch does when a reading process ends

    def __call__(self) -> bool:
        return self.yes

    @contextmanager
    def at_once(self, really: bool = True) -> Iterator[None]:
        """Raise Stopped at the question, while inside and on the way in.

        Args:
            really: False changes nothing; for processes that must stop together.
        """
        self.eager = really and bool(self.before)
        try:
            if self.eager and self.yes:
                raise Stopped
            yield
        finally:
            self.eager = False

    def within(self, seconds: float) -> bool:
        """Whether somebody asks within so many seconds."""
        end = time.monotonic() + seconds
        while not self.yes and time.monotonic() < end:
            time.sleep(0.02)
        return self.yes

    def leave_children(self) -> None:
        """Take away torch's handler that raises, wherever this process happens to be, when a reading process ends.

        Signals to a whole group end readers as well, and an exception in the middle of a step would leave it half done.
        Whoever waits for a reader's batch still learns that it is gone.
        """
        if self.before and hasattr(signal, "SIGCHLD") and callable(now := signal.getsignal(signal.SIGCHLD)):
            self.children = now
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)

    def listen(self) -> None:
        """Answer SIGINT and SIGTERM from now on."""
        self.before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
        for number in self.before:
            signal.signal(number, self._ask)

    def stop_listening(self) -> None:
        """Put back what was there before."""
        for number, handler in self.before.items():
            signal.signal(number, handler)
        if self.children is not None:
            signal.signal(signal.SIGCHLD, self.children)

    def _ask(self, number: int, frame: Any) -> None:
        for each, handler in self.before.items():
            signal.signal(each, handler)
        self.yes = True
        if self.eager:
            self.eager = False
            raise Stopped


@contextmanager
def interruptible() -> Iterator[Asked]:
    """Turn a first Ctrl-C or SIGTERM, while inside, into a question to the Asked that is yielded."""
    asked = Asked()
    if threading.current_thread() is not threading.main_thread():
        yield asked  # only the main thread may listen
        return
    asked.listen()
    try:
        yield asked
    finally:
        asked.stop_listening()
