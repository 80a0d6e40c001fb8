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
        groups: name of a group -> its class names, or further groups. One with a single member is that member; one
            without members is left out.

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
        if isinstance(members, str):
            return number(members)
        found = tuple(inside(members.values()) if isinstance(members, Mapping) else map(number, members))
        return found[0] if len(found) == 1 else found

    def inside(members: Any) -> list[Any]:
        return [found for found in map(branch, members) if found != ()]

    grouped = inside(groups.values())
    tree = (*grouped, *(n for n, name in enumerate(names) if name not in seen))
    return tree[0] if len(tree) == 1 and isinstance(tree[0], tuple) else tree
