"""File names that never meet: two results are two files on every disk, whatever they are called.

Some disks take `A.png` for `a.png`, and two spellings of one accented letter for one name. So names are compared without
case and with their accents composed, and a name that another has already gets a number: `a/b`, `a/b-2`, `a/b-3`.
"""

import re
import unicodedata
from collections.abc import Sequence
from pathlib import PurePosixPath

from .errors import DataError

LONGEST = 240  # bytes of a file's or folder's name, endings left out; disks hold 255
_ENDING = re.compile(r"\.(png|jpe?g|tiff?|bmp|gif|npy|webp|jp2|json|geojson|xml|txt)$")  # of files that are written


def key(name: str) -> str:
    """A name as a disk may compare it: composed (NFC) and without case. Two names of one key are one file there."""
    if name.isascii():
        return name.lower()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def fresh(name: str, taken: dict[str, int]) -> str:
    """The name, or name-2, name-3, ... where an earlier call gave it away.

    Args:
        taken: the keys that are given away, and the last number that each was given; start with an empty dict. A name
            that is given often is found as fast as the first.
    """
    own = key(name)
    if own not in taken:
        taken[own] = 1
        return name
    last, made = taken[own], name
    while key(made) in taken:
        last += 1
        made = f"{name}-{last}"
    taken[own] = last
    taken[key(made)] = 1
    return made


def check(name: str) -> str:
    """A name, if a disk can hold a file that is called so.

    Raises: DataError for zero characters, halves of characters, and names and paths that are too long.
    """
    why = ""
    try:
        parts = [len(part.encode()) for part in name.split("/")]
        if "\0" in name:
            why = "it has a character of code 0"
        elif max(parts) > LONGEST:
            why = f"it takes {max(parts):,} bytes, and {LONGEST} are allowed"
        elif sum(parts) > 10 * LONGEST:
            why = f"with its folders it takes {sum(parts):,} bytes, and {10 * LONGEST:,} are allowed"
    except UnicodeEncodeError:
        why = "it has half of a character"
    if why:
        short = name if len(name) <= 60 else f"{name[:60]}..."
        raise DataError(f"no file can be called {short!r}: {why}; rename the picture")
    return name


def climbs(called: str) -> bool:
    """Whether a path in somebody's file leads out of the folder that it is read below: `..`, from a root, or of a drive."""
    plain = called.replace("\\", "/")
    return plain.startswith(("/", "~")) or plain[1:2] == ":" or "\0" in plain or ".." in plain.split("/")


def distinct(names: Sequence[str]) -> list[str]:
    """A name for each result, in the order given; each is one file of its own, whatever ending is added to it.

    The first of those that a disk takes for one keeps its name, and so does every other name as it was given: of
    `x`, `X` and `x-2` the second becomes `X-3`. Folders (`a/b`) stay. A name of which a folder is called that name with
    an ending (`a` beside `a.png/b`) is numbered as well.
    """
    folders = {key(str(folder)) for name in names for folder in PurePosixPath(name).parents}
    stems = {folder[: -len(found[0])] for folder in folders if (found := _ENDING.search(folder))}
    taken = dict.fromkeys(stems, 1)
    first: dict[str, int] = {}
    for number, name in enumerate(names):
        if key(name) not in taken:
            taken[key(name)] = 1
            first[key(name)] = number
    return [name if first.get(key(name)) == number else fresh(name, taken) for number, name in enumerate(names)]
