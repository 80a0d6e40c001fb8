"""What a folder without masks of its images' names may hold: annotation tools' exports, or a data set as its makers pack it."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from ..errors import DataError
from ..labels import LabelSpace
from .datasets.catalogue import DATASETS
from .exports.convert import candidates, read
from .exports.record import label_space

_DEPTH = 3  # folders below the one that was given
_OTHERS = ("folder", "shards", "export", "shapes", "tgs_salt")  # these have no layout of their own to be known by
_SPLIT = re.compile(r"(?<![a-z])(train(?:ing)?|val(?:id(?:ation)?)?|test(?:ing)?)(?![a-z])", re.IGNORECASE)


class Known(NamedTuple):
    """One way to read a folder."""

    title: str  # for people: "an export of supervisely in project (6 pictures)"
    data: dict[str, Any]  # a recipe's `data`
    labels: LabelSpace | None = None  # None: the data set brings its own
    sizes: tuple[tuple[int, int], ...] = ()  # (height, width) of its images
    said: tuple[str, ...] = ()  # more for people, a sentence each


def recognize(root: Path, holdout: float) -> Known:
    """The one way to read a folder that holds no masks of its images' names, or a file or archive of an export.

    Args:
        holdout: share of the images to validate on, where there is no split for that.

    Raises: DataError when there is none, or when there are several, with what to give instead.
    """
    if root.is_file():
        return _export(root.parent, {"": root}, None, holdout)
    found = exports(root)
    known = [_export(root, splits, tool, holdout) for splits, tool in found] if len(found) == 1 else []
    titles = [f"{tool} in {_where(root, next(iter(splits.values())))}" for splits, tool in found]
    if not found:
        known = packed(root)
        titles = [k.title for k in known]
    if len(titles) > 1:
        told = ", ".join(titles[:5]) + (f" and {len(titles) - 5} more" if len(titles) > 5 else "")
        raise DataError(f"{root}: holds exports of {told}; give the folder of one of them, or a recipe with data.tool")
    if not known:
        raise DataError(f"{root}: is no export of a known annotation tool either, nor any data set's layout")
    return known[0]


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


def packed(root: Path) -> list[Known]:
    """The data sets whose makers' layout a folder has, with at least one split to train on."""
    known = []
    for name, entry in DATASETS.items():
        if name in _OTHERS:
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
    from .exports.coco import files_of

    return files_of(folder) if tool == "coco" and len(files_of(folder)) > 1 else [folder]


def _where(root: Path, place: Path) -> str:
    return place.relative_to(root).as_posix()


def _export(root: Path, splits: dict[str, Path], tool: str | None, holdout: float) -> Known:
    """One export as the data set `export`: its own splits where it has train and val, else a part held out."""
    train = next((s for s in splits if s.lower().startswith("train")), next(iter(splits)))
    val = next((s for s in splits if s.lower().startswith("val") and s != train), None)
    first = read(splits[train], tool)
    project, said = first, list(first.remarks)
    data: dict[str, Any] = {"name": "export", "root": str(root), "tool": first.source}
    if val:
        second = read(splits[val], tool)
        project = replace(first, classes=tuple(dict.fromkeys([*first.classes, *second.classes])))
        form = _SPLIT.sub("{split}", splits[train].name, count=1)
        data["file"] = _where(root, splits[train].with_name(form))
        said += [*second.remarks, f"splits: {train} to train on, {val} to validate on"]
        ends: dict[str, str | None] = {"train": train, "val": val}
    else:
        data |= {"file": _where(root, splits[train])} if splits[train] != root else {}
        several = len(first.pictures) > 1
        data |= {"holdout": holdout} if several else {}
        said += [f"{holdout:.0%} of the pictures, chosen by their names, are held out as val"] if several else []
        ends = {"train": "train", "val": "val"} if several else {"train": "all", "val": None}
    data |= {"classes": list(project.classes), **ends}
    where = "" if splits[train] == root else f" in {_where(root, splits[train])}"
    title = f"an export of {first.source}{where} ({len(first.pictures)} pictures)"
    return Known(title, data, label_space(project), tuple((p.height, p.width) for p in first), tuple(said))
