"""`intarsia evaluate`: a checkpoint and a data set in; scores under a named protocol and a report out."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated, Any

import typer

from .terminal import AsJson, Root, answer, console, duration, percent, table


def evaluate(
    context: typer.Context,
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A checkpoint, or the folder of a run.")],
    source: Annotated[
        str | None,
        typer.Argument(
            metavar="SOURCE", help="A data set's name, a folder, or a recipe; none: what the model was trained on."
        ),
    ] = None,
    split: Annotated[str, typer.Option(help="Which part of the data set.")] = "val",
    root: Root = None,
    protocol: Annotated[str, typer.Option(help="What absent classes, ignored pixels and averaging mean.")] = "dataset",
    batch_size: Annotated[int, typer.Option(min=1, help="Images at once; those of one size go together.")] = 1,
    out: Annotated[Path | None, typer.Option(help="Folder for scores.json and report.html.", metavar="DIR")] = None,
    as_json: AsJson = False,
) -> None:
    """Score a model on a data set, and write a report."""
    from ..evaluation import evaluate as run
    from .source import is_recipe, opened

    data: Any = source
    if source is not None and is_recipe(source):
        data = opened(source, root, [split])[0]
    command = shlex.join(["intarsia", *context.obj])
    score = run(model, data, split=split, root=root, out=out, protocol=protocol, batch_size=batch_size, command=command)
    if as_json:
        return answer({**score.to_dict(), **({"report": out / "report.html"} if out else {})})
    show(score)
    if out:
        console().print(f"report: {out / 'report.html'}", markup=False, soft_wrap=True)
    return None


def show(score: Any) -> None:
    """The scores for people: one row a class, then the means."""
    scores = score.scores
    rows = [
        (name, percent(iou), percent(dice), percent(precision), percent(recall))
        for (name, iou), dice, precision, recall in zip(
            score.iou.items(), _row(scores.dice), _row(scores.precision), _row(scores.recall), strict=True
        )
    ]
    out = console()
    out.print(table(None, ("class", ">IoU", ">Dice", ">precision", ">recall"), rows))
    means = {"mIoU": "miou", "accuracy": "accuracy", "mean accuracy": "mean_accuracy", "mean Dice": "mean_dice"}
    out.print("   ".join(f"{told} {percent(getattr(scores, name))}" for told, name in means.items()))
    out.print(f"in percent; '-' where a class does not occur; protocol {scores.protocol!r}", markup=False)
    out.print(
        f"{score.images} images in {duration(score.seconds)}; {percent(scores.ignored)} % of the pixels are ignored"
    )


def _row(values: Any) -> list[float]:
    return list(values.values()) if hasattr(values, "values") else list(values)
