"""Options of `predict`, `evaluate` and `compare`: in which windows and views a picture is predicted, and how it is decided."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from ..errors import RecipeError

Window = Annotated[
    str | None,
    typer.Option(
        help="Side of the windows that pictures are predicted in, in pixels; auto: only pictures of more than 4 megapixels; "
        "whole: none. Without this and the next three, as the model's recipe says.",
        metavar="PIXELS",
    ),
]
Overlap = Annotated[
    float | None, typer.Option(help="Share of a window that the next one sees again, 0 up to 1.", metavar="SHARE")
]
Flip = Annotated[bool | None, typer.Option("--flip/--no-flip", help="Predict each picture mirrored too, and average.")]
Scales = Annotated[
    str | None,
    typer.Option(
        help="Predict each picture in these factors of its size, and average: 0.75,1,1.25.", metavar="FACTORS"
    ),
]

Decide = Annotated[
    list[str] | None,
    typer.Option(
        help="How an answer is made of the network's output: threshold=0.3; again for the next option. Over the model's own; "
        "see `intarsia recipe explain decide`.",
        metavar="KEY=VALUE",
    ),
]


def decisions_of(given: list[str] | None) -> dict[str, Any]:
    """Gather options of the decision as they were given, KEY=VALUE with a YAML value.

    Raises: RecipeError for what is no KEY=VALUE.
    """
    return _pairs(given, "--decide", "threshold=0.3")


def _pairs(given: list[str] | None, option: str, example: str) -> dict[str, Any]:
    """Read KEY=VALUE of an option that may be given several times."""
    import yaml

    options = {}
    for item in given or ():
        key, equals, text = (part.strip() for part in item.partition("="))
        try:
            value = yaml.safe_load(text)
        except yaml.YAMLError:
            value = None
        if not equals or not key or value is None:
            raise RecipeError(f"{option} is {item!r}; write KEY=VALUE, such as {example}")
        options[key] = value
    return options


Crf = Annotated[
    bool | None,
    typer.Option(
        "--crf/--no-crf",
        help="Sharpen the classes of pixels along the picture's edges by a dense CRF; its numbers are those that `intarsia crf fit` "
        "fitted, else DeepLab's.",
    ),
]
CrfWith = Annotated[
    list[str] | None,
    typer.Option(
        "--crf-with",
        help="A number of the CRF over these: bilateral, place, color, spatial, near or iterations, such as color=5; again for "
        "the next.",
        metavar="KEY=VALUE",
    ),
]


def settings_of(
    window: str | None,
    overlap: float | None,
    flip: bool | None,
    scales: str | None,
    crf: bool | None = None,
    crf_with: list[str] | None = None,
) -> dict[str, Any]:
    """Gather the options that were given, as keys of a recipe's `predict`.

    Raises: RecipeError for scales that are no numbers, and numbers of a CRF that is not wanted.
    """
    factors = None
    if scales is not None:
        try:
            factors = [float(part) for part in scales.split(",")]
        except ValueError:
            raise RecipeError(f"--scales is {scales!r}; give factors above 0, such as 0.75,1,1.25") from None
    if crf_with and crf is False:
        raise RecipeError("--crf-with gives a number of the CRF that --no-crf leaves out; give one of the two")
    refine = _pairs(crf_with, "--crf-with", "color=5") or crf
    given = {"window": window, "overlap": overlap, "flip": flip, "scales": factors, "crf": refine}
    return {key: value for key, value in given.items() if value is not None}
