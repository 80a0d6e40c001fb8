"""From any tool's export to any other's."""

from __future__ import annotations

import shutil
from dataclasses import replace
from functools import partial
from pathlib import Path

from .. import naming
from ..data.files.unpack import unpack
from ..data.pairs import mismatch
from ..documents import code_pages, told_pages
from ..errors import DataError, counted, nearest
from ..output import renewed
from . import coco
from .beside import IMAGES, read_json, read_xml, scratch, size_of
from .catalogue import TOOLS
from .faults import usable
from .inside import looking, told
from .masks import write as write_masks
from .project import Picture, Pictures, Project
from .splits import by_folder, declared, prefixed


def candidates(root: Path) -> list[str]:
    """The names of the tools whose export this may be."""
    with code_pages():
        return [name for name, tool in TOOLS.items() if root.exists() and tool.recognize(root)]


def recognized(root: Path) -> str:
    """The name of the tool whose export this is.

    Raises: DataError when it looks like none, or like several; where a file of it is damaged, what is wrong with that.
    """
    if not root.exists():
        raise DataError(f"{root}: there is no such file or folder")
    found = candidates(root)
    if len(found) > 1:
        raise DataError(f"{root}: could be of {' or '.join(found)}; say which with --from")
    if not found:
        for path in (root,) if root.is_file() else sorted(root.glob("*"))[:100]:
            if path.suffix == ".json":
                read_json(path)
            elif path.suffix == ".xml":
                read_xml(path)
        if missing := coco.lacking(root):
            raise DataError(missing)
        if root.is_dir() and not any(root.iterdir()):
            raise DataError(f"{root}: is empty; name an export's file or folder")
        raise DataError(f"{root}: is no export of a known annotation tool ({', '.join(TOOLS)})")
    return found[0]


def read(root: str | Path, tool: str | None = None, images: str | Path | None = None) -> Project:
    """An export of any tool.

    Args:
        root: a file, a folder, or a zip of one.
        tool: its name in the catalogue; None: found out.
        images: a folder outside of the export in which its pictures may lie. What else lies outside is left alone, and a
            remark says so.

    Returns: its pictures; annotations that cannot be used are in their `faults`, and in the project's.

    Raises: DataError with the nearest name, and for files of which nothing can be read.
    """
    root = Path(root)
    if tool is not None and tool not in TOOLS:
        raise DataError(f"there is no annotation tool {tool!r}{nearest(tool, TOOLS)}")
    if not root.exists():
        raise DataError(f"{root}: there is no such file or folder")
    place = folder = root
    try:
        if root.suffix.lower() == ".zip" and root.is_file():
            folder = scratch()
            place = _unzipped(root, folder)
        with looking(None if images is None else Path(images)) as left, code_pages() as paged:
            name = tool or recognized(place)
            left.clear()
            paged.clear()
            project = TOOLS[name].read(place)
    except DataError as error:
        raise type(error)(str(error).replace(str(folder), str(root))) from error
    outside = told(left)
    remarks = (*project.remarks, *told_pages(paged), *outside)
    project = usable(replace(project, remarks=remarks, outside="".join(outside)), root, folder)
    if not project.pictures and project.loose:
        raise DataError(str(project.loose[0]))
    if not project.pictures:
        why = f" ({project.outside})" if project.outside else ""
        raise DataError(f"{root}: the export of {TOOLS[name].title} holds no pictures{why}; export it again, with some")
    return by_folder(project)


def _unzipped(file: Path, folder: Path) -> Path:
    """Where in a folder, into which a zip file is unpacked, its export lies: lone folders are entered, whatever files lie beside."""
    if not unpack(file, folder):
        raise DataError(f"{file}: the archive is empty; export it again")
    while not candidates(folder) and len(below := [p for p in folder.iterdir() if p.is_dir()]) == 1:
        folder = below[0]
    return folder


def convert(project: Project, to: str, out: str | Path, *, uncovered: str = "background") -> Project:
    """Write a project in another tool's format, its images beside it.

    Args:
        to: the format's name in the catalogue.
        out: a new or empty folder, or one that holds nothing but what an earlier call wrote there, which is replaced.
        uncovered: for masks: the class of pixels that no region covers, or "ignore".

    Returns: the project as written, its images where they are now; its remarks are what the format could not hold.

    Raises: DataError when the tool cannot import, the folder is not empty, or an image has another size than its picture.
    """
    out = Path(out)
    project = prefixed(project)
    if to not in TOOLS:
        raise DataError(f"there is no annotation tool {to!r}{nearest(to, TOOLS)}")
    writer = TOOLS[to].write
    if writer is None:
        able = ", ".join(name for name, tool in TOOLS.items() if tool.write)
        raise DataError(f"{TOOLS[to].title} cannot import such files, so they are not written; choose from {able}")
    names, taken = list[str](), dict[str, int]()

    def place_of(name: str, image: Path, folder: Path) -> Path:
        """Where the image of a picture lies then."""
        return folder / TOOLS[to].place(f"{name}{image.suffix.lower()}")

    def moved(folder: Path, number: int) -> Picture:
        """A picture under the name that is its own on every disk, its image where it lies then."""
        picture, name = project.pictures[number], names[number]
        return picture._replace(name=name, image=picture.image and place_of(name, picture.image, folder))

    with renewed(out, to, "is not empty; a converted data set is written into a new folder") as here:
        real = out.resolve()
        for picture in project:
            names.append(naming.fresh(naming.check(picture.name), taken))
            if picture.image is not None:
                if picture.image.resolve().is_relative_to(real):
                    raise DataError(f"{out}: holds the images that are converted; name another folder")
                _copied(picture, place_of(names[-1], picture.image, here))
        made = replace(project, pictures=Pictures(len(names), partial(moved, here)), remarks=())
        said = write_masks(made, here, uncovered) if to == "masks" else writer(made, here)
    made = replace(made, pictures=Pictures(len(names), partial(moved, out)))
    pairs = zip((picture.name for picture in project), names, strict=True)
    renamed = [f"{name} is {own}" for name, own in pairs if name != own]
    if not TOOLS[to].splits and declared(made).counts:
        said = (*said, "this format knows no splits: the names of pictures begin with those of theirs")
    if renamed:
        said = (
            *said,
            f"{counted(len(renamed), 'picture')} renamed, since others are called so on some disks; the first: {renamed[0]}",
        )
    return replace(made, remarks=tuple(said))


def _copied(picture: Picture, place: Path) -> None:
    """Copy the image of a picture. Raises: DataError where its size is not the picture's, or another lies there."""
    assert picture.image is not None
    if picture.image.suffix.lower() in IMAGES and (size := size_of(picture.image)) != picture[2:4]:
        raise DataError(mismatch(str(picture.image), f"of {picture.name}", size, picture[2:4], "annotation"))
    if place.exists():
        raise DataError(f"{picture.name}: the image of another picture lies at {place} already; rename one of them")
    place.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(picture.image, place)
