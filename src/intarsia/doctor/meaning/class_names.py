"""Files of class names beside a data set, in the forms that annotation tools write."""

import csv
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from ... import limits
from ...annotations.convert import candidates, read
from ...annotations.from_datasets import BACKGROUND
from ...documents import read_json, read_text, read_yaml
from ...errors import DataError
from ...labels import LabelSpace

FILES = (
    "classes.json", "classes.txt", "labels.txt", "labelmap.txt", "label_colors.txt", "class_dict.csv", "_classes.csv",
    "classes.csv", "labels.json", "names.txt", "class_names.txt", "dataset.json",
)  # fmt: skip
_RGB = re.compile(r"\(?\s*(\d{1,3})[\s,]+(\d{1,3})[\s,]+(\d{1,3})\s*\)?")


class Named(NamedTuple):
    """Class names, and their colors ("#804080") or ids where the file gives them to all."""

    path: Path
    names: list[str]
    colors: list[str]
    ids: list[int]


def named(*folders: Path) -> Named | None:
    """The first file of class names in these folders, or None; files that say nothing are passed over."""
    for name in FILES:
        for path in (folder / name for folder in folders):
            if path.is_file() and (rows := _rows(path)):
                names = [row[0] for row in rows]
                if len(set(names)) < len(names):
                    continue
                colors = [c for _, c, _ in rows if c]
                ids = [i for _, _, i in rows if i is not None]
                full = len(names)
                return Named(
                    path, names, colors if len(set(colors)) == full else [], ids if len(set(ids)) == full else []
                )
    return next(filter(None, map(_of_export, folders)), None)


def _of_export(folder: Path) -> Named | None:
    """The classes of the one annotation tool's export that lies in a folder, a file; 0 is what no region covers."""
    files = [path for pattern in ("*.json", "*.xml", "annotations/*.json") for path in sorted(folder.glob(pattern))]
    found = [(path, tools) for path in files[:5] if (tools := candidates(path))]
    if len(found) != 1 or len(found[0][1]) != 1:
        return None
    path, (tool,) = found[0]
    try:
        classes = read(path, tool).classes
    except DataError:  # it is no more than a help
        return None
    return Named(path, [BACKGROUND, *classes], [], []) if classes and BACKGROUND not in classes else None


def labels_file(root: Path) -> LabelSpace | None:
    """The label space in a folder's labels.yaml; None where there is none that can be read."""
    path = root / "labels.yaml"
    if not path.is_file():
        return None
    try:
        return LabelSpace.from_dict(read_yaml(path))
    except (KeyError, TypeError, AttributeError, DataError):
        return None


Row = tuple[str, str, int | None]  # name, color or "", id


def _rows(path: Path) -> list[Row]:
    reader: Callable[[Path], list[Row]] = {".json": _json, ".csv": _csv}.get(path.suffix, _text)
    try:
        return reader(path)
    except (OSError, ValueError, KeyError, IndexError, TypeError, AttributeError, StopIteration, csv.Error):
        return []  # a file of this name may be anything


def _json(path: Path) -> list[Row]:
    tree = read_json(path)
    if (
        path.name == "dataset.json"
    ):  # nnU-Net's: {"labels": {"tumor": 1}}, or {"labels": {"1": "tumor"}} in its first version
        rows = [(v, int(k)) if isinstance(v, str) else (k, int(v)) for k, v in tree["labels"].items()]
        return [(name, "", number) for name, number in rows]
    if isinstance(tree, dict):
        lists = [v for v in tree.values() if isinstance(v, list) and v]
        if lists:
            tree = lists[0]
        else:  # {"7": "road"}, {"road": 7}, {"road": [128, 64, 128]}
            return [
                (str(v), "", int(k)) if str(k).isdigit() else (str(k), _hex(v), v if isinstance(v, int) else None)
                for k, v in tree.items()
            ]
    return [_entry(item) for item in tree]


def _entry(item: Any) -> Row:
    if isinstance(item, str):
        return item, "", None
    name = next(item[k] for k in ("title", "name", "label", "class") if k in item)
    number = next((item[k] for k in ("id", "index", "value") if isinstance(item.get(k), int)), None)
    return str(name), _hex(item.get("color") or item.get("colour")), number


def _csv(path: Path) -> list[Row]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = [[cell.strip() for cell in row] for row in csv.reader(file) if row]
    head = [cell.lower() for cell in rows[0]]
    name = next(head.index(k) for k in ("name", "class", "label", "class name", "class_name") if k in head)
    if {"r", "g", "b"} <= set(head):
        return [(row[name], _hex([int(row[head.index(c)]) for c in "rgb"]), None) for row in rows[1:]]
    number = next((head.index(k) for k in ("id", "pixel value", "index", "value") if k in head), None)
    return [(row[name], "", int(row[number]) if number is not None else None) for row in rows[1:]]


def _text(path: Path) -> list[Row]:
    """A name a line; "R G B name"; or CVAT's "name:R,G,B:parts:actions".

    LabelMe's lists count from -1, which is the value of `__ignore__`, their first line.
    """
    rows: list[Row] = []
    for line in read_text(path, limits.SETTINGS).splitlines():
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        head, colon, tail = line.partition(":")
        match = _RGB.match(line)
        if match:
            rows.append((line[match.end() :].strip(" \t:,"), _hex([int(g) for g in match.groups()]), None))
        elif colon and (color := _RGB.match(tail)):
            rows.append((head.strip(), _hex([int(g) for g in color.groups()]), None))
        elif colon and head.strip().isdigit():
            rows.append((tail.strip(), "", int(head)))
        elif rows or line != "__ignore__":
            rows.append(("background" if line == "_background_" else line, "", None))
    return [row for row in rows if row[0]]


def _hex(color: Any) -> str:
    if isinstance(color, str) and re.fullmatch(r"#[0-9a-fA-F]{6}", color):
        return color.lower()
    if isinstance(color, list) and len(color) == 3 and all(isinstance(c, int) and 0 <= c <= 255 for c in color):
        return "#{:02x}{:02x}{:02x}".format(*color)
    return ""
