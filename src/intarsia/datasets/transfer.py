"""One file from a server, continued after a cut.

What has arrived stays in NAME.part, with the description that the server gave beside it. The next call asks for the rest
alone, and starts anew when the file has changed or the server sends whole files only.
"""

import http.client
import json
import shutil
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

from ..characters import HIDDEN
from ..errors import DataError
from ..limits import DOWNLOAD, SPARE
from ..output import replaced

PIECE = 1 << 18  # bytes that are read at once


class Download(NamedTuple):
    """One file of a data set that its makers offer to everybody."""

    url: str
    digest: str = ""  # "md5:..." or "sha256:..." as published; "" where none is
    size: int = 0  # bytes, as published; 0 where it is not
    into: str = "."  # folder below the data set's root that it is unpacked in

    @property
    def name(self) -> str:
        """What the file is called: the last part of the address, unquoted first, so that it stays in its folder.

        Raises: DataError when that is no name.
        """
        last = unquote(urlsplit(self.url).path).replace("\\", "/").rpartition("/")[2]
        if not last.strip(". ") or HIDDEN.search(last) or any(letter in last for letter in "\n\t:"):
            raise DataError(f"{self.url!a}: ends in no name that a file can have")
        return last


Tell = Callable[[str, int, int], None]  # name, bytes that are here, bytes in all (0: unknown)


def fetched(file: Download, root: Path, tell: Tell, patience: float) -> tuple[Path, int]:
    """The whole file as NAME.part, and how many bytes were asked for; a cut connection is tried again while it helps."""
    part, tries, count = root / f"{file.name}.part", 0, 0
    best = size(part)  # a server that begins anew each time must not go on for ever

    def came(here: int, total: int, piece: int) -> None:
        nonlocal count
        count += piece
        tell(file.name, here, total)

    while True:
        cut = ""
        try:
            total = _attempt(file, part, came)
        except (http.client.HTTPException, ConnectionError, TimeoutError, ssl.SSLError) as error:
            total, cut = int(_said(part).get("size") or 0), str(error) or type(error).__name__
        if not cut and (not total or size(part) == total):
            return part, count
        tries = 0 if size(part) > best else tries + 1
        best = max(best, size(part))
        if tries >= 3:
            of = f" of {total}" if total else ""
            raise DataError(
                f"{file.url}: the connection broke after {size(part)}{of} bytes{f' ({cut})' if cut else ''}; type the same again, and it goes on from there"
            )
        time.sleep(patience * (1 + tries))


def _attempt(file: Download, part: Path, came: Callable[[int, int, int], None]) -> int:
    """Ask for what is missing, and write what comes; returns the size of the whole file, 0 where the server does not say."""
    have, said = size(part), _said(part)
    request = urllib.request.Request(file.url, headers={"User-Agent": "intarsia", "Accept-Encoding": "identity"})
    tag = said.get("tag")
    if have and tag:
        request.add_header("Range", f"bytes={have}-")
        request.add_header("If-Range", tag)
    try:
        answer = urllib.request.urlopen(request, timeout=60)
    except urllib.error.HTTPError as error:
        with error:
            if error.code == 416 and have and have == said.get("size"):
                return have
            if error.code == 416:
                part.unlink(missing_ok=True)
                raise ConnectionError("the file changed at its source") from None
        raise DataError(f"{file.url}: the server answers {error.code} ({error.reason}); has the file moved?") from None
    except urllib.error.URLError as error:
        if isinstance(error.reason, ConnectionError | TimeoutError) and have:
            raise ConnectionError(str(error.reason)) from None
        raise DataError(f"{file.url}: cannot be reached ({error.reason}); check the network and the address") from None
    with answer:
        start = _start(answer, have)
        if start is None or _tag(answer) not in (tag, ""):
            start = 0 if answer.status == 200 else None
        if start is None:  # a part of another file than the one that was begun
            part.unlink(missing_ok=True)
            raise ConnectionError("the file changed at its source")
        length = answer.headers.get("Content-Length", "")
        total = start + int(length) if length.isdecimal() and len(length) < 19 else 0
        if file.size and total and total != file.size:
            raise DataError(f"{file.url}: is {total} bytes now, but {file.size} were published; the file has changed")
        free = shutil.disk_usage(part.parent).free
        if total - start > free:
            raise DataError(
                f"{part.parent}: {total - start} bytes are to come, but {free} are free; free room, or name another folder"
            )
        write(about(part), {"url": file.url, "tag": _tag(answer), "size": total})
        most = file.size or total or DOWNLOAD
        with part.open("r+b" if start else "wb") as out:
            out.seek(start)
            while piece := answer.read(PIECE):
                if start + len(piece) > most:
                    out.truncate()
                    raise DataError(f"{file.url}: the server sends more than {_promised(file, total, most)}")
                if not total and shutil.disk_usage(part.parent).free < SPARE:
                    raise DataError(
                        f"{part.parent}: less than {SPARE:,} bytes are free, and the server does not say how many are to come"
                    )
                out.write(piece)
                start += len(piece)
                came(start, total, len(piece))
            out.truncate()
    return total


def _promised(file: Download, total: int, most: int) -> str:
    if file.size:
        return f"the {file.size} bytes that were published; the file has changed"
    if total:
        return f"the {total} bytes that it announced; type the same again"
    return f"{most} bytes without saying how many; get the file by hand"


def _start(answer: Any, have: int) -> int | None:
    """Where the bytes of an answer begin, None for another place than the one that was asked for."""
    if answer.status != 206:
        return 0
    place = answer.headers.get("Content-Range", "").removeprefix("bytes ").partition("-")[0]
    return have if place == str(have) else None


def _tag(answer: Any) -> str:
    """What tells this version of a file from another; a weak ETag (W/...) does not, byte for byte."""
    strong = answer.headers.get("ETag") or ""
    return str(strong if strong and not strong.startswith("W/") else answer.headers.get("Last-Modified") or "")


def _said(part: Path) -> dict[str, Any]:
    return read(about(part))


def read(path: Path) -> dict[str, Any]:
    """A JSON file of ours; one that is missing or damaged says nothing."""
    try:
        held = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return held if isinstance(held, dict) else {}


def write(path: Path, tree: dict[str, Any]) -> None:
    """Write a JSON file, the whole of it or nothing."""
    with replaced(path) as made:
        made.write_text(json.dumps(tree, indent=1), encoding="utf-8")


def about(part: Path) -> Path:
    """The file beside NAME.part that keeps the server's words about it."""
    return part.with_name(f"{part.name}.json")


def size(path: Path) -> int:
    """Bytes of a file, 0 where there is none."""
    return path.stat().st_size if path.is_file() else 0
