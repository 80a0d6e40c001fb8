"""From a source to a complete recipe: what it is (`doctor.describe`), and what such a data set is usually trained with."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..doctor.describe import HOLDOUT, describe
from ..doctor.described import Described
from ..errors import DataError, IntarsiaError, LabelError, not_a_folder
from .defaults import Chosen, choose, network
from .facts import Facts, facts_of
from .machine import machine, timed

BUDGET = {"minutes": 15}

OF_DATA: dict[str, dict[str, Any]] = {  # what is usual otherwise, by the name of the data set
    "class_folders": {
        "model": {"name": "classifier", "encoder": "resnet18"},
        "loss": {"name": "class_cross_entropy"},
    },
}


def init(
    folder: str | Path,
    *,
    classes: list[str] | None = None,
    images: str | None = None,
    masks: str | None = None,
    holdout: float = HOLDOUT,
    roles: Mapping[str, str] | None = None,
    budget: Mapping[str, Any] | None = None,
) -> tuple[dict[str, Any], str]:
    """Look at a folder of images and masks, an export, or a data set as its makers pack it, and write the recipe for it.

    Args:
        classes: the class names, in the order of their values; found or made up when absent.
        images, masks: folders below `folder`, where more than one would fit; {split} stands for a split's name.
        holdout: share of the pairs to validate on, when the folder has no split for that.
        roles: what splits of an export are for whose names do not say so: {"batch_7": "val"}; train, val, test or none.
        budget: what the recipe is planned for: {"minutes": 15}, or epochs or steps.

    Returns: a complete recipe as plain data, and a text that says what was inferred.

    Raises: DataError when no image has a mask and nothing else is recognized, or nothing can be trained on it; LabelError
        when the masks hold no classes, not as many as named, or one alone, or when they are stored in several ways.
    """
    known = looked_at(folder, classes=classes, images=images, masks=masks, holdout=holdout, roles=roles)
    return usual(known, budget), known.text()


def looked_at(source: str | Path, **options: Any) -> Described:
    """Describe what somebody wants to train on.

    Args:
        options: as for `init`.

    Raises: as `init`.
    """
    if not Path(source).exists():
        raise DataError(not_a_folder(Path(source)))
    known = describe(Path(source), refuse=True, **options)
    if known.refused:
        raise (LabelError if known.labels is not None and known.labels.num_classes < 2 else DataError)(known.refused)
    return known


def usual(known: Described, budget: Mapping[str, Any] | None = None, *, measure: bool = False) -> dict[str, Any]:
    """The recipe that a data set is trained with where nobody wrote one, as plain data.

    Args:
        budget: {"minutes": 15}, or epochs or steps; None: 15 minutes.
        measure: time a few steps on this machine, instead of taking a usual pace.
    """
    return planned(known, budget, measure=measure)[0]


def data_of(known: Described) -> dict[str, Any]:
    """The part of a recipe that says what is trained on: the data set and its classes, as plain data."""
    tree = known.labels.to_dict() if known.labels else {}
    if known.labels and known.labels.planes:  # whose values follow from the classes
        tree = {key: tree[key] for key in ("classes", "colors", "planes")}
    return {"data": dict(known.data), **({"labels": tree} if tree else {})}


def planned(
    known: Described, budget: Mapping[str, Any] | None = None, *, measure: bool = False
) -> tuple[dict[str, Any], list[Chosen]]:
    """The same recipe, and what was chosen in it with its reasons."""
    facts = _facts(known)
    here = machine()
    if measure and known.data["name"] not in OF_DATA:
        here = timed(here, network(facts, here).value)
    chosen = choose(facts, here, budget or BUDGET)
    recipe: dict[str, Any] = {
        "model": {},
        **data_of(known),
        "augment": {},
        "loss": {},
        "optimizer": {"name": "adamw", "weight_decay": 0.01},
        "schedule": {"name": "poly", "power": 0.9},
        "train": {},
        "evaluate": {"batch_size": 1, "protocol": "dataset"},
        "seed": 0,
    }
    if known.data["name"] in OF_DATA:  # a picture's class may show in any part of it
        low = [min(size[axis] for size in known.sizes or ((256, 256),)) for axis in (0, 1)]
        whole = Chosen("augment.crop", [min(256, side) for side in low], "the class may show in any part of a picture")
        of_maps = ("model", "loss.", "optimizer.encoder_lr", "augment.crop", "augment.max_share", "augment.cutmix")
        chosen = [whole, *(choice for choice in chosen if not choice.key.startswith(of_maps))]
    for key, value, _ in chosen:
        section, _, rest = key.partition(".")
        if rest:
            recipe[section][rest] = value
        else:
            recipe[section] = dict(value)
    return recipe | OF_DATA.get(known.data["name"], {}), [Chosen("machine", str(here), "this machine"), *chosen]


def _facts(known: Described) -> Facts:
    """What the samples say; what the description knows where they cannot be opened here."""
    try:
        train = known.open(known.data["train"])
        return facts_of(train, known.labels)
    except (IntarsiaError, OSError):  # whoever trains is told what is wrong
        size = sorted(known.sizes or ((256, 256),))[len(known.sizes) // 2]
        return Facts(known.count or 8, size)
