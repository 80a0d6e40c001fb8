"""What a folder without masks of its images' names may hold: annotation tools' exports, or a data set as its makers pack it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from ..annotations.beside import size_of
from ..annotations.coco import files_of
from ..annotations.convert import candidates, read
from ..annotations.project import Project, label_space
from ..annotations.remarks import said as remarks_of
from ..annotations.splits import declared, together, untrainable
from ..data.dataset import Fault
from ..data.roles import KNOWN, TEST, TRAIN, VAL, of
from ..data.things import with_things
from ..errors import DataError, PlaceError, counted
from ..labels import LabelSpace
from . import panoptic
from .camvid import is_segnets
from .catalogue import DATASETS
from .class_folders import class_folders, is_one
from .class_folders import splits as splits_of_classes
from .export import INSTANCES

_DEPTH = 3  # folders below the one that was given
_OTHERS = (
    "folder",
    "shards",
    "export",
    "shapes",
    "panoptic",
    "tgs_salt",
    "class_folders",
)  # these have no layout of their own to be known by
_RICHER = ("nyu_depth", "penn_fudan")  # layouts that look like plain images and masks, and are more
_SPLIT = re.compile(r"(?<![a-z])(train(?:ing)?|val(?:id(?:ation)?)?|dev|test(?:ing)?)(?![a-z])", re.IGNORECASE)


class Known(NamedTuple):
    """One way to read a folder."""

    title: str  # for people: "an export of supervisely in project (6 pictures)"
    data: dict[str, Any]  # a recipe's `data`
    labels: LabelSpace | None = None  # None: the data set brings its own
    sizes: tuple[tuple[int, int], ...] = ()  # (height, width) of its images
    said: tuple[str, ...] = ()  # what is left out of it, a sentence each
    splits: tuple[str, ...] = ()  # what is trained and validated on, and what is not used, a sentence each
    refused: str = ""  # why nothing can be trained on it
    faults: tuple[Fault, ...] = ()  # annotations of it that cannot be used


def recognize(root: Path, holdout: float, roles: Mapping[str, str] | None = None) -> Known:
    """The one way to read a folder that holds no masks of its images' names, or a file or archive of an export.

    Args:
        holdout: share of the images to validate on, where there is no split for that.
        roles: what splits are for whose names do not say so.

    Raises: DataError when there is none, or when there are several, with what to give instead.
    """
    if root.is_file():
        return _export(root.parent, {"": root}, None, holdout, roles)
    found = exports(root)
    known = [_export(root, splits, tool, holdout, roles) for splits, tool in found] if len(found) == 1 else []
    titles = [f"{tool} in {_where(root, next(iter(splits.values())))}" for splits, tool in found]
    if not found:
        known = public_layouts(root)
        titles = [k.title for k in known]
    if len(titles) > 1:
        told = ", ".join(titles[:5]) + (f" and {len(titles) - 5} more" if len(titles) > 5 else "")
        raise DataError(f"{root}: holds exports of {told}; give the folder of one of them, or a recipe with data.tool")
    if not known and is_one(root):  # any folders of pictures look like it, so that everything else comes first
        return _classes(root, holdout)
    if not known:
        why = (
            "is no export of a known annotation tool either, nor any data set's layout, nor pictures in folders by class "
            "whose names differ (where they are that all the same, write data.name: class_folders into a recipe)"
        )
        raise PlaceError(where=root, why=why)
    return known[0]


def _classes(root: Path, holdout: float) -> Known:
    """Pictures in a folder for each class, with a part held out where no split is for validation."""
    own = splits_of_classes(root)  # "all" where there are none
    train, val = (next(iter(of(wish, own)), None) for wish in (TRAIN, VAL))
    data: dict[str, Any] = {"name": "class_folders", "root": str(root)}
    data |= {"holdout": holdout, "train": TRAIN, "val": VAL} if val is None else {"train": train or own[0], "val": val}
    said = [_held(holdout, train or "")] if val is None else [f"splits: {train} to train on, {val} to validate on"]
    if own != ("all",) and train is None:
        return Known("pictures in a folder for each class", data, refused=f"{root}: no split is for training, there are {', '.join(own)}")  # fmt: skip
    dataset = class_folders(root, train or "all")
    sizes = tuple(size_of(item.image) for item in dataset.items[:: max(1, len(dataset) // 50)])
    title = f"pictures in a folder for each of {len(dataset.labels.names)} classes ({len(dataset)} to train on)"
    return Known(title, data, dataset.labels, sizes, splits=tuple(said))


def exports(root: Path) -> list[tuple[dict[str, Path], str]]:
    """The exports at or below a folder: the files or folders of one export by split ("" where it has none), and its tool.

    Below an export nothing more is looked for.
    """
    groups: dict[tuple[str, Path, str], dict[str, Path]] = {}
    level = [root]
    for _ in range(_DEPTH + 1):
        below: list[Path] = []
        for folder in level:
            tools = candidates(folder)
            for tool, place in ((t, p) for t in tools for p in _files(folder, t)):
                named = _SPLIT.search(place.name) if place != root else None
                form = _SPLIT.sub("{split}", place.name, count=1) if named else place.name
                groups.setdefault((tool, place.parent, form), {})[named[0] if named else ""] = place
            if not tools:
                below += sorted(p for p in folder.iterdir() if p.is_dir() and not p.name.startswith((".", "_")))
        level = below
    return [(splits, tool) for (tool, _, _), splits in groups.items()]


def richer(root: Path, holdout: float) -> Known | None:
    """What a folder is where its masks tell more than their values show: depth, objects, or CamVid's names and void.

    Args:
        holdout: share of the images to validate on, where there is no split for that.
    """
    if known := public_layouts(root, (*_RICHER, "camvid") if is_segnets(root) else _RICHER):
        return known[0]
    groups: dict[tuple[Path, str], dict[str, Path]] = {}
    for path in panoptic.files_of(root):
        if not files_of(path.parent):  # whose instances are more
            named = _SPLIT.search(path.name)
            form = _SPLIT.sub("{split}", path.name, count=1) if named else path.name
            groups.setdefault((path.parent, form), {})[named[0] if named else ""] = path
    if len(groups) != 1:
        return None
    (((folder, form), files),) = groups.items()
    train, val = next(iter(of(TRAIN, files)), next(iter(files))), next(iter(of(VAL, files)), None)
    data: dict[str, Any] = {"name": "panoptic", "root": str(root), "file": _where(root, folder / form)}
    dataset = panoptic.panoptic(root, train or "all", file=data["file"])
    held = (val is None or val == train) and len(dataset) > 1
    data |= {"holdout": holdout, "train": TRAIN, "val": VAL} if held else {"train": train or "all", "val": val}
    said = (_held(holdout, train),) if held else ()
    sizes = tuple(size_of(item.image) for item in dataset.items[:: max(1, len(dataset) // 50)])
    title = f"panoptic masks of {_where(root, files[train])} ({counted(len(dataset), 'picture')} to train on)"
    return Known(title, data, None, sizes, splits=said)


def public_layouts(root: Path, names: Sequence[str] = ()) -> list[Known]:
    """The data sets whose makers' layout a folder has, with at least one split to train on.

    Args:
        names: of those that are looked for; all that have a layout when absent.
    """
    known = []
    for name, entry in DATASETS.items():
        if name in _OTHERS or (names and name not in names):
            continue
        try:
            splits = entry.splits(root)
            if not splits:
                continue
            train = next((s for s in splits if s.startswith("train")), splits[0])
            dataset = entry.open(root, train)
        except (DataError, OSError):  # not its layout
            continue
        val = next((s for s in splits if s.startswith("val")), None)
        data = {"name": name, "root": str(root), "train": train, "val": val}
        known.append(Known(f"the layout of {name} ({entry.title}; {len(dataset)} images to train on)", data))
    return known


def _files(folder: Path, tool: str) -> list[Path]:
    """The files of COCO's instances, of which a folder may hold several; of any other tool the folder itself."""
    return files_of(folder) if tool == "coco" and len(files_of(folder)) > 1 else [folder]


def _where(root: Path, place: Path) -> str:
    return place.relative_to(root).as_posix()


def _export(
    root: Path, splits: dict[str, Path], tool: str | None, holdout: float, roles: Mapping[str, str] | None
) -> Known:
    """One export as the data set `export`: with its own splits, and a part held out where none is for validation."""
    if len(splits) > 1:
        return _of_files(root, splits, tool, holdout, roles)
    (place,) = splits.values()
    project = read(place, tool)
    known = declared(project, roles)
    data: dict[str, Any] = {"name": "export", "root": str(root), "tool": project.source}
    data |= {"file": _where(root, place)} if place != root else {}
    data |= {"roles": dict(roles)} if roles else {}
    said: list[str] = []
    trained = known.count(TRAIN) if known.sure else len(project.pictures)
    refused = "" if trained else untrainable(root, known)
    ends: dict[str, str | None] = {"train": "all", "val": None}
    if known.sure and known.of(VAL):
        train, val = known.word(TRAIN), known.word(VAL)
        ends = {"train": train if trained else next(iter(known.counts)), "val": val}
        said.append(
            f"splits: {train} ({counted(trained, 'picture')}) to train on, {val} ({known.count(VAL)}) to validate on"
        )
    elif trained > 1:
        data["holdout"], ends = holdout, {"train": "train", "val": "val"}
        said.append(_held(holdout, known.word(TRAIN) if known.sure else ""))
    elif known.sure:
        ends = {"train": known.word(TRAIN) if trained else next(iter(known.counts)), "val": None}
    said += known.said(alone=not known.sure)
    data |= {"classes": list(project.classes), **ends}
    where = "" if place == root else f" in {_where(root, place)}"
    title = f"an export of {project.source}{where} ({counted(len(project.pictures), 'picture')})"
    pictures = tuple((p.height, p.width) for p in project)
    remarks = tuple(remarks_of(project, project.remarks))
    return Known(title, data, _space(project), pictures, remarks, tuple(said), refused, project.faults)


def _of_files(
    root: Path, splits: dict[str, Path], tool: str | None, holdout: float, roles: Mapping[str, str] | None
) -> Known:
    """An export of a file or folder for each split."""
    names = {wish: of(wish, splits, roles) for wish in KNOWN}
    train = next(iter(names[TRAIN]), next(iter(splits)))
    val = next(iter(names[VAL]), None)
    used = [name for name in (train, val, *names[TEST]) if name is not None]
    said: list[str] = []
    parts: dict[str, Project] = {}
    for name in dict.fromkeys(used):
        try:
            parts[name] = read(splits[name], tool)
        except DataError as error:
            if name in (train, val):
                raise
            said.append(f"{name} cannot be read ({error})")
    first = parts[train]
    form = _where(root, splits[train].with_name(_SPLIT.sub("{split}", splits[train].name, count=1)))
    data: dict[str, Any] = {"name": "export", "root": str(root), "tool": first.source, "file": form}
    whole = together(parts)
    remarks = tuple(dict.fromkeys(remarks_of(whole, [r for p in parts.values() for r in p.remarks])))
    ends: dict[str, str | None] = {"train": train, "val": val}
    if val is not None:
        said.append(f"splits: {train} to train on, {val} to validate on")
    elif len(first.pictures) > 1:
        data["holdout"], ends = holdout, {"train": "train", "val": "val"}
        said.append(_held(holdout, train))
    said += [f"{name} is left for the test: intarsia evaluate MODEL --split {name}" for name in names[TEST]]
    said += [f"{name} is not used" for name in splits if name not in used]
    refused = "" if names[TRAIN] else f"{root}: no split is declared for training, there are {', '.join(splits)}"
    classes = tuple(dict.fromkeys(name for project in parts.values() for name in project.classes))
    data |= {"classes": list(classes), **ends}
    title = f"an export of {first.source} in {_where(root, splits[train])} ({counted(len(first.pictures), 'picture')})"
    pictures = tuple((p.height, p.width) for p in first)
    space = _space(replace(first, classes=classes))
    return Known(title, data, space, pictures, remarks, tuple(said), refused, whole.faults)


def _space(project: Project) -> LabelSpace:
    """The label space of an export, with its classes as things where all that its tool knows is objects."""
    space = label_space(project)
    return with_things(space, project.classes) if project.source in INSTANCES else space


def _held(holdout: float, train: str) -> str:
    """The sentence about pictures that are held out."""
    whose = f"the pictures of {train}" if train else "the pictures"
    return f"{holdout:.0%} of {whose}, chosen by their names, are held out as val: no split is declared for that"
