"""The folder of a job: masks, parts of the table, and what the job is; on this machine, a shared disk or an object store.

job.json                 the model, the settings and the inputs; a job of others is refused
masks/<name>.png         an answer, which takes its name when it is whole
parts/<time>-<id>.parquet    rows of one batch, until the job ends
results.parquet          one row a picture, when the job has ended
.unfinished/             what is being written, and notes between processes
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import Any

from ...errors import DataError, extra
from ...output import begun
from .stores import RENAMES, is_address, local_path, place_of

JOB, TABLE, PARTS, UNFINISHED = "job.json", "results.parquet", "parts", ".unfinished"
LONGEST = 300  # letters of what a sentence shows of a job


class JobFolder:
    """The folder of a job.

    Args:
        out: a path, or an address such as s3://bucket/results.

    Raises: DataError for an address that cannot be opened.
    """

    def __init__(self, out: str) -> None:
        self.place = place_of(out)
        self.out = out if is_address(out) else self.place.path
        self.renames = self.place.files.type_name in RENAMES
        self.local = self.place.files.type_name == "local"
        self._made: set[str] = set()

    def where(self, name: str) -> str:
        """Spell the path or address of a file of the folder."""
        path = self.place.below(name)
        return path if self.local else self.place.address(path)

    def open(self, job: Mapping[str, Any], overwrite: bool, answers: Sequence[str] = ()) -> dict[str, Any]:
        """Begin a job in the folder, or go on with it; returns the job as it was begun.

        Args:
            job: what it is; "pictures" may change on the way.
            overwrite: what is there of another job is removed, and other files may be replaced.
            answers: the folders that answers lie in.

        Raises: DataError where the folder holds anything else, and says what is different.
        """
        job = json.loads(json.dumps(dict(job), default=str))  # as a file holds it
        before = self.read(JOB)
        other = "" if overwrite or before is not None else self._any()
        before = self.read(JOB) if other else before  # another process may have begun the same job just now
        if before is not None and not overwrite:
            try:
                known = dict(json.loads(before))
            except ValueError:
                known = {}
            for key, value in job.items():
                if key != "pictures" and known.get(key) != value:
                    raise DataError(
                        f"{self.out}: holds a job with {_short(key, known.get(key))}, and this one has {_short(key, value)}; "
                        "choose another --out, or replace it with --overwrite"
                    )
            return known
        if other:
            raise DataError(
                f"{self.out}: holds {other}, which is of no job on a cluster; choose another --out, or add --overwrite"
            )
        begun_with = dict(job)
        if overwrite and before is not None:
            self.remove([JOB, TABLE])
            for name in [PARTS, *answers]:
                self._remove_folder(name)
        elif overwrite:
            begun_with["pictures"] = ""  # an answer that is there may be anybody's
        self.put(JOB, json.dumps(begun_with, ensure_ascii=False).encode())
        return begun_with

    def names(self, below: str) -> set[str]:
        """List the files below a folder of the job, as places in it."""
        fs = extra("pyarrow.fs", "ray")
        top = self.place.below(below)
        with _told(self.where(below)):
            found = self.place.files.get_file_info(fs.FileSelector(top, allow_not_found=True, recursive=True))
        return {info.path[len(top) :].lstrip("/") for info in found if info.type == fs.FileType.File}

    def exists(self, name: str) -> bool:
        """Tell whether a file is there."""
        fs = extra("pyarrow.fs", "ray")
        with _told(self.where(name)):
            return bool(self.place.files.get_file_info(self.place.below(name)).type == fs.FileType.File)

    def read(self, name: str) -> bytes | None:
        """Read a file; None where there is none."""
        if not self.exists(name):
            return None
        with suppress(FileNotFoundError), _told(self.where(name)):
            with self.place.files.open_input_stream(self.place.below(name)) as file:
                content: bytes = file.readall()
            return content
        return None

    def put(self, name: str, content: bytes) -> None:
        """Write a file, which takes its name when it is whole.

        Raises: DataError when it cannot be written.
        """

        def write(place: Path) -> Path:
            place.write_bytes(content)
            return place

        self.write(str(PurePosixPath(name).parent), PurePosixPath(name).name, write)

    def write(self, below: str, leaf: str, write: Callable[[Path], Path]) -> str:
        """Write the files of one answer, each of which takes its name when it is whole; the main one is the last.

        Args:
            below: the folder that they go to.
            leaf: what the main file is called.
            write: is given the path to write to, and returns that of the main file, which may have another ending.

        Returns: the main file's place in the job's folder.

        Raises: DataError when they cannot be written.
        """
        with _told(self.where(f"{below}/{leaf}")), self._beginning() as folder:
            main = write(folder / leaf)
            others = sorted(path for path in folder.iterdir() if path != main)
            for path in [*others, main]:
                self._take(path, str(PurePosixPath(below, path.name)))
        return str(PurePosixPath(below, main.name))

    def remove(self, names: list[str]) -> None:
        """Remove files, as far as they are there."""
        for name in names:
            with suppress(OSError):
                self.place.files.delete_file(self.place.below(name))

    def remove_unfinished(self) -> None:
        """Remove what processes have begun and noted."""
        self._remove_folder(UNFINISHED)

    def _remove_folder(self, name: str) -> None:
        with suppress(OSError):
            self.place.files.delete_dir(self.place.below(name))
        self._made.clear()

    @contextmanager
    def _beginning(self) -> Iterator[Path]:
        """A folder for files that are being written: where a rename moves them into place, else one of this machine."""
        if not self.local:
            with tempfile.TemporaryDirectory() as folder:
                yield Path(folder)
            return
        made = Path(self.place.below(UNFINISHED)) / begun()
        made.mkdir(parents=True)
        try:
            yield made
        finally:
            shutil.rmtree(made, ignore_errors=True)

    def _take(self, path: Path, name: str) -> None:
        target = self.place.below(name)
        self._folder_of(target)
        if self.local:
            path.replace(target)
            return
        first = self.place.below(f"{UNFINISHED}/{begun()}") if self.renames else target
        self._folder_of(first)
        with path.open("rb") as source, self.place.files.open_output_stream(first) as file:
            shutil.copyfileobj(source, file, 1 << 20)
        if self.renames:
            self.place.files.move(first, target)

    def _folder_of(self, path: str) -> None:
        folder = str(PurePosixPath(path).parent)
        if folder not in self._made and self.place.files.type_name not in ("s3", "gcs", "abfs"):  # which have none
            self.place.files.create_dir(folder, recursive=True)
            self._made.add(folder)

    def _any(self) -> str:
        """The name of a file that is there already; "" for none."""
        fs = extra("pyarrow.fs", "ray")
        with _told(self.out):
            if self.place.files.get_file_info(self.place.path).type == fs.FileType.File:
                return "a file"
            found = self.place.files.get_file_info(fs.FileSelector(self.place.path, allow_not_found=True))
        names = sorted(PurePosixPath(info.path).name for info in found)
        return next((name for name in names if name != UNFINISHED), "")


def path_or_address(out: str) -> str:
    """Turn the name of a job's folder into one that means the same in every process."""
    return out if is_address(out) else Path(local_path(out)).absolute().as_posix()


def _short(key: str, value: Any) -> str:
    """A part of what a job is, in a few words."""
    if value is None:
        return f"no {key}"
    text = (
        ", ".join(map(str, value))
        if isinstance(value, list)
        else value
        if isinstance(value, str)
        else json.dumps(value)
    )
    shown = text if len(text) <= LONGEST else f"{text[: LONGEST // 2]}...{text[-LONGEST // 2 :]}"
    return f"{key} {shown}" if shown else f"no {key}"


@contextmanager
def _told(where: str) -> Iterator[None]:
    """Turn what a disk or store has against an answer into a sentence."""
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as error:
        if isinstance(error, DataError):
            raise
        reason = error.strerror or (str(error).splitlines() or [type(error).__name__])[0][:300]
        raise DataError(
            f"{where}: cannot be written or read ({reason}); free some space, or choose another --out"
        ) from error
