"""Which objects are told apart: those of the classes that a label space calls things.

A pixel of a thing that belongs to no object is a crowd's: it counts for its class, and no object is expected there.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ..labels import LabelSpace


def with_things(space: LabelSpace, names: Sequence[str]) -> LabelSpace:
    """Name the things of a label space that names none: those of `names` that are among its classes."""
    known = tuple(name for name in space.names if name in names)
    if space.things or not known:
        return space
    return replace(space, things=known, values=space.values if space.explicit else {})


def only_things(objects: np.ndarray, labels: np.ndarray, space: LabelSpace) -> np.ndarray:
    """Clear the object numbers of pixels whose class is no thing; a label space without things keeps all of them.

    Args:
        objects: [H, W] numbers from 1; 0 where there is none.
        labels: [H, W] class numbers and the ignore index.
    """
    if not space.things:
        return objects
    kept: np.ndarray = objects * _is_thing(space)[labels]  # of the numbers' own type; quicker than a choice
    return kept


def thing_rows(
    masks: np.ndarray, kinds: np.ndarray, space: LabelSpace, objects: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Leave out the objects whose class is ignored or no thing, and number those that stay by their new rows.

    Args:
        masks: [M, H, W] bool, row n object n + 1.
        kinds: [M] class numbers, or the ignore index.
        objects: [H, W] 0 or 1 to M; None where there is no such map.

    Returns: masks, kinds and objects of those that stay.
    """
    stays = _is_thing(space)[kinds] if space.things else kinds != space.ignore_index
    if objects is not None:
        objects = np.concatenate([[0], np.cumsum(stays) * stays]).astype(objects.dtype)[objects]
    return masks[stays], kinds[stays], objects


def _is_thing(space: LabelSpace) -> np.ndarray:
    """Whether each label is a thing, [ignore index + 1] bool."""
    table = np.zeros(space.ignore_index + 1, bool)
    table[[space.names.index(name) for name in space.things]] = True
    return table
