"""A run's folder: whether there can be one, and files in it that are written whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import TrainingError
from ..output import replaced


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn what the file system says while something in a run's folder is written into one sentence.

    Raises: TrainingError that names the path.
    """
    try:
        yield
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise TrainingError(
            f"{path}: cannot be written ({reason}); free some space or choose another --out; a checkpoint that is there "
            "already is untouched, and --resume goes on from it"
        ) from None


def check_folder(out: Path) -> None:
    """See that a path can be a run's folder.

    Raises: TrainingError where it, or a folder above it, is a file or may not be written.
    """
    for path in (out, *out.absolute().parents):
        if path.is_dir():
            if not os.access(path, os.W_OK | os.X_OK):
                raise TrainingError(f"{path} may not be written by you; choose another --out")
            return
        if path.exists() or path.is_symlink():
            below = "" if path == out else f", so {out} cannot be a folder"
            what = "a file" if path.exists() else "a link to nothing"
            raise TrainingError(f"{path} is {what}{below}; a run needs a folder: choose another --out")


def write_whole(path: Path, text: str) -> None:
    """Replace a text file by another one; a process that is killed leaves the one or the other.

    Raises: TrainingError when it cannot be written; the file is then as it was.
    """
    with writing(path), replaced(path) as fresh:
        fresh.write_text(text, encoding="utf-8")
