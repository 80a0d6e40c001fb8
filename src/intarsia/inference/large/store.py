"""What has been finished of a large picture, tile row by tile row, so that a killed process goes on where it was.

    tiles.bin       label tiles as they will lie in the TIFF: deflated, one behind the other, row by row
    picture.bin     every s-th pixel of the picture, for its overlay
    lock            of the process that writes; the system lets go of it when that one ends, however it ends
    journal.jsonl   first what is made of what; then a line for each tile row, written when its tiles are on the disk

A line that was cut off counts as not written, and what stands behind the last whole line's tiles is cut away.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from ...errors import DataError
from ...output import flush

LEVEL = 2  # at which tiles are deflated: five times as quick as the usual 6, for files half as large again
JOURNAL, TILES, PICTURE, LOCK = "journal.jsonl", "tiles.bin", "picture.bin", "lock"
FREE = ("side",)  # of the first line: what an earlier process has chosen holds


class Store:
    """Finished tile rows in a folder.

    Args:
        folder: made where it is not there.
        head: what is made of what; a store of anything else is refused.
        anew: throw away what another command has begun.

    Raises: DataError for a folder that holds something else, or cannot be written.
    """

    def __init__(self, folder: Path, head: Mapping[str, Any], *, anew: bool = False) -> None:
        self.folder, self.lines = folder, list[dict[str, Any]]()
        self.head = {**head}
        self._files: dict[str, BinaryIO] = {}
        try:
            self._open(anew)
        except OSError as error:
            self.close()
            raise self._full(error) from error
        except BaseException:
            self.close()
            raise

    def _open(self, anew: bool) -> None:
        folder = self.folder
        folder.mkdir(parents=True, exist_ok=True)
        if not (folder / JOURNAL).is_file() and {file.name for file in folder.iterdir()} - {TILES, PICTURE, LOCK}:
            raise DataError(f"{folder}: is needed for what is unfinished, and holds other files; move them away")
        self._files[LOCK] = (folder / LOCK).open("ab")
        if not _locked(self._files[LOCK]):
            raise DataError(
                f"{folder}: another process is predicting this picture; wait until it ends, or choose another --out"
            )
        if (folder / JOURNAL).is_file() and not anew:
            self._read()
        if not self._begun:
            self._begin()
        for name in (TILES, PICTURE, JOURNAL):
            self._files[name] = (folder / name).open("r+b")
        self._cut()

    _begun = False

    @property
    def done(self) -> int:
        """How many tile rows are finished."""
        return len(self.lines)

    def add(self, tiles: list[bytes], picture: bytes, facts: Mapping[str, Any]) -> None:
        """Write the next tile row.

        Args:
            tiles: deflated.
            picture: of the row, its share of the small picture.
            facts: what the journal says of the row besides.

        Raises: DataError where the disk is full; the same command goes on at this row later.
        """
        line = {"row": self.done, "sizes": [len(tile) for tile in tiles], "picture": len(picture), **facts}
        try:
            for name, content in ((TILES, b"".join(tiles)), (PICTURE, picture)):
                self._files[name].write(content)
                self._files[name].flush()
                os.fsync(self._files[name].fileno())
            self._files[JOURNAL].write(json.dumps(line).encode() + b"\n")
            self._files[JOURNAL].flush()
            os.fsync(self._files[JOURNAL].fileno())
        except OSError as error:
            raise self._full(error) from error
        self.lines.append(line)

    def tiles(self) -> Iterator[bytes]:
        """Read the deflated tiles in their order."""
        with (self.folder / TILES).open("rb") as file:
            for line in self.lines:
                for size in line["sizes"]:
                    yield file.read(size)

    def rows(self) -> Iterator[np.ndarray]:
        """Read the finished labels, one row of tiles [h, W] after the other."""
        height, width, tile = (int(self.head[key]) for key in ("height", "width", "tile"))
        dtype, tiles = np.dtype(self.head["dtype"]), self.tiles()
        for row, line in enumerate(self.lines):
            made = np.empty((min(tile, height - row * tile), width), dtype)
            for column in range(len(line["sizes"])):
                piece = np.frombuffer(zlib.decompress(next(tiles)), dtype).reshape(tile, tile)
                here = made[:, column * tile : (column + 1) * tile]
                here[:] = piece[: here.shape[0], : here.shape[1]]
            yield made

    def picture(self) -> bytes:
        """Read the small picture."""
        return (self.folder / PICTURE).read_bytes()

    def close(self) -> None:
        """Close the files."""
        for file in self._files.values():
            try:
                file.close()
            except OSError:  # what could not be written has been reported
                continue
        self._files.clear()

    def remove(self) -> None:
        """Remove the folder, once its content stands in files."""
        self.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def restart(self, head: Mapping[str, Any]) -> None:
        """Begin again with another head, before the first row is finished."""
        self.head, self.lines = {**head}, []
        try:
            for name in (TILES, PICTURE, JOURNAL):
                self._files.pop(name).close()
            self._begin()
            for name in (TILES, PICTURE, JOURNAL):
                self._files[name] = (self.folder / name).open("r+b")
                self._files[name].seek(0, os.SEEK_END)
        except OSError as error:
            raise self._full(error) from error

    def _read(self) -> None:
        """Read the journal as far as its lines are whole."""
        raw = (self.folder / JOURNAL).read_bytes()
        whole = raw[: raw.rfind(b"\n") + 1].splitlines()
        if not whole:
            return  # killed while the first line was written
        try:
            head, *lines = [json.loads(line) for line in whole]
        except ValueError:
            raise DataError(f"{self.folder / JOURNAL}: is damaged; remove {self.folder}, and it begins again") from None
        differs = [key for key in {**head, **self.head} if key not in FREE and head.get(key) != self.head.get(key)]
        if differs:
            raise DataError(
                f"{self.folder}: holds {len(lines)} finished tile rows of another prediction (its {differs[0]} differs); give the "
                "command that began it, choose another --out, or begin anew with --overwrite"
            )
        self.head, self.lines, self._begun = head, lines, True

    def _begin(self) -> None:
        for name in (TILES, PICTURE):
            (self.folder / name).write_bytes(b"")
        (self.folder / JOURNAL).write_bytes(json.dumps(self.head).encode() + b"\n")
        flush(self.folder / JOURNAL)
        flush(self.folder)

    def _cut(self) -> None:
        """Cut away what was written of a row that was not finished."""
        ends = {
            TILES: sum(sum(line["sizes"]) for line in self.lines),
            PICTURE: sum(line["picture"] for line in self.lines),
        }
        raw = (self.folder / JOURNAL).read_bytes()
        ends[JOURNAL] = raw.rfind(b"\n") + 1
        for name, end in ends.items():
            file = self._files[name]
            if file.seek(0, os.SEEK_END) < end:
                raise DataError(
                    f"{self.folder / name}: is shorter than its journal says; remove {self.folder}, and it begins again"
                )
            file.truncate(end)
            file.seek(end)

    def _full(self, error: OSError) -> DataError:
        total = self.head.get("rows")
        return DataError(
            f"{self.folder}: cannot be written ({error.strerror or error}) after {self.done} of {total} tile rows, which are kept; "
            "free some space, and the same command goes on there"
        )


def _locked(file: BinaryIO) -> bool:
    """Lock an open file until it is closed, or its process ends; False where another process has it.

    File systems that know no locks lock nothing.
    """
    try:
        if os.name == "nt":
            import msvcrt

            getattr(msvcrt, "locking")(file.fileno(), getattr(msvcrt, "LK_NBLCK"), 1)  # noqa: B009 (other systems lack them)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno not in (errno.EACCES, errno.EAGAIN)
    return True
