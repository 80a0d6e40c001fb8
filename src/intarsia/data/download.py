"""Getting the files of a data set: continued after a cut, checked, unpacked, and never twice.

url --GET, Range--> ROOT/NAME.part --checksum--> ROOT/NAME --unpack--> ROOT/into/...     downloads.json: what is there
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ..errors import DataError
from .transfer import Download, Tell, about, fetched, read, write
from .unpack import unpack

__all__ = ["Arrived", "Download", "get"]

RECORD = "downloads.json"


class Arrived(NamedTuple):
    """A file that is there now."""

    name: str
    url: str
    size: int  # bytes
    sha256: str
    checked: bool  # against a published checksum
    fetched: int  # bytes that this call asked for: 0 when everything was there


def get(
    files: Sequence[Download], root: str | Path, *, tell: Tell | None = None, keep: bool = False, patience: float = 2.0
) -> list[Arrived]:
    """Download and unpack files, as far as they are not there.

    Args:
        tell: called as bytes arrive.
        keep: leave the archives beside what was unpacked.
        patience: seconds before a cut connection is tried again; more each time.

    Raises: DataError for whatever the network, the server, the disk or an archive has against it; what has arrived stays.
    """
    root = Path(root)
    try:
        root.mkdir(parents=True, exist_ok=True)
        return [_get(file, root, tell or (lambda name, here, total: None), keep, patience) for file in files]
    except OSError as error:
        raise DataError(
            f"{root}: cannot be written ({error.strerror or error}); free room, and type the same again"
        ) from None


def _get(file: Download, root: Path, tell: Tell, keep: bool, patience: float) -> Arrived:
    record = _record(root)
    known = record.get(file.name, {})
    if known.get("url") == file.url and all((root / path).exists() for path in known["holds"]):
        return Arrived(file.name, file.url, known["size"], known["sha256"], known["checked"], 0)
    archive, came = root / file.name, 0
    if not archive.is_file():
        part, came = fetched(file, root, tell, patience)
        sha256 = _checked(part, file)
        part.rename(archive)
        about(part).unlink(missing_ok=True)
    else:  # an earlier call was stopped while it unpacked, or the archive was put there by hand
        sha256 = _checked(archive, file)
    arrived = Arrived(file.name, file.url, archive.stat().st_size, sha256, bool(file.digest), came)
    holds = [str(Path(file.into) / name) for name in unpack(archive, root / file.into)]
    if not keep:
        archive.unlink()
    record = _record(root)
    record[file.name] = {**arrived._asdict(), "holds": holds}
    write(root / RECORD, record)
    return arrived


def _checked(path: Path, file: Download) -> str:
    """The SHA-256 of a file whose published checksum, where there is one, is right; a wrong file is removed."""
    kind, _, wanted = file.digest.partition(":")
    digests = {"sha256": hashlib.sha256()}
    if kind:
        digests.setdefault(kind, hashlib.new(kind, usedforsecurity=False))
    with path.open("rb") as content:
        while piece := content.read(1 << 20):
            for digest in digests.values():
                digest.update(piece)
    if kind and digests[kind].hexdigest() != wanted.lower():
        path.unlink()
        about(path).unlink(missing_ok=True)
        raise DataError(
            f"{file.url}: what arrived has the {kind} {digests[kind].hexdigest()}, but {wanted} was published; it is removed, so type the same again, or get the file by hand"
        )
    return digests["sha256"].hexdigest()


def _record(root: Path) -> dict[str, Any]:
    return read(root / RECORD)
