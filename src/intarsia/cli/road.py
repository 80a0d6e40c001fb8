"""`intarsia road`: one picture, and what every method from thresholding to the newest network finds on it, as a page."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from .terminal import AsJson, Overwrite, answer, console, percent, table


def road(
    context: typer.Context,
    image: Annotated[Path, typer.Argument(metavar="IMAGE", help="The picture.")],
    truth: Annotated[
        Path | None,
        typer.Option(metavar="MASK", help="Its mask of two classes, such as 0 and 255; none: nothing is scored."),
    ] = None,
    model: Annotated[
        list[str] | None,
        typer.Option(metavar="MODEL", help="A run, checkpoint or public model to show as well; may be repeated."),
    ] = None,
    out: Annotated[Path, typer.Option(metavar="FILE", help="The page.")] = Path("road.html"),
    polarity: Annotated[
        str,
        typer.Option(
            metavar="SIDE",
            help="Which side is the foreground where a method cannot know: bright, dark, or auto, the one with less of the border.",
        ),
    ] = "auto",
    side: Annotated[
        int,
        typer.Option(metavar="PIXELS", help="Make the picture's longer side at most this first; 0: leave it as it is."),
    ] = 512,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
) -> None:
    """Show one picture through every method, from one threshold to the newest network, with score and time."""
    from ..evaluation.road import road as run

    command = shlex.join(["intarsia", *context.obj])
    found = run(image, truth, model or (), out, polarity=polarity, side=side, command=command, overwrite=overwrite)
    if as_json:
        return answer(found.to_dict())
    rows = [
        (stop.title, str(stop.year or ""), "-" if stop.miou is None else percent(stop.miou), f"{stop.seconds:.3f}")
        for stop in found.stops
    ]
    terminal = console()
    terminal.print(table(None, ("method", ">year", ">mIoU", ">seconds"), rows))
    slide = found.slide
    terminal.print(
        f"a sliding window of {slide.context} x {slide.context} pixels is {slide.factor:.0f} times slower than its dense twin",
        markup=False,
        soft_wrap=True,
    )
    terminal.print(f"page: {found.page}", markup=False, soft_wrap=True)
    return None
