"""`intarsia train`: a recipe in, a folder with a checkpoint out."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Annotated, Any

import typer

from .terminal import AsJson, answer, console
from .terms import tell


def train(
    recipe: Annotated[
        str,
        typer.Argument(
            metavar="RECIPE", help="A recipe file, or a packaged one (`intarsia recipe list`): shapes, camvid, ..."
        ),
    ],
    overrides: Annotated[
        list[str] | None, typer.Argument(metavar="KEY=VALUE", help="Keys of the recipe to change: train.minutes=15")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder of the run; by default runs/<recipe>.", metavar="DIR")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on where the run in that folder stopped.")] = False,
    start: Annotated[
        str | None,
        typer.Option(
            "--from",
            help="A checkpoint, a public model or another library's file whose weights to start from.",
            metavar="MODEL",
        ),
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Train a model."""
    from ..training.packaged import locate

    locate(recipe)  # before anything heavy is imported for a name that is none
    from ..training import train as run
    from ..training.recipe import load

    if (data := load(recipe, overrides or ()).data) is not None:
        tell(data.name)
    folder = out or Path("runs") / Path(recipe).stem
    try:
        last = run(recipe, *(overrides or ()), out=folder, resume=resume, start=start, quiet=as_json)
    except KeyboardInterrupt as stopped:
        console(error=True).print(
            f"interrupted: {stopped}" if str(stopped) else "interrupted", markup=False, soft_wrap=True
        )
        return 130
    score = last_validation(folder)
    if as_json:
        answer({"checkpoint": last, "out": folder, "val": score})
        return 0
    terminal = console()
    if score and score.get("brief"):
        terminal.print(f"val {score['brief']} after {score['step']} steps", markup=False)
    terminal.print(
        f"next: intarsia evaluate {shlex.quote(str(folder))} --out {shlex.quote(str(folder / 'report'))}",
        markup=False,
        soft_wrap=True,
    )
    return 0


def last_validation(folder: Path) -> dict[str, Any] | None:
    """The last validation that log.jsonl tells of."""
    log = folder / "log.jsonl"
    lines = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()] if log.is_file() else []
    return next((line for line in reversed(lines) if line["kind"] == "val"), None)
