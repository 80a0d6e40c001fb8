"""The objects of a picture, each with all of its pixels, also those that other objects are drawn over."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .. import limits
from ..structures import Objects
from .project import Picture, seen_of


def objects_of(picture: Picture, classes: Sequence[str]) -> Objects:
    """Draw each object by itself. Row n is object n + 1 of `project.draw_objects`, where later ones cover earlier ones.

    Args:
        classes: the names that count, in the order of their numbers; regions of others are no objects, but keep their row.

    Returns: masks [M, H, W] bool, class numbers [M] (-1 for what is none of `classes`), and which are crowds [M].

    Raises: DataError where the masks take more memory than a picture may.
    """
    numbers: dict[str, int] = {}
    places = []
    for region in picture.regions:
        known = numbers.get(region.object) if region.object else None
        places.append(len(numbers) if known is None else known)
        numbers.setdefault(region.object or f"\0{len(numbers)}", places[-1])
    limits.check_decoded(len(numbers) * picture.height * picture.width, f"{picture.name}: {len(numbers)} masks")
    masks = np.zeros((len(numbers), picture.height, picture.width), bool)
    labels = np.full(len(numbers), -1, np.int64)
    crowd = np.zeros(len(numbers), bool)
    for region, row in reversed([*zip(picture.regions, places, strict=True)]):  # the first region of an object names it
        place, mask = seen_of(region, picture)
        masks[row][place] |= mask
        labels[row] = classes.index(region.label) if region.label in classes else -1
        crowd[row] = region.crowd
    return Objects(masks, labels, crowd=crowd)


def overlapping(objects: Objects) -> int:
    """Count the pixels that lie in several objects."""
    return int((np.asarray(objects.shapes).sum(axis=0, dtype=np.int32) > 1).sum())
