"""What an export may use: files below its own folder, and below folders that the user named; nothing else is opened.

A file of an export may call its pictures by any path: `/home/me/private`, `../../x`, a link to another disk. Whoever made it
does not decide what is read, and copied, here. What lies outside is named and left alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

_NAMED: ContextVar[tuple[Path, ...]] = ContextVar("folders that the user named", default=())
_LEFT: ContextVar[dict[Path, None] | None] = ContextVar("what was left alone", default=None)


@contextmanager
def looking(named: Path | None) -> Iterator[dict[Path, None]]:
    """Read an export with one more folder that its pictures may lie in.

    Yields: what lay outside of all of them and was left alone, in the order in which it came up.
    """
    left: dict[Path, None] = {}
    tokens = _NAMED.set((named,) if named else ()), _LEFT.set(left)
    try:
        yield left
    finally:
        _NAMED.reset(tokens[0])
        _LEFT.reset(tokens[1])


def named() -> tuple[Path, ...]:
    """The folders that the user named."""
    return _NAMED.get()


def inside(path: Path, root: Path) -> bool:
    """Whether a path that is there, its links followed, lies in the export or in a folder that the user named.

    Args:
        root: the export's own folder.
    """
    try:
        real = path.resolve()
        found = any(real.is_relative_to(folder.resolve()) for folder in (root, *_NAMED.get()))
    except (OSError, ValueError, RuntimeError):  # a loop of links, or no path at all
        return False
    if not found and (left := _LEFT.get()) is not None:
        left[path] = None
    return found


def told(left: dict[Path, None]) -> list[str]:
    """The sentence about what was left alone; none where nothing was."""
    if not left:
        return []
    what = f"{len(left)} files or folders lie" if len(left) > 1 else "1 file or folder lies"
    return [
        f"{what} outside of the export and is left alone, the first: {next(iter(left))}; name its folder with --root"
    ]
