"""From any tool's export to any other's."""

from __future__ import annotations

import atexit
import shutil
import tempfile
import zipfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import overload

from ...errors import DataError, nearest
from .catalogue import TOOLS
from .masks import write as write_masks
from .record import Picture, Project


def candidates(root: Path) -> list[str]:
    """The names of the tools whose export this may be."""
    return [name for name, tool in TOOLS.items() if root.exists() and tool.recognize(root)]


def recognized(root: Path) -> str:
    """The name of the tool whose export this is.

    Raises: DataError when it looks like none, or like several.
    """
    if not root.exists():
        raise DataError(f"{root}: there is no such file or folder")
    found = candidates(root)
    if len(found) != 1:
        what = f"could be of {' or '.join(found)}; say which with --from" if found else (
            f"is no export of a known annotation tool ({', '.join(TOOLS)}); say which one with --from"
        )  # fmt: skip
        raise DataError(f"{root}: {what}")
    return found[0]


def read(root: str | Path, tool: str | None = None) -> Project:
    """An export of any tool.

    Args:
        root: a file, a folder, or a zip of one.
        tool: its name in the catalogue; None: found out.

    Raises: DataError with the nearest name, and whatever is wrong with the files.
    """
    root = Path(root)
    if root.suffix == ".zip" and root.is_file():
        root = _unzipped(root)
    name = tool or recognized(root)
    if name not in TOOLS:
        raise DataError(f"there is no annotation tool {name!r}{nearest(name, TOOLS)}")
    if not root.exists():
        raise DataError(f"{root}: there is no such file or folder")
    return TOOLS[name].read(root)


def _unzipped(file: Path) -> Path:
    """The content of a zip file in a folder that lives as long as this process; a lone folder in it is entered."""
    folder = tempfile.mkdtemp(prefix="intarsia-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    try:
        with zipfile.ZipFile(file) as archive:
            archive.extractall(folder)
    except (zipfile.BadZipFile, OSError) as error:
        raise DataError(f"{file}: no zip file that can be read ({error}); download it again") from None
    entries = [entry for entry in Path(folder).iterdir() if entry.name != "__MACOSX"]
    return entries[0] if len(entries) == 1 and entries[0].is_dir() else Path(folder)


def convert(project: Project, to: str, out: str | Path, *, uncovered: str = "background") -> Project:
    """Write a project in another tool's format, its images beside it.

    Args:
        to: the format's name in the catalogue.
        out: a new or empty folder.
        uncovered: for masks: the class of pixels that no region covers, or "ignore".

    Returns: the project as written, its images where they are now.

    Raises: DataError when the tool cannot import, the folder is not empty, or the format cannot hold a region.
    """
    out = Path(out)
    if to not in TOOLS:
        raise DataError(f"there is no annotation tool {to!r}{nearest(to, TOOLS)}")
    writer = TOOLS[to].write
    if writer is None:
        able = ", ".join(name for name, tool in TOOLS.items() if tool.write)
        raise DataError(f"{TOOLS[to].title} cannot import such files, so they are not written; choose from {able}")
    if out.exists() and any(out.iterdir()):
        raise DataError(f"{out}: is not empty; a converted data set is written into a new folder")
    moved = replace(project, pictures=_Moved(project.pictures, out))
    for here, there in zip(project, moved, strict=True):
        if here.image is not None and there.image is not None:
            there.image.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(here.image, there.image)
    if to == "masks":
        write_masks(moved, out, uncovered)
    else:
        writer(moved, out)
    return moved


class _Moved(Sequence[Picture]):
    """Pictures whose images lie in the new folder; each is read when it is asked for."""

    def __init__(self, pictures: Sequence[Picture], out: Path) -> None:
        self.pictures, self.out = pictures, out

    def __len__(self) -> int:
        return len(self.pictures)

    @overload
    def __getitem__(self, number: int) -> Picture: ...
    @overload
    def __getitem__(self, number: slice) -> list[Picture]: ...
    def __getitem__(self, number: int | slice) -> Picture | list[Picture]:
        if isinstance(number, slice):
            return [self[n] for n in range(*number.indices(len(self)))]
        picture = self.pictures[number]
        if picture.image is None:
            return picture
        return picture._replace(image=self.out / "images" / f"{picture.name}{picture.image.suffix.lower()}")
