"""`intarsia compare`: two models, or two folders of predictions, on the same images; which is better, and can one tell."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated, Any

import typer

from .evaluate import show_source
from .terminal import AsJson, Overwrite, Root, answer, console, percent, table
from .views import Crf, CrfWith, Decide, Flip, Overlap, Scales, Window, decisions_of, settings_of


def compare(
    context: typer.Context,
    a: Annotated[
        str, typer.Argument(metavar="A", help="A run's folder, a checkpoint, or a folder of label maps from any tool.")
    ],
    b: Annotated[str, typer.Argument(metavar="B", help="The other one.")],
    labels: Annotated[
        str | None,
        typer.Option(
            help="What is true: a data set's name, a folder or a recipe; none: what the model was trained on.",
            metavar="SOURCE",
        ),
    ] = None,
    split: Annotated[
        str, typer.Option(help="Which part of the data set; none: val, and all pairs of a folder without splits.")
    ] = "",
    root: Root = None,
    classes: Annotated[
        str, typer.Option(help="Names of the classes of a folder of label maps, in order: sky,road,car.")
    ] = "",
    raw: Annotated[
        bool, typer.Option("--raw", help="Predictions hold the values of the data set's masks, not class numbers.")
    ] = False,
    protocol: Annotated[str, typer.Option(help="What absent classes, ignored pixels and averaging mean.")] = "dataset",
    task: Annotated[
        str, typer.Option(help="What both models answer, such as panoptic; none: what the recipe of each says.")
    ] = "",
    out: Annotated[Path | None, typer.Option(help="Folder for compare.html and compare.json.", metavar="DIR")] = None,
    window: Window = None,
    overlap: Overlap = None,
    flip: Flip = None,
    scales: Scales = None,
    crf: Crf = None,
    crf_with: CrfWith = None,
    decide: Decide = None,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
) -> None:
    """Say which of two models is better, and whether that can be known."""
    from .source import there

    if labels is not None:
        there(labels)
    from ..evaluation import compare as run
    from .source import is_recipe, truth_of

    names = [name.strip() for name in classes.split(",") if name.strip()] or None
    truth: Any = labels
    if labels is not None and is_recipe(labels) and not Path(labels).is_dir():
        truth = truth_of(labels, root, split or None, names)[0]
    command = shlex.join(["intarsia", *context.obj])
    options: dict[str, Any] = {
        "split": split or None,
        "root": root,
        "classes": names,
        "raw": raw,
        "protocol": protocol,
        "task": task,
        "settings": settings_of(window, overlap, flip, scales, crf, crf_with),
        "decide": decisions_of(decide),
    }
    verdict = run(a, b, truth, **options, out=out, command=command, overwrite=overwrite)
    if as_json:
        return answer({**verdict.to_dict(), **({"report": out / "compare.html"} if out else {})})
    show(verdict)
    if out:
        console().print(f"report: {out / 'compare.html'}", markup=False, soft_wrap=True)
    return None


def show(verdict: Any) -> None:
    """The verdict for people: one row a class, and the sentence last."""
    a, b = verdict.names
    rows = [
        (
            name,
            *(_value(value, column) for value in values),
            _value(change.value.value, column, signed=True),
            f"{_value(change.value.low, column, signed=True)} to {_value(change.value.high, column, signed=True)}",
            "-" if change.p != change.p else f"{change.p:.4f}",
            f"{winner} is better" if (winner := verdict.winner(change, column)) else "no",
        )
        for name, values, change, column in verdict.rows()
    ]
    out = console()
    out.print(table(None, ("class", ">A", ">B", ">B - A", ">95 %", ">p", "can be told"), rows))
    name, (one, other) = verdict.measure, verdict.score
    out.print(f"A {a}: {name} {percent(one)}   B {b}: {name} {percent(other)}", markup=False)
    most = [row for row in verdict.images[:3] if row[1] != row[2]]
    if most:
        told = ", ".join(f"{image} ({points(y - x)})" for image, x, y in most)
        out.print(f"changed most: {told}", markup=False, soft_wrap=True)
    out.print(
        f"{'IoU' if name == 'mIoU' else name} in percent, differences in points; p of the permutation test, of classes after Holm; protocol {verdict.protocol!r}",
        markup=False,
        soft_wrap=True,
    )
    show_source(verdict.source)
    out.print(verdict.sentence, style="bold", markup=False, soft_wrap=True)


def _value(value: float, column: Any, signed: bool = False) -> str:
    """A share in percent or points, anything else with its unit."""
    if column.unit == "%":
        return points(value) if signed else percent(value)
    return "-" if value != value else f"{value:+.3f} {column.unit}" if signed else f"{value:.3f} {column.unit}"


def points(value: float) -> str:
    """A difference of 0..1 in points, with its sign."""
    if value != value:
        return "-"
    rounded = round(100 * value, 1)
    return f"{rounded:+.1f}" if rounded else "0.0"
