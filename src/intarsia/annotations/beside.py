"""What exports are made of: JSON, and images that lie somewhere beside it."""

from __future__ import annotations

import atexit
import base64
import csv
import os
import shutil
import tempfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from PIL import Image

from .. import limits, naming
from ..data.files.codecs import SUFFIXES, orientation_of, read_image
from ..data.files.formats import embedded, opened
from ..data.files.tags import is_tiff, pages
from ..documents import head, json_of, read_json, read_text, read_xml
from ..errors import DataError, IntarsiaError
from ..output import begun, swept
from .inside import inside, named

__all__ = ["json_of", "read_json", "read_text", "read_xml"]  # of `documents`, which every reader of exports uses

IMAGES = SUFFIXES[:-1]  # all but .npy
_TOPS = ("", "images", "img", "JPEGImages", "data")  # where tools put images, below the export


def passes(path: Path, test: Callable[[Any], bool], *words: tuple[str, ...]) -> bool:
    """Whether the content of a JSON file passes a test; found out once for each test of a file that does not change.

    Args:
        words: keys of which the file must hold all of one tuple. Without them it is not parsed, which for a large file of
            another tool takes long.
    """
    try:
        stamp = path.stat()
    except OSError:
        return False
    return _passes(path, stamp.st_mtime_ns, stamp.st_size, test, words)


@lru_cache(maxsize=100_000)
def _passes(path: Path, time: int, size: int, test: Callable[[Any], bool], words: tuple[tuple[str, ...], ...]) -> bool:
    try:
        content = path.read_bytes()
        wide = content.startswith((b"\xff\xfe", b"\xfe\xff"))  # UTF-16, in which no word is found as it is
        known = wide or any(all(f'"{word}"'.encode() in content for word in option) for option in words)
        return known and test(read_json(path))
    except (OSError, DataError):
        return False


def the_one(root: Path, files: list[Path], what: str) -> Path:
    """The only file of an export.

    Raises: DataError that lists them where there are several, and says what is wrong with a file that is none.
    """
    if len(files) == 1:
        return files[0]
    if files:
        shown = ", ".join(str(f.relative_to(root)) for f in files[:5])
        raise DataError(f"{root}: holds {len(files)} files of {what} ({shown}); name one of them")
    for path in [root] if root.is_file() else sorted(root.glob("*.json"))[:5] if root.is_dir() else []:
        if path.suffix == ".json":
            read_json(path)
    raise DataError(f"{root}: holds no file of {what}")


def scratch() -> Path:
    """A new folder that lives as long as this process, for what an export holds packed."""
    swept(Path(tempfile.gettempdir()))
    folder = tempfile.mkdtemp(prefix=begun())
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)


@contextmanager
def reading(where: object, tool: str) -> Iterator[None]:
    """Turn what an export misses, or has of another kind, into one sentence that says where.

    Raises: DataError.
    """
    try:
        yield
    except IntarsiaError:
        raise
    except KeyError as error:
        raise DataError(f"{where}: misses {error}, which {tool} writes; export it again") from error
    except MemoryError as error:
        raise DataError(f"{where}: asks for more memory than is left; export less at a time") from error
    except (
        AttributeError, IndexError, TypeError, ValueError, OverflowError, RecursionError, OSError, csv.Error,
    ) as error:  # fmt: skip
        raise DataError(f"{where}: is not as {tool} writes it ({_short(error)}); export it again") from error


def _short(error: object) -> str:
    """What went wrong, without the page of digits that it may repeat."""
    said = str(error)
    return said if len(said) <= 200 else f"{said[:200]}..."


def size_of(path: Path) -> tuple[int, int]:
    """(height, width) of an image file, upright as `codecs.read_image` gives it; its pixels are decoded only if they must.

    Raises: DataError when it cannot be read.
    """
    try:
        with opened(path, limit=False) as image:
            height, width, turned = image.height, image.width, image.format != "TIFF"  # Pillow turns those itself
    except FileNotFoundError:
        raise DataError(f"{path}: there is no such file") from None
    except (
        Image.UnidentifiedImageError
    ):  # TIFFs of many channels, which Pillow does not open; else it says what is wrong
        if is_tiff(head(path, 4)) and (known := pages(path, 1)):
            height, width, turned = known[0].height, known[0].width, True
        else:
            height, width, turned = *read_image(path).shape[:2], False
    except DataError:
        raise
    except Exception as error:  # whatever a decoder makes of it
        raise DataError(f"{path}: not an image that can be read ({error})") from None
    return (width, height) if turned and orientation_of(path) >= 5 else (height, width)


def png_of(text: str, height: int, width: int, where: object, deflated: bool = False) -> Image.Image:
    """A mask that stands as a PNG in base64 within a document, loaded; it is no larger than the picture that it lies on.

    Args:
        deflated: whether the PNG is compressed once more, by zlib.

    Raises: DataError for a larger one, before its pixels are made, and for what is none.
    """
    limits.check_pixels(width, height, where)
    try:
        content = base64.b64decode(text)
        if deflated:
            most = 9 * height * width + 9 * height + (1 << 16)  # four channels of 16 bits and what surrounds them
            inflater = zlib.decompressobj()
            content = inflater.decompress(content, most)
            if not inflater.eof and inflater.decompress(inflater.unconsumed_tail, 1):
                raise DataError(f"{where}: its mask unpacks to more than {width}x{height} pixels need; export it again")
        with embedded(content, where, ("PNG",)) as image:
            if image.height * image.width > height * width:
                raise DataError(
                    f"{where}: a mask of {image.width}x{image.height} pixels on an image of {width}x{height}; export it again"
                )
            image.load()
    except DataError:
        raise
    except Exception as error:  # base64's, zlib's and Pillow's
        packed = "deflated PNG" if deflated else "PNG"
        raise DataError(f"{where}: its mask is no {packed} in base64 ({error}); export it again") from None
    return image


def _images(folder: Path) -> list[tuple[Path, bool]]:
    """The images at and below a folder, in the order of their paths, and whether each is a link; linked folders are not entered."""
    found, pending = [], [folder]
    while pending:
        place = pending.pop()
        try:
            with os.scandir(place) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        pending.append(place / entry.name)
                    elif entry.name.lower().endswith(IMAGES) and entry.is_file():
                        found.append((place / entry.name, entry.is_symlink()))
        except OSError:  # a folder that may not be read, or that is none
            continue
    return sorted(found, key=lambda pair: pair[0].parts)


class Beside:
    """The images at and below a folder, found by whatever path an export calls them by."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.named: dict[str, list[Path]] = {}
        self.stems: dict[Path, Path] = {}
        home = root.resolve()
        for path, linked in (found for folder in (root, *_others(home)) for found in _images(folder)):
            if path.is_relative_to(home) and not path.is_relative_to(root):
                continue  # found below a named folder that holds the export, and before that below the export
            if not linked or inside(path, root):
                self.named.setdefault(path.name, []).append(path)
                self.stems.setdefault(path.with_suffix(""), path)

    def find(self, called: str) -> Path | None:
        """The one image that a path, a name or an address means, or None where there is none.

        The path as it is, below the folder or its images/, comes before files elsewhere that end in the same way.

        Raises: DataError when several images could be meant.
        """
        plain = called.replace("\\", "/")
        for spelled in dict.fromkeys((plain, plain.split("?")[0], unquote(plain.split("?")[0]))):
            words = [word for word in spelled.split("/") if word]
            same = self.named.get(words[-1], []) if words else []
            for top in _TOPS if same else ():
                if (path := self.root.joinpath(top, *words)) in same:
                    return path
            for length in range(len(words), 0, -1):
                fits = [p for p in same if list(p.parts[-length:]) == words[-length:]]
                if len(fits) == 1:
                    return fits[0]
                if len(fits) > 1:
                    shown = ", ".join(
                        str(p.relative_to(self.root) if p.is_relative_to(self.root) else p) for p in fits[:3]
                    )
                    raise DataError(
                        f"{self.root}: {called!r} could be any of {shown}; keep one, or export with folders"
                    )
        return None

    def stem(self, name: str) -> Path | None:
        """The image of that name with any ending, at the same place below the folder."""
        return self.stems.get(self.root.joinpath(*name.split("/")))


def _others(home: Path) -> list[Path]:
    """The folders that the user named besides the export's own, resolved."""
    return [place for folder in named() if not (place := folder.resolve()).is_relative_to(home)]


def name_of(called: str) -> str:
    """A picture's name from what an export calls its image: folders stay, where they lead down; the ending goes.

    Of an address on the web, and of a path from the root of another computer, the last word alone remains.
    """
    plain = called.replace("\\", "/")
    if "://" in plain:
        plain = unquote(urlsplit(plain).path)
    if "://" in called or plain.startswith("/") or plain[1:2] == ":":
        plain = plain.rstrip("/").rsplit("/", 1)[-1]
    words = [word for word in plain.split("/") if word not in ("", ".", "..")]
    if words and any(words[-1].lower().endswith(end) for end in IMAGES):
        words[-1] = words[-1].rsplit(".", 1)[0]
    while len(words) > 1 and words[0] in ("images", "img", "JPEGImages"):
        words = words[1:]
    return "/".join(words) or "image"


def unique(name: str, taken: dict[str, int]) -> str:
    """A picture's name that nobody has yet, on any disk: `name`, or name-2, name-3, ..., see `naming.fresh`."""
    return naming.fresh(name, taken)
