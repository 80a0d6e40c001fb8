"""What a user's class names mean for masks that hold certain ids."""

from collections.abc import Collection, Iterable, Sequence

from ..errors import LabelError
from .space import LabelSpace
from .values import mixed, white


def infer(
    names: Sequence[str], seen: Iterable[int], activation: str = "softmax", masks: Iterable[Collection[int]] = ()
) -> tuple[LabelSpace, str]:
    """The label space of index masks that hold the raw ids `seen`, when a user listed class names and nothing else.

    Args:
        masks: the ids of each mask; they show whether two classes are stored in two ways.

    Returns: the label space, and one sentence that says what was taken for granted.

    Raises: LabelError when the ids do not fit the names, with the `labels.values` that would mend it.
    """
    plain = LabelSpace(tuple(names), activation=activation)
    found, count = sorted(set(map(int, seen))), len(plain.names)
    if count == 1 and len(found) > 1:
        raise LabelError(
            f"masks hold {_brief(found)}, but only the class {plain.names[0]!r} is listed; name the rest as well, such as: background, {plain.names[0]}"
        )
    if not found:
        return plain, "masks hold nothing yet: ids are the positions in the list of classes"
    top = white(found)
    if count > 2 and top is not None and 0 in found:
        raise LabelError(
            f"masks hold 0 and {top} alone, but {count} classes are listed; list two classes, or say in labels.values "
            f"what both stand for, such as {{0: {plain.names[0]}, {top}: ignore}}"
        )
    if count == 2 and top is not None:
        values: dict[int | str, str] = {0: plain.names[0], top: plain.names[1]}
        return LabelSpace(
            plain.names, values=values, activation=activation
        ), f"masks hold {' and '.join(map(str, found))}: {top} is {plain.names[1]!r}, not ignore"
    if count == 2 and mixed(masks):
        values = {0: plain.names[0], 1: plain.names[1], 255: plain.names[1]}
        told = (
            f"some masks hold 0 and 1, the others 0 and 255: 1 and 255 are both {plain.names[1]!r}, and none is ignored"
        )
        return LabelSpace(plain.names, values=values, activation=activation), told
    if all(0 <= value < count or value == plain.ignore_index for value in found):
        ignored = f", and {plain.ignore_index} is ignored" if plain.ignore_index in found else ""
        return plain, f"masks hold {_brief(found)}: ids are the positions in the list of classes{ignored}"
    beyond = [v for v in found if not (0 <= v < count or v == plain.ignore_index)]
    if 0 not in found and beyond == [count]:
        wish = ", ".join(f"{n + 1}: {name}" for n, name in enumerate(plain.names[:3]))
        raise LabelError(
            f"masks hold {_brief(found)} for {count} classes: ids seem to start at 1; write labels.values: {{{wish}, ...}}"
        )
    raise LabelError(
        f"masks hold {_brief(found)}, but {count} classes are listed (ids 0..{count - 1}); "
        f"list the missing classes, or say in labels.values what {_brief(beyond)} stand for (a class, or ignore)"
    )


def _brief(values: Sequence[int]) -> str:
    if len(values) > 3 and values[-1] - values[0] == len(values) - 1:
        return f"{values[0]}..{values[-1]}"
    return ", ".join(map(str, values[:8])) + (f" and {len(values) - 8} more" if len(values) > 8 else "")
