"""The next batches of a run, from a stream that may be slow, whose processes may die, and which somebody may want to stop."""

from __future__ import annotations

from collections.abc import Iterator

from ..errors import TrainingError
from ..structures import Batch
from .interrupt import Asked, Stopped

# what a batch that was handed over, but not yet fetched, ends in where its process has died; a file's errors are DataErrors
GONE = (ConnectionError, EOFError, FileNotFoundError)


def read(batches: Iterator[Batch], count: int, asked: Asked, alone: bool = True) -> list[Batch]:
    """The batches of one step; all of them before the first is used, so that stopping here leaves no step half done.

    Args:
        alone: whether this process may stop without the others.

    Raises: Stopped when somebody asks to stop; TrainingError when a process that reads has died.
    """
    try:
        with asked.at_once(alone):
            return [next(batches) for _ in range(count)]
    except (RuntimeError, *GONE) as error:
        if not isinstance(error, GONE) and "DataLoader worker" not in str(error):
            raise
        if asked.within(1.0):  # a signal to the whole group, which the readers got first
            raise Stopped from None
        raise TrainingError(
            f"a process that reads images has died ({_first_line(error)}): most often the memory was "
            "full; lower train.workers or train.batch_size, and go on with --resume"
        ) from None
    finally:
        asked.leave_children()


def _first_line(error: Exception) -> str:
    lines = str(error).splitlines()
    return lines[0].rstrip(". ") if lines else type(error).__name__
