"""Unpacking zip and tar archives: whole and within bounds, or not at all.

What would lie outside of the folder, links, encrypted files, and two files in one place are refused before anything is
written. Bytes are counted while they are copied, since what an archive says of its sizes may be wrong; where one is refused
after all, what was written of it is removed.
"""

import bz2
import errno
import gzip
import lzma
import shutil
import tarfile
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import IO, Any

from ... import limits
from ...errors import DataError, IntarsiaError
from ...naming import key

LITTER = ("__MACOSX", ".DS_Store")  # what a desktop left in an archive
_LINK, _ENCRYPTED = 0o12, 1  # of a zip entry: the kind in its file's mode on a Unix system, and the flag
_PIECE = 1 << 20
_DISK = (
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EACCES,
    errno.EPERM,
    errno.EROFS,
    errno.EIO,
    errno.EMFILE,
)  # none of the archive's

Member = tuple[str, int, Any]  # name, the size that the archive claims, and what the archive calls it


def unpack(archive: Path, folder: Path) -> list[str]:
    """Unpack an archive into a folder.

    Returns: the names at its top.

    Raises: DataError for an archive that is damaged or encrypted, of another kind, holds something that would lie elsewhere
        or two files in one place, or unpacks to more than `limits` allow or the disk holds.
    """
    made: list[Path] = []
    try:
        with _opened(archive) as (members, read):
            places = [_place(archive, folder, name) for name, _, _ in members]
            _apart(archive, folder, places)
            _fitting(archive, folder, members)
            _written(archive, members, places, read, made)
    except BaseException as error:
        _removed(made)
        if isinstance(error, OSError) and error.errno in _DISK:
            raise
        if isinstance(error, IntarsiaError) or not isinstance(error, Exception):
            raise
        raise DataError(f"{archive}: cannot be unpacked ({error}); remove it, and type the same again") from None
    base = folder.resolve()
    return sorted({place.relative_to(base).parts[0] for place in places})


def _written(archive: Path, members: Sequence[Member], places: Sequence[Path], read: Any, made: list[Path]) -> None:
    """Copy the members to their places; `made` gets each file and folder that was not there before."""
    most = left = limits.unpacked_bytes(archive.stat().st_size)
    known = set[Path]()
    for (_, _, member), place in zip(members, places, strict=True):
        for above in reversed(place.parents) if place.parent not in known else ():
            if not above.exists():
                above.mkdir()
                made.append(above)
        known.add(place.parent)
        if not place.exists():
            made.append(place)
        with read(member) as source, place.open("wb") as target:
            while piece := source.read(min(_PIECE, left + 1)):
                left -= len(piece)
                if left < 0:
                    raise DataError(_too_much(archive, f"more than {most:,} bytes"))
                target.write(piece)


def _removed(made: Sequence[Path]) -> None:
    """Take away what was written, the last first; folders only where nothing else lies in them."""
    for path in reversed(made):
        with suppress(OSError):
            path.rmdir() if path.is_dir() else path.unlink(missing_ok=True)


@contextmanager
def _opened(archive: Path) -> Iterator[tuple[list[Member], Any]]:
    """The files of an archive, and how one is read."""
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as file:
            entries = [info for info in file.infolist() if not info.is_dir()]
            _counted(archive, len(entries))
            for info in entries:
                if info.external_attr >> 28 == _LINK:
                    raise DataError(f"{archive}: {info.filename} is a link; archives with links are not unpacked")
                if info.flag_bits & _ENCRYPTED:
                    raise DataError(f"{archive}: {info.filename} is encrypted; unpack it yourself, and give the folder")
            yield [(i.filename, i.file_size, i) for i in entries if not _litter(i.filename)], file.open
        return
    with _plain(archive) as content, tarfile.open(fileobj=content, mode="r:") as tar:  # type: ignore[call-overload]
        found: list[Member] = []
        most = limits.unpacked_bytes(archive.stat().st_size)
        for member in tar:  # a compressed tar is unpacked as it is gone through
            if not member.isdir() and not member.isfile():
                raise DataError(f"{archive}: {member.name} is a link or a device; archives with such are not unpacked")
            if member.offset_data + member.size > most and not member.issparse():
                raise DataError(_too_much(archive, f"more than {most:,} bytes"))
            if member.isfile() and not _litter(member.name):
                found.append((member.name, member.size, member))
                _counted(archive, len(found))

        def read(member: tarfile.TarInfo) -> IO[bytes]:
            content: IO[bytes] | None = tar.extractfile(member)
            assert content is not None
            return content

        yield found, read


class _Pieces:
    """A file of which no more is read at once than any part of an archive but its files' own content needs.

    The header of a member may claim to go on for gigabytes, which tarfile would read as a whole.
    """

    def __init__(self, file: Any, archive: Path) -> None:
        self.file, self.archive = file, archive
        self.seek, self.tell = file.seek, file.tell

    def read(self, size: int = -1) -> bytes:
        """At most so many bytes. Raises: DataError for more than a piece."""
        if not 0 <= size <= 2 * _PIECE:
            raise DataError(f"{self.archive}: a header in it claims {size:,} bytes; the archive is not to be trusted")
        return bytes(self.file.read(size))


@contextmanager
def _plain(archive: Path) -> Iterator[_Pieces]:
    """The content of a tar archive, uncompressed as it is read.

    Raises: DataError for what is none.
    """
    with archive.open("rb") as file:
        head = file.read(6)
    kinds: dict[bytes, Any] = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ\x00": lzma.open}
    open_ = next((opener for magic, opener in kinds.items() if head.startswith(magic)), open)
    with open_(archive, "rb") as file:
        content = _Pieces(file, archive)
        try:
            tarfile.TarInfo.frombuf(content.read(tarfile.BLOCKSIZE), tarfile.ENCODING, "surrogateescape")
        except (tarfile.TarError, OSError, EOFError, lzma.LZMAError, zlib.error, ValueError):
            raise DataError(
                f"{archive}: is neither a zip nor a tar archive; remove it, and type the same again"
            ) from None
        content.seek(0)
        yield content


def _counted(archive: Path, count: int) -> None:
    if count > limits.MEMBERS:
        raise DataError(f"{archive}: holds more than {limits.MEMBERS:,} files; unpack it yourself, and give the folder")


def _place(archive: Path, folder: Path, name: str) -> Path:
    base = folder.resolve()
    try:
        place = (base / name.replace("\\", "/")).resolve()
    except (ValueError, OSError, RuntimeError):
        raise DataError(f"{archive}: {name[:80]!r} is no name of a file; the archive is not to be trusted") from None
    if not place.is_relative_to(base) or place == base:
        raise DataError(f"{archive}: {name[:80]!r} would lie outside of {folder}; the archive is not to be trusted")
    return place


def _apart(archive: Path, folder: Path, places: Sequence[Path]) -> None:
    """See that each member is a file of its own on every disk, and none is a folder of another."""
    base, taken = folder.resolve(), dict[str, str]()
    for name in (place.relative_to(base).as_posix() for place in places):
        if (other := taken.get(key(name))) is not None:
            twice = f"{name!r} twice" if other == name else f"{other!r} and {name!r}, which are one file on some disks"
            raise DataError(f"{archive}: holds {twice}; pack it again")
        taken[key(name)] = name
    for name in taken.values():
        for above in PurePosixPath(name).parents:
            if key(str(above)) in taken:
                raise DataError(f"{archive}: {str(above)!r} is a file in it and the folder of {name!r}; pack it again")


def _fitting(archive: Path, folder: Path, members: Sequence[Member]) -> None:
    """See that what the archive claims to hold is allowed, and finds room."""
    claimed, most = sum(size for _, size, _ in members), limits.unpacked_bytes(archive.stat().st_size)
    if claimed > most:
        raise DataError(_too_much(archive, f"{claimed:,} bytes"))
    there = next(p for p in (folder.resolve(), *folder.resolve().parents) if p.exists())
    if claimed > (free := shutil.disk_usage(there).free):
        raise DataError(
            f"{archive}: unpacks to {claimed:,} bytes, and {folder} has {free:,} free; free room, or go elsewhere"
        )


def _too_much(archive: Path, what: str) -> str:
    most = limits.unpacked_bytes(archive.stat().st_size)
    return (
        f"{archive}: {archive.stat().st_size:,} bytes that unpack to {what}; at most {most:,} are unpacked, {limits.RATIO} "
        "times the archive and no less than a GiB, so unpack it yourself, and give the folder"
    )


def _litter(name: str) -> bool:
    return any(part in LITTER for part in PurePosixPath(name).parts)
