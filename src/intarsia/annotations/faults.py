"""One bad annotation ends nothing: what is wrong with it is recorded, and the reader goes on with the next."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from .. import limits
from ..data.dataset import Fault
from ..errors import DataError, counted
from .beside import reading
from .project import Note, Picture, Project, Region
from .regions import crossed, too_many

__all__ = ["Fault", "recording", "told_notes", "usable"]


@contextmanager
def recording(faults: list[Fault], file: Path, picture: str, annotation: str, tool: str) -> Iterator[str]:
    """Read one annotation (or picture, or file): whatever is wrong with it becomes a Fault in `faults` instead of an error.

    Args:
        picture, annotation: see `Fault`; "" where the block reads a whole picture, or a whole file.
        tool: its name, for what an export misses.

    Yields: the place, with which the messages of functions called within begin.
    """
    where = str(Fault(file, picture, annotation, ""))
    try:
        with reading(where, tool):
            yield where
    except DataError as error:
        why = str(error)
        for start in (where, str(file)):
            why = why.removeprefix(f"{start}: ")
        faults.append(Fault(file, picture, annotation, why))


def told_notes(pictures: Iterable[Picture]) -> list[str]:
    """One sentence for each kind of note on some pictures, with its count."""
    counts: Counter[Note] = Counter()
    for picture in pictures:
        counts.update(picture.notes)
    return [f"{counted(count, note.what)} {note.how}" for note, count in counts.items()]


def usable(project: Project, root: Path, folder: Path) -> Project:
    """The same project without what cannot be used, which becomes a fault: regions that have no label or too many edges to be
    drawn, and pictures of no pixels or of more than are read.

    Args:
        root, folder: the export as the user named it, and where it was unpacked to; faults name the first.
    """
    pictures, loose = [], list(project.loose)
    for picture in project:
        with recording(loose, root, picture.name, "", ""):
            if picture.height < 1 or picture.width < 1:
                raise DataError(f"has {picture.width}x{picture.height} pixels there; export it again")
            limits.check_pixels(picture.width, picture.height, root)
            whys = [_unusable(region, picture) for region in picture.regions]
            faults = [Fault(root, picture.name, f"region {n}", why) for n, why in enumerate(whys, 1) if why]
            kept = tuple(region for region, why in zip(picture.regions, whys, strict=True) if not why)
            own = tuple(_named(fault, root, folder) for fault in (*picture.faults, *faults))
            pictures.append(picture._replace(regions=kept, faults=own) if own else picture)
    classes = tuple(name for name in project.classes if name.strip())
    left = tuple(_named(fault, root, folder) for fault in loose)
    return replace(project, classes=classes, pictures=tuple(pictures), loose=left)


def _named(fault: Fault, root: Path, folder: Path) -> Fault:
    """A fault of an archive's export with the archive's name in place of the folder that it was unpacked to."""
    if root == folder:
        return fault
    file, why = (str(part).replace(str(folder), str(root)) for part in (fault.file, fault.why))
    return fault._replace(file=Path(file), why=why)


def _unusable(region: Region, picture: Picture) -> str:
    """Why a region cannot be used; empty where it can."""
    if not region.label.strip():
        return "it has no label; give it one, or remove it"
    for ring in (ring for part in region.parts for ring in part):
        large = len(ring) * (picture.height + 1) > limits.CROSSINGS
        if large and (total := crossed(ring, picture.height)) > limits.CROSSINGS:
            return too_many(len(ring), total)
    return ""
