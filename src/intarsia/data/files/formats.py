"""Which kinds of picture files are read, known by their first bytes whatever their names say, and opened within our limits.

Pillow decodes them, but is not asked what a file is: it knows kinds that run other programs (EPS), hold many pictures
(ICO, PSD) or none, and it warns, refuses or prints by limits that belong to the whole process. Here a kind is read or
refused by name, and the size is checked before a pixel is decoded.
"""

import io
import os
import struct
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, cast

from PIL import Image, UnidentifiedImageError

from ...errors import DataError
from ...limits import check_decoded, check_pixels
from .tags import check_directory, check_exif, check_segments, is_tiff

SUFFIXES = (
    ".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".tif", ".tiff", ".bmp", ".gif", ".webp", ".avif", ".jp2", ".j2k",
    ".ppm", ".pgm", ".pbm", ".pnm", ".tga", ".npy",
)  # fmt: skip
SAVE_AS = "save as PNG or TIFF what belongs to the data"
LOSSY = (".jpg", ".jpeg", ".jpe", ".jfif", ".avif")  # which never keep what was drawn
_NUMPY = b"\x93NUMPY"
_OTHERS = frozenset(
    ".apng .arw .bigtiff .bw .cr2 .cr3 .cur .dcm .dcx .dds .dib .dng .emf .eps .exr .fit .fits .gz .h5 .hdf .hdr .heic "
    ".heif .icb .icns .ico .im .img .j2c .jls .jpc .jpf .jpx .jxl .mat .mha .mhd .mpo .mrc .msp .nef .nhdr .nii .npz .nrrd "
    ".orf .ora .pam .pcd .pcx .pdf .pfm .pic .pkl .ps .psd .pt .qoi .ras .raw .rgb .rgba .rw2 .sgi .svg .svs .vda .vrt .vst "
    ".wmf .xbm .xcf .xpm .zarr".split()
)  # suffixes of pictures and arrays that are not read here, and so are named


def kind_of(head: bytes, suffix: str = "") -> str:
    """What kind of picture begins with these bytes, in Pillow's word; "" for none that is read."""
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if head.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if is_tiff(head):
        return "TIFF"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WEBP"
    if head[4:8] == b"ftyp" and head[8:12] in (b"avif", b"avis"):
        return "AVIF"
    if head.startswith((b"\0\0\0\x0cjP  \r\n\x87\n", b"\xff\x4f\xff\x51")):
        return "JPEG2000"
    if head[:6] in (b"GIF87a", b"GIF89a"):
        return "GIF"
    if head[:1] == b"P" and head[1:2] in b"123456" and head[2:3].isspace():
        return "PPM"
    if head[:2] == b"BM":
        return "BMP"
    return "TGA" if suffix.lower() == ".tga" else ""  # which has no mark of its own


@contextmanager
def opened(path: Path, limit: bool = True) -> Iterator[Image.Image]:
    """A picture whose header is read and whose pixels are not yet.

    Args:
        limit: whether more than `limits.PIXELS` pixels are refused; where only the header is asked for, they need not be.

    Raises: DataError when it is too large, or of a kind that is not read here; what Pillow raises for damaged headers.
    """
    with path.open("rb") as file:
        yield _of(file, path, limit)


@contextmanager
def embedded(content: bytes, where: object, kinds: Sequence[str] = ()) -> Iterator[Image.Image]:
    """A picture that lies within another file, as `opened` gives those of their own.

    Args:
        where: the file (and what in it), for messages.
        kinds: in Pillow's words, where not all that are read are allowed.

    Raises: see `opened`.
    """
    if kinds and kind_of(content[:512]) not in kinds:
        raise UnidentifiedImageError(f"it is no {' or '.join(kinds)}")
    with io.BytesIO(content) as file:
        yield _of(file, where, True)


def _of(file: BinaryIO, where: object, limit: bool) -> Image.Image:
    """The picture of an open file; what surrounds its pixels is checked before Pillow reads it."""
    head, suffix = file.read(512), where.suffix if isinstance(where, Path) else ""
    kind = kind_of(head, suffix)
    factory = _factory(kind, head[:16], where) if kind else None
    if factory is None:
        raise UnidentifiedImageError(str(where))
    check_decoded(file.seek(0, os.SEEK_END), where)
    if kind == "TIFF":
        check_directory(file, where)
    elif kind == "JPEG":
        check_segments(file, where)
    file.seek(0)
    try:
        image = factory(file, str(where))
    except (SyntaxError, IndexError, TypeError, struct.error):
        raise UnidentifiedImageError(str(where)) from None
    if limit:
        check_pixels(image.width, image.height, where)
    if exif := image.info.get("exif"):
        check_exif(exif, where)
    return cast(Image.Image, image)


def _factory(kind: str, head: bytes, path: object) -> Any:
    """What Pillow opens a kind of file with."""
    if kind not in Image.OPEN:
        Image.preinit()
    if kind not in Image.OPEN:
        Image.init()
    factory, accept = Image.OPEN.get(kind, (None, None))
    if factory is None or (accept is not None and isinstance(accept(head), str)):
        raise DataError(
            f"{path}: a picture in {kind}, which the Pillow of this machine was built without; "
            "install Pillow from its wheel, or save the picture as PNG"
        )
    return factory


def loses(path: Path) -> bool:
    """Whether a file was saved with loss, whatever its name says: JPEG, AVIF, and most WebP and JPEG 2000."""
    if not path.is_file():
        return False  # a folder of planes
    with path.open("rb") as file:
        head = file.read(512)
        kind = kind_of(head)
        if kind == "WEBP":
            return _lossy_webp(file)
        if kind == "JPEG2000":
            file.seek(0)
            return not reversible(file.read(1 << 16))
    return kind in ("JPEG", "AVIF")


def _lossy_webp(file: BinaryIO) -> bool:
    """Whether any chunk of a WebP holds a lossy bitstream."""
    place = 12
    for _ in range(64):
        file.seek(place)
        chunk = file.read(8)
        if chunk[:4] == b"VP8 ":
            return True
        if len(chunk) < 8 or chunk[:4] == b"VP8L":
            return False
        size = int.from_bytes(chunk[4:8], "little")
        place += 8 + size + size % 2
    return False


def reversible(head: bytes) -> bool:
    """Whether the codestream of a JPEG 2000 file uses the transform that can be undone (marker COD; ITU-T T.800, A.6.1)."""
    start = head.find(b"\xff\x4f\xff\x51")
    place = head.find(b"\xff\x52", start)
    return start >= 0 and place >= 0 and head[place + 13 : place + 14] == b"\x01"


def depth_of_jpeg2000(head: bytes) -> int:
    """Bits of a number in a JPEG 2000 file, of its first component (marker SIZ; ITU-T T.800, A.5.1); 8 where none is found."""
    start = head.find(b"\xff\x4f\xff\x51")
    return (head[start + 42] & 0x7F) + 1 if start >= 0 and len(head) > start + 42 else 8


def unread(folders: Iterable[Path]) -> list[Path]:
    """The files directly in some folders that seem to be pictures or arrays and are of no kind that is read here.

    By their suffix, or, where that is of no known kind, by their first bytes; hidden files are left out.
    """
    found = []
    for folder in dict.fromkeys(folders):
        try:
            inside = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except OSError:
            continue
        for entry in inside:
            suffix = os.path.splitext(entry.name)[1].lower()
            if entry.name.startswith(".") or suffix in SUFFIXES or not entry.is_file():
                continue
            if suffix in _OTHERS or (suffix not in _PLAIN and _pictured(Path(entry.path))):
                found.append(Path(entry.path))
    return found


_PLAIN = frozenset(".csv .db .geojson .html .ini .json .md .pgw .prj .tfw .txt .xml .yaml .yml .zip".split())


def _pictured(path: Path) -> bool:
    """Whether a file without a known suffix begins as a picture or an array does."""
    try:
        with path.open("rb") as file:
            head = file.read(16)
    except OSError:
        return False
    kind = kind_of(head)
    return bool(kind and kind != "BMP") or head.startswith(_NUMPY)


def told_unread(files: list[Path]) -> str:
    """One sentence about files that are left out because their kind is not read; "" where there are none."""
    return f"{left_unread(files)}; {SAVE_AS}" if files else ""


def left_unread(files: list[Path]) -> str:
    """The same sentence without what to do, which is `SAVE_AS`."""
    shown = ", ".join(path.name for path in files[:5]) + (", ..." if len(files) > 5 else "")
    one = len(files) == 1
    kinds = ", ".join(sorted({path.suffix.lower() or "no ending" for path in files})[:8])
    return f"{len(files)} {'file is' if one else 'files are'} left out, whose kind ({kinds}) is not read: {shown}"
