"""Unpacking zip and tar archives: what lies outside of the folder, and links, are refused before anything is written."""

import shutil
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, Any

from ..errors import DataError

LITTER = ("__MACOSX", ".DS_Store")  # what a desktop left in an archive


def unpack(archive: Path, folder: Path) -> list[str]:
    """Unpack an archive into a folder.

    Returns: the names at its top.

    Raises: DataError for an archive that is damaged, of another kind, or holds something that would lie elsewhere.
    """
    try:
        with _opened(archive) as (members, read):
            places = [(member, _place(archive, folder, name)) for name, member in members]
            for member, place in places:
                place.parent.mkdir(parents=True, exist_ok=True)
                with read(member) as source, place.open("wb") as target:
                    shutil.copyfileobj(source, target, 1 << 20)
    except (tarfile.TarError, zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError) as error:
        raise DataError(f"{archive}: cannot be unpacked ({error}); remove it, and type the same again") from None
    base = folder.resolve()
    return sorted({place.relative_to(base).parts[0] for _, place in places})


@contextmanager
def _opened(archive: Path) -> Iterator[tuple[list[tuple[str, Any]], Any]]:
    """The files of an archive with their names, and how one is read."""
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as file:
            entries = [info for info in file.infolist() if not info.is_dir()]
            for info in entries:
                if info.external_attr >> 28 == 0o12:  # the upper bits are the file's mode on a Unix system
                    raise DataError(f"{archive}: {info.filename} is a link; archives with links are not unpacked")
            yield [(info.filename, info) for info in entries if not _litter(info.filename)], file.open
        return
    if not tarfile.is_tarfile(archive):
        raise DataError(f"{archive}: is neither a zip nor a tar archive; remove it, and type the same again")
    with tarfile.open(archive) as tar:
        found = []
        for member in tar:
            if not member.isdir() and not member.isfile():
                raise DataError(f"{archive}: {member.name} is a link or a device; archives with such are not unpacked")
            if member.isfile() and not _litter(member.name):
                found.append((member.name, member))

        def read(member: tarfile.TarInfo) -> IO[bytes]:
            content = tar.extractfile(member)
            assert content is not None
            return content

        yield found, read


def _place(archive: Path, folder: Path, name: str) -> Path:
    base = folder.resolve()
    place = (base / name.replace("\\", "/")).resolve()
    if not place.is_relative_to(base) or place == base:
        raise DataError(f"{archive}: {name!r} would lie outside of {folder}; the archive is not to be trusted")
    return place


def _litter(name: str) -> bool:
    return any(part in LITTER for part in PurePosixPath(name).parts)
