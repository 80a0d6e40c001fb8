"""Files are written whole or not at all, and nobody's file is written over unless this program wrote it.

    replaced(path)            a place to write to first; the finished file then takes the name in one step
    Output(folder).file(name) the same, unless somebody else's file has that name
    cache_folder()            where what can be made again is kept for the next time

What was written into a folder stands in RECORD in it, a line a file: its stamp (size and time), the stamp of what it
replaced, its name. The line is written before the file takes its name, so a process may be killed at any moment and the
next still knows both. A file that was changed since has another stamp, and is its changer's from then on.
"""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import shutil
import socket
import stat
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TextIO
from urllib.parse import quote, unquote_to_bytes

from .errors import DataError, IntarsiaError

_WHOLE = "//"  # begins the line of a record that says which command wrote the folder; no file is called so
RECORD = ".written-by-intarsia"
NONE = "-"  # the stamp of no file
GROWING = "+"  # the stamp of a file that is being written line by line
START = f".intarsia-{socket.gethostname()}-"  # of the folders that files are first written in
ANY = ".intarsia-"
ABANDONED = 7 * 24 * 3600  # seconds after which the folder of another machine's process is given up
_numbers = itertools.count()


def cache_folder(chosen: str | Path | None = None) -> Path:
    """Return where this user's caches lie: `chosen`, else intarsia in the user's cache folder (XDG_CACHE_HOME or ~/.cache)."""
    if chosen:
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "intarsia"


@contextlib.contextmanager
def replaced(path: str | Path, *, durable: bool = False, sweep: bool = True) -> Iterator[Path]:
    """Where to write a file that takes the place of `path` when the block ends; after an error `path` is as it was.

    A symbolic link stays, and the file it points to is replaced. A new file gets the permissions that the umask gives, one
    that stood there keeps its own.

    Args:
        durable: wait until the file is on the disk, and its name too.
        sweep: also remove what processes that were killed have left beside it.

    Raises: OSError that names `path` when it cannot be written, or is no ordinary file.
    """
    target = Path(os.path.realpath(path))
    if target.exists() and not stat.S_ISREG(target.stat().st_mode):
        number = errno.EISDIR if target.is_dir() else errno.EINVAL
        raise OSError(number, "is a folder" if target.is_dir() else "is no ordinary file", str(path))
    folder = target.parent / begun()
    try:
        if sweep:
            swept(target.parent)
        folder.mkdir()
        try:
            allowed = folder.stat().st_mode & 0o666  # of a folder that was just made: what the umask leaves
            made = folder / target.name
            yield made
            made.chmod(stat.S_IMODE(target.stat().st_mode) if target.exists() else allowed)
            if durable:
                flush(made)
            os.replace(made, target)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        if durable:
            flush(target.parent)
    except OSError as error:
        if error.filename is not None and str(error.filename).startswith((str(folder), str(target))):
            raise OSError(error.errno, error.strerror, str(path)) from None
        raise


def swept(folder: Path) -> None:
    """Remove what processes that were killed had begun to write in `folder`."""
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        left = [Path(entry.path) for entry in entries if entry.name.startswith(ANY)]
        for place in left:
            owner = place.name.removeprefix(START).partition("-")[0] if place.name.startswith(START) else ""
            with contextlib.suppress(OSError):
                old = time.time() - place.lstat().st_mtime > ABANDONED
                if (owner.isdigit() and not runs(int(owner))) or old:
                    removed(place)


def removed(place: Path) -> None:
    """Remove a file, or a folder with all that is in it, as far as that can be done."""
    if place.is_dir() and not place.is_symlink():
        shutil.rmtree(place, ignore_errors=True)
    else:
        with contextlib.suppress(OSError):
            place.unlink()


def begun() -> str:
    """A name for a file or folder that is being written, which `swept` knows from others when this process is killed."""
    return f"{START}{os.getpid()}-{next(_numbers)}"


def runs(process: int) -> bool:
    """Whether a process of this machine is still there."""
    if os.name == "nt":  # there, signal 0 would end the process
        return True
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        pass
    return True


def flush(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk."""
    if path.is_dir() and os.name == "nt":
        return  # folders cannot be opened there
    number = os.open(path, os.O_RDWR if path.is_file() else os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


@contextlib.contextmanager
def renewed(folder: Path, kind: str, refusal: str) -> Iterator[Path]:
    """Where to write a folder as a whole. One that stands there is replaced when the block ends, if all of it is as the same
    command wrote it; after an error it is as it was.

    Args:
        kind: what is written, a word: "shards".
        refusal: the sentence about a folder that may not be replaced, without its end.

    Raises: DataError where it holds anything else, and names the first such file.
    """
    if folder.is_dir():
        swept(folder)
    check_renewable(folder, kind, refusal)
    old = read_record(folder) if folder.is_dir() else {}
    place = folder / begun() if old else folder  # the folder itself may be a mount, which cannot be renamed
    try:
        place.mkdir(parents=True, exist_ok=True)
        try:
            with _told(folder):
                yield place
        except IntarsiaError as error:
            raise type(error)(str(error).replace(str(place), str(folder))) from error
        with _told(folder):
            for name in old:
                if not name.startswith(_WHOLE):
                    (folder / name).unlink(missing_ok=True)
            (folder / RECORD).unlink(missing_ok=True)
            for path in sorted(
                (p for p in folder.rglob("*") if p.is_dir() and place not in (p, *p.parents)), reverse=True
            ):
                path.rmdir()
            for path in list(place.iterdir()) if old else ():
                path.rename(folder / path.name)
            names = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
            lines = [_line(f"{_WHOLE}{kind}", NONE, NONE), *(_line(n, _stamp(folder / n), NONE) for n in names)]
            (folder / RECORD).write_text("".join(lines), encoding="utf-8")
    finally:
        if old:
            removed(place)


def check_renewable(folder: Path, kind: str, refusal: str) -> None:
    """Raises: DataError for a folder that `renewed` would not replace."""
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return
    if not folder.is_dir():
        raise DataError(f"{folder}: {refusal}")
    known = read_record(folder)
    paths = (path for path in sorted(folder.rglob("*")) if not path.is_dir() or path.is_symlink())
    names = (str(path.relative_to(folder)) for path in paths)
    others = (n for n in names if n != RECORD and _stamp(folder / n) != known.get(n, (NONE,))[0])
    if other := next(others, None):
        own = "was changed since it was written" if other in known else "was not written by this program"
        raise DataError(f"{folder}: {refusal} ({other} in it {own})")
    if f"{_WHOLE}{kind}" not in known:
        raise DataError(f"{folder}: {refusal} (another command has written into it)")


def read_record(folder: Path) -> dict[str, tuple[str, str]]:
    """What was written into a folder: name -> the stamp of the file last written, and of the one that it was to replace."""
    known: dict[str, tuple[str, str]] = {}
    with contextlib.suppress(OSError), (folder / RECORD).open(encoding="utf-8", errors="replace") as file:
        for line in file:
            new, _, rest = line.rstrip("\n").partition(" ")
            old, _, name = rest.partition(" ")
            known[os.fsdecode(unquote_to_bytes(name))] = (new, old)
    return known


class Output:
    """A folder that results are written into; files that this program did not write, or that were changed since, stay.

    Args:
        folder: made when it is not there.
        names: the files that will be written, where that is known before the work begins.
        overwrite: files of other programs and of people may be replaced as well.

    Raises: DataError when the folder cannot be made, or one of `names` is somebody else's file.
    """

    def __init__(self, folder: str | Path, names: Iterable[str] = (), *, overwrite: bool = False) -> None:
        self.folder = Path(folder)
        self.overwrite = overwrite
        self._known: dict[str, tuple[str, str]] | None = None
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise DataError(
                f"{self.folder}: cannot be a folder for results ({error.strerror}); choose another --out"
            ) from None
        swept(self.folder)
        if not overwrite and (foreign := [name for name in names if self._foreign(name)]):
            raise DataError(self._refusal(foreign))

    @contextlib.contextmanager
    def file(self, name: str) -> Iterator[Path]:
        """Where to write the file `name` of the folder (which may lie deeper: "overlays/a.png").

        Raises: DataError when somebody else's file stands there, or it cannot be written.
        """
        target = made = self.folder / name
        if not self.overwrite and self._foreign(name):
            raise DataError(self._refusal([name]))
        with _told(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            with replaced(target, sweep=False) as made:
                try:
                    yield made
                except IntarsiaError as error:
                    raise type(error)(str(error).replace(str(made), str(target))) from error
                self._note(name, _stamp(made), _stamp(target))

    @contextlib.contextmanager
    def growing(self, name: str) -> Iterator[TextIO]:
        """A text file that can be read while it grows, and is kept as far as it came when the work breaks off.

        One that a killed process left is set aside under another name, because nobody can know who wrote its end.

        Raises: DataError as `file`.
        """
        path = self.folder / name
        if not self.overwrite and self._foreign(name):
            raise DataError(self._refusal([name]))
        with _told(path):
            if path.exists() and self._recorded().get(name, (NONE,))[0] == GROWING:
                numbered = (path.with_stem(f"{path.stem}-unfinished{n or ''}") for n in itertools.count())
                path.rename(next(aside for aside in numbered if not aside.exists()))
            if not path.is_symlink():
                path.unlink(missing_ok=True)  # a second name that somebody gave it keeps what it has
            self._note(name, GROWING, NONE)
            file = path.open("w", encoding="utf-8", errors="backslashreplace")
        try:
            with file:
                yield file
        finally:
            self._note(name, _stamp(path), NONE)

    def text(self, name: str, content: str) -> Path:
        """Write a text file; returns its path."""
        with self.file(name) as path:
            path.write_text(content, encoding="utf-8")
        return self.folder / name

    def _foreign(self, name: str) -> bool:
        """Whether a file stands under that name that this program did not write, or that was changed since."""
        stamp = _stamp(self.folder / name)
        if stamp == NONE:
            return False
        written = self._recorded().get(name, ())
        return stamp not in written and GROWING not in written

    def _recorded(self) -> dict[str, tuple[str, str]]:
        """Name -> the stamp of the file last written, and of the one that it was to replace."""
        if self._known is None:
            self._known, path = read_record(self.folder), self.folder / RECORD
            lines = path.read_bytes().count(b"\n") if path.is_file() else 0
            if lines > 1000 and lines > 2 * len(self._known):  # written many times: the last line of each is enough
                with contextlib.suppress(OSError), replaced(path, sweep=False) as made:
                    whole = (_line(name, *stamps) for name, stamps in self._known.items())
                    with made.open("w", encoding="utf-8") as file:
                        file.writelines(whole)
        return self._known

    def _note(self, name: str, new: str, old: str) -> None:
        if self._known is not None:
            self._known[name] = (new, old)
        with (self.folder / RECORD).open("a", encoding="utf-8") as file:
            file.write(_line(name, new, old))

    def _refusal(self, names: list[str]) -> str:
        shown = ", ".join(str(self.folder / name) for name in names[:3])
        more = f" and {len(names) - 3} more" if len(names) > 3 else ""
        if len(names) == 1:
            told = "is there already, and this program did not write it (or it was changed since)"
        else:
            told = "are there already, and this program did not write them (or they were changed since)"
        return f"{shown}{more} {told}; choose another place with --out, or replace what is there with --overwrite"


@contextlib.contextmanager
def _told(path: Path) -> Iterator[None]:
    """Turn what the disk has against writing a file into a sentence."""
    try:
        yield
    except OSError as error:
        if isinstance(error, IntarsiaError):
            raise
        raise DataError(
            f"{path}: cannot be written ({error.strerror or error}); free some space, or choose another --out"
        ) from error


def _stamp(path: Path) -> str:
    """Size and time of a file, "-" where there is none."""
    try:
        held = path.stat()
    except OSError:
        return NONE
    return f"{held.st_size}.{held.st_mtime_ns}"


def _line(name: str, new: str, old: str) -> str:
    return f"{new} {old} {quote(os.fsencode(name))}\n"
