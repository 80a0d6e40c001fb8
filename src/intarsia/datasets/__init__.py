"""Data sets, one file each; `catalogue.py` lists them, and `listed.py` their names, which cost nothing to read."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import DataError, nearest

if TYPE_CHECKING:
    from ..labels import LabelSpace
    from .catalogue import Entry


def open(name: str, root: str | Path | None, split: str, labels: LabelSpace | None = None, **options: Any) -> Any:
    """A data set by its name in `datasets.catalogue`.

    Args:
        root: its folder; `shapes` needs none.
        split: usually "train" or "val".
        labels: the meaning of its masks, where it brings none of its own, or instead of its own.
        options: the data set's own keyword arguments.

    Raises: DataError for an unknown name or option, with the nearest one, and for whatever is wrong with the files.
    """
    entry = named(name)
    known = [key for key in inspect.signature(entry.open).parameters if key not in ("root", "split", "labels")]
    if unknown := [key for key in options if key not in known]:
        raise DataError(f"data set {name} takes no option {unknown[0]!r}{nearest(unknown[0], known)}")
    _placed(name, root)
    return entry.open(root, split, labels=labels, **options)


def _placed(name: str, root: str | Path | None) -> None:
    """Raises: DataError when a data set of files is not told where it lies, with what to write where a folder has its name."""
    if root is None and name != "shapes":
        here = f"; the folder of that name here is ./{name}" if Path(name).is_dir() else ""
        raise DataError(f"data set {name} needs data.root (--root on the command line), the folder where it lies{here}")


def named(name: str) -> Entry:
    """The row of `datasets.catalogue` of that name.

    Raises: DataError with the nearest name.
    """
    from .catalogue import DATASETS

    if name not in DATASETS:
        raise DataError(
            f"there is no data set {name!r}{nearest(name, DATASETS) or '; `intarsia data list` names them all'}"
        )
    return DATASETS[name]


def splits(name: str, root: str | Path | None = None, **options: Any) -> tuple[str, ...]:
    """The names of the splits that a data set has where it lies, training first where it has that name."""
    entry = named(name)
    _placed(name, root)
    known = inspect.signature(entry.splits).parameters
    found = entry.splits(root, **{key: value for key, value in options.items() if key in known})
    return tuple(sorted(found, key=lambda split: (not split.startswith("train"), split)))
