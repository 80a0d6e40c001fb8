"""What a folder, a file, an archive, a recipe or a name is: asked once, in one way, by every verb.

folder --layout--> pairs --masks--> values or colors --names--> LabelSpace --> Described
export, data set as its makers pack it, name, recipe                       --> Described --open--> a data set a split
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from .. import config, datasets
from ..data.faults import told_faults
from ..data.folders.find import find
from ..data.roles import of
from ..datasets.catalogue import CONSTRUCTORS, DATASETS
from ..datasets.recognize import Known, richer
from ..errors import DataError, LabelError, NoPairs, PlaceError, nearest
from ..labels import LabelSpace
from .described import Described
from .described import opened as opened
from .folder import folder, layout_of_planes
from .meaning.classes import alone

HOLDOUT = 0.2  # share of the pairs to validate on, where a folder has no split for that


def describe(
    source: str | Path,
    root: str | Path | None = None,
    *,
    classes: list[str] | None = None,
    images: str | None = None,
    masks: str | None = None,
    holdout: float = HOLDOUT,
    roles: Mapping[str, str] | None = None,
    refuse: bool = False,
) -> Described:
    """Look at a source, and say what it is.

    Args:
        source: a data set's name, a recipe's file, a folder of images and masks, an annotation tool's export (a folder, a
            file or an archive), or a data set as its makers pack it.
        root: where a data set lies that is given by name or by a recipe.
        classes: the class names of a folder of masks, in the order of their values; found or made up when absent.
        images, masks: folders below `source`, where more than one would fit; {split} stands for a split's name.
        holdout: share of the pairs to validate on, when there is no split for that.
        roles: what splits of an export are for whose names do not say so: {"batch_7": "val"}; train, val, test or none.
        refuse: whether a folder in which no split is for training is an error.

    Raises: DataError when nothing is recognized, with the nearest name; LabelError when the masks hold no classes, not as
        many as named, or are stored in ways that no one meaning of their values reads.
    """
    place = Path(source)
    if isinstance(source, str) and source in DATASETS:
        return _named(source, root)
    if place.suffix in (".yaml", ".yml") and not place.is_dir():
        return _recipe(place, root)
    if not place.exists():
        raise DataError(f"there is no folder, data set or recipe {str(source)!r}{nearest(source, DATASETS) or '; `intarsia data list` names the data sets'}")  # fmt: skip
    if place.is_file():
        return _otherwise(place, classes, holdout, None, roles)
    rich = None if images or masks else richer(place, holdout)
    if rich is not None:
        return _known(place, rich, classes)
    try:
        layout = (None if images or masks else layout_of_planes(place)) or find(place, images, masks)
    except NoPairs as nothing:
        return _otherwise(place, classes, holdout, nothing, roles)
    if roles:
        raise DataError(f"{place}: is a folder of images and masks; --role is for exports, whose splits have any name")
    return folder(place, layout, classes, holdout, refuse)


def _named(name: str, root: str | Path | None) -> Described:
    """A data set of the catalogue, with the splits to train and to validate on."""
    entry = datasets.named(name)
    there = datasets.splits(name, root)
    train, val = (next(iter(of(wish, there)), None) for wish in ("train", "val"))
    data = {"name": name, "root": None if root is None else str(root)}
    data |= {"train": train or next(iter(there), "train"), "val": val}
    return Described(f"{name}: {entry.title}", data, kind="name")


def _recipe(path: Path, root: str | Path | None) -> Described:
    """The data that a recipe's file names."""
    tree, place = config.read(path)
    kept = {key: tree[key] for key in ("data", "labels") if tree.get(key) is not None}
    recipe = config.parse({**kept, "train": {"steps": 1}}, place, {"data": CONSTRUCTORS})
    return replace(described(recipe, root), title=f"{path}: a recipe for {recipe.data.name if recipe.data else ''}")


def described(recipe: config.Recipe, root: str | Path | None = None) -> Described:
    """The data that a recipe names.

    Args:
        root: where it lies, instead of where the recipe says.

    Raises: DataError when it names none.
    """
    if recipe.data is None:
        raise DataError("the recipe names no data set; give it a key `data`, or name a data set or a folder instead")
    top = root or recipe.data.root
    ends = {"train": recipe.data.train, "val": recipe.data.val}
    data = {"name": recipe.data.name, "root": None if top is None else str(top), **recipe.data.options, **ends}
    labels = LabelSpace.from_dict(recipe.labels.model_dump()) if recipe.labels else None
    return Described(f"a recipe for {recipe.data.name}", data, labels, kind="recipe")


def _otherwise(
    root: Path,
    classes: list[str] | None,
    holdout: float,
    nothing: NoPairs | None,
    roles: Mapping[str, str] | None,
) -> Described:
    """The same for a folder without masks of its images' names, which `nothing` says, or for a file."""
    from ..datasets.recognize import exports, recognize

    try:
        known = recognize(root, holdout, roles)
    except DataError as error:
        if nothing is None or exports(root):  # an export that cannot be read has nothing to do with masks' names
            raise
        why = error.why if isinstance(error, PlaceError) else error
        raise NoPairs(f"{nothing}; {why}") from None
    return _known(root, known, classes)


def _known(root: Path, known: Known, classes: list[str] | None) -> Described:
    """What is recognized, as it is described.

    Raises: LabelError where names of classes are given, which it has.
    """
    refused = known.refused or (alone(known.labels, root) if known.labels is not None else "")
    if classes is not None and not refused:
        raise LabelError(
            f"{root}: is {known.title}, which names its classes itself; leave the names out, and rename them in the recipe"
        )
    faults = []
    if known.faults:
        what = f"{told_faults(known.faults)}, so training refuses; mend them, or leave them out: "
        faults = [f"{what}intarsia data audit {root} --fix DIR", *(f"  {fault}" for fault in known.faults)]
    said = (*faults, *known.said, *known.splits)
    title = f"{root}: {known.title}"
    return Described(title, known.data, known.labels, known.sizes, said, len(known.sizes), refused)
