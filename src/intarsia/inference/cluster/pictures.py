"""What a cluster is asked to answer: folders, prefixes, patterns and tables of paths, as one list of pictures and their names.

inputs - pictures_of -> Listed(images, names, left_out);   a name is the picture's place below its input, without its ending
"""

from __future__ import annotations

import csv
import glob
import hashlib
import io
import os
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from ...data.files.formats import SUFFIXES, told_unread
from ...documents import read_text
from ...errors import DataError, counted, extra, nearest, reason
from ...naming import check, climbs, distinct
from ..inputs import given_pictures, left_out, result_names, whole_pictures
from .stores import brought, is_address, listed, local_path, place_of

TABLES = (".csv", ".tsv", ".parquet")
COLUMNS = ("path", "image", "file", "file_name", "filename", "uri", "url")  # of a table that hold its paths
SHOWN = 3


class Listed(NamedTuple):
    """Pictures to be answered.

    Args:
        images: absolute paths, or addresses.
        names: of their results, without ending.
        left_out: a sentence about files whose kind is not read; "" where there are none.
    """

    images: list[str]
    names: list[str]
    left_out: str = ""

    @property
    def digest(self) -> str:
        """A fingerprint of the whole list."""
        found = hashlib.blake2b(digest_size=16)
        for image, name in zip(self.images, self.names, strict=True):
            found.update(f"{image}\0{name}\0".encode("utf-8", "surrogateescape"))
        return found.hexdigest()


class _Part(NamedTuple):
    """The pictures of one input, their places below it, and what it is called among several."""

    images: list[str]
    places: list[str]
    title: str
    alone: bool = False  # a single file
    unread: str = ""


def pictures_of(inputs: Sequence[str | Path]) -> Listed:
    """List the pictures that inputs stand for, each once, in an order that every process finds.

    Args:
        inputs: pictures, folders, patterns and "@list.txt" as for `intarsia.predict`; addresses of files and prefixes, of which
            everything below is taken; tables (.csv, .tsv, .parquet) with a column of paths.

    Raises: DataError for an input that is missing or holds no pictures, and for a table that names none, lists files that
        are missing, or has no column of paths.
    """
    parts = [_part(str(one)) for one in inputs]
    if not parts:
        raise DataError("no pictures given; name folders, addresses such as s3://bucket/folder, or a table of paths")
    if len(parts) == 1:
        places = parts[0].places
    elif all(part.alone for part in parts):
        places = [f"{name}.x" for name in result_names([Path(part.images[0]) for part in parts])]
    else:
        titles = distinct([part.title for part in parts])
        places = [f"{title}/{place}" for title, part in zip(titles, parts, strict=True) for place in part.places]
    found: dict[str, str] = {}
    for image, place in zip((image for part in parts for image in part.images), places, strict=True):
        found.setdefault(image, place)
    names = distinct(_named(list(found.values())))
    return Listed(list(found), [check(name) for name in names], " ".join(filter(None, (p.unread for p in parts))))


def _named(places: list[str]) -> list[str]:
    """Places without their endings; with them, where two would be called the same."""
    stems = [place[: -len(ending)] if (ending := PurePosixPath(place).suffix) else place for place in places]
    often = Counter(stems)
    return [place if often[stem] > 1 else stem for place, stem in zip(places, stems, strict=True)]


def _part(text: str) -> _Part:
    prefix = "://" in text
    text = local_path(text)
    if PurePosixPath(urlsplit(text).path if is_address(text) else text).suffix.lower() in TABLES:
        return _table(text)
    if text.startswith("@"):
        return _paths([str(path) for path in given_pictures([text])], Path(text[1:]).parent, Path(text[1:]).stem)
    if is_address(text) or (prefix and Path(text).is_dir()):
        return _prefix(text)
    paths, called = whole_pictures(given_pictures([text]))
    images = [os.path.abspath(path) for path in paths]
    if Path(text).is_dir():
        root = Path(text)
    elif glob.has_magic(text) and not Path(text).exists():
        fixed = [part for part in Path(text).parts[:-1] if not glob.has_magic(part)]
        root = Path(*Path(text).parts[: len(fixed)]) if fixed else Path()
        root = root if all(path.is_relative_to(root) for path in paths) else Path()
    else:
        root = Path(text).parent
    places = [_below(os.path.abspath(name), os.path.abspath(root)) for name in called]
    alone = len(images) == 1 and Path(text).is_file()
    return _Part(images, places, Path(os.path.abspath(root)).name or "pictures", alone, left_out([text]))


def _prefix(text: str) -> _Part:
    """Everything below an address."""
    place = place_of(text)
    paths = listed(place)
    seen = [path for path in paths if not PurePosixPath(path).name.startswith(".")]
    taken = [path for path in seen if PurePosixPath(path).suffix.lower() in SUFFIXES]
    if not taken:
        raise DataError(
            f"{text}: none of the {counted(len(paths), 'file')} below it is a picture ({', '.join(SUFFIXES)})"
        )
    single = taken == [place.path]
    root = str(PurePosixPath(place.path).parent) if single else place.path
    images = [place.address(path) for path in taken] if is_address(text) else taken
    unread = told_unread([Path(path) for path in seen if path not in set(taken)])
    title = PurePosixPath(place.path).stem or "pictures"
    return _Part(images, [_below(path, root) for path in taken], title, single, unread)


def _table(text: str) -> _Part:
    """The pictures that a table names; paths are relative to its folder."""
    with tempfile.TemporaryDirectory() as folder:
        path = brought(text, Path(folder)) if is_address(text) else Path(text)
        try:
            columns = _parquet(path) if path.suffix.lower() == ".parquet" else _csv(path)
        except DataError as error:
            raise DataError(str(error).replace(str(path), text)) from None
    lowered = {name.strip().lower(): name for name in columns}
    column = next((lowered[name] for name in COLUMNS if name in lowered), None)
    if column is None:
        near = nearest("path", columns) if columns else "; it has no columns"
        raise DataError(f"{text}: has no column of paths ({', '.join(COLUMNS)}){near}; rename one of its columns")
    cells = columns[column]
    if not cells:
        raise DataError(f"{text}: the table names no pictures; write one path a row")
    if (empty := next((n for n, cell in enumerate(cells, 1) if not cell), None)) is not None:
        raise DataError(f"{text}: row {empty} has no path in column {column!r}; fill it in, or remove the row")
    if is_address(text):
        parent = text.rpartition("/")[0]
        full = [cell if "://" in cell or cell.startswith("/") else f"{parent}/{cell}" for cell in cells]
    else:
        parent = os.path.dirname(os.path.abspath(text))
        full = [cell if "://" in cell else os.path.join(parent, cell) for cell in cells]
    return _paths(full, Path(parent), PurePosixPath(text).stem, told=text)


def _paths(given: list[str], root: Path, title: str, told: str = "") -> _Part:
    """Paths and addresses of a list; those of this machine must be there, and a worker looks for the others."""
    images = [one if is_address(one) else os.path.abspath(local_path(one)) for one in given]
    gone = [image for image in images if not is_address(image) and not Path(image).exists()]
    if gone:
        shown = ", ".join(gone[:SHOWN]) + (", ..." if len(gone) > SHOWN else "")
        count = f"{len(gone)} of its {len(images)} files {'is' if len(gone) == 1 else 'are'} missing"
        raise DataError(f"{told}: {count}: {shown}; correct the table")
    top = os.path.abspath(root)
    return _Part(
        images,
        [_below(_bare(image), _bare(str(root)) if told and is_address(told) else top) for image in images],
        title,
    )


def _bare(image: str) -> str:
    parts = urlsplit(image)
    return f"/{parts.netloc}{unquote(parts.path)}" if is_address(image) else image


def _below(path: str, root: str) -> str:
    """The place of a path below a folder; its whole path without the root where it lies elsewhere."""
    inside = PurePosixPath(Path(path).as_posix())
    top = PurePosixPath(Path(root).as_posix())
    place = inside.relative_to(top) if inside.is_relative_to(top) else inside.relative_to(inside.anchor)
    if climbs(str(place)):
        raise DataError(f"no result can be called {str(place)!r}, which leads out of its folder; rename the picture")
    return str(place)


def _csv(path: Path) -> dict[str, list[str]]:
    lines = csv.reader(io.StringIO(read_text(path)), delimiter="\t" if path.suffix.lower() == ".tsv" else ",")
    try:
        head, *rows = [row for row in lines if row] or [[]]
    except csv.Error as error:
        raise DataError(f"{path}: no table that can be read ({error})") from None
    return {name: [row[n].strip() if n < len(row) else "" for row in rows] for n, name in enumerate(head)}


def _parquet(path: Path) -> dict[str, list[str]]:
    parquet = extra("pyarrow.parquet", "ray")
    try:
        names = parquet.read_schema(path).names
        wanted = [name for name in names if name.strip().lower() in COLUMNS]
        table = parquet.read_table(path, columns=wanted)
    except FileNotFoundError:
        raise DataError(f"{path}: there is no such file") from None
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: no Parquet that can be read ({reason(error)})") from None
    read = {name: [str(cell) if cell else "" for cell in table[name].to_pylist()] for name in wanted}
    return read or {name: [] for name in names}
