"""`intarsia dense`: a classifier of whole pictures in, a network that draws a map in its place out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from .terminal import AsJson, answer, console


def dense(
    classifier: Annotated[
        str,
        typer.Argument(metavar="CLASSIFIER", help="A checkpoint of whole pictures' classes, or the folder of a run."),
    ],
    out: Annotated[Path, typer.Option(help="The checkpoint to write, a .safetensors file.")] = Path(
        "dense.safetensors"
    ),
    window: Annotated[
        int | None,
        typer.Option(metavar="PLACES", help="Average the last map over so many places around each, odd; none: 1."),
    ] = None,
    output_stride: Annotated[
        int | None, typer.Option(metavar="PIXELS", help="Pixels between two places: 32, 16 or 8; none: 32.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a file that is there.")] = False,
    as_json: AsJson = False,
) -> None:
    """Turn a classifier into a dense network: its linear layers become convolutions with the same weights."""
    from .. import checkpoint as files
    from ..output import Output

    stored = files.resolve(classifier)
    options: dict[str, Any] = {"window": window, "output_stride": output_stride}
    made = files.dense(stored, **{key: value for key, value in options.items() if value is not None})
    Output(out.parent, [out.name], overwrite=overwrite)
    path = files.save(out, made)
    if as_json:
        return answer(
            {"checkpoint": path, "model": made.model, "options": dict(made.options), "made_from": stored.model}
        )
    terminal = console()
    terminal.print(
        f"wrote {path}: {made.model} with the weights of the {stored.model}, for the classes {', '.join(made.labels.names)}",
        markup=False,
        soft_wrap=True,
    )
    terminal.print("look at its maps, or go on training on masks:", markup=False, soft_wrap=True)
    terminal.print(f"  intarsia predict {path} PICTURE", markup=False, soft_wrap=True)
    terminal.print(f"  intarsia train RECIPE --from {path}", markup=False, soft_wrap=True)
    return None
