"""Groups of class names as a tree of class numbers, for the networks that take one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..errors import LabelError, nearest

Groups = Mapping[str, Any]  # name of a group -> class names, or further groups


def class_tree(names: Sequence[str], groups: Groups) -> tuple[Any, ...]:
    """Write groups of classes as a tree of class numbers; classes in no group hang on its root.

    Args:
        names: of a label space, in the order of the class numbers.
        groups: name of a group -> its class names, or further groups. One with a single member is that member.

    Returns: nested tuples, the `tree` of dsspn and the prior of sgr.

    Raises: LabelError for a name that is no class, or is in two groups.

    >>> class_tree(("sky", "car", "bus", "cat"), {"vehicle": ["car", "bus"], "animal": ["cat"]})
    ((1, 2), 3, 0)
    """
    seen: list[str] = []

    def number(name: str) -> int:
        if name not in names:
            raise LabelError(f"a group holds {name!r}, which is no class{nearest(name, names)}")
        if name in seen:
            raise LabelError(f"{name!r} is in two groups; a class hangs on one branch of a tree")
        seen.append(name)
        return names.index(name)

    def branch(members: Any) -> Any:
        found = tuple(map(branch, members.values()) if isinstance(members, Mapping) else map(number, members))
        return found[0] if len(found) == 1 else found

    grouped = [branch(members) for members in groups.values() if len(members)]
    return (*grouped, *(n for n, name in enumerate(names) if name not in seen))
