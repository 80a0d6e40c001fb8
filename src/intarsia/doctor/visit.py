"""Visit a source: look at every sample of a folder, an export, a data set by name, a recipe's data, or data sets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from .. import datasets
from ..config import Data, Recipe
from ..data.roles import TEST, role
from ..datasets.catalogue import DATASETS
from ..errors import DataError, NoPairs, nearest
from ..labels import LabelSpace
from .describe import init
from .diagnose import diagnose
from .diagnosis import Diagnosis
from .meaning.class_names import labels_file
from .sets import diagnose_sets, recognized


def visit(
    source: Any,
    *,
    root: str | Path | None = None,
    splits: Sequence[str] | None = None,
    labels: LabelSpace | None = None,
    quick: bool = False,
) -> Diagnosis:
    """Look at a source, and say what is wrong with it.

    Args:
        source: a data set's name; a folder of images and masks that nobody described, whose masks' meaning is inferred;
            an export of an annotation tool, or a data set as its makers pack it; a recipe; a data set that is open, or a
            tuple of several, the splits of one.
        root: where a data set lies that is given by name or by a recipe.
        splits: those to look at; None: all that are there, and of a recipe those to train and to validate on.
        labels: label space of data sets that have no `.labels`.
        quick: look only at values, sizes, what cannot be read, and pictures that stand twice pixel for pixel.

    Returns: the findings, and all that `mend` needs to write a clean copy.

    Raises: DataError when there is no such source, or nothing in it can be looked at.
    """
    if isinstance(source, Recipe):
        if source.data is None:
            raise DataError(
                "the recipe names no data set; give it a key `data`, or name a data set or a folder instead"
            )
        space = LabelSpace.from_dict(source.labels.model_dump()) if source.labels else None
        sets = _opened(source.data, space, root, splits)
        return replace(diagnose_sets(sets, labels, source.data.name, quick=quick), dataset=source.data.name)
    if not isinstance(source, str | Path):
        return diagnose_sets(source if isinstance(source, tuple) else (source,), labels, quick=quick)
    if str(source) in DATASETS:
        return replace(
            diagnose_sets(_named(str(source), root, splits), labels, str(source), quick=quick), dataset=str(source)
        )
    path = Path(source)
    if not path.exists():
        raise DataError(f"there is no folder or data set {str(source)!r}{nearest(str(source), DATASETS)}")
    known = labels_file(path)
    several = known is not None and known.planes  # a folder that says itself that a pixel may have several labels
    if path.is_dir() and not several:
        try:
            return diagnose(path, splits, quick)
        except NoPairs:  # then it may be an export, or a data set as its makers pack it
            pass
    found = [] if several else recognized(path)
    data, space = _export(path)
    if several and "holdout" in data.options:  # the recipe's own, which no folder has
        splits = splits or ["all"]
    sets = _opened(data, space, None, splits, every=True)
    return replace(diagnose_sets(sets, labels, path.name, found, quick), dataset=data.name)


def _named(name: str, root: str | Path | None, splits: Sequence[str] | None) -> tuple[Any, ...]:
    """The splits of a data set by its name, those that are there."""
    wanted = splits or datasets.splits(name, root)
    if not wanted:
        raise DataError(f"{root}: holds no split of {name}; {DATASETS[name].steps or 'name one with splits'}")
    return tuple(datasets.open(name, root, split) for split in wanted)


def _export(path: Path) -> tuple[Data, LabelSpace | None]:
    """How an export, or a data set as its makers pack it, is opened."""
    tree, _ = init(path, refuse=False)
    chosen = tree["data"]
    options = {key: value for key, value in chosen.items() if key not in ("name", "root", "train", "val")}
    data = Data(name=chosen["name"], root=chosen["root"], train=chosen["train"], val=chosen["val"], options=options)
    return data, LabelSpace.from_dict(tree["labels"]) if "labels" in tree else None


def _opened(
    data: Data, labels: LabelSpace | None, root: str | Path | None, splits: Sequence[str] | None, every: bool = False
) -> tuple[Any, ...]:
    """The data sets that a recipe names; with `every` and no splits, those that are not trained or validated on as well."""
    place = root or data.root
    wanted = list(splits or [split for split in (data.train, data.val) if split])
    if every and not splits and "all" not in wanted:
        roles = data.options.get("roles")
        there = [name for name in datasets.splits(data.name, place, **data.options) if name not in wanted]
        wanted += [n for n in there if role(n, roles) == TEST or (data.name == "export" and not role(n, roles))]
    return tuple(datasets.open(data.name, place, split, labels, **data.options) for split in wanted)
