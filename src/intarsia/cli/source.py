"""What SOURCE may be on the command line: a data set's name, a folder, an export, or a recipe."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from ..errors import DataError, nearest
from .terms import tell


def there(source: str) -> None:
    """See that SOURCE is something, before anything heavy is imported for it.

    Raises: DataError with the nearest name.
    """
    from ..datasets.listed import LISTED

    if source not in LISTED and not is_recipe(source) and not Path(source).exists():
        near = nearest(source, LISTED) or "; `intarsia data list` names the data sets"
        raise DataError(f"there is no folder, data set or recipe {source!r}{near}")


def opened(
    source: str,
    root: str | None,
    splits: Sequence[str] | None,
    every: bool = False,
    holdout: bool = True,
    said: list[str] | None = None,
) -> list[Any]:
    """The data sets that SOURCE stands for, one a split; see `doctor.describe.opened`."""
    from .. import datasets
    from ..datasets.catalogue import DATASETS
    from ..doctor.describe import describe
    from ..doctor.describe import opened as of

    place = _place(source)
    if source in DATASETS:
        tell(source)
    if source in DATASETS and not (splits or datasets.splits(source, root)):
        if root and "://" not in root and not Path(root).is_dir():
            raise DataError(f"{root}: there is no such folder; give the folder of {source} with --root")
        if below := _below(source, root):
            raise DataError(f"{root}: holds no split of {source}, but {below} does; give that folder with --root")
        raise DataError(f"{root}: holds no split of {source}; {DATASETS[source].steps or 'name one with --split'}")
    known = describe(place, root)
    tell(known.data["name"])
    return of(known, splits, every=every, holdout=holdout, said=said)


def truth_of(source: str, root: str | None, split: str | None, classes: list[str] | None = None) -> tuple[Any, str]:
    """The labels to hold predictions against: whatever SOURCE may be, but label maps alone; see `evaluation.folders`."""
    from ..evaluation.folders import truth_of as of

    return of(_place(source), root, split, classes)


def is_recipe(source: str) -> bool:
    """Whether SOURCE is a recipe, packaged or a file, rather than a data set's name or a folder."""
    from ..training.packaged import names

    return source.endswith((".yaml", ".yml")) or source in names()


def undescribed(source: str) -> bool:
    """Whether SOURCE is a folder or a file that nobody described, rather than a data set's name or a recipe."""
    from ..datasets.listed import LISTED

    recipe = is_recipe(source) and not Path(source).is_dir()
    return source not in LISTED and not recipe and Path(source).exists()


def augmentation_of(source: str, root: str | None) -> dict[str, Any]:
    """The augmentation that a recipe names; the usual one for a data set or a folder."""
    from ..doctor.describe import describe
    from ..training.recipe import load
    from ..training.usual import usual

    recipe = load(source if is_recipe(source) else usual(describe(source, root)))
    augment: dict[str, Any] = recipe.augment.model_dump(exclude={"sizes", "grow_from"})  # of whole batches
    return augment


def _place(source: str) -> str:
    """SOURCE as `describe` takes it: the file of a packaged recipe, once every key of a recipe is known to be right."""
    from ..datasets.catalogue import DATASETS
    from ..training.packaged import locate
    from ..training.recipe import load

    if source in DATASETS or not is_recipe(source) or Path(source).is_dir():
        return source
    load(source)
    return str(locate(source))


def _below(source: str, root: str | None, depth: int = 3) -> Path | None:
    """The first folder some steps below `root` in which a data set lies as its makers pack it."""
    from .. import datasets

    level = [Path(root)] if root and Path(root).is_dir() else []
    for _ in range(depth):
        level = [p for folder in level for p in sorted(folder.iterdir()) if p.is_dir()][:200]
        for folder in level:
            with suppress(DataError):
                if datasets.splits(source, folder):
                    return folder
    return None


def check_kept(model: str, out: Path | None) -> None:
    """Refuse a model that is no checkpoint of ours, in which what is fitted to it could be kept, where no other is named.

    Raises: CheckpointError.
    """
    from .. import checkpoint
    from ..errors import CheckpointError

    if checkpoint.is_graph(model):
        raise CheckpointError(
            f"{model}: is an exported file, which keeps what it was exported with; give the checkpoint"
        )
    if out is None and (checkpoint.is_foreign(Path(model)) or (":" in model and not Path(model).exists())):
        raise CheckpointError(f"{model}: is no checkpoint that what is fitted could be kept in; name one with --out")
