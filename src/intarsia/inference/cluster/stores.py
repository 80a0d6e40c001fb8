"""Folders and object stores by one address: a path of this machine, or s3://, gs://, file:// and what else pyarrow and fsspec open."""

from __future__ import annotations

import shutil
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple
from urllib.parse import quote, unquote, urlsplit

from ...errors import DataError, extra, reason

RENAMES = ("local", "hdfs")  # stores where a file takes its name in one step; an object appears when it is whole


class Place(NamedTuple):
    """A file or folder of a store.

    Args:
        files: pyarrow's file system.
        path: of it there.
        root: the address of the store, with which addresses begin.
        top: the path that `root` stands for.
        query: options of the store, which end its addresses: "?region=eu-central-1".
    """

    files: Any
    path: str
    root: str
    top: str
    query: str = ""

    def address(self, path: str) -> str:
        """Spell another path of the same store as an address."""
        return f"{self.root}/{quote(path[len(self.top) :].lstrip('/'))}{self.query}"

    def below(self, name: str) -> str:
        """Give the path of a file below this folder."""
        return f"{self.path.rstrip('/')}/{name}"


def is_address(text: str) -> bool:
    """Tell whether a text is an address, such as s3://bucket/photos, and no path of this machine."""
    return "://" in text and not text.startswith("file://")


def local_path(text: str) -> str:
    """Turn a file:// address into a path of this machine; other texts stay."""
    return unquote(urlsplit(text).path) if text.startswith("file://") else text


def place_of(text: str) -> Place:
    """Open the store of an address, or this machine's disk for a path.

    Raises: DataError for a store that cannot be opened; MissingExtra without pyarrow.
    """
    fs = extra("pyarrow.fs", "ray")
    if not is_address(text):
        path = Path(local_path(text)).absolute().as_posix()
        return Place(fs.LocalFileSystem(), path, "file://", "/")
    parts = urlsplit(text)
    query = f"?{parts.query}" if parts.query else ""
    root = f"{parts.scheme}://{parts.netloc}"
    files, top = _store(root, query)
    inside = unquote(parts.path).lstrip("/")
    return Place(files, f"{top.rstrip('/')}/{inside}" if inside else top, root, top, query)


@lru_cache(maxsize=64)
def _store(root: str, query: str) -> tuple[Any, str]:
    """The file system of a store, and the path of its root; opened once, since some ask a server for their region."""
    fs = extra("pyarrow.fs", "ray")
    errors = []
    for start in ("", "fsspec+"):  # what pyarrow does not know itself may be known to fsspec
        try:
            files, top = fs.FileSystem.from_uri(f"{start}{root}/{query}")
            return files, top
        except (OSError, ValueError, ImportError, TypeError) as error:  # ArrowInvalid is a ValueError
            errors.append(reason(error))
    raise DataError(
        f"{root}: cannot be opened ({errors[0]}); give a folder, or an address such as s3://bucket/folder, gs://bucket/folder"
    )


def listed(place: Place) -> list[str]:
    """List the paths of all files below a folder or prefix, sorted; the file itself where the place is one.

    Raises: DataError where there is nothing.
    """
    fs = extra("pyarrow.fs", "ray")
    where = place.address(place.path)
    try:
        kind = place.files.get_file_info(place.path).type
        if kind == fs.FileType.File:
            return [place.path]
        found = place.files.get_file_info(fs.FileSelector(place.path, allow_not_found=True, recursive=True))
    except OSError as error:
        raise DataError(f"{where}: cannot be listed ({reason(error)})") from None
    paths = sorted(info.path for info in found if info.type == fs.FileType.File)
    if not paths:
        raise DataError(f"{where}: there is no such file, folder or prefix, or it is empty")
    return paths


def brought(text: str, folder: Path) -> Path:
    """Copy the file of an address into a folder of this machine.

    Raises: DataError that names the address.
    """
    place = place_of(text)
    target = folder / (PurePosixPath(place.path).name or "picture")
    try:
        with place.files.open_input_stream(place.path) as source, target.open("wb") as file:
            shutil.copyfileobj(source, file, 1 << 20)
    except OSError as error:
        missing = isinstance(error, FileNotFoundError) or "not exist" in str(error).lower()
        why = "there is no such file" if missing else f"cannot be read ({reason(error)})"
        raise DataError(f"{text}: {why}") from None
    return target
