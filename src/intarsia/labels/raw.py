"""From class numbers back to the raw values that a data set's masks hold."""

from __future__ import annotations

import numpy as np

from ..errors import LabelError
from .checks import IGNORE
from .colors import TRANSPARENT, packed, parse_color
from .keys import is_color, span_of
from .space import LabelSpace


def raw_of(labels: np.ndarray, space: LabelSpace) -> np.ndarray:
    """Map class numbers to raw values, so that a mask of 0 and 255 comes back as 0 and 255.

    Of a class with several values the one listed first is taken; of a span 0 where it begins there, else its end.

    Args:
        labels: [H, W] class numbers and the ignore index.

    Returns: [H, W] uint8, or uint16 for ids above 255; for a label space of colors [H, W, 3] uint8, or [H, W, 4] where
        "transparent" is one of them.

    Raises: LabelError where a label that occurs has no raw value, or one that no image of 16 bits holds; and for a label
        space of planes.
    """
    if space.planes:
        raise LabelError("with labels.planes each class is a mask of its own, on or off, and has no raw value")
    first = {name: key for key, name in reversed(list(space.values.items()))}
    names = {**dict(enumerate(space.names)), space.ignore_index: IGNORE}
    present = np.unique(labels).tolist()
    for number in present:
        if number not in names or names[number] not in first:
            what = f"class {names[number]!r}" if number < space.num_classes else "ignored pixels"
            raise LabelError(f"no raw value of labels.values stands for {what}; write class numbers instead")
    kept = {number: first[names[number]] for number in present}
    if space.by_color:
        wide = 4 if TRANSPARENT in first.values() else 3
        table = np.zeros((space.ignore_index + 1, wide), np.uint8)
        for number, key in kept.items():
            if key != TRANSPARENT:
                table[number, :3], table[number, 3:] = parse_color(key), 255
        colors: np.ndarray = table[labels]
        return colors
    ids = {number: _one(key) for number, key in kept.items()}
    if odd := next((value for value in ids.values() if not 0 <= value <= 65535), None):
        raise LabelError(f"the raw value {odd} fits into no image of 16 bits; write class numbers instead")
    lookup = np.zeros(space.ignore_index + 1, np.uint8 if max(ids.values(), default=0) <= 255 else np.uint16)
    for number, value in ids.items():
        lookup[number] = value
    raw: np.ndarray = lookup[labels]
    return raw


def raw_values(space: LabelSpace) -> dict[str, int]:
    """Find one raw value for each class that has any, by its name: the id, the packed color, or with `planes` its place."""
    if space.planes:
        return {name: number for number, name in enumerate(space.names)}
    first = {name: key for key, name in reversed(list(space.values.items())) if name != IGNORE}
    return {name: packed(key) if is_color(key) else _one(key) for name, key in first.items()}


def category_ids(space: LabelSpace) -> tuple[int, ...]:
    """A whole number for each class, by which files in COCO's form call it: its raw value where classes have ids, which are
    then the categories of the export that they come from; else its place."""
    first = {name: key for key, name in reversed(list(space.values.items()))}
    if space.planes or any(name not in first or is_color(first[name]) for name in space.names):
        return tuple(range(space.num_classes))
    return tuple(_one(first[name]) for name in space.names)


def _one(key: int | str) -> int:
    start, end = span_of(key)
    return start if start == 0 else end
