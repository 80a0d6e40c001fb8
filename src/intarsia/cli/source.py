"""What SOURCE may be on the command line: a data set's name, a folder, an export, or a recipe."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from ..config import Recipe
from ..errors import DataError, nearest
from .terms import tell


def opened(
    source: str,
    root: str | None,
    splits: Sequence[str] | None,
    every: bool = False,
    holdout: bool = True,
    said: list[str] | None = None,
) -> list[Any]:
    """The data sets that SOURCE stands for, one a split.

    Args:
        root: where a data set lies that is given by name or by a recipe.
        splits: None for those that the data set has, or those to train and validate on of a recipe or a folder.
        every: with None, all splits of a recipe or a folder, its tests too.
        holdout: whether a folder without a split to validate on has a part of its images held out as one.
        said: gets a sentence about such a part.

    Raises: DataError with the nearest name, and whatever the data set has to say.
    """
    from .. import datasets, doctor
    from ..data.roles import KNOWN, TRAIN, VAL
    from ..datasets.catalogue import DATASETS

    if source in DATASETS:
        tell(source)
        if not (wanted := splits or datasets.splits(source, root)):
            if root and "://" not in root and not Path(root).is_dir():
                raise DataError(f"{root}: there is no such folder; give the folder of {source} with --root")
            if below := _below(source, root):
                raise DataError(f"{root}: holds no split of {source}, but {below} does; give that folder with --root")
            raise DataError(f"{root}: holds no split of {source}; {DATASETS[source].steps or 'name one with --split'}")
        return [datasets.open(source, root, split) for split in wanted]
    if is_recipe(source) and not Path(source).is_dir():
        return of_recipe(_loaded(source), root, splits, every)
    if Path(source).exists():
        tree, _ = doctor.init(Path(source), refuse=False)
        chosen = tree["data"]
        if "holdout" in chosen and not holdout:
            tree["data"] = _whole(chosen)
        elif "holdout" in chosen and said is not None and {*(splits or KNOWN)} & {TRAIN, VAL}:
            share = f"{chosen['holdout']:.0%} of the images, chosen by their names"
            said.append(f"{source}: has no split to validate on; {share}, are held out as val")
        return of_recipe(_loaded(tree), root, splits, every)
    raise DataError(
        f"there is no folder, data set or recipe {source!r}{nearest(source, DATASETS) or '; `intarsia data list` names the data sets'}"
    )


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


def truth_of(source: str, root: str | None, split: str | None, classes: list[str] | None = None) -> tuple[Any, str]:
    """The labels to hold predictions against: whatever SOURCE may be, but label maps alone.

    Args:
        split: None: what is there to validate on, and all pairs of a folder without splits.
        classes: names of the classes of a folder of images and masks.

    Returns: the data set, and a few words about which part of it that is.
    """
    from ..datasets.catalogue import DATASETS
    from ..evaluation import folders

    if source not in DATASETS and Path(source).exists() and (Path(source).is_dir() or not is_recipe(source)):
        return folders.opened(Path(source), split, classes)
    if classes is not None:
        raise DataError(f"{source!r} says itself which classes it has; leave out --classes")
    if is_recipe(source) and not split:
        chosen = _loaded(source).data
        split = (chosen.val or "all") if chosen else None
        dataset = opened(source, root, [split or "val"])[0]
        return dataset, folders.part(dataset, split or "val", chosen.options.get("holdout") if chosen else None)
    dataset = opened(source, root, [split or "val"])[0]
    return dataset, folders.part(dataset, split or "val", None)


def is_recipe(source: str) -> bool:
    """Whether SOURCE is a recipe, packaged or a file, rather than a data set's name or a folder."""
    from ..training.recipe import names

    return source.endswith((".yaml", ".yml")) or source in names()


def undescribed(source: str) -> bool:
    """Whether SOURCE is a folder or a file that nobody described, rather than a data set's name or a recipe."""
    from ..datasets.catalogue import DATASETS

    recipe = is_recipe(source) and not Path(source).is_dir()
    return source not in DATASETS and not recipe and Path(source).exists()


def _whole(data: dict[str, Any]) -> dict[str, Any]:
    """A recipe's data without the holdout that nobody asked for: the split of which it would be a part."""
    from ..data.roles import TRAIN, of
    from ..datasets import splits as splits_of

    kept = {key: value for key, value in data.items() if key != "holdout"}
    options = {key: value for key, value in kept.items() if key not in ("name", "root", "train", "val")}
    names = of(TRAIN, splits_of(kept["name"], kept["root"], **options), options.get("roles"))
    return {**kept, "train": names[0] if len(names) == 1 else TRAIN if names else "all", "val": None}


def _others(chosen: Any, there: Sequence[str], wanted: Sequence[str]) -> list[str]:
    """The splits that are neither trained nor validated on: those for the test, and of an export those of any other name."""
    from ..data.roles import TEST, role

    if "all" in wanted:
        return []
    roles = chosen.options.get("roles")
    rest = [name for name in there if name not in wanted]
    return [n for n in rest if role(n, roles) == TEST or (chosen.name == "export" and not role(n, roles))]


def of_recipe(recipe: Recipe, root: str | None, splits: Sequence[str] | None, every: bool = False) -> list[Any]:
    """The data sets that a recipe names.

    Args:
        every: with no splits, those that are neither trained nor validated on as well.
    """
    from .. import datasets
    from ..labels import LabelSpace

    if recipe.data is None:
        raise DataError("the recipe names no data set; give it a key `data`, or name a data set or a folder instead")
    labels = LabelSpace.from_dict(recipe.labels.model_dump()) if recipe.labels else None
    chosen = recipe.data
    tell(chosen.name)
    wanted = list(splits or [split for split in (chosen.train, chosen.val) if split])
    if every and not splits:
        there = datasets.splits(chosen.name, root or chosen.root, **chosen.options)
        wanted += _others(chosen, there, wanted)
    return [datasets.open(chosen.name, root or chosen.root, split, labels, **chosen.options) for split in wanted]


def _loaded(source: Any) -> Recipe:
    from ..training.recipe import load

    return load(source)


def augmentation_of(source: str) -> dict[str, Any]:
    """The augmentation that a recipe names; a usual one for a data set or a folder."""
    if is_recipe(source):
        return _loaded(source).augment.model_dump()
    colors = {"brightness": 0.25, "contrast": 0.25, "saturation": 0.25, "hue": 0.03}
    return {"crop": (256, 256), "scale": (0.5, 2.0), "flip": True, "max_share": 0.75, **colors}
