"""What exports are made of: JSON, and images that lie somewhere beside it."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

from PIL import Image

from ...errors import DataError
from ..codecs import SUFFIXES

IMAGES = (*SUFFIXES[:-1], ".webp", ".jp2")


def read_json(path: Path) -> Any:
    """The content of a JSON file.

    Raises: DataError when it is missing or damaged.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise DataError(f"{path}: there is no such file") from None
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise DataError(f"{path}: no JSON that can be read ({error}); export it again") from None


def read_xml(path: Path) -> ET.Element:
    """The root of an XML file.

    Raises: DataError when it is missing or damaged.
    """
    try:
        return ET.parse(path).getroot()
    except FileNotFoundError:
        raise DataError(f"{path}: there is no such file") from None
    except (OSError, ET.ParseError) as error:
        raise DataError(f"{path}: no XML that can be read ({error}); export it again") from None


def head(path: Path, size: int = 4096) -> bytes:
    """The first bytes of a file."""
    with path.open("rb") as file:
        return file.read(size)


def write_json(path: Path, tree: Any) -> None:
    """Write a JSON file, its folders included."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(tree, ensure_ascii=False), encoding="utf-8")


def size_of(path: Path) -> tuple[int, int]:
    """(height, width) of an image file as it is stored, without decoding it.

    Raises: DataError when it cannot be read.
    """
    try:
        with Image.open(path) as image:
            return image.height, image.width
    except FileNotFoundError:
        raise DataError(f"{path}: there is no such file") from None
    except Exception as error:  # whatever a decoder makes of it
        raise DataError(f"{path}: not an image that can be read ({error})") from None


class Beside:
    """The images at and below a folder, found by whatever path an export calls them by."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.named: dict[str, list[Path]] = {}
        for path in sorted(root.rglob("*")):
            if path.suffix.lower() in IMAGES and path.is_file():
                self.named.setdefault(path.name, []).append(path)

    def find(self, called: str) -> Path | None:
        """The one image that a path, a name or an address means, or None where there is none.

        Raises: DataError when several images could be meant.
        """
        words = called.replace("\\", "/").split("?")[0].rstrip("/").split("/")
        same = self.named.get(words[-1], [])
        for length in range(len(words), 0, -1):
            fits = [p for p in same if list(p.parts[-length:]) == words[-length:]]
            if len(fits) == 1:
                return fits[0]
            if len(fits) > 1:
                shown = ", ".join(str(p.relative_to(self.root)) for p in fits[:3])
                raise DataError(f"{self.root}: {called!r} could be any of {shown}; keep one, or export with folders")
        return None


def counted(number: int, what: str) -> str:
    """ "1 point", "3 points"."""
    return f"{number} {what}" + ("" if number == 1 else "s")


def unique(name: str, taken: set[str]) -> str:
    """A picture's name that nobody has yet: `name`, or name-2, name-3, ..."""
    made, n = name, 1
    while made in taken:
        n += 1
        made = f"{name}-{n}"
    taken.add(made)
    return made
