"""`intarsia study`: several networks under one budget; what each scores and costs, and which differences are real."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from ..errors import RecipeError
from .terminal import AsJson, Overwrite, Root, answer, console, percent, table
from .terms import tell


def study(
    context: typer.Context,
    overrides: Annotated[
        list[str] | None,
        typer.Argument(metavar="[RECIPE] KEY=VALUE", help="Keys of every run's recipe: train.batch_size=4"),
    ] = None,
    model: Annotated[str, typer.Option(help="Architectures, with commas between: unet,fpn.", metavar="NAMES")] = "",
    folds: Annotated[
        int | None,
        typer.Option(
            min=2,
            help="Cross-validate RECIPE instead: train it so many times, each time without another part of its pictures, and "
            "answer that part.",
        ),
    ] = None,
    encoder: Annotated[str, typer.Option(help="Encoders for each: resnet18,mobilenetv2_100.", metavar="NAMES")] = "",
    minutes: Annotated[float, typer.Option(min=0.01, help="Of training, for each run.")] = 5.0,
    seeds: Annotated[int, typer.Option(min=1, help="Runs of each network.")] = 1,
    vary: Annotated[
        str,
        typer.Option(
            help="A key and values: model.roi=pool,align trains each network with each.", metavar="KEY=VALUES"
        ),
    ] = "",
    data: Annotated[str, typer.Option(help="A data set's name, or a recipe.")] = "shapes",
    root: Root = None,
    out: Annotated[Path | None, typer.Option(help="Folder of the study; by default runs/study.", metavar="DIR")] = None,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
) -> int:
    """Train several networks under one budget, and say which differences are real."""
    from .source import there

    first = next((item for item in overrides or () if "=" not in item), None)
    if first is not None:
        data, overrides = first, [item for item in overrides or () if item != first]
    there(data)
    if folds is not None:
        if model or encoder or vary or seeds > 1:
            raise RecipeError(
                "--folds trains the recipe's own network; leave --model, --encoder, --vary and --seeds out"
            )
        return _folds(data, overrides or (), folds, out or Path("runs/folds"), overwrite, as_json)
    if not model:
        raise RecipeError("a study compares networks; name some with --model, or cross-validate a recipe with --folds")
    from ..study import study as run

    tell(data)
    folder = out or Path("runs/study")

    def say(line: str) -> None:
        if not as_json:
            console().print(line, markup=False, soft_wrap=True)

    try:
        found = run(
            _names(model),
            _names(encoder),
            *(overrides or ()),
            minutes=minutes,
            seeds=seeds,
            data=data,
            root=root,
            vary=vary,
            out=folder,
            command=shlex.join(["intarsia", *context.obj]),
            say=say,
            overwrite=overwrite,
        )
    except KeyboardInterrupt as stopped:
        return _interrupted(stopped)
    if as_json:
        answer({**found.to_dict(), "report": folder / "study.html"})
        return 0
    show(found)
    console().print(f"report: {folder / 'study.html'}", markup=False, soft_wrap=True)
    return 0


def _folds(recipe: str, overrides: Sequence[str], count: int, out: Path, overwrite: bool, as_json: bool) -> int:
    """Cross-validate a recipe, and show the score of each fold, their mean, and that of all answers together."""
    from ..study import folds

    terminal = console()
    try:
        found = folds(
            recipe,
            *overrides,
            count=count,
            out=out,
            overwrite=overwrite,
            say=None if as_json else lambda line: terminal.print(line, markup=False, soft_wrap=True),
        )
    except KeyboardInterrupt as stopped:
        return _interrupted(stopped)
    if as_json:
        answer({**found.to_dict(), "answers": out / "out-of-fold"})
        return 0
    rows = [(f"fold {n}", percent(value)) for n, value in enumerate(found.values, 1)]
    terminal.print(table(None, ("", f">{found.measure}"), rows))
    mean, whole = found.mean, found.whole
    terminal.print(
        f"mean of {count} folds {percent(mean.mean)} ({percent(mean.low)} to {percent(mean.high)}); all {found.images} answers "
        f"together {percent(whole.value)} ({percent(whole.low)} to {percent(whole.high)})",
        markup=False,
        soft_wrap=True,
    )
    terminal.print(f"answers: {out / 'out-of-fold'}", markup=False, soft_wrap=True)
    return 0


def _interrupted(stopped: KeyboardInterrupt) -> int:
    """Say that the same command goes on; returns the exit code."""
    told = f"interrupted: {stopped}" if str(stopped) else "interrupted"
    console(error=True).print(f"{told}; the same command goes on", markup=False, soft_wrap=True)
    return 130


def show(found: Any) -> None:
    """The study for people: a row a network, a line a pair, and the answer last."""
    rows = [
        (
            e.name,
            percent(e.score.value),
            f"{percent(e.score.low)} to {percent(e.score.high)}",
            f"{e.parameters / 1e6:.2f} M",
            f"{e.gflops:.2f}",
            f"{e.speed:.1f}",
        )
        for e in found.entries
    ]
    out = console()
    out.print(table(None, ("network", f">{found.measure}", ">interval", ">parameters", ">GFLOPs", ">images/s"), rows))
    for pair in found.pairs:
        out.print(f"{pair.b} - {pair.a}: {pair.verdict}; {pair.says}", markup=False, soft_wrap=True)
    protocol = f"; protocol {found.protocol!r}" if found.measure == "mIoU" else ""
    out.print(
        f"{found.images} images of {found.data}; {found.budget} each{protocol}",
        markup=False,
        soft_wrap=True,
    )
    out.print(found.answer, style="bold", markup=False, soft_wrap=True)


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]
