"""Visit a source: look at every sample of a folder, an export, a data set by name, a recipe's data, or data sets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..config import Recipe
from ..datasets.catalogue import DATASETS
from ..datasets.recognize import richer
from ..errors import DataError, NoPairs
from ..labels import LabelSpace
from .describe import HOLDOUT, describe, described, opened
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
    suspect: bool = False,
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
        suspect: tell, too, what only seems so: findings that are wrong more often than once in 500 sound pairs.

    Returns: the findings, and all that `mend` needs to write a clean copy.

    Raises: DataError when there is no such source, or nothing in it can be looked at.
    """
    if not isinstance(source, str | Path | Recipe):
        return diagnose_sets(source if isinstance(source, tuple) else (source,), labels, quick=quick, suspect=suspect)
    undescribed = not isinstance(source, Recipe) and str(source) not in DATASETS and not _is_recipe(Path(source))
    named = labels_file(Path(str(source))) if undescribed else None
    several = named is not None and named.planes  # a folder that says itself that a pixel may have several labels
    place = Path(str(source))
    if undescribed and place.is_dir() and not several and richer(place, HOLDOUT) is None:
        try:
            return diagnose(str(source), splits, quick, suspect)
        except NoPairs:  # then it may be an export, or a data set as its makers pack it
            pass
    known = described(source, root) if isinstance(source, Recipe) else describe(source, root)
    name = known.data["name"]
    if several and "holdout" in known.data:  # the recipe's own, which no folder has
        splits = splits or ["all"]
    if known.kind == "name" and not (splits or known.splits):
        raise DataError(f"{root}: holds no split of {name}; {DATASETS[name].steps or 'name one with splits'}")
    sets = tuple(opened(known, splits, every=undescribed))
    found = recognized(Path(str(source))) if undescribed and not several else ()
    title = Path(str(source)).name if undescribed else name
    return replace(diagnose_sets(sets, labels, title, found, quick, suspect), dataset=name)


def _is_recipe(path: Path) -> bool:
    return path.suffix in (".yaml", ".yml") and not path.is_dir()
