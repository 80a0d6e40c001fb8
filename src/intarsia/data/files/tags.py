"""What a TIFF says of its pages before a pixel is decoded: TIFF 6.0 and BigTIFF, either byte order.

Its pages are a chain of directories, each with the place of the next. The chain is followed as far as needed and no
further, so that a file of many pages, or one whose chain runs in a circle, takes no longer than a sound one.
"""

import io
import math
import struct
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from ...errors import DataError

MOST = 100  # pages that are looked at: maps carry a dozen smaller copies of themselves
EMPTY = -(
    2**31
)  # stands in integers for "holds nothing" where a file says it by nan, or by a number that no mask can hold
_TOP = 1 << 24  # the largest id that a label space takes
_ENTRIES = 4096  # entries of one directory; TIFF allows more, programs write some dozens
_VALUES = 1 << 16  # values of one entry that are read
_TYPES = {1: "B", 2: "s", 3: "H", 4: "I", 6: "b", 7: "s", 8: "h", 9: "i", 11: "f", 12: "d", 13: "I", 16: "Q", 17: "q"}
_SIZES = {3: 2, 4: 4, 5: 8, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}  # bytes of a value; else 1
_EXIF = b"Exif\0\0"
_WANTED = {
    254: "subfile", 256: "width", 257: "height", 258: "bits", 259: "compression", 274: "orientation", 277: "samples",
    279: "sizes", 322: "tile_width", 323: "tile_height", 325: "sizes", 42113: "nodata",
}  # fmt: skip


class Page(NamedTuple):
    """One directory."""

    width: int
    height: int
    samples: int  # numbers a pixel
    bits: int  # of one number, the most of any
    reduced: bool  # a smaller copy of another page, or its mask of transparency
    nodata: str  # what GDAL's tag says that pixels without data hold, "" without the tag
    orientation: int


def is_tiff(head: bytes) -> bool:
    """Whether the first bytes of a file are those of a TIFF."""
    return head[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def pages(path: Path, most: int = MOST) -> list[Page]:
    """The pages of a TIFF in their order, as many as are looked at.

    Raises: DataError when the file is missing, is no TIFF, or its directories are damaged.
    """
    try:
        with path.open("rb") as file:
            return list(_chain(file, most))
    except FileNotFoundError:
        raise DataError(f"{path}: there is no such file") from None
    except (OSError, struct.error, ValueError, KeyError, IndexError, OverflowError) as error:
        raise DataError(
            f"{path}: the TIFF's directory is truncated or damaged ({error}); copy it again from its source"
        ) from None


def check_directory(file: BinaryIO, where: object) -> None:
    """Refuse a TIFF, or EXIF data, whose first directory asks for more bytes than there are.

    Whatever reads all tags of a directory makes a copy of the bytes of each, and thousands of them may name the same ones.

    Raises: DataError.
    """
    total = file.seek(0, 2)
    file.seek(0)
    head = file.read(16)
    if not is_tiff(head) or len(head) < 8:
        return  # whoever reads it says so
    order, big = "<" if head[:2] == b"II" else ">", head[2:4] in (b"+\0", b"\0+")
    counter, size, field = ("Q", 20, 8) if big else ("H", 12, 4)
    try:
        (place,) = struct.unpack(order + "Q", head[8:16]) if big else struct.unpack(order + "I", head[4:8])
        file.seek(place)
        (count,) = struct.unpack(order + counter, file.read(struct.calcsize("=" + counter)))
    except (struct.error, OverflowError, ValueError):
        return
    if count > _ENTRIES:
        raise DataError(f"{where}: a directory of {count:,} tags; at most {_ENTRIES:,} are read, so save it again")
    block, asked = file.read(count * size), 0
    for start in range(0, len(block) - size + 1, size):
        _, kind, number = struct.unpack_from(order + ("HHQ" if big else "HHI"), block, start)
        held = number * _SIZES.get(kind, 1)
        asked += held if field < held <= total else 0
    if asked > 2 * total:
        raise DataError(
            f"{where}: its tags ask for {asked:,} bytes, but it has {total:,}; save the picture again without them"
        )


def check_exif(exif: bytes, where: object) -> None:
    """Refuse EXIF data whose tags ask for more bytes than there are.

    Raises: DataError.
    """
    check_directory(io.BytesIO(exif.removeprefix(_EXIF)), f"{where}: EXIF data")


def check_segments(file: BinaryIO, where: object) -> None:
    """The same for the EXIF data and the list of views of a JPEG, which stand before its pixels.

    Raises: DataError.
    """
    file.seek(2)
    held = bytearray()
    while (mark := file.read(4))[:1] == b"\xff" and len(mark) == 4 and mark[1] not in (0xDA, 0xD9):
        size = int.from_bytes(mark[2:], "big") - 2
        if mark[1] in (0xE1, 0xE2):
            body = file.read(max(size, 0))
            if body.startswith(_EXIF):  # Pillow puts those of several segments together
                held += body[len(_EXIF) :] if held else body
            elif body.startswith(b"MPF\0"):
                check_directory(io.BytesIO(body[4:]), f"{where}: its list of views")
        else:
            file.seek(max(size, 0), 1)
    if held:
        check_exif(bytes(held), where)


def nodata_of(path: Path) -> float | None:
    """The number that pixels without data have by GDAL's tag; None where the file has none, or is no sound TIFF."""
    try:
        with path.open("rb") as file:
            if not is_tiff(file.read(4)):
                return None
            file.seek(0)
            return nothing(next(iter(_chain(file, 1))).nodata)
    except (OSError, struct.error, ValueError, KeyError, IndexError, OverflowError, StopIteration):
        return None


def nothing(text: str) -> float | None:
    """GDAL's tag as a number, nan among them; None where it holds none."""
    try:
        return float(text)
    except ValueError:
        return None


def as_id(nodata: float | None) -> int | None:
    """The id that stands for it in a mask of whole numbers: itself, or `EMPTY` where no mask can hold it."""
    if nodata is None:
        return None
    return int(nodata) if math.isfinite(nodata) and nodata == int(nodata) and EMPTY <= nodata <= _TOP else EMPTY


def _chain(file: BinaryIO, most: int) -> Any:
    """The directories of an open TIFF, one after the other."""
    head = file.read(16)
    if not is_tiff(head):
        raise DataError("no TIFF header")
    order = "<" if head[:2] == b"II" else ">"
    big = head[2:4] in (b"+\0", b"\0+")
    (place,) = struct.unpack(order + "Q", head[8:16]) if big else struct.unpack(order + "I", head[4:8])
    seen: set[int] = set()
    while place and place not in seen and len(seen) < most:
        seen.add(place)
        entries, place = _directory(file, place, order, big)
        yield _page(entries)


def _directory(file: BinaryIO, place: int, order: str, big: bool) -> tuple[dict[str, tuple[Any, ...]], int]:
    """The entries of one directory that are asked for, and the place of the next."""
    counter, size, field = ("Q", 20, 8) if big else ("H", 12, 4)
    file.seek(place)
    (count,) = struct.unpack(order + counter, file.read(struct.calcsize("=" + counter)))
    if count > _ENTRIES:
        raise DataError(f"a directory of {count} entries")
    block = file.read(count * size)
    (after,) = struct.unpack(order + ("Q" if big else "I"), file.read(field) or b"\0" * field)
    found = {}
    for n in range(count):
        entry = block[n * size : (n + 1) * size]
        tag, kind = struct.unpack(order + "HH", entry[:4])
        if tag in _WANTED and kind in _TYPES:
            (number,) = struct.unpack(order + ("Q" if big else "I"), entry[4 : 4 + field])
            found[_WANTED[tag]] = _values(file, entry[-field:], min(number, _VALUES), _TYPES[kind], order, big)
    return found, after


def _values(file: BinaryIO, held: bytes, number: int, code: str, order: str, big: bool) -> tuple[Any, ...]:
    """The values of one entry: in the entry itself where they fit, else at the place that it names."""
    form = f"{order}{number}{code}"
    size = struct.calcsize(form)
    if size > len(held):
        (place,) = struct.unpack(order + ("Q" if big else "I"), held)
        file.seek(place)
        held = file.read(size)
    return struct.unpack(form, held[:size])


def _page(entries: dict[str, tuple[Any, ...]]) -> Page:
    text = entries["nodata"][0] if entries.get("nodata") else b""
    return Page(
        int(entries["width"][0]),
        int(entries["height"][0]),
        int(entries.get("samples", (1,))[0]),
        max(map(int, entries.get("bits", (1,)))),
        bool(int(entries.get("subfile", (0,))[0]) & 5),
        text.decode("ascii", "replace").strip("\0 ,") if isinstance(text, bytes) else "",
        int(entries.get("orientation", (1,))[0]),
    )
