"""What the methods' parameters mean, and which values they take: one row for each name, whatever method has it."""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from ..errors import ModelError, nearest


class Option(NamedTuple):
    """One parameter."""

    says: str
    low: float = 0
    high: float = 0
    choices: tuple[str, ...] = ()
    form: str = ""  # a pattern of other texts that it takes
    example: str = ""


OPTIONS: dict[str, Option] = {
    "polarity": Option("which side is the foreground; auto: the one that has less of the border", choices=("auto", "bright", "dark")),
    "level": Option("brightness of the threshold, 0 black to 1 white", 0, 1),
    "levels": Option("gray levels that are told apart", 2, 5),
    "window": Option("side of a pixel's neighborhood, in pixels", 3, 10_001),
    "offset": Option("what is subtracted of the neighborhood's mean, in shares of white", -1, 1),
    "tolerance": Option("largest difference of brightness from the seed's, in shares of white", 0, 1),
    "distance": Option("least distance of two seeds, in pixels", 1, 1000),
    "seeds": Option(
        "where regions start: auto, or ROW/COLUMN as shares of height and width, several joined by +",
        choices=("auto",), form=r"(0(\.\d*)?|1(\.0*)?|\.\d+)/(0(\.\d*)?|1(\.0*)?|\.\d+)(\+(0(\.\d*)?|1(\.0*)?|\.\d+)/(0(\.\d*)?|1(\.0*)?|\.\d+))*", example="0.5/0.25+0.8/0.1",
    ),
    "sigma": Option("how much the picture is smoothed first, in pixels", 0, 100),
    "closing": Option("gaps that are closed, as the radius of a disk in pixels", 0, 50),
    "segments": Option("about how many superpixels", 2, 100_000),
    "compactness": Option("how much a superpixel's shape counts against its color", 0.001, 1000),
    "scale": Option("how large a step between two regions is kept; larger: larger regions", 0, 100_000),
    "smallest": Option("pixels of the smallest region", 1, 1_000_000),
    "reach": Option("radius in pixels within which colors are looked at", 1, 100),
    "color": Option("radius in colors (0..255) within which they are looked at", 1, 255),
    "start": Option("what is taken for the foreground first", choices=("rectangle", "otsu")),
    "margin": Option("share of height and width outside of the rectangle, at each side", 0, 0.49),
    "rounds": Option("turns of fitting and cutting", 1, 100),
    "radius": Option("of the first ellipse, as a share of height and width", 0.01, 0.5),
    "elasticity": Option("how strongly the curve contracts", 0, 1000),
    "stiffness": Option("how strongly the curve stays smooth", 0, 1000),
    "steps": Option("moves of the outlines", 1, 10_000),
    "smoothing": Option("rounds of smoothing after each move", 0, 20),
}  # fmt: skip


COUNTS = (  # a parameter, and the value of another one with which alone it counts, where a method has both
    ("polarity", "start", "otsu"),
    ("margin", "start", "rectangle"),
    ("polarity", "seeds", "auto"),
    ("distance", "seeds", "auto"),
)


def defaults(run: Callable[..., Any]) -> dict[str, Any]:
    """The parameters of a method with their defaults, from its signature."""
    return {
        name: parameter.default
        for name, parameter in inspect.signature(run).parameters.items()
        if parameter.kind is parameter.KEYWORD_ONLY
    }


def checked(name: str, run: Callable[..., Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters of a method as it takes them.

    Args:
        name: of the method, for the errors.
        given: texts or values.

    Raises: ModelError for a parameter that the method does not have, with the nearest name, and for a value that it does not
        take, with what it takes.
    """
    own = defaults(run)
    found = {}
    for key, value in given.items():
        if key not in own:
            near = nearest(key, own) if own else "; it has none"
            raise ModelError(f"{name} has no parameter {key!r}{near}")
        found[key] = _value(name, key, value, own[key])
    for key, other, needed in COUNTS:
        if not {key, other} <= own.keys() or found.get(key, own[key]) == own[key]:
            continue
        if (now := found.get(other, own[other])) != needed:
            raise ModelError(
                f"{name}: {key} is {found[key]}, which counts only with {other}={needed}, and {other} is {now}; give {other}={needed} too, or leave {key} out"
            )
    return found


def counts(run: Callable[..., Any], key: str) -> bool:
    """Whether a method has a parameter that counts while the others have their defaults."""
    own = defaults(run)
    return key in own and all(own.get(other, needed) == needed for one, other, needed in COUNTS if one == key)


def _value(name: str, key: str, value: Any, usual: Any) -> Any:
    option = OPTIONS[key]
    if isinstance(usual, str):
        text = str(value)
        if text in option.choices or (option.form and re.fullmatch(option.form, text)):
            return text
        more = f", or such as {option.example}" if option.form else ""
        near = nearest(text, option.choices)
        raise ModelError(
            f"{name}: {key} is {text!r}{near if near else '; it takes ' + ', '.join(option.choices)}{more}"
        )
    whole = isinstance(usual, int)
    takes = f"it takes a {'whole ' if whole else ''}number from {option.low:g} to {option.high:g}"
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise ModelError(f"{name}: {key} is {value!r}; {takes} ({option.says})") from None
    sound = math.isfinite(number) and not isinstance(value, bool) and (not whole or number.is_integer())
    if not sound or not option.low <= number <= option.high:
        raise ModelError(f"{name}: {key} is {value}; {takes} ({option.says})")
    return int(number) if whole else number
