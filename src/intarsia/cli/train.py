"""`intarsia train`: a recipe in, a folder with a checkpoint out."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from ..errors import counted
from .terminal import AsJson, answer, console
from .terms import tell


def train(
    recipe: Annotated[
        str,
        typer.Argument(
            metavar="RECIPE",
            help="A recipe file, a packaged one (`intarsia recipe list`): shapes, camvid, ...; or a folder of images and masks, "
            "an export or an archive, for which everything is chosen.",
        ),
    ],
    overrides: Annotated[
        list[str] | None, typer.Argument(metavar="KEY=VALUE", help="Keys of the recipe to change: train.minutes=15")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder of the run; by default runs/<recipe>.", metavar="DIR")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on where the run in that folder stopped.")] = False,
    method: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="What to train, short for model.name=NAME: an architecture, or random_forest or linear_svm on features.",
        ),
    ] = None,
    start: Annotated[
        str | None,
        typer.Option(
            "--from",
            help="A checkpoint, a public model or another library's file whose weights to start from.",
            metavar="MODEL",
        ),
    ] = None,
    budget: Annotated[
        str | None, typer.Option(help="How long to train: 15m, 2h, 30ep or 500steps.", metavar="BUDGET")
    ] = None,
    profile: Annotated[bool, typer.Option("--profile", help="Say at the end where a step's time went.")] = False,
    find_rate: Annotated[
        bool,
        typer.Option(
            "--find-rate", help="Train nothing: make some steps at rising learning rates, and propose one of them."
        ),
    ] = False,
    as_json: AsJson = False,
) -> int:
    """Train a model."""
    from ..training.budget import parsed
    from ..training.packaged import is_source, locate

    if method is not None:
        overrides = [_method(method, overrides or ()), *(overrides or ())]
    if budget is not None:
        parsed(budget)
    if not Path(recipe).exists():
        locate(recipe)  # before anything heavy is imported for a name that is none
    from ..training import train as run
    from ..training.hardware import first_process
    from ..training.recipe import load

    if first_process() and not is_source(recipe) and (data := load(recipe, overrides or ()).data) is not None:
        for one in data.sets:
            tell(one.name)
    if find_rate:
        return _found_rate(recipe, overrides or (), as_json)
    folder = out or Path("runs") / (Path(recipe).resolve().name if is_source(recipe) else Path(recipe).stem)
    try:
        changes: dict[str, Any] = {
            "resume": resume,
            "start": start,
            "budget": budget,
            "profile": profile,
            "quiet": as_json,
        }
        last = run(recipe, *(overrides or ()), out=folder, **changes)
    except KeyboardInterrupt as stopped:
        if first_process():  # of several processes one speaks
            console(error=True).print(
                f"interrupted: {stopped}" if str(stopped) else "interrupted", markup=False, soft_wrap=True
            )
        return 130
    if not first_process():
        return 0
    score = last_validation(folder)
    if as_json:
        answer({"checkpoint": last, "out": folder, "val": score})
        return 0
    terminal = console()
    if score and score.get("brief"):
        terminal.print(f"val {score['brief']} after {counted(score['step'], 'step')}", markup=False)
    terminal.print(
        f"next: intarsia evaluate {shlex.quote(str(folder))} --out {shlex.quote(str(folder / 'report'))}",
        markup=False,
        soft_wrap=True,
    )
    return 0


def _method(name: str, overrides: Sequence[str]) -> str:
    """`--method NAME` as an override, its name looked up before anything long begins.

    Raises: RecipeError for a name that is none, with the nearest, and for one beside another.
    """
    from ..errors import RecipeError, nearest
    from ..training.recipe import catalogues

    for one in overrides:
        if one.partition("=")[0].strip() in ("model", "model.name"):
            raise RecipeError(f"--method {name} and {one} both say what to train; leave one of them out")
    if name not in (known := catalogues()["model"]):
        raise RecipeError(
            f"--method is {name!r}, which is no architecture and no classifier of features{nearest(name, known)}"
        )
    return f"model.name={name}"


def _found_rate(recipe: str, overrides: Sequence[str], as_json: bool) -> int:
    """Show the loss at rising learning rates, and the rate to take."""
    from ..training.find_rate import find_rate

    found = find_rate(recipe, *overrides)
    if as_json:
        answer(found._asdict())
        return 0
    terminal = console()
    terminal.print("learning rate      loss", markup=False)
    shown = sorted({*range(0, len(found.rates), max(1, len(found.rates) // 12)), found.rates.index(found.proposal)})
    for n in shown:
        mark = "  the loss falls fastest" if found.rates[n] == found.proposal else ""
        terminal.print(f"{found.rates[n]:13.2e}  {found.losses[n]:8.4f}{mark}", markup=False)
    terminal.print(
        f"proposal: optimizer.lr={found.proposal:.2g}, for batches of {found.batch_size}; nothing was changed",
        markup=False,
    )
    return 0


def last_validation(folder: Path) -> dict[str, Any] | None:
    """The last validation that log.jsonl tells of."""
    log = folder / "log.jsonl"
    lines = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()] if log.is_file() else []
    return next((line for line in reversed(lines) if line["kind"] == "val"), None)
