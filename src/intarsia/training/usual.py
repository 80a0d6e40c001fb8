"""From a source to a complete recipe: what it is (`doctor.describe`), and what such a data set is usually trained with."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..doctor.describe import HOLDOUT, describe
from ..doctor.described import Described
from ..errors import DataError, LabelError, not_a_folder

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
) -> tuple[dict[str, Any], str]:
    """Look at a folder of images and masks, an export, or a data set as its makers pack it, and write the recipe for it.

    Args:
        classes: the class names, in the order of their values; found or made up when absent.
        images, masks: folders below `folder`, where more than one would fit; {split} stands for a split's name.
        holdout: share of the pairs to validate on, when the folder has no split for that.
        roles: what splits of an export are for whose names do not say so: {"batch_7": "val"}; train, val, test or none.

    Returns: a complete recipe as plain data, and a text that says what was inferred.

    Raises: DataError when no image has a mask and nothing else is recognized, or nothing can be trained on it; LabelError
        when the masks hold no classes, not as many as named, or one alone, or when they are stored in several ways.
    """
    if not Path(folder).exists():
        raise DataError(not_a_folder(Path(folder)))
    known = describe(
        Path(folder), classes=classes, images=images, masks=masks, holdout=holdout, roles=roles, refuse=True
    )
    if known.refused:
        raise (LabelError if known.labels is not None and known.labels.num_classes < 2 else DataError)(known.refused)
    return usual(known), known.text()


def usual(known: Described) -> dict[str, Any]:
    """The recipe that a data set is trained with where nobody wrote one, as plain data."""
    sizes = known.sizes or ((256, 256),)
    low = [min(size[axis] for size in sizes) for axis in (0, 1)]
    whole = known.data["name"] in OF_DATA  # a picture's class may show in any part of it
    crop = [min(256, side) if whole else max(32, min(256, side // 32 * 32)) for side in low]
    tree = known.labels.to_dict() if known.labels else {}
    if known.labels and known.labels.planes:  # whose values follow from the classes
        tree = {key: tree[key] for key in ("classes", "colors", "planes")}
    return {
        "model": {"name": "fpn", "encoder": "resnet18", "channels": 96},
        "data": dict(known.data),
        **({"labels": tree} if tree else {}),
        "augment": {"crop": crop, "scale": [0.75, 1.5], "flip": True, "brightness": 0.2, "contrast": 0.2},
        "loss": {"name": "dice_bce"} if tree.get("planes") else {"name": "cross_entropy", "class_weights": "log"},
        "optimizer": {"name": "adamw", "lr": 0.002, "weight_decay": 0.01},
        "schedule": {"name": "poly", "power": 0.9, "warmup": 0.05},
        "train": {"minutes": 15, "batch_size": max(2, min(8, known.count or 8)), "ema": 0.99, "workers": 2},
        "evaluate": {"batch_size": 1, "protocol": "dataset"},
        "seed": 0,
        **OF_DATA.get(known.data["name"], {}),
    }
