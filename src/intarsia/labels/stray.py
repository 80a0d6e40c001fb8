"""Sentences about names and values that a label space does not know."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ..errors import LabelError, nearest
from .keys import id_table, near_color, spelled_colors, spelled_ids

if TYPE_CHECKING:
    from .space import LabelSpace


def outside(space: LabelSpace, stray: Mapping[int, int]) -> tuple[str, str]:
    """Say which values of a mask are outside a label space, how often, and what is allowed; and what to do.

    Args:
        stray: raw value -> pixels.
    """
    numbers = {name: number for number, name in enumerate(space.names)}
    ids = None if space.by_color else id_table(space.values, {**numbers, "ignore": space.ignore_index})
    allowed = spelled_colors(space.values) if ids is None else spelled_ids(space.values, ids)
    ranked = sorted(stray.items(), key=lambda item: -item[1])
    show = [f"{space.spell(value)} ({count} px)" for value, count in ranked[:5]]
    more = f" and {len(ranked) - 5} more" if len(ranked) > 5 else ""
    most, first = ranked[0][0], space.spell(ranked[0][0])
    found = f"the mask holds {', '.join(show)}{more}, outside the {len(space.names)} classes ({allowed})"
    if most < 0:
        return found, f"add `{first}: ignore` to labels.values"
    guess = f", likely {near!r}" if (near := near_color(space.values, most) if space.by_color else "") else ""
    return found, f"add `{first}: <class or ignore>` to labels.values{guess}"


def things_of(things: tuple[str, ...], names: tuple[str, ...]) -> tuple[str, ...]:
    """Put the things into the order of the classes.

    Raises: LabelError for one that is no class.
    """
    if isinstance(things, str) or not all(isinstance(name, str) for name in things):
        raise LabelError(f"labels.things is a list of class names, not {things!r}")
    for name in things:
        if name not in names:
            raise LabelError(f"labels.things names {name!r}, which is no class{nearest(name, names)}")
    return tuple(name for name in names if name in things)
