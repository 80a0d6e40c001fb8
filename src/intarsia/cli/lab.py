"""`intarsia lab`: what an operator does to numbers or to a picture, as a drawing."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..output import Output
from .terminal import AsJson, Overwrite, answer, console, table


def lab(
    operator: Annotated[
        str | None, typer.Argument(metavar="OPERATOR", help="Which one; without it they are listed.")
    ] = None,
    image: Annotated[
        Path | None, typer.Option(help="Apply it to this picture instead of numbers.", metavar="FILE")
    ] = None,
    numbers: Annotated[str | None, typer.Option(help='Rows of numbers: "1 2;3 4".', metavar="ROWS")] = None,
    kernel: Annotated[str | None, typer.Option(help="The same, for transposed.", metavar="ROWS")] = None,
    box: Annotated[str | None, typer.Option(help='"x0 y0 x1 y1" in pixels, for roi.', metavar="BOX")] = None,
    out: Annotated[
        Path | None, typer.Option(help="The drawing, .png or .svg; OPERATOR.png when absent.", metavar="FILE")
    ] = None,
    docs: Annotated[
        Path | None, typer.Option(help="Write the page operators.md and its pictures here.", metavar="DIR")
    ] = None,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
) -> None:
    """Draw what an operator does: pooling, unpooling, atrous, transposed, separable convolution, RoIAlign."""
    from .. import lab as room
    from ..errors import DataError

    given = {"--image": image, "--numbers": numbers, "--kernel": kernel, "--box": box, "--out": out}
    if docs is not None:
        if operator is not None or any(value is not None for value in given.values()):
            raise DataError("--docs writes the page of all operators; give it alone")
        written = room.write_page(docs, overwrite=overwrite)
        tree = {"page": written[-1], "pictures": written[:-1]}
        return answer(tree) if as_json else _say(f"wrote {written[-1]} and {len(written) - 1} pictures")
    if operator is None:
        if extra := [name for name, value in given.items() if value is not None]:
            raise DataError(f"{extra[0]} needs an operator; name one, such as: intarsia lab atrous {extra[0]} ...")
        entries = [
            {"name": name, "idea": entry.idea, "functions": entry.functions.split(", "), "formula": entry.formula}
            for name, entry in room.OPERATORS.items()
        ]
        if as_json:
            return answer(entries)
        console().print(table(None, ("operator", "what it does"), [(e["name"], e["idea"]) for e in entries]))
        return _say("Draw one: intarsia lab OPERATOR; your own picture: --image photo.jpg")
    path = out or Path(f"{operator}.png")
    results = Output(path.parent, [path.name], overwrite=overwrite)
    figure = room.draw(operator, image=image, numbers=numbers, kernel=kernel, box=box)
    with results.file(path.name) as file:
        figure.sheet.save(file)
    if as_json:
        return answer({"operator": operator, "out": path, "numbers": figure.numbers})
    return _say(f"wrote {path}")


def _say(line: str) -> None:
    console().print(line, markup=False, soft_wrap=True)
