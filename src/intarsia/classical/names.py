"""How a method is named wherever a MODEL is asked for: "classical:slic", "classical:slic:segments=400:polarity=dark".

A colon stands between parameters because shells read ?, &, parentheses and brackets themselves, and a comma stands between
models whose mean is taken.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from ..errors import ModelError, nearest
from .catalogue import METHODS
from .options import checked

PREFIX = "classical:"
FOREGROUND = "foreground"  # the name of the class that is not the background, and the key that names another


class Named(NamedTuple):
    """A method and its parameters."""

    method: str  # a key of METHODS
    options: dict[str, Any]
    foreground: str  # the name of its class


def is_method(name: str) -> bool:
    """Whether this is written as the name of a method is."""
    return name.startswith(PREFIX)


def parsed(name: str) -> Named:
    """Read the name of a method and its parameters.

    Raises: ModelError with the nearest name.
    """
    method, *rest = name.removeprefix(PREFIX).split(":")
    if method not in METHODS:
        near = nearest(method, METHODS)
        more = near if near else f"; there are {', '.join(METHODS)}"
        raise ModelError(f"there is no classical method {method!r}{more}")
    given: dict[str, str] = {}
    for part in rest:
        key, equals, value = part.partition("=")
        if not equals or not key or not value:
            raise ModelError(f"{name}: {part!r} is no parameter; write KEY=VALUE, such as {PREFIX}slic:segments=400")
        if key in given:
            raise ModelError(f"{name}: {key} is given twice")
        given[key] = value
    foreground = given.pop(FOREGROUND, FOREGROUND)
    if foreground == "background":
        raise ModelError(f"{name}: the foreground needs another name than the background's")
    return Named(method, checked(f"{PREFIX}{method}", METHODS[method].run, given), foreground)
