"""What a label space may be given: names, the meaning of values, and planes; each wrong one is refused in one sentence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from ..characters import HIDDEN
from ..errors import LabelError, counted, nearest
from .keys import is_color, parse_value

IGNORE = "ignore"


def checked_names(names: Sequence[str]) -> tuple[str, ...]:
    """Check the names of classes.

    Raises: LabelError for none, too many, repeated ones, those that cannot be seen, and "ignore".
    """
    if isinstance(names, str) or not all(isinstance(n, str) and n.strip() for n in names):
        raise LabelError(f"class names are a list of words, not {names!r}")
    names = tuple(names)
    if not names:
        raise LabelError("a label space needs at least one class name; list them under labels.classes")
    if repeated := [name for name, count in Counter(names).items() if count > 1]:
        raise LabelError(f"class {min(repeated)!r} is listed twice; class names must differ")
    if hidden := next((n for n in names if HIDDEN.search(n) or "\n" in n or "\t" in n), None):
        raise LabelError(
            f"class {hidden!a} holds a character that is not shown (a control, or one that turns the direction of "
            "writing); write the name without it"
        )
    if IGNORE in (name.lower() for name in names):
        raise LabelError(f"{IGNORE!r} cannot be a class name: it stands for pixels that do not count")
    if len(names) > 65535:
        raise LabelError(f"{len(names)} classes given; at most 65535 fit into a 16-bit mask")
    return names


def checked_values(values: Mapping[int | str, str], names: Sequence[str]) -> dict[int | str, str]:
    """Check the meaning of raw values: id, span of ids or color -> name of a class, or "ignore".

    Raises: LabelError for a key that is no raw value, a name of no class, two meanings, or ids beside colors.
    """
    checked: dict[int | str, str] = {}
    known = {*names, IGNORE}
    for raw, name in values.items():
        key = parse_value(raw)
        if not isinstance(name, str) or name not in known:
            raise LabelError(
                f"labels.values: {raw} stands for {name!r}, which is no class{nearest(name, (*names, IGNORE))}"
            )
        if isinstance(key, int) and key < 0 and name != IGNORE:
            raise LabelError(
                f"labels.values: {raw} stands for {name!r}, but a negative number is no raw value of a class; write `{raw}: ignore`, or renumber the masks"
            )
        if key in checked and checked[key] != name:
            raise LabelError(
                f"labels.values: {raw} stands for {checked[key]!r} and for {name!r}; a value has one meaning"
            )
        checked[key] = name
    if len({is_color(key) for key in checked}) > 1:
        raise LabelError("labels.values mixes ids and colors; a data set's masks are read as one or the other")
    return checked


def checked_planes(planes: np.ndarray, count: int) -> np.ndarray:
    """Check masks of one class each, [K, H, W] of bool or of 0 and 1: the same as bool.

    Args:
        count: K, the number of classes.

    Raises: LabelError for another number of planes, or values other than 0 and 1.
    """
    if planes.ndim != 3 or len(planes) != count:
        raise LabelError(
            f"planes of shape {list(planes.shape)} for {counted(count, 'class')}; give [K, H, W], one plane a class"
        )
    if planes.dtype != bool and ((planes != 0) & (planes != 1)).any():
        raise LabelError(f"the planes hold {planes.dtype} values other than 0 and 1; a plane is on or off")
    return planes.astype(bool)
