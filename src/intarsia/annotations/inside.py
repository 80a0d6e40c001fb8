"""What an export may use: files below its own folder, and below folders that the user named; nothing else is opened.

A file of an export may call its pictures by any path: `/home/me/private`, `../../x`, a link to another disk. Whoever made it
does not decide what is read, and copied, here. What lies outside is named and left alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import NamedTuple

_ROOM = 256 << 20


class _Look(NamedTuple):
    """One reading of an export."""

    named: tuple[Path, ...]  # folders that the user named
    left: dict[Path, None]  # what was left alone
    known: dict[tuple[Path, Path], bool]  # of a folder and an export's own: whether the first lies inside
    held: list[int]  # one number: the bytes of the bitmaps that are kept as they are


_LOOK: ContextVar[_Look | None] = ContextVar("the export that is being read", default=None)


@contextmanager
def looking(named: Path | None) -> Iterator[dict[Path, None]]:
    """Read an export with one more folder that its pictures may lie in.

    Yields: what lay outside of all of them and was left alone, in the order in which it came up.
    """
    look = _Look((named,) if named else (), {}, {}, [0])
    token = _LOOK.set(look)
    try:
        yield look.left
    finally:
        _LOOK.reset(token)


def named() -> tuple[Path, ...]:
    """The folders that the user named."""
    look = _LOOK.get()
    return look.named if look else ()


def room(size: int) -> bool:
    """Whether a bitmap of so many bytes may be kept as it is: the first 256 MB of an export may, which saves time."""
    look = _LOOK.get()
    if look is None or look.held[0] + size > _ROOM:
        return False
    look.held[0] += size
    return True


def inside(path: Path, root: Path) -> bool:
    """Whether a path that is there, its links followed, lies in the export or in a folder that the user named.

    Args:
        root: the export's own folder.
    """
    look = _LOOK.get()
    plain = look is not None and not path.is_symlink() and path.name not in ("", "..")
    if look is None or not plain:
        found = _below(path, (root, *named()))
    else:  # of a file that is no link its folder tells
        place = path.parent, root
        if place not in look.known:
            look.known[place] = _below(path.parent, (root, *look.named))
        found = look.known[place] or _below(path, (root, *look.named))
    if not found and look is not None:
        look.left[path] = None
    return found


def _below(path: Path, folders: tuple[Path, ...]) -> bool:
    try:
        real = path.resolve()
        return any(real.is_relative_to(folder.resolve()) for folder in folders)
    except (OSError, ValueError, RuntimeError):  # a loop of links, or no path at all
        return False


def told(left: dict[Path, None]) -> list[str]:
    """The sentence about what was left alone; none where nothing was."""
    if not left:
        return []
    what = f"{len(left)} files or folders lie" if len(left) > 1 else "1 file or folder lies"
    return [
        f"{what} outside of the export and is left alone, the first: {next(iter(left))}; name its folder with --root"
    ]
