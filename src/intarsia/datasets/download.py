"""Getting the files of a data set: continued after a cut, checked, unpacked, and never twice.

url --GET, Range--> ROOT/NAME.part --checksum--> ROOT/NAME --unpack--> ROOT/into/...     downloads.json: what is there
"""

import hashlib
import re
from collections.abc import Sequence, Set
from pathlib import Path
from typing import Any, NamedTuple

from ..data.files.unpack import unpack
from ..errors import DataError
from .transfer import Download, Tell, about, fetched, read, write

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
    files: Sequence[Download],
    root: str | Path,
    *,
    tell: Tell | None = None,
    keep: bool = False,
    patience: float = 2.0,
    sha256: Sequence[str] = (),
) -> list[Arrived]:
    """Download and unpack files, as far as they are not there; nothing is unpacked whose checksum nobody has given.

    Args:
        tell: called as bytes arrive.
        keep: leave the archives beside what was unpacked.
        patience: seconds before a cut connection is tried again; more each time.
        sha256: checksums that the user vouches for, of files for which none is published; 64 hexadecimal digits each.

    Raises: DataError for whatever the network, the server, the disk or an archive has against it; what has arrived stays.
    """
    root, trusted = Path(root), {given.lower().removeprefix("sha256:") for given in sha256}
    if wrong := [given for given in sha256 if not re.fullmatch("(sha256:)?[0-9a-f]{64}", given.lower())]:
        raise DataError(f"{wrong[0]!a} is no SHA-256; it has 64 hexadecimal digits, as `sha256sum FILE` prints them")
    say = tell or (lambda name, here, total: None)
    try:
        root.mkdir(parents=True, exist_ok=True)
        return [_get(file, root, say, keep, patience, trusted) for file in files]
    except OSError as error:
        raise DataError(
            f"{root}: cannot be written ({error.strerror or error}); free room, and type the same again"
        ) from None


def _get(file: Download, root: Path, tell: Tell, keep: bool, patience: float, trusted: Set[str]) -> Arrived:
    record = _record(root)
    if (there := _there(record, file, root)) is not None:
        return there
    archive, came = root / file.name, 0
    if not archive.is_file():
        part, came = fetched(file, root, tell, patience)
        sha256 = _checked(part, file, ours=True)
        record[file.name] = {"url": file.url, "sha256": sha256}  # it is ours, also when this process is stopped now
        write(root / RECORD, record)
        part.rename(archive)
        about(part).unlink(missing_ok=True)
    else:  # an earlier call was stopped before it was unpacked, or the archive was put there by hand
        sha256 = _checked(archive, file, ours=False)
    known = record.get(file.name)
    ours = isinstance(known, dict) and known.get("sha256") == sha256
    if not file.digest and sha256 not in trusted:
        raise DataError(
            f"{archive}: nobody has published a checksum of {file.url}, so it is not unpacked; what is there has the "
            f"SHA-256 {sha256}: if that is the file you want, type the same with --sha256 {sha256}"
        )
    arrived = Arrived(file.name, file.url, archive.stat().st_size, sha256, bool(file.digest), came)
    holds = [str(Path(file.into) / name) for name in unpack(archive, root / file.into)]
    if not keep and ours:  # what somebody put there is theirs
        archive.unlink()
    record = _record(root)
    record[file.name] = {**arrived._asdict(), "holds": holds}
    write(root / RECORD, record)
    return arrived


def _there(record: dict[str, Any], file: Download, root: Path) -> Arrived | None:
    """What the record says of a file that was unpacked, if all of it is still there."""
    known = record.get(file.name)
    if not isinstance(known, dict) or known.get("url") != file.url or not isinstance(known.get("holds"), list):
        return None
    if not all(isinstance(path, str) and (root / path).exists() for path in known["holds"]):
        return None
    size, sha256, checked = (known.get(key) for key in ("size", "sha256", "checked"))
    return Arrived(file.name, file.url, int(size or 0), str(sha256), bool(checked), 0)


def _checked(path: Path, file: Download, ours: bool) -> str:
    """The SHA-256 of a file whose published checksum, where there is one, is right; a wrong download is removed."""
    kind, _, wanted = file.digest.partition(":")
    digests = {"sha256": hashlib.sha256()}
    if kind:
        digests.setdefault(kind, hashlib.new(kind, usedforsecurity=False))
    with path.open("rb") as content:
        while piece := content.read(1 << 20):
            for digest in digests.values():
                digest.update(piece)
    if kind and digests[kind].hexdigest() != wanted.lower():
        if not ours:
            raise DataError(
                f"{path}: has the {kind} {digests[kind].hexdigest()}, but {wanted} was published for {file.url}; move it away, and it is downloaded"
            )
        path.unlink()
        about(path).unlink(missing_ok=True)
        raise DataError(
            f"{file.url}: what arrived has the {kind} {digests[kind].hexdigest()}, but {wanted} was published; it is removed, so type the same again, or get the file by hand"
        )
    return digests["sha256"].hexdigest()


def _record(root: Path) -> dict[str, Any]:
    return read(root / RECORD)
